/** The prompt says how much of it the model takes and which of its words it has never met, and offers those that it knows. */
import { expect, test } from '@playwright/test';

test('a prompt is counted in tokens, its unknown words are named, and known ones are put in by a click', async ({
  page,
}) => {
  await page.goto('/');
  await page.getByRole('button', { name: 'What can this model draw?' }).click({ timeout: 120_000 });
  await page.getByRole('button', { name: 'windmill', exact: true }).click();
  expect(page.url()).toContain('#/generate');
  const prompt = page.getByRole('textbox', { name: 'Prompt', exact: true });
  await expect(prompt).toHaveValue('windmill');
  await expect(page.getByText(/^1 of \d+ tokens$/)).toBeVisible();
  await prompt.fill('a red dragon');
  await expect(page.getByText(/has never met “dragon”/)).toBeVisible();
  await prompt.fill('a red fox');
  await expect(page.getByText(/has never met/)).toBeHidden();
  await expect(page.getByText(/^3 of \d+ tokens$/)).toBeVisible();
  await page.getByRole('button', { name: 'What can this model draw?' }).click();
  await page.getByRole('group', { name: 'time of day' }).getByRole('button', { name: 'at sunset' }).click();
  await page.getByRole('group', { name: 'light' }).getByRole('button', { name: 'the sun to the left' }).click();
  await expect(prompt).toHaveValue('a red fox at sunset, the sun to the left');
  // What does not fit is named.
  await prompt.fill(`${'red '.repeat(60)}fox`);
  await expect(page.getByText(/^61 of \d+ tokens$/)).toBeVisible();
  await expect(page.getByText(/Not read any more: “(red )+fox”/)).toBeVisible();
});
