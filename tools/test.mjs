/** `npm test`: types, lint, build, unit + kernel + golden tests, end-to-end in a real Chromium. Stops at the first stage that fails, says
 *  how long each took, and closes with the number of tests. Nothing is skipped silently: a missing browser or adapter fails with its fix. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { findBrowser } from './browser.mjs';

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
  ['e2e', 'npx', ['playwright', 'test', '--config', 'e2e/playwright.config.ts']],
];

const read = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined);

function finish(failedStage) {
  const unit = read(`${reports}/vitest.json`);
  const e2e = read(`${reports}/playwright.json`)?.stats;
  const passed = (unit?.numPassedTests ?? 0) + (e2e?.expected ?? 0) + (e2e?.flaky ?? 0);
  const failed =
    (unit?.numFailedTests ?? 0) +
    (e2e?.unexpected ?? 0) +
    (failedStage && !['unit', 'e2e'].includes(failedStage) ? 1 : 0);
  const skipped = (unit?.numPendingTests ?? 0) + (e2e?.skipped ?? 0);
  if (failedStage) console.log(`\nStage ${failedStage} failed.`);
  console.log(
    `${passed} passed, ${Math.max(failed, failedStage ? 1 : 0)} failed${skipped ? `, ${skipped} skipped` : ''}`,
  );
  process.exit(failedStage ? 1 : 0);
}

for (const [name, command, args] of stages) {
  if (only.length > 0 && !only.includes(name)) continue;
  console.log(`\n== ${name}`);
  const start = Date.now();
  const { status } = spawnSync(command, args, { stdio: 'inherit', env, shell: process.platform === 'win32' });
  console.log(`== ${name}: ${status === 0 ? 'ok' : 'FAILED'} in ${((Date.now() - start) / 1000).toFixed(0)} s`);
  if (status !== 0) finish(name);
}
finish();
