/** The browser's GPU process dies while a run trains: the run goes on from its last save without a hand, and the page says so. */
import { expect, type Page, test } from '@playwright/test';
import { answer } from './answer.ts';
import { fields } from './field.ts';

/** Steps taken, as the page says. */
async function steps(page: Page): Promise<number> {
  const text = await page.getByText(/^\d+ of 1000$/).textContent();
  return Number(text!.split(' ')[0]);
}

test('a run goes on when the GPU process dies', async ({ page, browser }) => {
  test.setTimeout(15 * 60_000);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto('/');
  await answer(page, 'ArrowLeft');
  await expect(page.getByText('Measured here')).toBeVisible({ timeout: 300_000 });
  await page.goto('/#/train');
  await page.getByRole('button', { name: 'More: every setting' }).click();
  await fields(page, {
    Rank: '2',
    Alpha: '2',
    Steps: '1000',
    'Pairs per step': '1',
    'Save every': '2',
    'Sample every': '0',
  });
  await page.getByRole('combobox', { name: 'Reference' }).click();
  await page.getByRole('option', { name: 'Our kernels' }).click();
  await page.getByRole('button', { name: 'Start training' }).click();
  await expect(page.getByTestId('started-at')).toContainText('✓', { timeout: 300_000 });
  await expect.poll(() => steps(page), { timeout: 300_000 }).toBeGreaterThanOrEqual(3);

  const session = await browser.newBrowserCDPSession();
  await session.send('Browser.crashGpuProcess');
  const said = page.getByTestId('recovery');
  await expect(said).toHaveText(
    /The GPU was taken away \(.+\)\. It was opened again, and training went on from step \d+/,
    { timeout: 120_000 },
  );
  await expect(page.getByText(/resumed at step \d+, optimiser restored/)).toBeVisible({ timeout: 300_000 });
  const before = await steps(page);
  await expect.poll(() => steps(page), { timeout: 300_000 }).toBeGreaterThan(before + 2);
  await page.getByRole('button', { name: 'Stop and keep' }).click();
  await expect(page.getByRole('link', { name: 'Compare with base' })).toBeVisible({ timeout: 120_000 });
  // Afterwards, too.
  await expect(said).toBeVisible();
  expect(complaints).toEqual([]);
});
