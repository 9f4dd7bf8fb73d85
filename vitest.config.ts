import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.{ts,tsx}', 'tools/**/*.test.ts', 'bench/**/*.test.ts'],
    globalSetup: 'tools/testScratch.ts',
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    // Screens, and what only a browser runs, are the browser tests' (e2e/): nothing counts lines there.
    coverage: {
      provider: 'v8',
      include: ['src/**/*.{ts,tsx}'],
      exclude: ['src/studio/**/*.tsx', 'src/**/test*.ts'],
      reporter: [['text', { skipFull: true, maxCols: 200 }], 'json-summary'],
      reportsDirectory: '.cache/coverage',
    },
  },
});
