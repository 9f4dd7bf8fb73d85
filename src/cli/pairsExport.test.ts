/** Pairs on disk, taken away by the command line. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { beforeEach, expect, it } from 'vitest';
import { importedPair, labelEvent, pairRecord } from '../records/testRecords.ts';
import { pairsExportKinds } from '../data/exporters/pairs/table.ts';
import { appendRecords } from './records.ts';
import { runCli } from './run.ts';
import { makeFolders } from './fileErrors.ts';
import type { Terminal } from './terminal.ts';

let folder: string;
let pairs: string;
const out = (name: string): string => join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'winnow-export-'));
  pairs = join(folder, 'pairs');
  const records = [pairRecord('p1'), importedPair('p2'), pairRecord('p3', { prompt: 'a blue house' })];
  for (const { images } of records)
    for (const image of images)
      for (const file of 'latentsFile' in image ? [image.file, image.latentsFile] : [image.file]) {
        makeFolders(join(pairs, file, '..'));
        writeFileSync(join(pairs, file), file);
      }
  appendRecords(join(pairs, 'pairs.jsonl'), records);
  appendRecords(join(pairs, 'labels.jsonl'), [
    labelEvent('l1', 'p1'),
    { ...labelEvent('l2', 'p2'), answer: 'right' },
    { ...labelEvent('l3', 'p3'), answer: 'tie' },
  ]);
});

async function winnow(
  args: string[],
  onTerminal?: (terminal: Terminal) => void,
): Promise<{ code: number; out: string; err: string }> {
  let [text, err] = ['', ''];
  const streams = { out: (t: string) => void (text += t), err: (t: string) => void (err += t), live: false };
  const code = await runCli(args, streams, onTerminal);
  return { code, out: text, err };
}

it('writes every format, told apart from a run by what lies in the folder', async () => {
  for (const kind of pairsExportKinds) {
    const {
      code,
      out: text,
      err,
    } = await winnow(['export', pairs, '--as', kind, '--out', out(`as-${kind}`), '--json']);
    expect([kind, code, err.includes('Error')]).toEqual([kind, 0, false]);
    expect(JSON.parse(text)).toMatchObject({ kind, pairs: kind === 'label-studio' || kind === 'jsonl' ? 3 : 2 });
    expect(readdirSync(out(`as-${kind}`)).length).toBeGreaterThan(1);
  }
  expect(readdirSync(folder).toSorted()).toEqual(['pairs', ...pairsExportKinds.map((kind) => `as-${kind}`)].toSorted());
});

it('writes one file where --out is one', async () => {
  const { code, out: text } = await winnow([
    'export',
    pairs,
    '--as',
    'pairs',
    '--keep-ties',
    '--out',
    out('x.parquet'),
  ]);
  expect([code, text]).toEqual([0, expect.stringMatching(/^3 pairs in .*x\.parquet \(1 files, /)]);
  const rows = await parquetReadObjects({ file: new Uint8Array(readFileSync(out('x.parquet'))).buffer, utf8: false });
  expect(rows.map((row) => [row['label_0'], new TextDecoder().decode(row['jpg_0'] as Uint8Array)])).toEqual([
    [1, 'images/p1-0.png'],
    [0, 'pictures/p2-0.jpg'],
    [0.5, 'images/p3-0.png'],
  ]);
});

it('says what it left out', async () => {
  const { out: text } = await winnow(['export', pairs, '--out', out('cats-pickapic')]);
  expect(text).toContain('left out: 1 ties');
});

it('leaves nothing where a picture is missing or it is stopped, and writes over nothing', async () => {
  rmSync(join(pairs, 'pictures', 'p2-1.jpg'));
  const missing = await winnow(['export', pairs, '--as', 'folders', '--out', out('a')]);
  expect([missing.code, missing.err]).toEqual([1, expect.stringContaining('NotFound')]);
  const stopped = await winnow(['export', pairs, '--as', 'jsonl', '--out', out('b')], (terminal) => {
    const { onInterrupt } = terminal;
    terminal.onInterrupt = (handler) => (onInterrupt.call(terminal, handler), handler());
  });
  expect(stopped.code).toBe(130);
  expect(readdirSync(folder)).toEqual(['pairs']);
  const there = await winnow(['export', pairs, '--as', 'folders', '--out', pairs]);
  expect([there.code, there.err]).toEqual([2, expect.stringContaining('is there already')]);
  expect(existsSync(join(pairs, 'pairs.jsonl'))).toBe(true);
});

it.each([
  [['--as', 'kohya'], '--as is "kohya"'],
  [['--as', 'chosen', '--keep-ties'], 'cannot say'],
  [['--as', 'folders', '--validation', '0.1'], '--validation does nothing'],
  [['--as', 'pairs', '--seed', '1'], '--seed does nothing'],
  [['--precision', 'f16'], '--precision does nothing with pairs'],
  [['--labels', '/nowhere'], 'There is no label file'],
])('refuses %j', async (args, message) => {
  const { code, err } = await winnow(['export', pairs, ...args, '--out', out('x')]);
  expect(code).toBeGreaterThan(0);
  expect(err).toContain(message);
});
