/** `winnow round`: what a run's best checkpoint draws next, what of it is asked, and a run that goes on with it, on a tiny random Stable Diffusion
 *  folder. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { formatJsonl, readJsonLines } from '../data/formats/jsonl.ts';
import { labelEvent } from '../records/testRecords.ts';
import type { ModelRef, OwnPair, PairRecord, RunRecord } from '../service/types.ts';
import { winnow } from './testCli.ts';

const root = join(import.meta.dirname, '..', '..');
const tiny = join(root, 'tools/reference/cases/pipeline-tiny-v/pipeline');
let folder: string;
let run: string;

async function json<T>(...args: string[]): Promise<T> {
  const { code, out, err } = await winnow(...args, '--json');
  expect(code, err).toBe(0);
  return JSON.parse(out) as T;
}

const records = <T>(file: string): T[] =>
  readJsonLines(readFileSync(join(folder, file), 'utf8')).lines.map(({ value }) => value as T);

/** The first picture of each is the better one. */
const labelled = (pairs: string): void =>
  writeFileSync(
    join(folder, pairs, 'labels.jsonl'),
    formatJsonl(records<PairRecord>(join(pairs, 'pairs.jsonl')).map(({ id }) => labelEvent(`l${id}`, id))),
  );

const settings = [
  'reference=engine',
  'pairsPerStep=1',
  'rank=2',
  'warmupSteps=0',
  'sampleEvery=0',
  'learningRate=0.01',
  'beta=500',
].flatMap((one) => ['--set', one]);

interface Round {
  model: ModelRef;
  other?: ModelRef;
  pairs: PairRecord[];
  candidates: { pair: string; margin: number; other?: number; why: string }[] | null;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'winnow-round-'));
  run = join(folder, 'run');
  const pairs = join(folder, 'pairs');
  await json('pairs', tiny, '--prompt', 'a tree', '--prompt', 'a house', '--steps', '1', '--out', pairs);
  labelled('pairs');
  const saves = ['--set', 'steps=6', '--set', 'saveEvery=3'];
  await json('train', tiny, pairs, pairs, ...settings, ...saves, '--out', run);
}, 480_000);

const asked = (pairs: readonly PairRecord[], why: string): string[] =>
  pairs.filter((pair) => pair.asked!.why === why).map(({ id }) => id);

it(
  'asks about those that it doubts and three in ten at random, and the next run knows which',
  { timeout: 480_000 },
  async () => {
    const args = ['round', run, '--ask', '4', '--steps', '1', '--out', join(folder, 'round')];
    const made = await json<Round>(...args);
    expect(made.model).toEqual({ base: tiny, adapters: [{ kind: 'run', run, step: 6, strength: 1 }] });
    const { pairs, candidates } = made;
    expect(pairs.map((pair) => pair.asked!.order)).toEqual([0, 1, 2, 3]);
    expect(new Set(pairs.map((pair) => pair.asked!.round))).toEqual(new Set(['run']));
    expect(asked(pairs, 'random')).toHaveLength(2);
    const open = candidates!.filter(({ pair }) => !asked(pairs, 'random').includes(pair));
    const doubted = open.toSorted((a, b) => Math.abs(a.margin) - Math.abs(b.margin)).slice(0, 2);
    expect(new Set(asked(pairs, 'chosen'))).toEqual(new Set(doubted.map(({ pair }) => pair)));
    expect(candidates!.every(({ margin }) => margin !== 0)).toBe(true);
    expect(records('round/pairs.jsonl')).toEqual(pairs);

    // All are of its best checkpoint, two of each prompt that it trained on while they last.
    const drawn = records<OwnPair>('round/candidates.jsonl');
    expect(drawn).toHaveLength(8);
    for (const { images } of drawn) expect(images[0].model).toEqual(made.model);
    expect(drawn.filter(({ prompt }) => prompt === 'a tree')).toHaveLength(4);

    // What was cut off goes on with the same prompts and seeds; what is whole stays.
    rmSync(join(folder, 'round/pairs.jsonl'));
    writeFileSync(join(folder, 'round/candidates.jsonl'), formatJsonl(drawn.slice(0, 5)));
    const again = await json<Round>(...args);
    const content = ({ prompt, images }: OwnPair) => [prompt, images.map(({ seed }) => seed)];
    expect(records<OwnPair>('round/candidates.jsonl').map(content)).toEqual(drawn.map(content));
    expect(again.pairs.map((pair) => pair.asked!.why)).toEqual(pairs.map((pair) => pair.asked!.why));
    expect(again.pairs.map((pair) => content(pair as OwnPair))).toEqual(pairs.map((pair) => content(pair as OwnPair)));
    const whole = await winnow(...args);
    expect(whole.err).toContain('This round is there already.');
    expect(whole.out).toContain('4 pairs to judge');
    expect((await winnow(...args, '--seed', '1')).err).toMatch(/^BadArguments: .*was made with other settings/m);

    labelled('round');
    const next = await json<RunRecord>(
      'train',
      `${run}@6`,
      join(folder, 'round'),
      ...settings,
      '--set',
      'steps=1',
      '--out',
      join(folder, 'next'),
    );
    expect(next.model).toEqual(made.model);
    expect(next.step0Logit).toBe(0);
    expect(next.pairs.filter(({ chosen }) => chosen).map(({ pair }) => pair)).toEqual(asked(again.pairs, 'chosen'));
  },
);

it(
  'asks at random where nobody chooses: draws as many as are asked, and rates none',
  { timeout: 480_000 },
  async () => {
    const out = join(folder, 'any');
    const args = ['round', run, '--ask', '2', '--by', 'random', '--steps', '1', '--out', out];
    const { code, out: text, err } = await winnow(...args, '--json');
    expect(code, err).toBe(0);
    const { model, pairs, candidates } = JSON.parse(text) as Round;
    expect(model.adapters).toMatchObject([{ run, step: 6 }]);
    expect(asked(pairs, 'random')).toHaveLength(2);
    expect(pairs.map((pair) => pair.asked!.order)).toEqual([0, 1]);
    expect(candidates).toHaveLength(2);
    expect(candidates).toEqual(candidates!.map(({ pair }) => ({ pair, why: 'random' })));
    expect(records('any/candidates.jsonl')).toHaveLength(2);
    expect(err).not.toContain('draw ');
    expect((await winnow(...args)).out).toContain('2 pairs to judge');
    expect((await winnow(...args, '--by', 'doubt')).err).toMatch(/^BadArguments: .*was made with other settings/m);
  },
);

it('asks where two of its checkpoints disagree', { timeout: 480_000 }, async () => {
  const out = join(folder, 'apart');
  const { other, pairs, candidates } = await json<Round>(
    'round',
    run,
    '--ask',
    '2',
    '--by',
    'disagreement',
    '--steps',
    '1',
    '--out',
    out,
  );
  expect(other).toEqual({ base: tiny, adapters: [{ kind: 'run', run, step: 3, strength: 1 }] });
  const chance = (margin: number): number => 1 / (1 + Math.exp(-margin));
  const open = candidates!.filter(({ pair }) => !asked(pairs, 'random').includes(pair));
  const apart = open.toSorted(
    (a, b) => Math.abs(chance(b.margin) - chance(b.other!)) - Math.abs(chance(a.margin) - chance(a.other!)),
  );
  expect(asked(pairs, 'chosen')).toEqual([apart[0]!.pair]);
  // The margins are those that score gives each of the two.
  writeFileSync(join(out, 'pairs.jsonl'), readFileSync(join(out, 'candidates.jsonl')));
  const { by } = await json<{ by: { perPair: { pair: string; margin: number }[] }[] }>(
    'score',
    out,
    '--by',
    `${tiny}+${run}@6`,
    '--by',
    `${tiny}+${run}@3`,
  );
  expect(by.map(({ perPair }) => perPair.map(({ margin }) => margin))).toEqual([
    candidates!.map(({ margin }) => margin),
    candidates!.map((one) => one.other),
  ]);
});

it.each([
  [['TINY', '--out', 'x'], /^BadArguments: .*pipeline names no run/m],
  [
    ['RUN', '--by', 'surprise', '--out', 'x'],
    /^BadArguments: --by is "surprise". Choose one of doubt, disagreement, random\./m,
  ],
  [['RUN', '--other', 'RUN@3', '--out', 'x'], /^BadArguments: --other does nothing with --by doubt/m],
  [
    ['RUN', '--by', 'disagreement', '--other', 'RUN@6', '--out', 'x'],
    /^BadArguments: --other is the checkpoint that draws, step 6/m,
  ],
  [['RUN', '--ask', '0', '--out', 'x'], /^BadArguments: --ask is "0"/m],
  [['RUN'], /^BadArguments: --out is missing/m],
])('refuses %j', async (args, message) => {
  const { code, err } = await winnow('round', ...args.map((arg) => arg.replace('TINY', tiny).replace('RUN', run)));
  expect(err).toMatch(message);
  expect(code).toBe(2);
});

it('a step that a run lacks is found before anything is drawn or scored', { timeout: 240_000 }, async () => {
  const pairs = join(folder, 'pairs');
  const scored = await winnow('score', pairs, '--by', `${run}@6`, '--by', `${run}@99`);
  expect(scored.code).toBe(1);
  expect(scored.err).toMatch(/^NotFound: Run run has no checkpoint at step 99. Choose one of 3, 6.$/m);
  expect(scored.err).not.toContain('draw ');
  const out = join(folder, 'lacks');
  const judge = ['--judge', join(root, 'tools/judges/onnx/judges/border')];
  const some = ['--prompts', join(root, 'public/prompts/test.txt'), '--count', '1', '--steps', '1', ...judge];
  for (const models of [
    [tiny, `${run}@99`],
    [tiny, `second=${tiny}++${run}@99`],
  ]) {
    const compared = await winnow('evaluate', ...models, ...some, '--out', out);
    expect(compared.err).toMatch(/^NotFound: Run run has no checkpoint at step 99/m);
    expect(existsSync(join(out, 'images.jsonl'))).toBe(false);
  }
});
