/** The generation queue over a reload: what was cut off goes on where it was, and what ends the page does not do so for ever. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { readJson } from '../../data/files.ts';
import { readPairs, savePairs } from '../../data/pairs.ts';
import { imageRecord } from '../../records/testRecords.ts';
import { MemoryFileStore } from '../../service/memoryFiles.ts';
import { testRun } from '../../service/testRuns.ts';
import type {
  GenerateEvent,
  GenerateRequest,
  ImplicitRequest,
  Listener,
  PairsEvent,
  PairsRequest,
} from '../../service/types.ts';
import { WorkerForTests } from '../app/workerForTests.ts';
import { isOpen } from './jobsSlice.ts';
import { roundRecipe } from './generateSelectors.ts';
import { db } from './services.ts';
import { closeStudio, never, openStudio, pairOf, studio } from './testStudio.ts';
import { useStudio } from './useStudio.ts';

let store = new MemoryFileStore();
vi.mock('./services.ts', async (original) => ({ ...(await original<object>()), files: async () => store }));

beforeEach(() => {
  store = new MemoryFileStore();
});
afterEach(closeStudio);

const settings = {
  model: { base: 'm', adapters: [] },
  negativePrompt: '',
  steps: 2,
  guidanceScale: 1,
  width: 64,
  height: 64,
  scheduler: 'DDIMScheduler',
  sampler: 'auto' as const,
};
const items = [1, 2, 3, 4].map((seed) => ({ prompt: 'a tree', seed }));

/** An engine that makes some of what is asked for, and then nothing more. */
function engineThatStalls(made: number) {
  const asked: (GenerateRequest | PairsRequest)[] = [];
  const generate = (_: string, request: GenerateRequest, on: Listener<GenerateEvent>) => {
    asked.push(request);
    request.items.slice(0, made).forEach((item, i) => {
      const record = imageRecord(`${item.seed}`, { ...settings, ...item });
      on({ type: 'image', item: i, items: request.items.length, record });
    });
    return made < request.items.length ? never() : request.items.map(({ seed }) => imageRecord(`${seed}`));
  };
  const makePairs = (_: string, request: PairsRequest, on: Listener<PairsEvent>) => {
    asked.push(request);
    const { first = 0 } = request;
    const end = Math.min(request.count, first + made);
    const pairs = Array.from({ length: end - first }, (_, i) => pairOf(`pair ${first + i}`));
    pairs.forEach((pair, i) => on({ type: 'pair', pair, done: first + i + 1, total: request.count }));
    return end < request.count ? never() : pairs;
  };
  return { asked, engine: { generate, makePairs } };
}

const ignore = (): void => undefined;

/** How far a job is, as it is kept. */
const kept = async (id: string): Promise<number> =>
  ((await readJson(store, `queue/${id}.done`).catch(() => null)) as { done: number } | null)?.done ?? 0;

/** The page goes, and what it was at with it: nothing of it runs any more. */
async function leave(): Promise<void> {
  const left = store;
  store = new MemoryFileStore();
  WorkerForTests.made.at(-1)!.dispatchEvent(new Event('error'));
  await vi.waitFor(() => expect(studio().jobs.every((job) => !isOpen(job))).toBe(true));
  await new Promise((settled) => setTimeout(settled, 20));
  closeStudio();
  store = left;
}

const states = () => studio().jobs.map(({ title, state, done }) => [title, state, done]);

it('goes on with pictures and pairs where a reload cut them off, in their order', async () => {
  const before = engineThatStalls(3);
  await openStudio({ engine: before.engine });
  void studio()
    .runImages('images', 'pictures', { ...settings, items })
    .catch(ignore);
  const pictures = studio().jobs[0]!.id;
  await vi.waitFor(async () => expect(await kept(pictures)).toBe(3));
  void studio()
    .runPairs('pairs', { ...settings, prompts: ['a', 'b'], count: 9, seed: 5 })
    .catch(ignore);
  const pairs = studio().jobs[1]!.id;
  await vi.waitFor(async () => expect(await kept(pairs)).toBe(3));
  // What is compared, or judged blind, is asked for again where it was.
  void studio()
    .runImages('compare', 'comparison', { ...settings, items })
    .catch(ignore);
  await leave();

  const after = engineThatStalls(100);
  await openStudio({ engine: after.engine });
  await vi.waitFor(() => expect(after.asked).toHaveLength(2));
  expect(after.asked).toMatchObject([
    { items: [{ prompt: 'a tree', seed: 4 }], steps: 2 },
    { prompts: ['a', 'b'], count: 9, seed: 5, first: 3 },
  ]);
  await vi.waitFor(() =>
    expect(states()).toEqual([
      ['pictures', 'done', 4],
      ['pairs', 'done', expect.any(Number)],
    ]),
  );
  await vi.waitFor(async () => expect(await store.list('queue')).toEqual([]));
});

it.each([
  ['while its pairs are drawn', 4, 0],
  ['while they are rated', 100, 2],
])('puts a next round in order that a reload cut off %s', async (_, made, stalls) => {
  const run = testRun({ id: 'r', status: 'finished', checkpoints: [{ step: 10, file: 'f', at: '' }] });
  /** The first `stalls` ratings are never given. */
  const engineOf = (makes: number, stalls: number) => {
    const { asked, engine } = engineThatStalls(makes);
    const rated: ImplicitRequest[] = [];
    const implicit = (_: string, request: ImplicitRequest) => {
      rated.push(request);
      if (rated.length <= stalls) return never();
      return { pairs: request.pairs.map(({ pair }, i) => ({ pair, margin: i })) };
    };
    return { asked, rated, engine: { ...engine, implicit, runs: () => [run] } };
  };
  const before = engineOf(made, stalls);
  await openStudio({ engine: before.engine });
  await studio().readRuns();
  const from = { name: 'a list', prompts: ['a', 'b'] };
  useStudio.setState({ lastPairs: { settings: roundRecipe(studio())!.settings, from } });
  void studio().startRound('r', 5);
  await vi.waitFor(async () => expect(await kept(studio().jobs[0]!.id)).toBe(Math.min(made, 10)));
  if (stalls > 0) await vi.waitFor(() => expect(before.rated).toHaveLength(1));
  const stored = await readPairs(await db());
  await leave();

  const after = engineOf(100, 0);
  // The database begins empty: what was stored comes back before anybody asks.
  const runs = async () => {
    await savePairs(await db(), stored);
    return [run];
  };
  await openStudio({ engine: { ...after.engine, runs } });
  await vi.waitFor(() => expect(states()).toEqual([['Next round of A run', 'done', expect.any(Number)]]));
  expect(after.asked).toMatchObject(made < 10 ? [{ count: 10, first: made }] : []);
  expect(after.rated[0]!.pairs.map(({ pair }) => pair)).toEqual(Array.from({ length: 10 }, (_, i) => `pair ${i}`));
  const order = (await readPairs(await db())).flatMap(({ asked }) => asked ?? []);
  expect(order.map((one) => one.order).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(order.filter(({ why }) => why === 'random')).toHaveLength(2);
  expect(studio().trainModel).toMatchObject({ adapters: [{ run: 'r', step: 10 }] });
  await vi.waitFor(async () => expect(await store.list('queue')).toEqual([]));
});

it('keeps nothing of what is done, cancelled or failed', async () => {
  const { engine } = engineThatStalls(100);
  await openStudio({
    engine: {
      ...engine,
      makePairs: () => {
        throw new Error('no');
      },
    },
  });
  await studio().runImages('images', 'pictures', { ...settings, items });
  await studio()
    .runPairs('pairs', { ...settings, prompts: ['a'], count: 1, seed: 5 })
    .catch(ignore);
  expect(states()).toEqual([
    ['pictures', 'done', 4],
    ['pairs', 'failed', 0],
  ]);
  expect(await store.list('queue')).toEqual([]);
});

it('begins a job again twice that comes no further, and then says so; one that does as often as it takes', async () => {
  const open = async (made: number): Promise<number> => {
    const { asked, engine } = engineThatStalls(made);
    await leave();
    await openStudio({ engine });
    await vi.waitFor(() => expect(studio().jobs).toHaveLength(1));
    await new Promise((written) => setTimeout(written, 30));
    return asked.length;
  };
  await openStudio({ engine: engineThatStalls(0).engine });
  void studio()
    .runImages('images', 'too large', { ...settings, items })
    .catch(ignore);
  await vi.waitFor(async () => expect(await store.list('queue')).toHaveLength(1));
  const asked = [await open(0), await open(1), await open(0), await open(0), await open(0), await open(0)];
  expect(asked).toEqual([1, 1, 1, 1, 1, 0]);
  expect(studio().jobs[0]).toMatchObject({ state: 'failed' });
  expect(studio().jobs[0]!.problem?.message).toContain('“too large” was cut off');
  expect(await store.list('queue')).toEqual([]);
});

it('lets go of what is no job', async () => {
  for (const [name, text] of [
    ['a.json', '{'],
    ['b.json', '{"version":1,"kind":"images","title":"x","since":0,"from":0,"tries":0,"request":{"items":[]}}'],
    ['c.done', '1e9'],
  ])
    await store.write(`queue/${name}`, new TextEncoder().encode(text));
  const { asked, engine } = engineThatStalls(1);
  await openStudio({ engine });
  await vi.waitFor(async () => expect(await store.list('queue')).toEqual([]));
  expect([asked, studio().jobs]).toEqual([[], []]);
});
