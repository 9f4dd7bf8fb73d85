import { expect, type Page } from '@playwright/test';

/** Presses a key of the Label screen when both pictures are there: before that, no answer counts. */
export async function answer(page: Page, key: 'ArrowLeft' | 'ArrowRight' | 'ArrowDown' | 'Space'): Promise<void> {
  await expect(page.getByRole('button', { name: 'Left image is better' })).toBeVisible({ timeout: 120_000 });
  await page.keyboard.press(key);
}
