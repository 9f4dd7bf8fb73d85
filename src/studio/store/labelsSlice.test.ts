/** Judging through the store, on a real IndexedDB implementation: what is on disk when the next pair shows, undo, redo, filters. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { appendLabel, answerAsShown, labelsOf, readLabels } from '../../data/labels.ts';
import { readPairs, savePairs } from '../../data/pairs.ts';
import type { PairRecord } from '../../service/types.ts';
import { db } from './services.ts';
import { queue, usable, usablePairs } from './labelSelectors.ts';
import { closeStudio, openStudio, pairOf, studio } from './testStudio.ts';
import { useStudio } from './useStudio.ts';

beforeEach(async () => {
  await openStudio();
  const pairs = ['a', 'b', 'c'].map((id) => pairOf(id));
  await savePairs(await db(), pairs);
  studio().addPairs(pairs);
});
afterEach(closeStudio);

it('has the answer on disk before the next pair shows', async () => {
  const shownPairs: [string | undefined, number][] = [];
  const stop = useStudio.subscribe((now, before) => {
    if (now.showing !== before.showing)
      void db()
        .then(readLabels)
        .then((events) => shownPairs.push([now.showing?.pair.id, events.length]));
  });
  await studio().answer('left');
  await studio().answer('right', true);
  await new Promise((wait) => setTimeout(wait, 20));
  stop();
  expect(shownPairs).toEqual([
    ['b', 1],
    ['c', 2],
  ]);
  const events = await readLabels(await db());
  expect(events).toEqual(studio().labelEvents);
  expect(events.map((event) => event.type === 'label' && [event.pair, event.answer, event.clearly])).toEqual([
    ['a', 'left', false],
    ['b', 'right', true],
  ]);
});

it('takes one answer at a time, however fast the keys come', async () => {
  await Promise.all([studio().answer('left'), studio().answer('left'), studio().answer('left')]);
  expect(studio().counts.labels).toBe(1);
  expect(studio().showing?.pair.id).toBe('b');
});

it('turns answers into usable pairs by the side they were shown on', async () => {
  useStudio.setState({ showing: { pair: pairOf('a'), shownLeft: 1, since: 0 } });
  await studio().answer('left');
  await studio().answer('tie');
  expect(usablePairs(studio())).toEqual([
    {
      pair: 'a',
      prompt: 'prompt a',
      winnerLatents: 'images/a1.safetensors',
      loserLatents: 'images/a0.safetensors',
      by: 'person',
    },
  ]);
  expect(studio().counts).toMatchObject({ labels: 2, usable: 1, tie: 1 });
});

it('counts ties as usable, and learns from them, once the loss reads how sure a label is', async () => {
  useStudio.setState({ showing: { pair: pairOf('a'), shownLeft: 1, since: 0 } });
  await studio().answer('tie');
  expect(usable(studio())).toMatchObject({ own: 0 });
  studio().setTrainConfig({ loss: 'soft' });
  expect(usable(studio())).toMatchObject({ own: 1 });
  expect(usablePairs(studio())).toMatchObject([{ pair: 'a', strength: 'tie', winnerLatents: 'images/a1.safetensors' }]);
  studio().setTrainConfig({ loss: 'sigmoid' });
});

it('goes back and forth over several answers', async () => {
  for (const answer of ['left', 'tie', 'bothBad'] as const) await studio().answer(answer);
  expect(studio().showing).toBeNull();
  await studio().undoLabel();
  expect(studio().showing?.pair.id).toBe('c');
  await studio().undoLabel();
  expect(studio().showing?.pair.id).toBe('b');
  expect(studio().counts.labels).toBe(1);
  await studio().redoLabel();
  await studio().redoLabel();
  expect(studio().labels.byPair.get('c')?.answer).toBe('bothBad');
  expect(labelsOf(studio().labels, 'person').undone).toEqual([]);
  // Three answers, two retractions, two repetitions: nothing is ever removed.
  expect(await readLabels(await db())).toHaveLength(7);
});

it('takes back what is still being written, in the order in which the keys were struck', async () => {
  await Promise.all([studio().answer('left'), studio().undoLabel()]);
  expect(studio().counts.labels).toBe(0);
  expect(studio().showing?.pair.id).toBe('a');
  await Promise.all([studio().redoLabel(), studio().undoLabel(), studio().undoLabel(), studio().redoLabel()]);
  expect(studio().counts.labels).toBe(1);
  expect((await readLabels(await db())).map(({ type }) => type)).toEqual([
    'label',
    'retract',
    'label',
    'retract',
    'label',
  ]);
});

it('writes an answer for who gave it, and takes it back for who took it back, whoever judges by then', async () => {
  studio().addRater('Ann');
  const taking = [studio().answer('left'), studio().undoLabel(), studio().redoLabel()];
  studio().nextRater();
  await Promise.all(taking);
  const events = await readLabels(await db());
  expect(events.map((event) => (event.type === 'label' ? event.by : event.type))).toEqual([
    'person:Ann',
    'retract',
    'person:Ann',
  ]);
  expect(labelsOf(studio().labels, 'person').given).toEqual([]);
  expect(studio().showing?.pair.id).toBe('a');
});

it('draws the sides anew at every showing', () => {
  const sides = new Set(
    Array.from({ length: 64 }, () => {
      studio().showPair('a');
      return studio().showing!.shownLeft;
    }),
  );
  expect(sides).toEqual(new Set([0, 1]));
});

it('lists pairs by their answer, where they can be judged again', async () => {
  await studio().answer('skip');
  studio().setFilter('skip');
  expect(queue(studio()).map(({ id }) => id)).toEqual(['a']);
  await studio().answer('right');
  expect(queue(studio())).toEqual([]);
  expect(studio().showing).toBeNull();
  studio().setFilter('preferred');
  expect(studio().showing?.pair.id).toBe('a');
});

it('marks the picture that was preferred, whichever side it stands on now', async () => {
  for (const answer of ['left', 'right'] as const) {
    useStudio.setState({ showing: { pair: pairOf('a'), shownLeft: 1, since: 0 } });
    await studio().answer(answer);
    const label = studio().labels.byPair.get('a')!;
    expect(answerAsShown(label, 1)).toBe(answer);
    expect(answerAsShown(label, 0)).toBe(answer === 'left' ? 'right' : 'left');
  }
  await studio().undoLabel();
  await studio().answer('bothBad');
  expect(answerAsShown(studio().labels.byPair.get('a')!, 0)).toBe('bothBad');
});

it('goes back to the pairs to judge, whatever list is open', async () => {
  await studio().answer('left');
  studio().setFilter('preferred');
  expect(studio().showing?.pair.id).toBe('a');
  studio().judgeNew();
  expect(studio().filter).toBe('toJudge');
  expect(studio().showing?.pair.id).toBe('b');
});

it('writes an answer to what the person saw, or nothing', async () => {
  const seen = studio().showing;
  await studio().answer('left', false, seen);
  await studio().answer('right', false, seen);
  studio().showPair('c');
  const drawn = studio().showing;
  studio().showPair('c');
  await studio().answer('right', false, drawn);
  expect((await readLabels(await db())).map((event) => event.type === 'label' && event.pair)).toEqual(['a']);
});

it.each([
  ['answered', () => studio().answer('left')],
  ['taken back', () => studio().undoLabel()],
])('stays in the list that was opened while a pair was %s', async (_, work) => {
  await studio().answer('tie');
  const working = work();
  studio().setFilter('tie');
  await working;
  expect(studio().showing?.pair.id).toBe(queue(studio())[0]?.id);
  studio().setFilter('skip');
  const answering = studio().answer('left');
  studio().setFilter('toJudge');
  await answering;
  expect(studio().labels.byPair.has(studio().showing!.pair.id)).toBe(false);
});

it('shows of pairs with one id the first, before and after a reload', async () => {
  const twin = { ...pairOf('d'), prompt: 'another one' };
  studio().addPairs([pairOf('d'), twin]);
  studio().addPairs([twin]);
  expect(
    studio()
      .pairs.filter(({ id }) => id === 'd')
      .map(({ prompt }) => prompt),
  ).toEqual(['prompt d']);
});

it('lists what came in together from another Winnow in the order that it was made in, whatever its names', async () => {
  const made = ['z', 'y', 'x'].map((id, i) =>
    pairOf(id, { createdAt: `2026-01-0${i + 1}T00:00:00Z`, importedAt: '2026-02-01T00:00:00Z' }),
  );
  await savePairs(await db(), made);
  // By their names, as after a reload.
  const stored = await readPairs(await db());
  expect(stored.slice(-3).map(({ id }) => id)).toEqual(['x', 'y', 'z']);
  studio().addPairs(stored);
  expect(studio().pairs.flatMap(({ id, importedAt }) => (importedAt ? [id] : []))).toEqual(['z', 'y', 'x']);
});

it('leaves a pair that another tab has judged meanwhile', async () => {
  expect(studio().showing?.pair.id).toBe('a');
  await appendLabel(await db(), {
    type: 'label',
    id: 'of another tab',
    pair: 'a',
    answer: 'left',
    shownLeft: 0,
    clearly: false,
    elapsedMs: 1,
    at: '',
    by: 'person',
  });
  await studio().readStored();
  expect(studio().showing?.pair.id).toBe('b');
});

it('refuses to write from a tab that only looks', async () => {
  useStudio.setState({ engineState: 'otherTab' });
  await studio().answer('left');
  expect(studio().labelProblem?.name).toBe('SecondTab');
  expect(await readLabels(await db())).toEqual([]);
});

it('keeps every label over a reload', async () => {
  await studio().answer('left');
  await studio().answer('right');
  const before = studio().counts;
  useStudio.setState(useStudio.getInitialState(), true);
  const database = await db();
  const [events, pairs] = await Promise.all([readLabels(database), readPairs(database)]);
  expect(events).toHaveLength(2);
  expect(pairs).toHaveLength(3);
  await studio().readStored();
  // The file store alone is missing here.
  expect(studio().labelProblem?.name).toBe('UnsupportedConfig');
  expect(studio().counts).toEqual(before);
  expect(studio().showing?.pair.id).toBe('c');
});

it('says on screen what of the storage cannot be read, and shows the rest', async () => {
  const database = await db();
  await database.put('pairs', { ...pairOf('d'), images: null } as unknown as PairRecord);
  const said: (string | undefined)[] = [];
  const stop = useStudio.subscribe(({ labelProblem }) => said.push(labelProblem?.message));
  await studio().readStored();
  stop();
  expect(said.filter((message) => message?.includes('pair d (images'))).not.toEqual([]);
  expect(studio().pairs.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  expect(await database.get('pairs', 'd')).toBeDefined();
});
