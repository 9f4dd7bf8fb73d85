/** A person's way through the studio, in a real Chromium with a fresh profile, on the built files as `npm start` serves them. */
import { defineConfig } from '@playwright/test';
import { browserArgs, findBrowser } from '../tools/browser.mjs';

const port = 4174;

export default defineConfig({
  testDir: '.',
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
    launchOptions: { executablePath: findBrowser({ log: () => {} }), args: browserArgs() },
    screenshot: 'only-on-failure',
  },
  webServer: { command: `npx vite preview --port ${port} --strictPort`, port, cwd: '..', reuseExistingServer: false },
});
