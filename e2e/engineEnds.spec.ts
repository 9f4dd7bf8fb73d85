/** An engine's worker that ends while it starts: the page notices at once, says so, and starts another one. */
import { expect, type Page, test } from '@playwright/test';

const banner = (page: Page, why: RegExp) => page.getByRole('alert').filter({ hasText: why });
const again = (page: Page) => page.getByRole('button', { name: 'Start the engine again' });

test('a worker that cannot be loaded is said to, and loaded when it can be', async ({ page }) => {
  await page.route(/engine\.worker/, (route) => route.abort());
  await page.goto('/');
  await expect(banner(page, /its program could not be loaded/)).toBeVisible();
  await page.unroute(/engine\.worker/);
  await again(page).click();
  await expect(banner(page, /./)).toHaveCount(0);
  await expect(page.getByRole('status', { name: 'At work' })).toContainText(/Opening|Measuring|Starting|SwiftShader/);
});

const ends: [string, () => void, RegExp][] = [
  [
    'throws',
    () =>
      void setTimeout(() =>
        (() => {
          throw new Error('out of luck');
        })(),
      ),
    /The engine stopped: .*out of luck\./,
  ],
  ['closes itself', () => self.close(), /The engine stopped: it ended without a word\./],
];

for (const [name, end, why] of ends) {
  test(`a worker that ${name} is noticed`, async ({ page }) => {
    const opened = page.waitForEvent('worker');
    await page.goto('/');
    const worker = await opened;
    await expect(page.getByRole('status', { name: 'At work' })).toContainText(/Opening|Measuring/);
    await worker.evaluate(end);
    await expect(banner(page, why)).toBeVisible();
    const next = page.waitForEvent('worker');
    await again(page).click();
    await next;
    await expect(banner(page, /./)).toHaveCount(0);
  });
}
