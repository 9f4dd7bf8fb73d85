/** Without a network, in a browser without a GPU: nothing leaves the origin, the studio opens and judges when its host is gone, and a newer version
 *  waits for a person. What the engine does there: offlineEngine.spec.ts. */
import '../src/shared/disposable.ts';
import { expect, test } from '@playwright/test';
import { findBrowser } from '../tools/browser.mjs';
import { answer } from './answer.ts';
import { kept, staticHost, watch } from './host.ts';

test.use({
  launchOptions: {
    executablePath: findBrowser({ log: () => {} }),
    args: ['--no-sandbox', '--disable-gpu', '--disable-features=Vulkan,WebGPU', '--disable-background-networking'],
  },
});

const screens = ['generate', 'label', 'train', 'compare', 'models', 'data', 'library', 'settings'];

test('nothing leaves the origin, and pairs are judged when the host is gone', async ({ context, page }) => {
  await using host = await staticHost();
  const complaints = await watch(context, host.address);
  await page.goto(host.address);
  await answer(page, 'ArrowLeft');
  await kept(page);
  // The headers that the host does not send are the service worker's, from the next visit on.
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
  for (const screen of screens) {
    await page.goto(`${host.address}#/${screen}`);
    await expect(page.getByRole('main').getByRole('heading', { level: 1 })).toBeVisible();
  }
  await page.close();
  await host[Symbol.asyncDispose]();

  const later = await context.newPage();
  await later.goto(host.address);
  await expect(later.getByText('1 label → 1 usable')).toBeVisible();
  await answer(later, 'ArrowRight');
  await expect(later.getByText('2 labels → 2 usable')).toBeVisible();
  expect(await later.evaluate(() => crossOriginIsolated)).toBe(true);
  for (const screen of screens) {
    await later.goto(`${host.address}#/${screen}`);
    await expect(later.getByRole('main').getByRole('heading', { level: 1 })).toBeVisible();
  }
  expect(complaints).toEqual([]);
});

test('a newer version waits for a person', async ({ page }) => {
  await using host = await staticHost();
  await page.goto(host.address);
  await kept(page);
  host.added.set('service-worker.js', '\n// newer');
  await page.evaluate(async () => (await navigator.serviceWorker.ready).update());
  const change = page.getByRole('button', { name: 'Change to it' });
  await expect(page.getByText('A newer version of Winnow is here')).toBeVisible({ timeout: 120_000 });
  await page.evaluate(() => Object.assign(globalThis, { before: true }));
  await change.click();
  await page.waitForFunction(() => !('before' in globalThis));
  await kept(page);
  await expect(change).toBeHidden();
});
