/** A run that trains in one tab is followed in another: its progress, its chart and its samples, and nothing that does nothing, until that one takes
 *  over. */
import { expect, type Page, test } from '@playwright/test';
import { answer } from './answer.ts';
import { fields } from './field.ts';

const stepOf = async (page: Page): Promise<number> =>
  Number(/(\d+) of 1000/.exec(await page.getByRole('main').innerText())?.[1] ?? -1);

test('a second tab follows the run of the first, and takes it over', async ({ page, context }) => {
  await page.goto('/');
  await answer(page, 'ArrowLeft');
  await expect(page.getByText('Measured here')).toBeVisible({ timeout: 300_000 });
  await page.goto('/#/train');
  await page.getByRole('button', { name: 'More: every setting' }).click();
  await fields(page, {
    Rank: '2',
    // Gently: it is to last, and not to be stopped for what one label does to it.
    'Learning rate': '0.00001',
    'Warm-up steps': '0',
    Steps: '1000',
    'Pairs per step': '1',
    'Save every': '1000',
    'Sample every': '1000',
    'Sample seeds': '0',
  });
  await page.getByRole('textbox', { name: 'Sample prompts' }).fill('a red house in the hills');
  await page.getByRole('button', { name: 'Start training' }).click();
  await expect.poll(() => stepOf(page), { timeout: 300_000 }).toBeGreaterThanOrEqual(2);

  const second = await context.newPage();
  await second.goto('/#/train');
  await expect(second.getByText('trains in another tab')).toBeVisible();
  await expect(second.getByText('follows the run that trains there')).toBeVisible();
  const first = await stepOf(second);
  await expect.poll(() => stepOf(second), { timeout: 300_000 }).toBeGreaterThan(first);
  await expect(second.getByTestId('started-at')).toContainText('✓');
  await expect(second.getByRole('button', { name: /base: enlarge/ })).toBeVisible();
  await expect(second.getByText('interrupted')).toHaveCount(0);
  for (const name of ['Pause', 'Save now', 'Sample now', 'Stop and keep'])
    await expect(second.getByRole('button', { name, exact: true })).toBeDisabled();
  await second.getByRole('button', { name: 'Set up the next run' }).click();
  await expect(second.getByRole('button', { name: 'Queue this run' })).toBeDisabled();

  await second.getByRole('button', { name: 'Take over here' }).click();
  await expect(page.getByText('Winnow is at work in another tab')).toBeVisible({ timeout: 120_000 });
  await expect(second.getByRole('button', { name: 'Resume' }).first()).toBeEnabled({ timeout: 180_000 });
  await page.close();
});
