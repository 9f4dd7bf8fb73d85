/** `node bench/run.mjs firstMinutes`, after a build: a fresh person's first minutes in a real browser, the quick preset whole. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

export function main(): void {
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/.bin/playwright'), 'test', '--config', 'e2e/playwright.config.ts', 'firstMinutes'],
    { cwd: root, encoding: 'utf8', env: { ...process.env, WINNOW_FIRST_MINUTES: 'whole' } },
  );
  if (status !== 0) throw new Error(stdout);
  console.log(readFileSync(join(root, '.cache/reports/firstMinutes.json'), 'utf8'));
}
