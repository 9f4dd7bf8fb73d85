/** A short `npm run torture -- files`, of the same inputs each time. */
import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { inputOf, judge, shares } from './files/judge.ts';
import { readers } from './files/readers/index.ts';

const COUNT = 20_000;
const SEED = 1;

it('has a reader for every format', () => {
  const covered = new Set(readers.flatMap(({ sources }) => sources));
  const formats = readdirSync('src/data/formats')
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => `data/formats/${file.slice(0, -'.ts'.length)}`);
  expect(formats.filter((format) => !covered.has(format))).toEqual([]);
});

const counts = shares(readers, COUNT);

it.each(readers.map((reader, i) => [reader.name, reader, counts[i]!] as const))(
  '%s: files are taken, or refused in words',
  async (_, reader, count) => {
    const problems: string[] = [];
    let accepted = 0;
    for (let i = 0; i < count; i++) {
      const { problem, refused } = await judge(reader, inputOf(reader, SEED, i));
      if (problem !== undefined) problems.push(`input ${i}: ${problem}`);
      if (refused === undefined) accepted++;
    }
    expect(problems).toEqual([]);
    expect(accepted).toBeGreaterThan(0);
  },
);
