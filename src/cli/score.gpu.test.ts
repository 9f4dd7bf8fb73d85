/** `winnow score` with the judges of the embedded model, on its bundled pairs and on pictures from elsewhere. */
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { formatJsonl } from '../data/formats/jsonl.ts';
import type { JudgeFigures } from '../evaluation/judgeFigures.ts';
import type { LabelEvent, PairRecord } from '../service/types.ts';
import { readPairs } from './records.ts';
import { winnow } from './testCli.ts';

const root = join(import.meta.dirname, '..', '..');
const bundled = JSON.parse(readFileSync(join(root, 'public/pairs/pairs.json'), 'utf8')) as PairRecord[];
const some = bundled.slice(0, 3);
let folder: string;

const json = async (...args: string[]): Promise<JudgeFigures[]> => {
  const { code, out, err } = await winnow('score', ...args, '--json');
  expect(code, err).toBe(0);
  return (JSON.parse(out) as { by: JudgeFigures[] }).by;
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'winnow-score-'));
  mkdirSync(join(folder, 'pairs/pairs'), { recursive: true });
  for (const { images } of some)
    for (const { file } of images) copyFileSync(join(root, 'public', file), join(folder, 'pairs', file));
  writeFileSync(join(folder, 'pairs/pairs.jsonl'), formatJsonl(some));
});

describe('pairs', () => {
  it('are scored by every judge, and by the scale that is asked for', { timeout: 240_000 }, async () => {
    const pairs = join(folder, 'pairs');
    const [a, alignment] = await json(pairs, '--by', 'a', '--by', 'a:alignment');
    expect(Object.keys(a!).toSorted()).toEqual(
      ['who', 'n', 'accuracy', 'interval', 'ties', 'mean', 'median', 'perPair'].toSorted(),
    );
    expect(a).toMatchObject({ who: 'a', n: 3, accuracy: null, interval: null, ties: 0 });
    expect(a!.perPair.map(({ pair }) => pair)).toEqual(some.map(({ id }) => id));
    for (const { margin, scores } of a!.perPair) expect(margin).toBe(scores[0]! - scores[1]!);
    expect(alignment!.who).toBe('a:alignment');
    expect(alignment!.perPair[0]!.scores).not.toEqual(a!.perPair[0]!.scores);

    // A scale is said in either option.
    const [one, other] = [join(folder, 'one.jsonl'), join(folder, 'other.jsonl')];
    expect((await winnow('label', pairs, '--judge', 'a:alignment', '--out', one)).code).toBe(0);
    expect((await winnow('label', pairs, '--judge', 'a', '--by', 'alignment', '--out', other)).code).toBe(0);
    const answersOf = (file: string): unknown[] =>
      readFileSync(file, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .map(({ by, pair, answer }) => [by, pair, answer]);
    expect(answersOf(one)).toEqual(answersOf(other));

    // Whoever labelled agrees with themselves.
    expect((await winnow('label', pairs, '--judge', 'a')).code).toBe(0);
    const [self, ties] = [
      await json(pairs, '--by', 'a', '--labels', pairs),
      await json(pairs, '--by', 'a', '--labels', pairs, '--tie-margin', '1000'),
    ];
    expect(self[0]).toMatchObject({ n: 3, accuracy: 1, ties: 0 });
    expect(ties[0]).toMatchObject({ n: 3, accuracy: 0.5, ties: 3 });
    const turned = readFileSync(join(pairs, 'labels.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as LabelEvent)
      .map((event) => ('answer' in event ? { ...event, answer: event.answer === 'left' ? 'right' : 'left' } : event));
    writeFileSync(join(folder, 'turned.jsonl'), formatJsonl(turned));
    expect((await json(pairs, '--by', 'a', '--labels', join(folder, 'turned.jsonl')))[0]).toMatchObject({
      n: 3,
      accuracy: 0,
    });
    const { out } = await winnow('score', pairs, '--by', 'a', '--labels', pairs);
    expect(out).toMatch(/^by +pairs +agrees/);
    expect(out).toMatch(/^a +3 +100/m);
  });
});

describe('a pair of which a picture is gone', () => {
  it('is left out by name, and the others are scored and labelled', { timeout: 240_000 }, async () => {
    const holes = join(folder, 'holes');
    cpSync(join(folder, 'pairs'), holes, { recursive: true });
    rmSync(join(holes, 'labels.jsonl'), { force: true });
    const [gone, ...others] = readPairs(holes, () => {});
    rmSync(join(holes, gone!.images[1].file));
    const scored = await winnow('score', holes, '--by', 'a', '--json');
    expect(scored.err).toContain(`1 of 3 pairs is left out: the pictures cannot be read.`);
    expect(scored.err).toContain(gone!.images[1].file);
    const { by } = JSON.parse(scored.out) as { by: JudgeFigures[] };
    expect(by[0]!.perPair.map(({ pair }) => pair)).toEqual(others.map(({ id }) => id));
    const labelled = await winnow('label', holes, '--judge', 'a', '--json');
    expect(labelled.err).toContain(`1 of 3 pairs (${gone!.id}) is left out`);
    expect(JSON.parse(labelled.out)).toMatchObject({ added: 2, unread: [gone!.id] });
  });
});

describe('pictures', () => {
  it('have the prompts that lie beside or in them, and sizes of their own', { timeout: 240_000 }, async () => {
    const pictures = join(folder, 'pictures');
    mkdirSync(join(pictures, 'deep'), { recursive: true });
    copyFileSync(join(root, 'public', some[0]!.images[0].file), join(pictures, 'own.png'));
    copyFileSync(join(root, 'tools/reference/pictures/rgb.jpg'), join(pictures, 'deep/rgb.jpg'));
    copyFileSync(join(root, 'tools/reference/pictures/lossless.webp'), join(pictures, 'lossless.webp'));
    const [appeal] = await json(pictures, '--by', 'a');
    expect(appeal!.perPair.map(({ pair, margin }) => [pair, margin])).toEqual([
      ['deep/rgb.jpg', null],
      ['lossless.webp', null],
      ['own.png', null],
    ]);
    expect(appeal!.n).toBe(3);
    // The same picture as in its pair.
    const [ofPair] = await json(join(folder, 'pairs'), '--by', 'a');
    expect(appeal!.perPair[2]!.scores[0]).toBe(ofPair!.perPair[0]!.scores[0]);

    const without = await winnow('score', pictures, '--by', 'a:alignment');
    expect(without.code).toBe(2);
    expect(without.err).toContain('Judge a reads prompts, and 2 of 3 pictures have none (deep/rgb.jpg).');
    writeFileSync(join(pictures, 'deep/rgb.txt'), 'a tree\n');
    writeFileSync(join(pictures, 'metadata.jsonl'), formatJsonl([{ file_name: 'lossless.webp', text: 'a bird' }]));
    const [alignment] = await json(pictures, '--by', 'a:alignment');
    const [pairAlignment] = await json(join(folder, 'pairs'), '--by', 'a:alignment');
    expect(alignment!.perPair[2]!.scores[0]).toBe(pairAlignment!.perPair[0]!.scores[0]);

    // What a judge does not read of a prompt is said.
    writeFileSync(join(pictures, 'deep/rgb.txt'), `${'a tree '.repeat(90)}and a moon\n`);
    const cut = await winnow('score', pictures, '--by', join(root, 'tools/judges/onnx/judges/cosine'));
    expect(cut.code).toBe(0);
    expect(cut.err).toMatch(/^The following part of "a tree a tree .*" is cut off, because judge .*and a moon"$/m);
    expect(cut.err).not.toContain('"a bird" is cut off');
    const own = await winnow('score', pictures, '--by', 'a:alignment');
    expect(own.err).toMatch(
      /^The following part of "a tree a tree .*" is cut off, because the text encoder reads .*and a moon"$/m,
    );
  });
});

it('a judge of one’s own is named by its folder or by its file', { timeout: 240_000 }, async () => {
  const judges = join(root, 'tools/judges/onnx/judges');
  const [byFolder, byFile] = await json(
    join(folder, 'pairs'),
    '--by',
    join(judges, 'head'),
    '--by',
    join(judges, 'labels/judge.json'),
  );
  expect(byFolder!.perPair).toHaveLength(3);
  expect(byFolder!.perPair[0]!.scores).not.toEqual(byFile!.perPair[0]!.scores);
  const { code, out, err } = await winnow(
    'label',
    join(folder, 'pairs'),
    '--by',
    join(judges, 'head'),
    '--tie-margin',
    '1000',
    '--json',
    '--out',
    join(folder, 'ties.jsonl'),
  );
  expect(code, err).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ added: 3, tie: 3, usable: 0 });
  expect(readFileSync(join(folder, 'ties.jsonl'), 'utf8')).toContain('"by":"head"');
});

describe('what cannot be scored is named', () => {
  it.each([
    [['nowhere', '--by', 'a'], /^NotFound: There is no folder nowhere/m],
    [['PAIRS'], /^BadArguments: --by is missing/m],
    [['PAIRS', '--by', ''], /^BadArguments: --by is empty/m],
    [['PAIRS', '--by', 'nobody'], /^NotFound: The model Postcard has no judge nobody\. Choose a or b/m],
    // Before anybody scores.
    [
      ['PAIRS', '--by', 'a', '--by', 'nobody'],
      /^Opening the GPU \(0\/4\)\nNotFound: The model Postcard has no judge nobody/,
    ],
    [
      ['PAIRS', '--by', 'src'],
      /^NotFound: The model Postcard has no judge src\. The folder that lies here is \.\/src\. /m,
    ],
    [['PAIRS', '--by', 'a:beauty'], /^BadArguments: Judge a says nothing of beauty/m],
    [['PAIRS', '--by', 'a', '--tie-margin=-1'], /^BadArguments: --tie-margin is "-1"/m],
    [['PAIRS', '--by', 'a', '--labels', 'none.jsonl'], /^NotFound: There is no label file/m],
    [['EMPTY', '--by', 'a'], /^NotFound: .* holds neither pairs \(pairs\.jsonl\) nor pictures/m],
    [
      ['PICTURES', '--by', 'a', '--labels', 'PAIRS'],
      /^BadArguments: --labels does nothing with pictures that are no pairs/m,
    ],
  ])('%j', { timeout: 120_000 }, async (args, message) => {
    const places: Record<string, string> = {
      PAIRS: join(folder, 'pairs'),
      EMPTY: mkdtempSync(join(tmpdir(), 'winnow-empty-')),
      PICTURES: join(folder, 'pairs/pairs'),
    };
    const { code, err, out } = await winnow('score', ...args.map((arg) => places[arg] ?? arg));
    expect(err).toMatch(message);
    expect([1, 2]).toContain(code);
    expect(out).toBe('');
  });
});

describe('a model with its run', () => {
  it('rates pairs by its implicit reward, and pictures that are no pairs not', { timeout: 480_000 }, async () => {
    const pairs = join(folder, 'small');
    const tiny = join(root, 'tools/reference/cases/pipeline-tiny-v/pipeline');
    const ok = async (...args: string[]): Promise<void> => {
      const { code, err } = await winnow(...args);
      expect(code, err).toBe(0);
    };
    await ok('pairs', tiny, '--prompt', 'a tree', '--count', '2', '--steps', '1', '--out', pairs);
    const made = readFileSync(join(pairs, 'pairs.jsonl'), 'utf8').trim().split('\n');
    const labels = made.map((line, i) => ({
      type: 'label',
      id: `l${i}`,
      pair: (JSON.parse(line) as PairRecord).id,
      answer: i === 0 ? 'left' : 'right',
      shownLeft: 0,
      clearly: false,
      elapsedMs: 1,
      at: '2026-01-01T00:00:00Z',
      by: 'person',
    }));
    writeFileSync(join(pairs, 'labels.jsonl'), formatJsonl(labels));
    const settings = [
      'steps=12',
      'pairsPerStep=2',
      'rank=4',
      'warmupSteps=0',
      'sampleEvery=0',
      'learningRate=0.01',
      'beta=500',
      // The preset's are those at which the embedded model decides looks; this model's noise says little there.
      'timestepRange=[0,1000]',
    ];
    const run = join(folder, 'run');
    await ok('train', tiny, pairs, pairs, ...settings.flatMap((one) => ['--set', one]), '--out', run);
    const [trained] = await json(pairs, '--by', `${tiny}+${run}`, '--labels', pairs);
    // It learned these two.
    expect(trained).toMatchObject({ n: 2, accuracy: 1, ties: 0 });
    for (const { margin, scores } of trained!.perPair) expect(margin!).toBeCloseTo(scores[0]! - scores[1]!, 6);
    expect(trained!.perPair[0]!.margin).toBeGreaterThan(0);
    expect(trained!.perPair[1]!.margin).toBeLessThan(0);
    for (const who of [run, `${run}@12`, `${run}@12:0.5`]) {
      const { code, err } = await winnow('score', join(pairs, 'images'), '--by', who);
      expect(code).toBe(2);
      expect(err).toContain('and these are no pairs');
    }
  });
});
