/** The tortures that need a browser, short: the very commands that are run long by hand (docs/reliability.md). */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';

const root = join(import.meta.dirname, '..');

function torture(name: string, count: number): Promise<{ code: number | null; said: string }> {
  return new Promise((resolve) => {
    const args = [join(root, 'tools', 'torture', 'run.mjs'), name, '--count', String(count), '--seed', '1'];
    const child = spawn(process.execPath, args, { cwd: root });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => void (said += String(chunk)));
    child.on('close', (code) => resolve({ code, said }));
  });
}

const short: [name: string, count: number][] = [
  ['labels', 2],
  ['runs', 2],
  ['imports', 4],
];

for (const [name, count] of short) {
  test(`torture: ${name}`, async () => {
    const { code, said } = await torture(name, count);
    expect(code, said).toBe(0);
    expect(said).toMatch(new RegExp(`^done +${count}$`, 'm'));
  });
}
