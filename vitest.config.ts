import { words } from './tools/vite-words.ts';
import { configDefaults, defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Minutes each: begun last, they would run alone while the other worker stands still. */
const longest = [
  'service/verify.gpu',
  'service/engine.gpu',
  'planning/folderPlan.gpu',
  'cli/loop.gpu',
  'training/trainRun',
  'webgpu/naga',
].map((name) => `${name}.test.ts`);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const found = longest.findIndex((name) => moduleId.endsWith(name));
      return found === -1 ? longest.length : found;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

export default defineConfig({
  plugins: [words()],
  test: {
    include: ['src/**/*.test.{ts,tsx}', 'tools/**/*.test.ts', 'bench/**/*.test.ts'],
    // `npm test` runs it where Deno is.
    exclude: [...configDefaults.exclude, ...(process.env['WINNOW_DENO_FOUND'] ? [] : ['tools/deno/**'])],
    globalSetup: 'tools/testScratch.ts',
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    sequence: { sequencer: LongestFirst },
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
