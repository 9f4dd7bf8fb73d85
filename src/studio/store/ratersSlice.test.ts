/** Several people at one studio: whose labels are listed, taken back and merged, and pairs that are shown again. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { appendLabel, type Label, labelsOf, readLabels } from '../../data/labels.ts';
import { savePairs } from '../../data/pairs.ts';
import { againAfter } from '../../evaluation/selfAgreement.ts';
import { labelEvent } from '../../records/testRecords.ts';
import { queue, queueSizes, usable } from './labelSelectors.ts';
import { currentRater, profiles, raterTitle } from './ratersSlice.ts';
import { db } from './services.ts';
import { closeStudio, openStudio, pairOf, studio } from './testStudio.ts';

const bring = async (...ids: string[]): Promise<void> => {
  const pairs = ids.map((id) => pairOf(id));
  await savePairs(await db(), pairs);
  studio().addPairs(pairs);
};
const listed = (): string[] => queue(studio()).map(({ id }) => id);

beforeEach(async () => {
  await openStudio();
  for (const { by } of profiles(studio()).slice(1)) studio().removeRater(by);
});
afterEach(closeStudio);

it('gives every rater all pairs, and their own answers to take back', async () => {
  await bring('a', 'b', 'c');
  await studio().answer('left');
  studio().addRater(' Ann ');
  expect(currentRater(studio())).toMatchObject({ by: 'person:Ann', name: 'Ann' });
  expect(listed()).toEqual(['a', 'b', 'c']);
  await studio().answer('tie');
  await studio().undoLabel();
  await studio().undoLabel();
  expect(labelsOf(studio().labels, 'person').given).toHaveLength(1);
  expect(labelsOf(studio().labels, 'person:Ann').undone).toHaveLength(1);
  await studio().redoLabel();
  const events = (await readLabels(await db())).filter((event) => event.type === 'label');
  expect(events.map(({ by }) => by)).toEqual(['person', 'person:Ann', 'person:Ann']);
  studio().nextRater();
  expect(currentRater(studio()).name).toBe('Me');
  expect(listed()).toEqual(['b', 'c']);
});

it('lists mine or what everybody says together, and trains on that', async () => {
  await bring('a', 'b');
  const sides = (answer: 'left' | 'right') =>
    studio().showing!.shownLeft === 0 ? answer : answer === 'left' ? 'right' : 'left';
  await studio().answer(sides('left'));
  await studio().answer(sides('left'));
  studio().addRater('Ann');
  await studio().answer(sides('left'));
  await studio().answer(sides('right'));
  expect(queueSizes(studio())).toMatchObject({ preferred: 2, tie: 0 });
  studio().setWhose('all');
  expect(queueSizes(studio())).toMatchObject({ preferred: 1, tie: 1 });
  expect(usable(studio()).own).toBe(1);
});

it('leaves what came labelled in a list of its own, and a person who judges it counts more', async () => {
  await bring('a', 'b');
  await appendLabel(await db(), { ...labelEvent('l', 'a'), by: 'import' });
  await studio().readStored();
  expect(listed()).toEqual(['b']);
  studio().setFilter('brought');
  expect(listed()).toEqual(['a']);
  await studio().answer('bothBad');
  expect(listed()).toEqual([]);
  expect(studio().labels.byPair.get('a')).toMatchObject({ answer: 'bothBad', by: 'person' });
});

it('shows some pairs again, sides turned and without a sign, and no label changes by it', async () => {
  // One that is drawn for whoever sits here, and enough that are not.
  const ids = Array.from({ length: 400 }, (_, i) => `p${i}`);
  const chosen = ids.find((id) => againAfter('person', id) < Infinity)!;
  const others = ids.filter((id) => againAfter('person', id) === Infinity).slice(0, againAfter('person', chosen));
  await bring(chosen, ...others, 'zz');
  studio().showPair(chosen);
  const { shownLeft } = studio().showing!;
  await studio().answer('left');
  for (const id of others) {
    expect(studio().showing?.again).toBeUndefined();
    studio().showPair(id);
    await studio().answer('right');
  }
  const again = studio().showing!;
  expect(again).toMatchObject({ pair: { id: chosen }, again: true, shownLeft: shownLeft === 0 ? 1 : 0 });
  const before = studio().counts;
  await studio().answer('right');
  expect(studio().counts).toEqual(before);
  expect(studio().labels.byPair.get(chosen)).toMatchObject({ answer: 'left' });
  expect((await readLabels(await db())).at(-1) as Label).toMatchObject({ pair: chosen, again: true, answer: 'right' });
  expect(studio().showing?.pair.id).toBe('zz');
  await studio().undoLabel();
  expect(studio().showing).toMatchObject({ pair: { id: chosen }, again: true, shownLeft: again.shownLeft });
});

it('refuses a name that is none, or is there', () => {
  studio().addRater('Ann');
  for (const name of ['', '   ', 'ann', 'Me', 'x'.repeat(41)]) expect(() => studio().addRater(name)).toThrow();
  studio().removeRater('person:Ann');
  expect(currentRater(studio()).by).toBe('person');
});

it('names raters as people know them', () => {
  expect(['person', 'person:Ann', 'import', 'import:7', 'a alignment'].map(raterTitle)).toEqual([
    'Me',
    'Ann',
    'Came with the data',
    '7 (came with the data)',
    'Judge a alignment',
  ]);
});

it('takes in what somebody else answered, under the name of the file, once', async () => {
  await bring('a', 'b');
  await studio().answer('left');
  const theirs = [
    { ...labelEvent('x1', 'a'), by: 'person' },
    { ...labelEvent('x2', 'elsewhere'), by: 'person' },
    { ...labelEvent('x3', 'b'), by: 'person:Cy' },
  ];
  const file = (events: object[], name: string): File =>
    new File(
      events.map((event) => `${JSON.stringify(event)}\n`),
      name,
    );
  expect(await studio().addLabels(file(theirs, 'Bo.jsonl'))).toEqual({ added: 2, ofOthers: 1, notes: [] });
  expect([...studio().labels.byRater.keys()]).toEqual(['person', 'person:Bo', 'person:Cy']);
  expect((await studio().addLabels(file(theirs, 'Bo.jsonl'))).added).toBe(0);
  // A copy of one's own, with more than is here.
  const own = [...studio().labelEvents, { ...labelEvent('x4', 'b'), by: 'person' }];
  expect((await studio().addLabels(file(own, 'backup.jsonl'))).added).toBe(1);
  expect(labelsOf(studio().labels, 'person').byPair.has('b')).toBe(true);
});
