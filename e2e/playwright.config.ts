/** A person's way through the studio, in a real Chromium with a fresh profile, on the built files as `npm start` serves them. */
import { defineConfig, type PlaywrightTestConfig } from '@playwright/test';
import { browserArgs, findBrowser } from '../tools/browser.mjs';

const port = 4174;

/** WINNOW_ENGINE=firefox or webkit: Playwright's own, for what needs nothing of Chromium's protocol or switches. Firefox keeps WebGPU behind
 *  two settings on Linux. */
const engine = process.env['WINNOW_ENGINE'] ?? 'chromium';
const chromiumOnly = ['baseModel', 'judging', 'lora', 'noWebgpu', 'offline', 'offlineEngine'].map(
  (name) => `${name}.spec.ts`,
);
const browsers: Record<string, PlaywrightTestConfig> = {
  chromium: { use: { launchOptions: { executablePath: findBrowser({ log: () => {} }), args: browserArgs() } } },
  firefox: {
    testIgnore: chromiumOnly,
    use: {
      browserName: 'firefox',
      launchOptions: { firefoxUserPrefs: { 'dom.webgpu.enabled': true, 'gfx.webgpu.ignore-blocklist': true } },
    },
  },
  webkit: { testIgnore: chromiumOnly, use: { browserName: 'webkit' } },
};
const { use, testIgnore = [] } = browsers[engine]!;

export default defineConfig({
  testDir: '.',
  testIgnore,
  outputDir: '../test-results',
  workers: 1,
  fullyParallel: false,
  timeout: 15 * 60_000,
  expect: { timeout: 30_000 },
  reporter: [['list'], ['json', { outputFile: '../.cache/reports/playwright.json' }]],
  use: {
    baseURL: `http://localhost:${port}/`,
    actionTimeout: 90_000,
    viewport: { width: 1440, height: 900 },
    ...use,
    screenshot: 'only-on-failure',
  },
  webServer: { command: `npx vite preview --port ${port} --strictPort`, port, cwd: '..', reuseExistingServer: false },
});
