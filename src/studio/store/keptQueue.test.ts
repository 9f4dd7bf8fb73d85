/** The generation queue over a reload: what was cut off goes on where it was, and what ends the page does not do so for ever. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { imageRecord } from '../../records/testRecords.ts';
import { MemoryFileStore } from '../../service/memoryFiles.ts';
import type { GenerateEvent, GenerateRequest, Listener, PairsEvent, PairsRequest } from '../../service/types.ts';
import { WorkerForTests } from '../app/workerForTests.ts';
import { isOpen } from './jobsSlice.ts';
import { closeStudio, never, openStudio, pairOf, studio } from './testStudio.ts';

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
    for (let n = first; n < Math.min(request.count, first + made); n += 1)
      on({ type: 'pair', pair: pairOf(`pair ${n}`), done: n + 1, total: request.count });
    return first + made < request.count ? never() : [];
  };
  return { asked, engine: { generate, makePairs } };
}

const ignore = (): void => undefined;

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
  await vi.waitFor(async () => expect(await store.exists(`queue/${studio().jobs[0]!.id}.done`)).toBe(true));
  void studio()
    .runPairs('pairs', { ...settings, prompts: ['a', 'b'], count: 9, seed: 5 })
    .catch(ignore);
  const pairs = studio().jobs[1]!.id;
  await vi.waitFor(async () => expect(await store.exists(`queue/${pairs}.done`)).toBe(true));
  await vi.waitFor(() => expect(studio().images.length + studio().pairs.length).toBeGreaterThanOrEqual(6));
  await new Promise((written) => setTimeout(written, 20));
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
