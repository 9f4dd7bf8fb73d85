/** A browser that has no usable GPU: the studio says what to do in this browser, and judging still works. */
import { expect, test } from '@playwright/test';
import { findBrowser } from '../tools/browser.mjs';

test.use({
  launchOptions: {
    executablePath: findBrowser({ log: () => {} }),
    args: ['--no-sandbox', '--disable-gpu', '--disable-features=Vulkan,WebGPU', '--disable-background-networking'],
  },
});

test('without WebGPU the page says what to do', async ({ page }) => {
  await page.goto('/');
  await expect(page.getByText('WebGPU is off in Chrome')).toBeVisible({ timeout: 60_000 });
  await expect(page.getByRole('main')).toContainText('Open chrome://gpu');
});
