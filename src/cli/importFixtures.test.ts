/** Preference data as the field's own tools write it (tools/preferences/write_fixtures.py), through `winnow import`: counts by the tool that wrote. */
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { formatNames } from '../data/preferences/table.ts';
import { isForeign } from '../records/foreignImages.ts';
import { readLabels, readPairs } from './records.ts';
import { winnow } from './testCli.ts';

interface Case {
  source: string;
  args: string[];
  format: string;
  pairs: number;
  usable: number;
  ties: number;
  raters: number;
  prompts: number;
  /** Row, and what the reason says. */
  refused: [number, string][];
}

const fixtures = join(import.meta.dirname, '../../tools/preferences/fixtures');
const cases = JSON.parse(readFileSync(join(fixtures, 'expected.json'), 'utf8')) as Case[];
const root = mkdtempSync(join(tmpdir(), 'winnow-import-'));
let count = 0;

it.each(
  cases
    .filter(({ format }) => formatNames.some((name) => name === format))
    .map((one) => [[one.source, ...one.args].join(' '), one] as const),
)('%s comes in as its writer counts it, once, and whole', async (_, { source, args, refused, ...expected }) => {
  const folder = join(root, `${count++}`);
  const command = ['import', join(fixtures, source), ...args, '--out', folder, '--json'];
  const { code, out, err } = await winnow(...command);
  expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
  const { refused: told, ...counts } = JSON.parse(out) as Omit<Case, 'refused'> & {
    refused: { row: number; reason: string }[];
  };
  expect(told.map(({ row }) => row)).toEqual(refused.map(([row]) => row));
  for (const [i, [, reason]] of refused.entries()) expect(told[i]!.reason).toContain(reason);
  expect(counts).toEqual(expected);
  const pairs = readPairs(folder);
  expect(pairs).toHaveLength(expected.pairs);
  const files = pairs.flatMap(({ images }) => images.map(({ file }) => file));
  expect(files.filter((file) => !existsSync(join(folder, file)))).toEqual([]);
  expect(pairs.every(({ images }) => images.every(isForeign))).toBe(true);
  expect(readdirSync(join(folder, 'pictures')).filter((name) => name.endsWith('.part'))).toEqual([]);
  expect(readLabels(folder).byPair.size).toBe(expected.pairs);
  // The same again changes nothing.
  const before = readFileSync(join(folder, 'labels.jsonl'), 'utf8');
  expect((await winnow(...command)).out).toBe(out);
  expect(readFileSync(join(folder, 'labels.jsonl'), 'utf8')).toBe(before);
});
