/** `winnow verify --judge` of a judge with known scores of its own. */
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { folderReader } from '../../cli/files.ts';
import { cpuExecutor } from '../../oracle/run.ts';
import { engineRunner } from '../sampling/partRunner.ts';
import { formatCase } from './compare.ts';
import { verifySelfTest } from './selfTest.ts';

const judges = join(import.meta.dirname, '../../../tools/judges/onnx/judges');
const verify = (folder: string): ReturnType<typeof verifySelfTest> =>
  verifySelfTest(folderReader(folder), `${folder}/`, engineRunner(cpuExecutor()));

it('prints each known score beside the one that is given, and fails where one is off', async () => {
  const right = await verify(join(judges, 'laion-head'));
  expect(right!.ok, formatCase(right!)).toBe(true);
  expect(formatCase(right!)).toMatch(/wide\.png: -?\d\.\d{6}, known -?\d/);
  const folder = mkdtempSync(join(tmpdir(), 'winnow-self-test-'));
  cpSync(join(judges, 'laion-head'), folder, { recursive: true });
  const path = join(folder, 'judge.json');
  const said = JSON.parse(readFileSync(path, 'utf8')) as { selfTest: { score: number }[] };
  said.selfTest[0]!.score += 1;
  writeFileSync(path, JSON.stringify(said));
  const wrong = await verify(folder);
  expect(wrong!.ok).toBe(false);
  expect(wrong!.rows[0]!.maxAbs).toBeCloseTo(1, 3);
});

it('has nothing to say of a judge without', async () => {
  expect(await verify(join(judges, 'labels'))).toBeUndefined();
  expect(await verify(join(judges, 'head'))).toBeUndefined();
});
