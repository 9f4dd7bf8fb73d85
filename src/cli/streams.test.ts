/** The command line as a process whose output nobody takes. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const launcher = join(import.meta.dirname, '../../tools/cli/winnow.mjs');

it('a reader that has read enough is no fault', { timeout: 120_000 }, async () => {
  const child = spawn(process.execPath, [launcher, '--help']);
  child.stdout.destroy();
  let err = '';
  child.stderr.on('data', (chunk) => void (err += String(chunk)));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  expect(err.replace('building the command line\n', '')).toBe('');
  expect(code).toBe(0);
});

it.skipIf(!existsSync('/dev/full'))('a full disk is named', { timeout: 120_000 }, () => {
  const { status, stderr } = spawnSync('sh', ['-c', `"$0" "$1" --help > /dev/full`, process.execPath, launcher]);
  expect(String(stderr)).toContain('NoDiskSpace: The output cannot be written (ENOSPC).');
  expect(status).toBe(1);
});
