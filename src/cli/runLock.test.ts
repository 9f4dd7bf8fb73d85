/** Processes that find the lock of a dead one in the same instant, and are killed while they take it over: at any time one of them has it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';
import { beforeAll, expect, it } from 'vitest';

const ROUNDS = 60;
const PROCESSES = 6;
let folder: string;
let script: string;

/** Takes every round's lock in order, from a moment on that all know; says of each whether it had it alone. */
const contender = `
import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { withRunLock } from './runLock.mjs';
const [folder, rounds, start] = process.argv.slice(2);
const seen = [];
for (let round = 0; round < Number(rounds); round++) {
  while (Date.now() < Number(start) + round * 15);
  try {
    await withRunLock(join(folder, String(round)), async () => {
      try { mkdirSync(join(folder, 'held-' + round)); } catch { seen.push(round + ' together'); return; }
      await new Promise((resolve) => setTimeout(resolve, 4));
      rmdirSync(join(folder, 'held-' + round));
      seen.push(round + ' alone');
    });
  } catch (error) {
    seen.push(round + (error.name === 'BadArguments' ? ' refused' : ' ' + error.stack));
  }
}
console.log(JSON.stringify(seen));
`;

beforeAll(async () => {
  const bundle = mkdtempSync(join(tmpdir(), 'winnow-lock-'));
  await build({
    configFile: false,
    logLevel: 'error',
    build: {
      ssr: join(import.meta.dirname, 'runLock.ts'),
      outDir: bundle,
      rollupOptions: { output: { entryFileNames: 'runLock.mjs' } },
    },
  });
  script = join(bundle, 'contender.mjs');
  writeFileSync(script, contender);
});

const deadPid = (): number => spawnSync(process.execPath, ['-e', '']).pid;

function prepare(): void {
  folder = mkdtempSync(join(tmpdir(), 'winnow-lock-'));
  const dead = JSON.stringify({ pid: deadPid(), host: hostname() });
  for (let round = 0; round < ROUNDS; round++) {
    mkdirSync(join(folder, String(round)));
    writeFileSync(join(folder, String(round), 'run.json'), '');
    writeFileSync(join(folder, String(round), 'run.lock'), dead);
  }
}

function contend(start: number): { child: ChildProcess; seen: Promise<string[]> } {
  const child = spawn(process.execPath, [script, folder, String(ROUNDS), String(start)]);
  let out = '';
  child.stdout.on('data', (chunk) => void (out += String(chunk)));
  const seen = new Promise<string[]>((resolve) => {
    child.on('close', () => resolve(out === '' ? [] : (JSON.parse(out) as string[])));
  });
  return { child, seen };
}

it('gives the lock of a dead process to one of those that come for it at once', async () => {
  prepare();
  const start = Date.now() + 1500;
  const seen = (await Promise.all(Array.from({ length: PROCESSES }, () => contend(start).seen))).flat();
  expect(seen).toHaveLength(ROUNDS * PROCESSES);
  expect(seen.filter((line) => !/ (alone|refused)$/.test(line))).toEqual([]);
  for (let round = 0; round < ROUNDS; round++) {
    expect(seen, `round ${round}`).toContain(`${round} alone`);
    expect(readdirSync(join(folder, String(round)))).toEqual(['run.json']);
  }
});

it('can be taken however many were killed while they had it, or came for it', async () => {
  prepare();
  const start = Date.now() + 1000;
  const others = Array.from({ length: PROCESSES }, () => contend(start));
  for (const [i, { child }] of others.entries())
    setTimeout(() => child.kill('SIGKILL'), start - Date.now() + (i + 1) * 130);
  await Promise.all(others.map(({ seen }) => seen));
  const seen = await contend(Date.now()).seen;
  expect(seen.filter((line) => !/ (alone|together)$/.test(line))).toEqual([]);
  for (let round = 0; round < ROUNDS; round++) expect(readdirSync(join(folder, String(round)))).toEqual(['run.json']);
});
