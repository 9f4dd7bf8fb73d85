/** What `train` refuses before it opens an engine: a run goes on with what is there, and one process at a time trains it. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { beforeEach, describe, expect, it } from 'vitest';
import { testRun } from '../service/testRuns.ts';
import { readRunRecord } from './modelRef.ts';
import { runCli } from './run.ts';
import { withRunLock } from './runLock.ts';

let folder: string;
let run: string;
const text = JSON.stringify(testRun({ status: 'stopped', step: 2 }));

async function winnow(...args: string[]): Promise<{ code: number; err: string }> {
  let err = '';
  const code = await runCli(args, { out: () => {}, err: (line) => void (err += line), live: false });
  return { code, err };
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'winnow-train-'));
  run = join(folder, 'run');
  mkdirSync(run);
  writeFileSync(join(run, 'run.json'), text);
  mkdirSync(join(folder, 'pairs'));
  writeFileSync(join(folder, 'pairs/pairs.jsonl'), '');
  writeFileSync(join(folder, 'pairs/labels.jsonl'), '');
});

describe('a run that goes on is given what is there, or nothing', () => {
  const refused: [string, (place: string) => string[], number, RegExp][] = [
    ['MODEL that is not there', (at) => [join(at, 'nowhere')], 1, /^NotFound: There is no model folder/],
    ['PAIRS that are not there', (at) => ['postcard', join(at, 'nowhere')], 1, /^NotFound: .*nowhere/],
    [
      'LABELS that are not there',
      (at) => ['postcard', join(at, 'pairs'), join(at, 'no.jsonl')],
      1,
      /^NotFound: .*no\.jsonl/,
    ],
    [
      'labels that prefer nothing',
      (at) => ['postcard', join(at, 'pairs')],
      1,
      /^SourceChanged: This run trains on 1 pairs/,
    ],
    ['a reference', () => ['--reference', 'onnx'], 2, /^BadArguments: A run that is resumed keeps its settings/],
    ['settings', () => ['--set', 'steps=5'], 2, /^BadArguments: A run that is resumed keeps its settings/],
  ];
  it.each(refused)('refuses %s, and leaves the run as it was', async (_, args, code, message) => {
    const result = await winnow('train', ...args(folder), '--resume', '--out', run);
    expect(result).toEqual({ code, err: expect.stringMatching(message) as string });
    expect(readFileSync(join(run, 'run.json'), 'utf8')).toBe(text);
    expect(existsSync(join(run, 'run.lock'))).toBe(false);
  });

  it.each([
    ['that is cut off', text.slice(0, 100)],
    ['that is not right', text.replace('"step":2', '"step":"two"')],
  ])('refuses a record %s, by name and without a stack', async (_, record) => {
    writeFileSync(join(run, 'run.json'), record);
    for (const args of [
      ['train', '--resume', '--out', run],
      ['export', run, '--as', 'kohya', '--out', join(folder, 'x')],
    ]) {
      const { code, err } = await winnow(...args);
      expect(code).toBe(1);
      expect(err).toMatch(/^BadFile: The record of this run .*run\.json/);
      expect(err).not.toMatch(/\n\s+at /);
    }
  });
});

it('refuses a record that is no file by name, and reads one with a byte order mark', async () => {
  const place = join(folder, 'odd');
  mkdirSync(join(place, 'run.json'), { recursive: true });
  for (const args of [
    ['train', '--resume', '--out', place],
    ['generate', place, '--prompt', 'x', '--out', join(folder, 'x')],
  ]) {
    const { code, err } = await winnow(...args);
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringMatching(/^BadFile: .*run\.json cannot be read/) as string,
    });
    expect(err).not.toMatch(/\n\s+at /);
  }
  writeFileSync(join(run, 'run.json'), `\uFEFF${text}`);
  expect(readRunRecord(run).step).toBe(2);
});

describe('one process trains a run', () => {
  const lock = (): string => join(run, 'run.lock');
  const hold = (holder: unknown): void => writeFileSync(lock(), JSON.stringify(holder));

  it('and another is refused by name', async () => {
    for (const holder of [
      { pid: process.ppid, host: hostname() },
      { pid: 1, host: 'another computer' },
    ]) {
      hold(holder);
      const { code, err } = await winnow('train', '--resume', '--out', run);
      expect(code).toBe(2);
      expect(err).toMatch(new RegExp(`^BadArguments: Another winnow \\(process ${holder.pid} on ${holder.host}\\)`));
      expect(JSON.parse(readFileSync(lock(), 'utf8'))).toEqual(holder);
    }
  });

  it('takes over what a killed one left, and leaves nothing', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    // Of one that was killed while it took over.
    writeFileSync(`${lock()}.0123456789abcdef`, JSON.stringify({ pid, host: hostname() }));
    for (const left of [JSON.stringify({ pid, host: hostname() }), '', '{"pid": -1}', 'null']) {
      writeFileSync(lock(), left);
      await withRunLock(run, async () =>
        expect(JSON.parse(readFileSync(lock(), 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() }),
      );
      expect(readdirSync(run)).toEqual(['run.json']);
    }
    expect(existsSync(join(run, 'run.json'))).toBe(true);
  });

  it('lets go where the work fails, and leaves no folder of which nothing came', async () => {
    const fresh = join(folder, 'fresh');
    await expect(withRunLock(fresh, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(existsSync(fresh)).toBe(false);
  });
});
