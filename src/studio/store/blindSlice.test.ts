/** A blind test through the store, on a real IndexedDB implementation: what is on disk is what was judged. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type BlindRound, type BlindTestRecord, readBlindTests } from '../../data/blindTests.ts';
import { imageRecord } from '../../records/testRecords.ts';
import { db } from './services.ts';
import { blindResults } from './takeAway.ts';
import { closeStudio, openStudio, studio } from './testStudio.ts';
import { useStudio } from './useStudio.ts';

const rounds: BlindRound[] = [0, 1, 2].map((seed) => ({
  prompt: 'p',
  seed,
  images: { a: imageRecord(`a${seed}`), b: imageRecord(`b${seed}`) },
  shownLeft: 'a',
  answers: [],
}));

const record: BlindTestRecord = {
  version: 1,
  id: 'test',
  a: { title: 'A', model: { base: 'm', adapters: [] } },
  b: { title: 'B', model: { base: 'm', adapters: [{ kind: 'run', run: 'r', strength: 1 }] } },
  questions: ['general'],
  planned: 3,
  rounds: [],
  createdAt: '',
};

const onDisk = async () =>
  (await readBlindTests(await db())).map((test) =>
    test.rounds.map(({ answers }) => answers.map(({ answer }) => answer)),
  );

function begin(change: Partial<BlindTestRecord> = {}): void {
  useStudio.setState({
    blind: { record: { ...record, ...change }, ready: rounds, index: 0, question: 0, since: 0, stopped: false },
  });
}

beforeEach(async () => {
  await openStudio();
  begin();
});
afterEach(closeStudio);

it('takes an answer back on disk, in the verdict and in the list of tests', async () => {
  await studio().answerBlind('right');
  await studio().answerBlind('right');
  await studio().undoBlind();
  expect(await onDisk()).toEqual([[['right']]]);
  await studio().stopBlindTest();
  const [test] = await readBlindTests(await db());
  expect(studio().blind!.record).toEqual(test);
  expect(studio().blindTests).toEqual([test]);
  expect(blindResults(test!)[0]!.result).toMatchObject({ wins: 1, losses: 0, n: 1 });
});

it('leaves nothing of a test whose only answer was taken back', async () => {
  await studio().answerBlind('left');
  await studio().undoBlind();
  await studio().stopBlindTest();
  expect(await onDisk()).toEqual([]);
  expect(studio().blindTests).toEqual([]);
});

it('ends with the order in which keys were struck, however fast they come', async () => {
  await Promise.all([
    studio().answerBlind('left'),
    studio().answerBlind('left'),
    studio().undoBlind(),
    studio().undoBlind(),
    studio().answerBlind('tie'),
    studio().answerBlind('right'),
    studio().undoBlind(),
  ]);
  expect(await onDisk()).toEqual([[['tie']]]);
});

it('takes back one answer of a round of several questions, and no other', async () => {
  begin({ questions: ['general', 'appeal'] });
  for (const answer of ['left', 'right', 'tie', 'left'] as const) await studio().answerBlind(answer);
  await studio().undoBlind();
  expect(studio().blind).toMatchObject({ index: 1, question: 1 });
  expect(await onDisk()).toEqual([[['left', 'right'], ['tie']]]);
  await studio().answerBlind('right');
  expect(await onDisk()).toEqual([
    [
      ['left', 'right'],
      ['tie', 'right'],
    ],
  ]);
  for (let i = 0; i < 4; i += 1) await studio().undoBlind();
  expect(studio().blind).toMatchObject({ index: 0, question: 0, record: { rounds: [] } });
  expect(await onDisk()).toEqual([]);
});

it('shows the next question when the answer is on disk, and not before', async () => {
  begin({ questions: ['general', 'appeal'] });
  const found: Promise<[shown: number, onDisk: number]>[] = [];
  const stop = useStudio.subscribe(({ blind }, before) => {
    if (!blind || (blind.index === before.blind?.index && blind.question === before.blind.question)) return;
    const shown = 2 * blind.index + blind.question;
    found.push(onDisk().then((tests) => [shown, tests.flat(2).length]));
  });
  const verbs = ['answer', 'answer', 'undo', 'answer', 'answer', 'undo', 'undo', 'answer'];
  for (const verb of verbs) await (verb === 'undo' ? studio().undoBlind() : studio().answerBlind('left'));
  stop();
  const seen = await Promise.all(found);
  expect(seen).toHaveLength(verbs.length);
  for (const [shown, kept] of seen) expect(kept).toBe(shown);
});

it('stays at the question whose answer could not be written', async () => {
  const put = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementationOnce(() => {
    throw new DOMException('full', 'QuotaExceededError');
  });
  await studio().answerBlind('left');
  put.mockRestore();
  expect(studio().blind).toMatchObject({ index: 0, question: 0 });
  expect(studio().blindProblem?.name).toBe('NoDiskSpace');
  await studio().answerBlind('right');
  expect(await onDisk()).toEqual([[['right']]]);
});

it('takes an answer to the question that was seen, or none', async () => {
  const at = { index: 0, question: 0 };
  await studio().answerBlind('left', at);
  await studio().answerBlind('left', at);
  expect(studio().blind?.index).toBe(1);
});

it('judges nothing in a tab that only looks', async () => {
  await studio().answerBlind('left');
  useStudio.setState({ engineState: 'otherTab' });
  await studio().answerBlind('left');
  await studio().undoBlind();
  expect(studio().blindProblem?.name).toBe('SecondTab');
  expect(await onDisk()).toEqual([[['left']]]);
});
