/** Label events → what stands, what can be undone, what trains; through a real IndexedDB implementation. */
import 'fake-indexeddb/auto';
import { describe, expect, it } from 'vitest';
import type { ImageRecord } from '../records/images.ts';
import { answers, type LabelEvent } from '../records/labels.ts';
import type { PairRecord } from '../records/pairs.ts';
import { RandomStream } from '../shared/rng.ts';
import { openDatabase } from './db.ts';
import {
  appendLabel,
  countLabels,
  foldLabels,
  foldOne,
  type Label,
  labelsOf,
  type LabelState,
  merged,
  readLabels,
  repetitionOf,
  retractionOf,
  winnerOf,
} from './labels.ts';
import { type LossName, lossNames } from '../losses/table.ts';
import { latentsFileOf } from '../records/foreignImages.ts';
import type { TrainConfig } from '../training/config.ts';
import { pairsFor, readPairs, trainPairs } from './pairs.ts';

function label(pair: string, answer: Label['answer'], shownLeft: 0 | 1 = 0, elapsedMs = 1000): Label {
  return {
    type: 'label',
    id: crypto.randomUUID(),
    pair,
    answer,
    shownLeft,
    clearly: false,
    elapsedMs,
    at: '2026-01-01T00:00:00Z',
    by: 'person',
  };
}

const person = (state: LabelState) => labelsOf(state, 'person');

const image = (id: string): ImageRecord => ({
  id,
  prompt: 'p',
  seed: 1,
  modelHash: '',
  ranOn: 'engine',
  createdAt: '',
  file: `images/${id}.png`,
  latentsFile: `latents/${id}.safetensors`,
  model: { base: 'm', adapters: [] },
  negativePrompt: '',
  steps: 1,
  guidanceScale: 1,
  width: 8,
  height: 8,
  scheduler: 'DDIMScheduler',
  sampler: 'auto',
});

const pair = (id: string): PairRecord => ({
  id,
  prompt: `prompt ${id}`,
  images: [image(`${id}0`), image(`${id}1`)],
  origin: 'seeds',
  createdAt: '',
});

it('keeps every event in order, across a reopened database', async () => {
  const events = [label('a', 'left'), label('b', 'tie'), label('c', 'skip')];
  const first = await openDatabase('labels-order');
  for (const event of events) await appendLabel(first, event);
  first.close();
  const second = await openDatabase('labels-order');
  expect(await readLabels(second)).toEqual(events);
  second.close();
});

it('leaves out what is damaged, tells which and why, and leaves it where it is', async () => {
  const database = await openDatabase('labels-damaged');
  const good = [label('a', 'left'), label('b', 'right')];
  const bad = [{ ...good[0], shownLeft: '0' }, null, { ...good[1], answer: 'rigth' }];
  for (const value of [good[0], ...bad, good[1]]) await database.add('labels', value as LabelEvent);
  await database.put('pairs', { ...pair('x'), images: [image('x0'), null] } as unknown as PairRecord);
  const told: string[] = [];
  expect(await readLabels(database, (what) => told.push(what))).toEqual(good);
  expect(await readPairs(database, (what) => told.push(what))).toEqual([]);
  expect(told).toEqual([
    expect.stringMatching(/^label event 2 \(shownLeft/),
    expect.stringMatching(/^label event 3 \(it:/),
    expect.stringMatching(/^label event 4 \(answer/),
    expect.stringMatching(/^pair x \(images\.1/),
  ]);
  expect(await database.count('labels')).toBe(5);
  database.close();
});

it('undoes and redoes several steps, and a new answer ends redo', () => {
  const [a, b, c] = [label('a', 'left'), label('b', 'right'), label('c', 'tie')];
  const undoneTwice = foldLabels([a, b, c, retractionOf(c), retractionOf(b)]);
  expect([...undoneTwice.byPair.keys()]).toEqual(['a']);
  expect(person(undoneTwice).undone.map((one) => one.pair)).toEqual(['c', 'b']);

  const redone = repetitionOf(person(undoneTwice).undone.at(-1)!);
  const afterRedo = foldLabels([a, b, c, retractionOf(c), retractionOf(b), redone]);
  expect([...afterRedo.byPair.keys()]).toEqual(['a', 'b']);
  expect(person(afterRedo).undone.map((one) => one.pair)).toEqual(['c']);

  const afterNew = foldLabels([a, b, c, retractionOf(c), retractionOf(b), label('b', 'left', 0, 777)]);
  expect(person(afterNew).undone).toEqual([]);
  expect(afterNew.byPair.get('b')!.answer).toBe('left');
});

it('counts an event once, so that what was taken back stays so in files put behind one another', () => {
  const [a, b] = [label('a', 'left'), label('b', 'right')];
  const back = retractionOf(a);
  expect([...foldLabels([a, a, back]).byPair.keys()]).toEqual([]);
  expect([...foldLabels([a, back, a]).byPair.keys()]).toEqual([]);
  expect(person(foldLabels([a, b, a, b])).given).toEqual([a, b]);
});

it('brings back the earlier answer when a later one for the same pair is taken back', () => {
  const [first, second] = [label('a', 'left'), label('a', 'bothBad')];
  expect(foldLabels([first, second]).byPair.get('a')).toBe(second);
  expect(foldLabels([first, second, retractionOf(second)]).byPair.get('a')).toBe(first);
});

it('lets each rater take back and give again their own answers alone', () => {
  const ann = { ...label('a', 'left'), by: 'person:Ann' };
  const bo = { ...label('a', 'right'), by: 'person:Bo' };
  const taken = foldLabels([ann, bo, retractionOf(ann)]);
  expect(labelsOf(taken, 'person:Ann')).toMatchObject({ given: [], undone: [ann] });
  expect(labelsOf(taken, 'person:Bo')).toMatchObject({ given: [bo], undone: [] });
  expect(taken.byPair.get('a')).toBe(bo);
  // Bo goes on: what Ann took back she can still give again.
  const later = foldLabels([ann, bo, retractionOf(ann), { ...label('b', 'tie'), by: 'person:Bo' }]);
  const redone = repetitionOf(labelsOf(later, 'person:Ann').undone[0]!);
  const state = foldLabels([ann, bo, retractionOf(ann), redone]);
  expect(labelsOf(state, 'person:Ann')).toMatchObject({ given: [redone], undone: [] });
});

it('folds one event more to what folding all of them gives', () => {
  const random = new RandomStream({ seed: 1, purpose: 'showOrder' });
  const raters = ['person', 'person:Ann', 'import:1', 'a'];
  const sorted = (map: ReadonlyMap<string, Label>) => [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
  let state = foldLabels([]);
  const events: LabelEvent[] = [];
  for (let i = 0; i < 400; i++) {
    const by = raters[random.int(0, raters.length)]!;
    const { given, undone } = labelsOf(state, by);
    const what = random.int(0, 10);
    const event: LabelEvent =
      what < 3 && given.length > 0
        ? retractionOf(given.at(-1)!)
        : what < 5 && undone.length > 0
          ? repetitionOf(undone.at(-1)!)
          : {
              ...label(`p${random.int(0, 6)}`, answers[random.int(0, answers.length)]!, random.int(0, 2) as 0 | 1, i),
              by,
              ...(what === 9 && { again: true as const }),
            };
    events.push(event);
    state = foldOne(state, event);
    const whole = foldLabels(events);
    expect(sorted(state.byPair)).toEqual(sorted(whole.byPair));
    for (const one of raters) {
      const { byPair, ...rest } = labelsOf(state, one);
      expect(rest).toEqual({ given: labelsOf(whole, one).given, undone: labelsOf(whole, one).undone });
      expect(sorted(byPair)).toEqual(sorted(labelsOf(whole, one).byPair));
    }
  }
  expect(foldOne(state, { type: 'retract', id: 'x', label: 'of nobody', at: '' })).toEqual(state);
});

describe('labels of several raters', () => {
  type Voice = [by: string, answer: Label['answer'], shownLeft?: 0 | 1, clearly?: boolean];
  const together = (...voices: Voice[]) =>
    merged(voices.map(([by, answer, side = 0, clearly = false]) => ({ ...label('a', answer, side), by, clearly })));
  const outcome = (...voices: Voice[]) => {
    const { raters, by, ...one } = together(...voices);
    return [winnerOf({ ...one, by }) ?? one.answer, raters ?? [by]];
  };

  it.each<[string, Voice[], number | string, string[]]>([
    ['one is taken as it is', [['person', 'right']], 1, ['person']],
    [
      'two of three, whichever side it stood on',
      [
        ['person:A', 'left'],
        ['person:B', 'right', 1],
        ['person:C', 'right'],
      ],
      0,
      ['person:A', 'person:B'],
    ],
    [
      'one against one is a tie',
      [
        ['person:A', 'left'],
        ['person:B', 'right'],
      ],
      'tie',
      ['person:A', 'person:B'],
    ],
    [
      'half is no majority',
      [
        ['person:A', 'left'],
        ['person:B', 'left'],
        ['person:C', 'right'],
        ['person:D', 'tie'],
      ],
      'tie',
      ['person:A', 'person:B', 'person:C', 'person:D'],
    ],
    [
      'left against tie is a tie',
      [
        ['person:A', 'left'],
        ['person:B', 'tie'],
      ],
      'tie',
      ['person:A', 'person:B'],
    ],
    [
      'both bad where most say so',
      [
        ['person:A', 'bothBad'],
        ['person:B', 'bothBad'],
        ['person:C', 'left'],
      ],
      'bothBad',
      ['person:A', 'person:B'],
    ],
    [
      'who skips has no voice',
      [
        ['person:A', 'skip'],
        ['person:B', 'right'],
      ],
      1,
      ['person:B'],
    ],
    [
      'all skip',
      [
        ['person:A', 'skip'],
        ['person:B', 'skip'],
      ],
      'skip',
      ['person:B'],
    ],
    [
      'people before what came with the data',
      [
        ['import:7', 'left'],
        ['import:8', 'left'],
        ['person', 'right'],
      ],
      1,
      ['person'],
    ],
    [
      'what came with the data before judges',
      [
        ['a', 'left'],
        ['b', 'left'],
        ['import', 'right'],
      ],
      1,
      ['import'],
    ],
    [
      'a person who skips leaves it to the data',
      [
        ['person', 'skip'],
        ['import', 'right'],
      ],
      1,
      ['import'],
    ],
  ])('%s', (_, voices, winner, raters) => {
    expect(outcome(...voices)).toEqual([winner, raters]);
  });

  it('is clear where most of those who agree said clearly', () => {
    const clearly = (...given: boolean[]) =>
      together(...given.map((one, i): Voice => [`person:${i}`, 'left', 0, one])).clearly;
    expect([clearly(true, true, false), clearly(true, false), clearly(false, false)]).toEqual([true, false, false]);
    expect(together(['person:A', 'left', 0, true], ['person:B', 'right', 0, true]).clearly).toBe(false);
  });

  it('trains on what they come to, and names them', () => {
    const events = [
      { ...label('a', 'left'), by: 'person:A' },
      { ...label('a', 'right', 1), by: 'person:B' },
      { ...label('b', 'left'), by: 'person:A' },
      { ...label('b', 'right'), by: 'person:B' },
    ];
    const { byPair } = foldLabels(events);
    expect(trainPairs([pair('a'), pair('b')], byPair, 'sigmoid')).toEqual([
      expect.objectContaining({
        pair: 'a',
        winnerLatents: 'latents/a0.safetensors',
        by: 'person:A',
        raters: ['person:A', 'person:B'],
      }),
    ]);
    expect(countLabels(byPair)).toMatchObject({ labels: 2, usable: 1, tie: 1 });
  });

  it('keeps a pair that was shown again apart: it changes no label and trains nothing', () => {
    const first = label('a', 'left');
    const again: Label = { ...label('a', 'left', 1), again: true };
    const state = foldLabels([first, again]);
    expect(state.byPair.get('a')).toBe(first);
    expect(person(state).given).toEqual([first, again]);
    expect(countLabels(state.byPair).labels).toBe(1);
    expect(foldLabels([again]).byPair.size).toBe(0);
  });
});

it('reads the winner from the side it was shown on', () => {
  const rows: [Label['answer'], 0 | 1, 0 | 1 | null][] = [
    ['left', 0, 0],
    ['right', 0, 1],
    ['left', 1, 1],
    ['right', 1, 0],
    ['tie', 0, null],
    ['bothBad', 1, null],
    ['skip', 0, null],
  ];
  for (const [answer, shownLeft, winner] of rows) expect(winnerOf(label('a', answer, shownLeft))).toBe(winner);
});

it('trains on preferences only, winner first, and says who judged', () => {
  const { byPair } = foldLabels([
    label('a', 'right', 1),
    label('b', 'tie'),
    label('c', 'bothBad'),
    label('d', 'skip'),
    label('e', 'right', 0),
  ]);
  const usable = trainPairs(['a', 'b', 'c', 'd', 'e', 'unjudged'].map(pair), byPair, 'sigmoid');
  expect(usable).toEqual([
    {
      pair: 'a',
      prompt: 'prompt a',
      winnerLatents: 'latents/a0.safetensors',
      loserLatents: 'latents/a1.safetensors',
      by: 'person',
    },
    {
      pair: 'e',
      prompt: 'prompt e',
      winnerLatents: 'latents/e1.safetensors',
      loserLatents: 'latents/e0.safetensors',
      by: 'person',
    },
  ]);
});

it('trains on ties and on how sure a label is where the loss reads it, and only there', () => {
  const { byPair } = foldLabels([
    label('a', 'right', 1),
    { ...label('b', 'left', 1), clearly: true },
    label('c', 'tie', 1),
    label('d', 'bothBad'),
  ]);
  const of = (loss: LossName) =>
    trainPairs(['a', 'b', 'c', 'd'].map(pair), byPair, loss).map(({ pair: id, winnerLatents, strength }) => [
      id,
      winnerLatents,
      strength,
    ]);
  expect(of('soft')).toEqual([
    ['a', 'latents/a0.safetensors', undefined],
    ['b', 'latents/b1.safetensors', 'clear'],
    // The picture that was shown on the left.
    ['c', 'latents/c1.safetensors', 'tie'],
  ]);
  for (const loss of lossNames.filter((name) => name !== 'soft'))
    expect(of(loss)).toEqual([
      ['a', 'latents/a0.safetensors', undefined],
      ['b', 'latents/b1.safetensors', undefined],
    ]);
});

it('counts what stands', () => {
  const counts = countLabels(
    foldLabels([
      label('a', 'left', 0, 1000),
      label('b', 'right', 0, 3000),
      label('c', 'tie', 0, 2000),
      label('d', 'skip', 0, 9000),
    ]).byPair,
  );
  expect(counts).toEqual({ labels: 4, usable: 2, tie: 1, bothBad: 0, skip: 1, left: 1, right: 1, medianMs: 2500 });
});

describe('labels count by kind of rater', () => {
  const pairs = ['a', 'b', 'c', 'd'].map(pair);
  const said = (of: string, answer: Label['answer'], by: string): LabelEvent => ({ ...label(of, answer), by });
  const labels = foldLabels([
    said('a', 'left', 'person'),
    said('a', 'right', 'import:x'),
    said('b', 'right', 'import:x'),
    said('c', 'left', 'a alignment'),
    said('d', 'left', 'person:Ann'),
  ]);
  const taken = (repeats: TrainConfig['repeats']): [string, string, string, number | undefined][] =>
    pairsFor({ loss: 'sigmoid', repeats }, pairs, labels).map(({ pair: id, winnerLatents, by, repeats: often }) => [
      id,
      winnerLatents,
      by!,
      often,
    ]);

  it('once each unless the settings say otherwise', () => {
    const once = { person: 1, import: 1, judge: 1 };
    expect(pairsFor({ loss: 'sigmoid', repeats: once }, pairs, labels)).toEqual(
      trainPairs(pairs, labels.byPair, 'sigmoid'),
    );
    expect(taken(once).map(([id, , by, often]) => [id, by, often])).toEqual([
      ['a', 'person', undefined],
      ['b', 'import:x', undefined],
      ['c', 'a alignment', undefined],
      ['d', 'person:Ann', undefined],
    ]);
  });

  it('several times an epoch, or not at all', () => {
    expect(taken({ person: 3, import: 0, judge: 2 }).map(([id, , , often]) => [id, often])).toEqual([
      ['a', 3],
      ['c', 2],
      ['d', 3],
    ]);
  });

  it('and who is left out has no voice: what others said of the pair counts', () => {
    const [first] = taken({ person: 0, import: 1, judge: 0 });
    expect(first).toEqual(['a', latentsFileOf(pairs[0]!.images[1]), 'import:x', undefined]);
  });
});
