/** `winnow evaluate` with every kind of side: a model, a model whose pictures are gone over once more, and pictures that were made elsewhere. */
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { ImageRecord } from '../service/types.ts';
import { winnow } from './testCli.ts';

interface Spread {
  n: number;
  mean: number;
  median: number;
  meanInterval: [number, number];
}
interface Figures {
  models: {
    name: string;
    appeal: Spread;
    by: Record<string, Record<string, Spread>>;
    diversity: { distance: number; share: { value: number } | null };
  }[];
  judge: { name: string };
  diversityBy: string | null;
  judges: { name: string }[];
  prompts: number;
  count: number;
  sameNoise: boolean;
  comparisons: {
    a: number;
    b: number;
    winRate: number | null;
    wins: number;
    losses: number;
    ties: number;
    appealGain: Spread;
    alignmentWinRate: number | null;
    by: Record<
      string,
      Record<string, { categories: { category: string | null }[]; deviations: { gain: number } | null }>
    >;
  }[];
  strengths: Record<string, Record<string, { strength: number; elo: number }[] | null>>;
  standard: { columns: { title: string; optimised: boolean }[]; rows: { name: string; average: number | null }[] };
}

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'winnow-evaluate-'));
  writeFileSync(
    join(folder, 'prompts.csv'),
    'Prompt,Category\n"a purple cat, by the sea",creatures\none yellow house below the mountains,buildings\n',
  );
});

it('compares sides of every kind by several judges', { timeout: 400_000 }, async () => {
  const out = join(folder, 'first');
  const common = ['--prompts', join(folder, 'prompts.csv'), '--seeds', '3-4', '--steps', '2'];
  const alone = await winnow('evaluate', 'postcard', 'again=postcard', ...common, '--out', out, '--json');
  expect(alone.code, alone.err).toBe(0);
  const same = JSON.parse(alone.out) as Figures;
  // The very same pictures: every comparison is a tie, and nothing is decided.
  expect(same.comparisons[0]).toMatchObject({ winRate: null, wins: 0, losses: 0, ties: 4, alignmentWinRate: null });
  expect(same).toMatchObject({ prompts: 2, count: 4, tieMargin: 0, sameNoise: true, judge: { name: 'b' } });
  expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('All 4 comparisons were ties.');

  // A folder that was begun with another choice goes on: of each prompt and seed what is there, the rest new, and figures of what is asked for alone.
  const some = ['--prompts', join(folder, 'prompts.csv'), '--seeds', '3-5', '--count', '4', '--steps', '2'];
  const fewer = await winnow('evaluate', 'postcard', 'again=postcard', ...some, '--out', out, '--json');
  expect(fewer.code, fewer.err).toBe(0);
  expect(fewer.err).toContain('3 of 4 images are there already');
  expect(JSON.parse(fewer.out)).toMatchObject({ prompts: 2, count: 4 });
  const drawn = readFileSync(join(out, 'images.jsonl'), 'utf8').trim().split('\n').slice(4);
  expect(drawn.map((line) => JSON.parse(line) as ImageRecord)).toMatchObject([
    { prompt: 'a purple cat, by the sea', seed: 5 },
  ]);

  // Elsewhere they have other names, and their numbers say what they are of.
  const records = readFileSync(join(out, 'images.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .slice(0, 4)
    .map((line) => JSON.parse(line) as ImageRecord);
  const theirs = join(folder, 'theirs');
  mkdirSync(theirs);
  for (const { file, prompt, seed } of records)
    copyFileSync(join(out, file), join(theirs, `${prompt.startsWith('a purple') ? 0 : 1}_${seed}.png`));

  const args = [
    'evaluate',
    'postcard',
    'twice=postcard++0.5:postcard',
    theirs,
    ...common,
    '--judge',
    'b',
    '--judge',
    'a',
  ];
  const made = await winnow(...args, '--out', out, '--json');
  expect(made.code, made.err).toBe(0);
  expect(made.err).toContain('4 of 4 images are there already');
  const figures = JSON.parse(made.out) as Figures;
  expect(figures.models.map(({ name }) => name)).toEqual(['postcard', 'twice', 'theirs']);
  expect(figures.judges.map(({ name }) => name)).toEqual(['b', 'a']);
  expect(figures.sameNoise).toBe(false);
  const [base, twice, elsewhere] = figures.models;
  expect(elsewhere!.by).toEqual(base!.by);
  expect(twice!.by['a']!['appeal']!.mean).not.toBe(base!.by['a']!['appeal']!.mean);
  expect(base!.appeal).toEqual(base!.by['b']!['appeal']);
  expect(base!.appeal.meanInterval[0]).toBeLessThanOrEqual(base!.appeal.mean);
  expect(elsewhere!.diversity.share!.value).toBe(1);
  expect(twice!.diversity.distance).toBeGreaterThan(0);
  const [first, second, third] = figures.comparisons;
  expect([first, second, third].map((one) => [one!.a, one!.b])).toEqual([
    [0, 1],
    [0, 2],
    [1, 2],
  ]);
  expect(second).toMatchObject({ winRate: null, ties: 4 });
  expect(first!.wins + first!.losses).toBe(4);
  expect(third).toMatchObject({ wins: first!.losses, losses: first!.wins });
  expect(first!.appealGain.mean).toBeCloseTo(twice!.appeal.mean - base!.appeal.mean, 8);
  expect(first!.by['a']!['alignment']!.categories.map(({ category }) => category)).toEqual(['buildings', 'creatures']);
  expect(first!.by['b']!['appeal']!.deviations).not.toBeNull();
  expect(figures.strengths['b']!['appeal']!).toHaveLength(3);
  expect(figures.standard.columns.map(({ title }) => title)).toEqual([
    'Judge b, appeal',
    'Judge b, prompt alignment',
    'Judge a, appeal',
    'Judge a, prompt alignment',
  ]);
  const html = readFileSync(join(out, 'report.html'), 'utf8');
  expect(html.match(/<img /g)).toHaveLength(12);
  for (const title of ['twice over postcard', 'All on one scale', 'As papers print it'])
    expect(html).toContain(`<h2>${title}</h2>`);
  expect(html).not.toMatch(/(?:src|href)="(?!data:)/);

  // The second passes start from the first's pictures, and are known again.
  const again = await winnow(...args, '--standard', '--out', out);
  expect(again.code, again.err).toBe(0);
  expect(again.err.match(/4 of 4 images are there already/g)).toHaveLength(3);
  expect(again.out).toMatch(/^\| model \| Judge b, appeal \| median \| win rate \(95 %\) \|/);
  expect(again.out.split('\n').filter((line) => line.startsWith('| '))).toHaveLength(5);
  expect(readdirSync(join(out, 'images')).filter((name) => name.endsWith('.png'))).toHaveLength(9);

  // With a CLIP among the judges, how far pictures are apart goes by its embedding.
  expect(figures.diversityBy).toBeNull();
  const clip = join(folder, 'PickScore');
  const of = join(import.meta.dirname, '../../tools/judges/cases/judge-pickscore');
  cpSync(of, clip, { recursive: true });
  copyFileSync(join(of, 'weights.safetensors'), join(clip, 'model.safetensors'));
  const seen = await winnow(
    'evaluate',
    'postcard',
    theirs,
    ...common,
    '--judge',
    'b',
    '--judge',
    clip,
    '--out',
    out,
    '--json',
  );
  expect(seen.code, seen.err).toBe(0);
  const byClip = JSON.parse(seen.out) as Figures;
  expect(byClip.diversityBy).toBe('PickScore');
  expect(byClip.models[1]!.diversity).toMatchObject({
    distance: byClip.models[0]!.diversity.distance,
    share: { value: 1 },
  });
  expect(byClip.models[0]!.diversity.distance).not.toBe(base!.diversity.distance);
  expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('embeddings by PickScore');

  // Another of the same name is another judge.
  const other = join(folder, 'other/PickScore');
  cpSync(clip, other, { recursive: true });
  const oneWithout = join(folder, 'one-without.csv');
  writeFileSync(
    oneWithout,
    readFileSync(join(folder, 'prompts.csv'), 'utf8').replace('mountains,buildings', 'mountains,'),
  );
  const sets = ['--prompts', oneWithout, '--seeds', '3-4', '--judge', clip, '--judge', other, '--judge', 'a:alignment'];
  const both = await winnow('evaluate', theirs, theirs, ...sets, '--out', out, '--json');
  expect(both.code, both.err).toBe(0);
  // And a prompt without a category is counted by category, too.
  expect(both.err).toContain('1 of 2 prompts has no category');
  expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('without a category');
  const { judges, models, standard, comparisons } = JSON.parse(both.out) as Figures;
  const names = ['PickScore (1)', 'PickScore (2)'];
  expect(judges.map(({ name }) => name)).toEqual([...names, 'a']);
  expect(Object.keys(comparisons[0]!.by['a']!)).toEqual(['alignment']);
  const [scale] = Object.values(comparisons[0]!.by['PickScore (1)']!);
  expect(scale!.categories.map(({ category }) => category)).toEqual(['creatures', null]);
  expect(Object.keys(models[0]!.by)).toEqual([...names, 'a']);
  expect(standard.columns.map(({ title }) => title)).toEqual([...names, 'Judge a, prompt alignment']);
  const unknown = await winnow('evaluate', theirs, theirs, '--judge', 'a:beauty', '--out', join(folder, 'none'));
  expect([unknown.code, unknown.err]).toEqual([
    2,
    expect.stringContaining('says nothing of beauty. Choose one of appeal, alignment.'),
  ]);
});

it('refuses folders of other prompts before anything is drawn', { timeout: 240_000 }, async () => {
  const other = join(folder, 'horses');
  mkdirSync(other);
  writeFileSync(join(other, 'x.png'), '');
  writeFileSync(join(other, 'x.txt'), 'a horse');
  const out = join(folder, 'refused');
  const args = ['evaluate', 'postcard', other, '--seeds', '0', '--out', out];
  const result = await winnow(...args, '--prompts', join(folder, 'prompts.csv'));
  expect(result.code).toBe(2);
  expect(result.err).toMatch(/BadArguments: horses holds pictures of other prompts: it has none of 2 of the 2/);
  expect(readdirSync(out)).toEqual([]);
});
