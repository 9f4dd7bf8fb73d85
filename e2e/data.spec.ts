/** The Data screen: several people, and everything as one file on another computer. */
import { expect, type Page, test } from '@playwright/test';
import { answer } from './answer.ts';

const raters = (page: Page): Promise<string[]> =>
  page.getByRole('region', { name: 'What each rater said' }).getByRole('row').allInnerTexts();

async function judge(page: Page, ...keys: Parameters<typeof answer>[1][]): Promise<void> {
  for (const key of keys) {
    const before = await page.getByRole('main').locator('img').first().getAttribute('src');
    await answer(page, key);
    await expect(page.getByRole('main').locator('img').first()).not.toHaveAttribute('src', before!);
  }
}

test('two people judge; saved as a project and brought back elsewhere, all is as it was', async ({ page, browser }) => {
  await page.goto('/#/label');
  await judge(page, 'ArrowLeft', 'ArrowRight', 'ArrowDown');
  await page.goto('/#/data');
  await page.getByLabel('Another person').fill('Ann');
  await page.getByLabel('Another person').press('Enter');
  await expect(page.getByText('Ann judges now')).toBeVisible();
  await page.goto('/#/label');
  await expect(page.getByText('Ann judges', { exact: true })).toBeVisible();
  await judge(page, 'ArrowLeft', 'ArrowRight');
  // One key, and it is somebody else's turn.
  await page.keyboard.press('r');
  await expect(page.getByText('Me judges', { exact: true })).toBeVisible();
  await page.goto('/#/data');
  await expect(page.getByText('Cohen’s kappa').or(page.getByText("Cohen's kappa"))).toBeVisible();
  const before = await raters(page);
  expect(before).toHaveLength(4);

  const saving = page.waitForEvent('download');
  await page.getByRole('button', { name: /^Save the project/ }).click();
  const project = await (await saving).path();

  const elsewhere = await browser.newContext();
  const there = await elsewhere.newPage();
  await there.goto('/#/data');
  await expect(there.getByText('Nobody has labelled anything yet.')).toBeVisible();
  await there.locator('input[type=file][accept*=zip]').setInputFiles(project);
  await expect(there.getByText('is whole.')).toBeVisible();
  await expect(there.getByText(/New here: 5 label events/)).toBeVisible();
  await there.getByRole('button', { name: 'Bring it back' }).click();
  await expect(there.getByText(/5 label events, 0 runs/)).toBeVisible();
  expect(await raters(there)).toEqual(before);
  await expect(there.getByRole('button', { name: 'Remove Ann; the labels stay' })).toBeVisible();
  // A second time it brings nothing.
  await there.locator('input[type=file][accept*=zip]').setInputFiles(project);
  await expect(there.getByText('Everything in it is here already.')).toBeVisible();
  await there.goto('/#/label');
  await there.reload();
  await expect(there.getByText('3 labels', { exact: true })).toBeVisible();
  await elsewhere.close();
});
