/** A grid over two settings is drawn, and labelled. */
import { expect, test } from '@playwright/test';

test('a grid over guidance and seeds is drawn with labels', async ({ page }) => {
  await page.goto('/#/compare');
  await page.getByText('Grid', { exact: true }).click();
  await page.getByRole('combobox', { name: 'Across' }).click();
  await page.getByRole('option', { name: 'Guidance', exact: true }).click();
  await page.getByRole('textbox', { name: 'Across: guidance' }).fill('1, 4');
  await page.getByRole('button', { name: 'Make 4 images' }).click({ timeout: 180_000 });
  for (const guidance of [1, 4])
    for (const seed of [1, 2])
      await expect(page.getByRole('img', { name: `guidance ${guidance}, seed ${seed}` })).toBeVisible({
        timeout: 300_000,
      });
  await expect(page.getByRole('columnheader', { name: 'guidance 4' })).toBeVisible();
  await expect(page.getByRole('rowheader', { name: 'seed 2' })).toBeVisible();
  await expect(page.getByRole('button', { name: /^Make \d/ })).toBeHidden();
  await page.screenshot({ path: test.info().outputPath('grid.png') });
});
