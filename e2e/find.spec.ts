/** Commands found by their words, and what stands under About. */
import AxeBuilder from '@axe-core/playwright';
import { expect, type Page, test } from '@playwright/test';
import { answer } from './answer.ts';

const isSound = async (page: Page): Promise<void> => {
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])
    .analyze();
  expect(violations.map(({ id, nodes }) => `${id} at ${nodes[0]?.target.join(' ')}`)).toEqual([]);
};

test('a command is found by its words, and keys of the screen rest meanwhile', async ({ page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.goto('/');
  await answer(page, 'ArrowLeft');
  await page.keyboard.press('Control+k');
  const field = page.getByRole('textbox', { name: 'Find a command' });
  await expect(field).toBeFocused();
  await isSound(page);
  // The arrows choose a command here.
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.type('nothing like it');
  await expect(page.getByText('Nothing here is called that.')).toBeVisible();
  await field.fill('comp');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Compare' })).toBeVisible();
  await expect(field).toBeHidden();
  await page.goto('/#/');
  await expect(page.getByText('1 label → 1 usable')).toBeVisible();
  // What the screen does comes first, and is done.
  await page.getByRole('button', { name: 'Find a command' }).click();
  await field.fill('right, clearly');
  await page.keyboard.press('Enter');
  await expect(page.getByText('2 labels → 2 usable')).toBeVisible();
  await answer(page, 'ArrowLeft');
  await expect(page.getByText('3 labels → 3 usable')).toBeVisible();
});

test('version, model card with its pictures, and licences stand under Settings', async ({ page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.goto('/#/settings');
  await expect(page.getByText(/^Winnow \d+\.\d+\.\d+, under the Apache License/)).toBeVisible();
  await page.getByRole('button', { name: 'Model card' }).click();
  const card = page.getByRole('dialog', { name: 'How the embedded model was made' });
  await expect(card.getByRole('cell', { name: 'land', exact: true }).first()).toBeVisible();
  for (const picture of await card.locator('img').all()) {
    await picture.scrollIntoViewIfNeeded();
    await expect.poll(() => picture.evaluate((img: HTMLImageElement) => img.naturalWidth)).toBeGreaterThan(100);
  }
  await isSound(page);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Licences' }).click();
  const licences = page.getByRole('dialog', { name: 'Licences of what is in it' });
  for (const bundled of ['onnxruntime-web', 'react', 'zustand', 'comlink'])
    await expect(licences.getByText(new RegExp(`^## ${bundled} \\d`, 'm'))).toBeVisible();
});

test('another screen begins at its top, and Back brings the one before to where it was', async ({ page }) => {
  await page.setViewportSize({ width: 1000, height: 420 });
  await page.goto('/#/settings');
  await expect(page.getByRole('button', { name: 'Licences' })).toBeVisible();
  const top = (): Promise<number> => page.evaluate(() => scrollY);
  await page.getByRole('button', { name: 'Licences' }).scrollIntoViewIfNeeded();
  const before = await top();
  expect(before).toBeGreaterThan(100);
  await page.getByRole('link', { name: 'Data', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Data' })).toBeVisible();
  expect(await top()).toBe(0);
  await page.goBack();
  await expect(page.getByRole('heading', { level: 1, name: 'Settings' })).toBeVisible();
  // What comes later than the heading may have made it longer.
  await expect.poll(top).toBeGreaterThan(before / 2);
});
