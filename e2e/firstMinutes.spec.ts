/** A fresh person's first minutes, from the page's opening to the first sample that training changed, with how long each wait was: written to
 *  .cache/reports/firstMinutes.json, and printed by `node bench/run.mjs firstMinutes`. That trains the quick preset whole
 *  (WINNOW_FIRST_MINUTES=whole); as a test it is two steps. No time is asserted. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { answer } from './answer.ts';
import { fields } from './field.ts';

const whole = process.env['WINNOW_FIRST_MINUTES'] === 'whole';
const report = join(import.meta.dirname, '../.cache/reports/firstMinutes.json');

declare const firstMinutes: { pairMs?: number; keyMs?: number; acknowledgedMs?: number };

/** Notes in the page when both pictures were there, and how soon after the key the first answer was counted. */
function watchPage(): void {
  Object.assign(globalThis, { firstMinutes: {} });
  const pictures = (): HTMLImageElement[] => [
    ...document.querySelectorAll<HTMLImageElement>('[aria-label$="image is better"] img'),
  ];
  new MutationObserver(() => {
    if (firstMinutes.pairMs === undefined && pictures().length === 2) {
      firstMinutes.pairMs = Infinity;
      void Promise.all(pictures().map((picture) => picture.decode())).then(
        () => (firstMinutes.pairMs = performance.now()),
      );
    }
    if (firstMinutes.keyMs !== undefined && /1 label → 1 usable/.test(document.body.textContent))
      firstMinutes.acknowledgedMs ??= performance.now();
  }).observe(document, { childList: true, subtree: true, characterData: true });
  addEventListener('keydown', () => (firstMinutes.keyMs ??= performance.now()), { capture: true });
}

const seen = (page: Page): Promise<typeof firstMinutes> => page.evaluate(() => firstMinutes);

/** Of the first prompt in a column of the strip, 64 x 64 RGBA bytes. Its button is there before its picture is: waits for it. */
function pixels(page: Page, column: string): Promise<number[]> {
  const picture = page.locator(`button[aria-label$=", ${column}: enlarge"] img`).first();
  return picture.evaluate(async (image: HTMLImageElement) => {
    await image.decode();
    const context = new OffscreenCanvas(64, 64).getContext('2d')!;
    context.drawImage(image, 0, 0, 64, 64);
    return [...context.getImageData(0, 0, 64, 64).data];
  });
}

/** Mean |A − B| over the channels of a sample and the base's, 0 to 1. */
async function apart(page: Page, step: number): Promise<number> {
  const [base, tuned] = [await pixels(page, 'base'), await pixels(page, `step ${step}`)];
  return base.reduce((sum, value, i) => sum + Math.abs(value - tuned[i]!), 0) / (0.75 * base.length) / 255;
}

test('a fresh person sees what a dozen answers do', async ({ page }) => {
  await page.addInitScript(watchPage);
  await page.goto('/');

  // Pairs are there at once, and an answer counts when it is kept.
  await answer(page, 'ArrowLeft');
  await expect(page.getByText('1 label → 1 usable')).toBeVisible();
  const { pairMs, keyMs, acknowledgedMs } = await seen(page);
  for (let answers = 2; answers <= 12; answers++) {
    await answer(page, answers % 3 ? 'ArrowLeft' : 'ArrowRight');
    await expect(page.getByText(`${answers} labels → ${answers} usable`)).toBeVisible();
  }

  // Training is one button from there, with settings for so few.
  await page.getByRole('link', { name: 'Train', exact: true }).first().click();
  await expect(page.getByRole('button', { name: 'Start training' })).toBeEnabled({ timeout: 300_000 });
  await expect(page.getByRole('radio', { name: /^Quick taste/ })).toBeChecked();
  if (!whole) {
    await page.getByRole('button', { name: 'More: every setting' }).click();
    await fields(page, {
      Steps: '2',
      'Pairs per step': '1',
      'Sample every': '2',
      'Sample seeds': '0',
    });
    await page.getByRole('textbox', { name: 'Sample prompts' }).fill('a red house in the hills');
  }
  const clicked = Date.now();
  await page.getByRole('button', { name: 'Start training' }).click();
  await expect(page.getByTestId('started-at')).toContainText('started at 0.693 ✓', { timeout: 300_000 });
  const firstStep = Date.now();

  // Base samples first, then the same prompts and seeds as trained.
  const trained = page.getByRole('button', { name: /, step \d+: enlarge$/ }).first();
  await expect(trained).toBeVisible({ timeout: 600_000 });
  const steps = Number(/step (\d+): enlarge/.exec((await trained.getAttribute('aria-label'))!)![1]);
  const firstSample = Date.now();
  const changed = await apart(page, steps);
  expect(changed).toBeGreaterThan(whole ? 0.015 : 0);
  await expect(page.getByRole('link', { name: 'Compare with base' })).toBeVisible({ timeout: 600_000 });
  const finished = Date.now();

  const seconds = (ms: number): number => Number((ms / 1000).toFixed(2));
  const times = {
    cores: cpus().length,
    whole,
    'page open to first pair': seconds(pairMs!),
    'first answer to acknowledged': seconds(acknowledgedMs! - keyMs!),
    'Train to first step': seconds(firstStep - clicked),
    'first step to first changed sample': seconds(firstSample - firstStep),
    'Train to finished': seconds(finished - clicked),
    'sample and base apart': Number(changed.toFixed(4)),
  };
  mkdirSync(join(report, '..'), { recursive: true });
  writeFileSync(report, `${JSON.stringify(times, null, 2)}\n`);
});
