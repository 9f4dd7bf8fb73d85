/** `npm test`: types, lint, build, unit + kernel + golden tests, kernels and training on a second adapter and two steps under Deno where there
 *  are such, end-to-end in a real Chromium. Stops at the first stage that fails, says how long each took, and closes with the number of tests.
 *  Nothing is skipped silently: a missing browser or adapter fails with its fix. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { findBrowser } from './browser.mjs';
import { findDeno } from './deno.mjs';
import { findLavapipe } from './lavapipe.mjs';

const reports = '.cache/reports';
rmSync(reports, { recursive: true, force: true });
mkdirSync(reports, { recursive: true });

const only = process.argv.slice(2);
const browser = findBrowser();
const env = { ...process.env, WINNOW_BROWSER: browser, FORCE_COLOR: process.env.FORCE_COLOR ?? '0' };

const stages = [
  ['types', 'npx', ['tsc', '--noEmit', '-p', '.']],
  ['format', 'npx', ['prettier', '--check', '--log-level', 'warn', '.']],
  ['lint', 'npx', ['oxlint', '--quiet']],
  ['build', 'npx', ['vite', 'build', '--logLevel', 'warn']],
  [
    'unit',
    'npx',
    ['vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${reports}/vitest.json`],
  ],
  [
    'lavapipe',
    'npx',
    [
      'vitest',
      'run',
      // LLVM takes minutes over the longest kernels.
      '--testTimeout=1800000',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${reports}/lavapipe.json`,
      ...['kernels', 'kernels/attention', 'across', 'f16', 'executor', 'turns', 'windows'].map(
        (name) => `src/webgpu/${name}.gpu.test.ts`,
      ),
      'src/service/sampling/f16.gpu.test.ts',
      'src/service/defaultLimits.gpu.test.ts',
    ],
  ],
  [
    'deno',
    'npx',
    [
      'vitest',
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${reports}/deno.json`,
      'tools/deno/twoSteps.deno.test.ts',
    ],
  ],
  ['e2e', 'npx', ['playwright', 'test', '--config', 'e2e/playwright.config.ts']],
];

/** What a stage needs that not everybody has: the environment it runs in, or why it is left out. */
const needs = {
  lavapipe() {
    const { missing, manifest } = findLavapipe();
    // LLVM compiles for minutes what runs for a moment: its optimising passes are left out.
    return { missing, extra: { VK_DRIVER_FILES: manifest, GALLIVM_PERF: 'nopt' } };
  },
  deno() {
    const { missing, deno } = findDeno();
    return { missing, extra: { WINNOW_DENO_FOUND: deno } };
  },
};

const read = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined);

function finish(failedStage) {
  const vitest = ['vitest', 'lavapipe', 'deno'].map((name) => read(`${reports}/${name}.json`));
  const sumOf = (count) => vitest.reduce((sum, report) => sum + (report?.[count] ?? 0), 0);
  const e2e = read(`${reports}/playwright.json`)?.stats;
  const passed = sumOf('numPassedTests') + (e2e?.expected ?? 0) + (e2e?.flaky ?? 0);
  const failed =
    sumOf('numFailedTests') +
    (e2e?.unexpected ?? 0) +
    (failedStage && !['unit', 'lavapipe', 'deno', 'e2e'].includes(failedStage) ? 1 : 0);
  const skipped = sumOf('numPendingTests') + (e2e?.skipped ?? 0);
  if (failedStage) console.log(`\nStage ${failedStage} failed.`);
  console.log(
    `${passed} passed, ${Math.max(failed, failedStage ? 1 : 0)} failed${skipped ? `, ${skipped} skipped` : ''}`,
  );
  process.exit(failedStage ? 1 : 0);
}

for (const [name, command, args] of stages) {
  if (only.length > 0 && !only.includes(name)) continue;
  console.log(`\n== ${name}`);
  const { missing, extra } = needs[name]?.() ?? {};
  if (missing) {
    console.log(`== ${name}: left out: ${missing}`);
    continue;
  }
  const start = Date.now();
  const { status } = spawnSync(command, args, {
    stdio: 'inherit',
    env: { ...env, ...extra },
    shell: process.platform === 'win32',
  });
  console.log(`== ${name}: ${status === 0 ? 'ok' : 'FAILED'} in ${((Date.now() - start) / 1000).toFixed(0)} s`);
  if (status !== 0) finish(name);
}
finish();
