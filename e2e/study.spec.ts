/** A study, for somebody else at this computer: nothing about models before the end, left and gone on with; and more than two models beside it. */
import { expect, test } from '@playwright/test';

const model = { base: 'postcard', adapters: [] };
const settings = (steps: number): object => ({
  model,
  negativePrompt: '',
  steps,
  guidanceScale: 1,
  width: 128,
  height: 128,
  scheduler: 'DDIMScheduler',
  sampler: 'auto',
});
const study = {
  version: 1,
  id: 'study',
  a: { title: 'the first model', model },
  b: { title: 'the second model', model },
  rater: 'Ada',
  plan: {
    showings: ['a purple cat by the sea', 'one yellow house below the mountains'].map((prompt, seed) => ({
      prompt,
      seed,
      category: seed === 0 ? 'creatures' : 'buildings',
      shownLeft: seed === 0 ? 'a' : 'b',
    })),
    settings: [settings(2), settings(3)],
  },
  questions: ['general'],
  planned: 2,
  rounds: [],
  createdAt: '2026-01-01T00:00:00.000Z',
};

test('a study hides the models until its end, and goes on where it was left', async ({ page }) => {
  const complaints: string[] = [];
  page.on('pageerror', ({ message }) => complaints.push(message));
  await page.goto('#/compare');
  await expect(page.getByRole('button', { name: 'Another model' })).toBeVisible({ timeout: 180_000 });
  await page.getByRole('button', { name: 'Another model' }).click();
  await page.getByRole('button', { name: 'Compare without C' }).click();
  await expect(page.getByRole('button', { name: 'Compare without C' })).toBeHidden();

  await page.evaluate(
    (record) =>
      new Promise<void>((resolve, reject) => {
        const opening = indexedDB.open('winnow');
        opening.addEventListener('error', () => reject(new Error('not opened')));
        opening.addEventListener('success', () => {
          const writing = opening.result.transaction('blindTests', 'readwrite');
          writing.objectStore('blindTests').put(record);
          writing.addEventListener('complete', () => {
            opening.result.close();
            resolve();
          });
        });
      }),
    study,
  );
  await page.reload();
  const goOn = page.getByRole('button', { name: 'Go on', exact: true });
  await goOn.click({ timeout: 180_000 });
  await expect(page.getByText('Ada · 1 of 2')).toBeVisible();
  await expect(page.getByRole('navigation')).toHaveCount(0);
  await expect(page.locator('[data-answer="left"]:not([aria-disabled])')).toBeVisible({ timeout: 180_000 });
  await page.keyboard.press('ArrowRight');
  await expect(page.getByText('Ada · 2 of 2')).toBeVisible();
  expect(await page.locator('body').innerText()).not.toMatch(/model|postcard/i);
  // Loaded again, the page leads back to it.
  await page.reload();
  await expect(page.getByText('Ada · 2 of 2')).toBeVisible({ timeout: 180_000 });
  await expect(page.getByRole('navigation')).toHaveCount(0);
  expect(await page.evaluate(() => `${document.title} ${location.hash}`)).toBe('Winnow #/compare');
  await page.getByRole('button', { name: 'Go on later' }).click();
  await page.reload();
  await expect(page.getByText('Ada: 1 of 2')).toBeVisible({ timeout: 180_000 });
  await goOn.click();
  await expect(page.locator('[data-answer="left"]:not([aria-disabled])')).toBeVisible({ timeout: 180_000 });
  await page.keyboard.press('ArrowLeft');
  await expect(page.getByText('Hand the computer back')).toBeVisible();
  expect(await page.locator('body').innerText()).not.toMatch(/the (first|second) model/);
  await page.getByRole('button', { name: 'Show the results' }).click();
  // Right of the first, where a stood left, and left of the second, where b did.
  await expect(page.getByText('B won 2 of 2: 100 %.')).toBeVisible();
  await expect(page.getByText('creatures: B won 1 of 1: 100 %.')).toBeVisible();
  // Two say too little to call either the better one.
  await expect(page.getByText('New pairs from B')).toBeVisible();
  await expect(page.getByRole('navigation')).toHaveCount(1);
  expect(complaints).toEqual([]);
});
