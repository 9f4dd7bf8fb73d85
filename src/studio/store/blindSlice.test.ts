/** A blind test through the store, on a real IndexedDB implementation: what is on disk is what was judged. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  type BlindRound,
  type BlindTestRecord,
  type Question,
  readBlindTests,
  saveBlindTest,
} from '../../data/blindTests.ts';
import { blindFigures } from '../../evaluation/blindFigures.ts';
import { imageRecord } from '../../records/testRecords.ts';
import { WinnowError } from '../../shared/errors.ts';
import type { GenerateRequest } from '../../service/types.ts';
import { isBlindDone, isStudying, isUnfinished, judgedRounds } from './blindSlice.ts';
import { endedEarlyInWords } from './blindWords.ts';
import { WorkerForTests } from '../app/workerForTests.ts';
import { studyHere } from './persisted.ts';
import { db } from './services.ts';
import { exportReport } from './takeAway.ts';
import { closeStudio, modelInfo, openStudio, studio } from './testStudio.ts';
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

/** Files of pictures that were deleted. */
const gone = vi.hoisted(() => new Set<string>());
/** Files that take a while to load. */
const slow = vi.hoisted(() => new Map<string, Promise<void>>());
vi.mock('./pictures.ts', async (original) => ({
  ...(await original<object>()),
  loadPicture: async (file: string) => {
    await slow.get(file);
    if (gone.has(file)) throw new Error(`There is no ${file}.`);
  },
}));

beforeEach(async () => {
  gone.clear();
  slow.clear();
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
  expect(blindFigures(test!)[0]!.duels[0]!.rate).toMatchObject({ wins: 1, losses: 0, n: 1 });
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

const models = ['m', 'n', 'o'].map((base) => ({ base, adapters: [] }));
const some = ['a cat', 'a dog', 'a fox', 'a house', 'a tower', 'a tree'].map((prompt, i) => ({
  prompt,
  category: i < 3 ? 'animals' : 'others',
}));

/** An engine that draws at once, and pictures that need not be shown. */
async function studioThatDraws(): Promise<{ drawn: { base: string; prompt: string }[] }> {
  const drawn: { base: string; prompt: string }[] = [];
  await openStudio({
    engine: {
      models: () => models.map(({ base }) => modelInfo(base)),
      generate: (_job, request) => {
        const { items, ...settings } = request as GenerateRequest;
        return items.map(({ prompt, seed }) => {
          drawn.push({ base: settings.model.base, prompt });
          return imageRecord(`${settings.model.base} ${prompt}`, { ...settings, prompt, seed });
        });
      },
    },
  });
  return { drawn };
}

it('asks of three models, every two in turn, and puts them on one scale', async () => {
  const { drawn } = await studioThatDraws();
  await studio().startBlindTest({ rounds: 6, questions: ['general'], models, prompts: some });
  const { ready } = studio().blind!;
  expect(ready.map(({ between }) => between!.join()).toSorted()).toEqual(['0,1', '0,1', '0,2', '0,2', '1,2', '1,2']);
  // Only the two that are shown are drawn.
  expect(drawn).toHaveLength(12);
  for (const { between, images, prompt, category } of ready) {
    expect([images.a, images.b].map(({ model }) => model.base)).toEqual(between!.map((place) => models[place]!.base));
    expect(category).toBe(some.find((one) => one.prompt === prompt)!.category);
  }
  // Whoever stands further behind in the list is better.
  for (const { shownLeft } of ready) await studio().answerBlind(shownLeft === 'b' ? 'left' : 'right');
  expect(studio().blind).toMatchObject({ index: 6 });
  const [figures] = blindFigures((await readBlindTests(await db()))[0]!);
  expect(figures!.duels.map(({ rate }) => [rate.wins, rate.losses])).toEqual([
    [2, 0],
    [2, 0],
    [2, 0],
  ]);
  const strengths = figures!.strengths!.map(({ strength }) => strength);
  expect(strengths).toEqual(strengths.toSorted((a, b) => a - b));
});

it('a study is there before its first answer, is left and gone on with, and ends without a name', async () => {
  await studioThatDraws();
  const options = { rounds: 6, questions: ['general', 'appeal'] as Question[], models, prompts: some, rater: 'Ada' };
  await studio().startBlindTest(options);
  expect(isStudying(studio())).toBe(true);
  const sides = studio().blind!.ready.map(({ prompt, shownLeft }) => [prompt, shownLeft]);
  await studio().pauseBlindTest();
  expect(studio().blind).toBeNull();
  const [begun] = await readBlindTests(await db());
  expect([begun!.rater, judgedRounds(begun!), isUnfinished(begun!)]).toEqual(['Ada', 0, true]);

  await studio().resumeBlindTest(begun!.id);
  for (let i = 0; i < 5; i += 1) await studio().answerBlind('left');
  await studio().pauseBlindTest();
  // As after a reload: from what is on disk.
  useStudio.setState({ blindTests: await readBlindTests(await db()) });
  await studio().resumeBlindTest(begun!.id);
  expect(studio().blind).toMatchObject({ index: 2, question: 1 });
  expect(studio().blind!.ready.map(({ prompt, shownLeft }) => [prompt, shownLeft])).toEqual(sides);
  for (let i = 0; i < 7; i += 1) await studio().answerBlind('right');
  expect(isBlindDone(studio().blind!)).toBe(true);
  expect(isStudying(studio())).toBe(true);
  studio().revealStudy();
  expect(isStudying(studio())).toBe(false);
  const [done] = await readBlindTests(await db());
  expect(isUnfinished(done!)).toBe(false);
  expect(blindFigures(done!).map(({ answered }) => answered)).toEqual([6, 6]);
  expect(done!.rounds.map(({ answers }) => answers.length)).toEqual([2, 2, 2, 2, 2, 2]);

  await studio().removeBlindTest(done!.id);
  expect(await onDisk()).toEqual([]);
});

it('leads back to a study where the page is loaded again, and shows nothing else meanwhile', async () => {
  const kept = new Map<string, string>();
  vi.stubGlobal('sessionStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  });
  await studioThatDraws();
  await studio().startBlindTest({ rounds: 2, questions: ['general'], models, prompts: some, rater: 'Ada' });
  await studio().answerBlind('left');
  const { id } = studio().blind!.record;
  const reload = async (): Promise<void> => {
    useStudio.setState({ blind: null, studyToRestore: studyHere.read() });
    expect([studio().studyToRestore, isStudying(studio())]).toEqual([id, true]);
    await studio().restoreStudy();
  };
  await reload();
  expect(studio()).toMatchObject({ studyToRestore: null, blind: { index: 1, record: { id } } });
  await studio().answerBlind('left');
  // At its end, before anybody asked for the names.
  await reload();
  expect([isBlindDone(studio().blind!), isStudying(studio())]).toEqual([true, true]);
  studio().revealStudy();
  expect([studyHere.read(), isStudying(studio())]).toEqual([null, false]);
  // One that was left, or deleted, is not come back to.
  await studio().startBlindTest({ rounds: 2, questions: ['general'], models, prompts: some, rater: 'Ada' });
  await studio().pauseBlindTest();
  expect(studyHere.read()).toBeNull();
  useStudio.setState({ studyToRestore: 'gone' });
  await studio().restoreStudy();
  expect(isStudying(studio())).toBe(false);
});

it('goes on from what another tab judged, once it takes over from it', async () => {
  await studioThatDraws();
  await studio().startBlindTest({ rounds: 6, questions: ['general'], models: models.slice(0, 2), prompts: some });
  await studio().answerBlind('left');
  const [test] = await readBlindTests(await db());
  const further = studio()
    .blind!.ready.slice(0, 4)
    .map((round) => ({
      ...round,
      answers: [{ question: 'general' as const, answer: 'right' as const, elapsedMs: 1, at: '' }],
    }));
  await saveBlindTest(await db(), { ...test!, rounds: further });
  await studio().takeOverFromOtherTab();
  expect(studio().blind).toMatchObject({ index: 4, question: 0 });
  await studio().answerBlind('tie');
  expect(await onDisk()).toEqual([[['right'], ['right'], ['right'], ['right'], ['tie']]]);
  // Ended there, it is not gone on with here.
  const [now] = await readBlindTests(await db());
  await saveBlindTest(await db(), { ...now!, ended: true });
  await studio().takeOverFromOtherTab();
  expect(studio().blind).toBeNull();
});

it('gives what a study came to that nobody will go on with', async () => {
  await studioThatDraws();
  await studio().startBlindTest({ rounds: 6, questions: ['general'], models, prompts: some, rater: 'Ada' });
  const { id } = studio().blind!.record;
  await studio().pauseBlindTest();
  await studio().endBlindTest(id);
  expect(studio().blind).toBeNull();
  await studio().resumeBlindTest(id);
  for (const _ of [1, 2]) await studio().answerBlind('left');
  await studio().pauseBlindTest();
  await studio().endBlindTest(id);
  expect([isBlindDone(studio().blind!), isStudying(studio())]).toEqual([true, false]);
  const [ended] = await readBlindTests(await db());
  expect([endedEarlyInWords(ended!), isUnfinished(ended!)]).toEqual(['Ended early, after 2 of 6.', false]);
  expect(studio().blindTests).toEqual([ended]);
});

it('stands in the report with everything that its figures say, and nothing of a prompt is markup', async () => {
  await studioThatDraws();
  const prompts = ['<b>a "cat"</b>', 'a dog & מלך', 'a fox', 'a house'].map((prompt, i) => ({
    prompt,
    ...(i < 2 && { category: '<i>odd</i>' }),
  }));
  await studio().startBlindTest({ rounds: 4, questions: ['general'], models: models.slice(0, 2), prompts });
  for (const { shownLeft, category } of studio().blind!.ready)
    await studio().answerBlind(category === undefined ? 'tie' : shownLeft === 'b' ? 'left' : 'right');
  const html = (await exportReport(undefined)).bytes as string;
  const cells = [...html.matchAll(/<tr>((?:<td>[^<]*<\/td>)+)<\/tr>/g)].map((row) =>
    [...row[1]!.matchAll(/<td>([^<]*)<\/td>/g)].map((cell) => cell[1]),
  );
  expect(cells).toContainEqual(['all', '100.0 %', '34.2 % to 100.0 %', '2', '0', '2', '0.50', expect.any(String)]);
  expect(cells).toContainEqual(['without a category', 'none decided', '0.0 % to 100.0 %', '0', '0', '2', '1.0', '']);
  expect(cells.flat()).toContain('&#60;i&#62;odd&#60;/i&#62;');
  expect(html).not.toMatch(/<i>odd|<b>a|NaN|Infinity|undefined/);
  // What was judged, under the names; files of a test have no pictures, whose places stay.
  expect(html).toContain('<th scope="row">&#60;b&#62;a &#34;cat&#34;&#60;/b&#62; (seed');
});

it('asks about the pictures alone before the prompt has been read', async () => {
  await studioThatDraws();
  await studio().startBlindTest({ rounds: 1, questions: ['general', 'appeal', 'alignment'], models, prompts: some });
  expect(studio().blind!.record.questions).toEqual(['appeal', 'general', 'alignment']);
});

it('starts nothing of one model', async () => {
  await studioThatDraws();
  await studio().startBlindTest({ rounds: 2, questions: ['general'], models: [models[0]!, models[0]!], prompts: some });
  expect(studio().blind).toBeNull();
});

it('is no verdict before its end: it is left, and gone on with where it was', async () => {
  await studioThatDraws();
  await studio().startBlindTest({ rounds: 5, questions: ['appeal'], models: models.slice(0, 2), prompts: some });
  const sides = studio().blind!.ready.map(({ prompt, seed, shownLeft }) => [prompt, seed, shownLeft]);
  await studio().answerBlind('left');
  await studio().pauseBlindTest();
  // As after a reload, with other settings by then.
  useStudio.setState({ blindTests: await readBlindTests(await db()) });
  const [left] = studio().blindTests;
  expect(isUnfinished(left!)).toBe(true);
  studio().setDraft({ base: 'm', width: 64, height: 64 });
  studio().compareAsGenerated();
  await studio().resumeBlindTest(left!.id);
  expect(studio().blind).toMatchObject({ index: 1, drawing: false });
  expect(studio().blind!.ready.map(({ prompt, seed, shownLeft }) => [prompt, seed, shownLeft])).toEqual(sides);
  expect(new Set(studio().blind!.ready.map(({ images }) => images.a.width))).toEqual(new Set([512]));
  for (let i = 0; i < 4; i += 1) await studio().answerBlind('right');
  const [done] = await readBlindTests(await db());
  expect([isUnfinished(done!), endedEarlyInWords(done!)]).toEqual([false, null]);
});

it('is kept as ended where somebody wants what it came to before its end, and is not gone on with', async () => {
  await studioThatDraws();
  await studio().startBlindTest({ rounds: 5, questions: ['general'], models: models.slice(0, 2), prompts: some });
  await studio().answerBlind('left');
  await studio().stopBlindTest();
  const [ended] = await readBlindTests(await db());
  expect([ended!.ended, isUnfinished(ended!), endedEarlyInWords(ended!)]).toEqual([
    true,
    false,
    'Ended early, after 1 of 5.',
  ]);
  studio().closeBlindTest();
  await studio().resumeBlindTest(ended!.id);
  expect(studio().blind).toBeNull();
  // Earlier versions kept no plan: there is nothing to go on with.
  const { plan: _, ended: __, ...old } = ended!;
  expect([isUnfinished(old), endedEarlyInWords(old)]).toEqual([false, 'Ended early, after 1 of 5.']);
});

it('goes on with what is missing where drawing failed in between', async () => {
  const { drawn } = await studioThatDraws();
  const generate = WorkerForTests.verbs['generate']!;
  let calls = 0;
  WorkerForTests.verbs['generate'] = (...args) => {
    calls += 1;
    if (calls === 3) throw new WinnowError('GpuError', 'The GPU failed.', 'Try again.');
    return generate(...args);
  };
  await studio().restartEngine();
  await studio().startBlindTest({ rounds: 6, questions: ['general'], models: models.slice(0, 2), prompts: some });
  expect(studio().blindProblem?.name).toBe('GpuError');
  const { record: begun, ready } = studio().blind!;
  expect([ready.length, studio().blind!.drawing, begun.planned]).toEqual([4, false, 6]);
  await studio().resumeBlindTest(begun.id);
  expect(studio().blindProblem).toBeNull();
  expect(studio().blind!.ready).toHaveLength(6);
  expect(drawn).toHaveLength(12);
});

it('goes on where the pictures of a round were deleted, and keeps what was answered of it', async () => {
  await studioThatDraws();
  const questions: Question[] = ['appeal', 'general', 'alignment'];
  await studio().startBlindTest({ rounds: 3, questions, models: models.slice(0, 2), prompts: some });
  for (let i = 0; i < 4; i += 1) await studio().answerBlind('left');
  const { id } = studio().blind!.record;
  await studio().pauseBlindTest();
  const { images } = studio().blindTests[0]!.rounds[1]!;
  for (const { file } of [images.a, images.b]) gone.add(file);
  // The rounds after it are drawn all the same.
  await studio().resumeBlindTest(id);
  expect(studio()).toMatchObject({ blindProblem: null, blind: { index: 1, question: 1, drawing: false } });
  expect(studio().blind!.ready).toHaveLength(3);
  // Twice, as a double click: one round.
  await Promise.all([studio().passBlind(1), studio().passBlind(1)]);
  expect(studio().blind).toMatchObject({ index: 2, question: 0 });
  expect(await onDisk()).toEqual([[['left', 'left', 'left'], ['left']]]);
  await studio().undoBlind();
  expect(studio().blind).toMatchObject({ index: 1, question: 1 });
  expect(isUnfinished(studio().blind!.record)).toBe(true);
  await studio().passBlind(1);
  // It is behind, as after a reload.
  await studio().pauseBlindTest();
  useStudio.setState({ blindTests: await readBlindTests(await db()) });
  await studio().resumeBlindTest(id);
  expect(studio().blind).toMatchObject({ index: 2, question: 0 });
  for (let i = 0; i < 3; i += 1) await studio().answerBlind('right');
  expect(isBlindDone(studio().blind!)).toBe(true);
  const [done] = await readBlindTests(await db());
  expect(isUnfinished(done!)).toBe(false);
  expect(blindFigures(done!).map(({ answered }) => answered)).toEqual([3, 2, 2]);
  expect(endedEarlyInWords(done!)).toMatch(/were deleted before every question was answered: it came to 2 of 3\.$/);
});

it('draws deleted pictures of a round again, by the model that drew them and no other', async () => {
  const { drawn } = await studioThatDraws();
  await studio().startBlindTest({ rounds: 2, questions: ['appeal', 'general'], models, prompts: some });
  await studio().answerBlind('left');
  const { images } = studio().blind!.ready[0]!;
  gone.add(images.b.file);
  drawn.length = 0;
  const generate = WorkerForTests.verbs['generate']!;
  const files =
    (change: object): typeof generate =>
    (...args) =>
      (generate(...args) as object[]).map((one) => ({ ...one, ...change }));
  WorkerForTests.verbs['generate'] = files({ file: 'again.png', modelHash: 'another' });
  await studio().redrawBlind();
  expect(studio().blind).toMatchObject({ otherAt: 0, redrawing: false, ready: [{ images }, {}] });
  WorkerForTests.verbs['generate'] = files({ file: 'again.png' });
  // Twice, as a double click: drawn once.
  await Promise.all([studio().redrawBlind(), studio().redrawBlind()]);
  expect(drawn.map(({ base }) => base)).toEqual([images.b.model.base, images.b.model.base]);
  expect(studio().blind).toMatchObject({ index: 0, question: 1, redrawing: false });
  expect(studio().blindProblem).toBeNull();
  await studio().answerBlind('right');
  const [test] = await readBlindTests(await db());
  expect(test!.rounds).toMatchObject([{ images: { a: { file: images.a.file }, b: { file: 'again.png' } } }]);
  expect(await onDisk()).toEqual([[['left', 'right']]]);
});

/** An engine that makes pictures when it is let: the batches that wait, and what lets them all on. */
async function studioThatWaits(): Promise<{ turns: (() => void)[]; letOn: () => () => void }> {
  await studioThatDraws();
  const generate = WorkerForTests.verbs['generate']!;
  const turns: (() => void)[] = [];
  WorkerForTests.verbs['generate'] = async (...args) => {
    await new Promise<void>((resolve) => turns.push(resolve));
    return generate(...args);
  };
  // What is drawn already cannot be cancelled.
  WorkerForTests.verbs['cancel'] = () => undefined;
  return {
    turns,
    letOn() {
      const timer = setInterval(() => turns.splice(0).forEach((go) => go()));
      return () => clearInterval(timer);
    },
  };
}

const two = (count: number) => ({
  rounds: count,
  questions: ['appeal', 'general'] as Question[],
  models: models.slice(0, 2),
  prompts: some,
});

/** In the order of their plan, each once. */
function expectAll(): void {
  const { ready, record: now } = studio().blind!;
  expect(ready.map(({ seed }) => seed)).toEqual(now.plan!.showings.map(({ seed }) => seed));
  expect(studio().blind!.drawing).toBe(false);
}

it('is drawn once where it is left and gone on with while its rounds are being drawn', async () => {
  const { turns, letOn } = await studioThatWaits();
  const first = studio().startBlindTest({ ...two(2), rater: 'Ada' });
  await vi.waitFor(() => expect(turns).toHaveLength(1));
  const { id } = studio().blind!.record;
  await studio().pauseBlindTest();
  const second = studio().resumeBlindTest(id);
  await vi.waitFor(() => expect(turns).toHaveLength(2));
  const end = letOn();
  await Promise.all([first, second]);
  end();
  expectAll();
});

/** A test of 6 rounds with one answer that was left while the last two were being drawn. */
async function leftInTheMaking(): Promise<
  Awaited<ReturnType<typeof studioThatWaits>> & { id: string; made: Promise<void> }
> {
  const waiting = await studioThatWaits();
  const { turns } = waiting;
  const made = studio().startBlindTest(two(6));
  for (const batch of [1, 2]) {
    await vi.waitFor(() => expect(turns, `batch ${batch}`).toHaveLength(1));
    turns.pop()!();
  }
  await vi.waitFor(() => expect(turns).toHaveLength(1));
  await studio().answerBlind('left');
  const { id } = studio().blind!.record;
  await studio().pauseBlindTest();
  return { ...waiting, id, made };
}

/** Holds up the pictures of what was answered. @returns what lets them come. */
function holdUp(): () => void {
  let come = (): void => {};
  const { images } = studio().blindTests[0]!.rounds[0]!;
  slow.set(images.a.file, new Promise((resolve) => (come = resolve)));
  return come;
}

it('keeps the order of its rounds where those that were being drawn come before the pictures of the one on screen', async () => {
  const { id, made, letOn } = await leftInTheMaking();
  const come = holdUp();
  const resumed = studio().resumeBlindTest(id);
  const end = letOn();
  await new Promise((resolve) => setTimeout(resolve, 50));
  come();
  await Promise.all([made, resumed]);
  end();
  expect(studio().blind!.ready).toHaveLength(6);
  expectAll();
});

it('leaves a test alone that was begun while another one, left meanwhile, was still to be gone on with', async () => {
  const { id, made, letOn } = await leftInTheMaking();
  const come = holdUp();
  const resumed = studio().resumeBlindTest(id);
  await studio().pauseBlindTest();
  const other = studio().startBlindTest(two(6));
  await vi.waitFor(() => expect(studio().blind!.drawing).toBe(true));
  come();
  await resumed;
  const end = letOn();
  await Promise.all([made, other]);
  end();
  expect(studio().blindProblem).toBeNull();
  expect(studio().blind!.ready).toHaveLength(6);
  expectAll();
});
