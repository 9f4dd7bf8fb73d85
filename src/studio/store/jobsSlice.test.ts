/** What a job made is on screen and in the library once it is there to stay. */
import { afterEach, expect, it, vi } from 'vitest';
import { readImages } from '../../data/images.ts';
import { imageRecord } from '../../records/testRecords.ts';
import type { GenerateEvent, GenerateRequest, Listener, PairsEvent, PairsRequest } from '../../service/types.ts';
import type { Engine } from '../app/workers.ts';
import { secondsLeft } from './jobsSlice.ts';
import { db } from './services.ts';
import { closeStudio, never, openStudio, pairOf, studio } from './testStudio.ts';

afterEach(closeStudio);

it('keeps of the pictures that a judge chose from the two that were chosen', async () => {
  const pair = pairOf('p');
  const [best, worst] = pair.images;
  const between = imageRecord('between');
  await openStudio({
    engine: {
      makePairs: async (_job: string, _request: PairsRequest, listener: Listener<PairsEvent>) => {
        const made = [best, between, worst];
        for (const [item, record] of made.entries()) await listener({ type: 'image', item, items: 3, record });
        // Its file is removed by now.
        await listener({ type: 'pair', pair, done: 1, total: 1 });
        return [pair];
      },
    },
  });
  studio().setDraft({ prompt: 'a tree', bestOf: { k: 3, judge: 'a' } });
  await studio().makePairs(1);
  expect(studio().generateProblem).toBeNull();
  expect(studio().pairs.map(({ id }) => id)).toContain('p');
  await vi.waitFor(() => expect(studio().jobs[0]).toMatchObject({ state: 'done', done: 3, total: 3 }));
  expect(
    studio()
      .images.map(({ id }) => id)
      .toSorted(),
  ).toEqual([best.id, worst.id]);
  expect((await readImages(await db())).map(({ id }) => id).toSorted()).toEqual([best.id, worst.id]);
});

it('takes a picture once whose event comes after the result', async () => {
  const record = imageRecord('one');
  let tell: Listener<GenerateEvent> = () => {};
  const engine = {
    generate: async (_: string, __: unknown, listener: typeof tell) => {
      tell = listener;
      return [record];
    },
  } as unknown as Engine;
  await openStudio({ state: { engine: () => engine, readStorage: async () => undefined } });
  await studio().runImages('images', 'a tree', { items: [{}] } as never);
  expect(studio().images).toEqual([record]);
  void tell({ type: 'image', index: 0, record } as never);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(studio().images).toEqual([record]);
});

it('shows a picture in the making as far as it is, where that is wanted, and none of a blind test', async () => {
  const asked: boolean[] = [];
  let tell: Listener<GenerateEvent> = () => undefined;
  await openStudio({
    engine: {
      generate: (_: string, request: GenerateRequest, listener: Listener<GenerateEvent>) => {
        asked.push(request.previews!);
        tell = listener;
        return never();
      },
    },
  });
  const request = { ...imageRecord('x'), items: [{ prompt: 'a tree', seed: 1 }] };
  const ignore = (): void => undefined;
  studio().runImages('images', 'pictures', request).catch(ignore);
  await vi.waitFor(() => expect(asked).toEqual([true]));
  studio().runImages('blind', 'blind', request).catch(ignore);
  await vi.waitFor(() => expect(asked).toEqual([true, false]));
  studio().setPreference('previews', false);
  studio().runImages('images', 'more', request).catch(ignore);
  await vi.waitFor(() => expect(asked).toEqual([true, false, false]));
  const preview = { width: 1, height: 1, data: new Uint8ClampedArray(4) };
  tell({ type: 'step', item: 0, items: 1, step: 1, steps: 2, preview });
  await vi.waitFor(() => expect(studio().jobs.at(-1)!.preview).toEqual(preview));
  tell({ type: 'image', item: 0, items: 1, record: imageRecord('x') });
  await vi.waitFor(() => expect(studio().jobs.at(-1)).toMatchObject({ done: 1, preview: undefined }));
});

it('knows how long a job will take by what it has made since its first step', async () => {
  let tell: Listener<GenerateEvent> = () => undefined;
  await openStudio({
    engine: {
      generate: (_: string, __: GenerateRequest, listener: Listener<GenerateEvent>) => {
        tell = listener;
        return never();
      },
      cancel: never,
    },
  });
  const items = [1, 2, 3, 4].map((seed) => ({ prompt: 'a tree', seed }));
  studio()
    .runImages('images', 'pictures', { ...imageRecord('x'), items })
    .catch(() => undefined);
  const before = tell;
  await vi.waitFor(() => expect(tell).not.toBe(before));
  const job = () => studio().jobs[0]!;
  tell({ type: 'preparing', what: 'Preparing kernels', done: 3, total: 9 });
  await vi.waitFor(() => expect(job().message).toBe('Preparing kernels 3 of 9'));
  expect(secondsLeft(job(), 0)).toBeNull();
  tell({ type: 'step', item: 0, items: 4, step: 1, steps: 2 });
  await vi.waitFor(() => expect(job().ran).toMatchObject({ from: 0.5 }));
  const { since } = job().ran!;
  expect(secondsLeft(job(), since)).toBeNull();
  tell({ type: 'image', item: 0, items: 4, record: imageRecord('x') });
  await vi.waitFor(() => expect(job().done).toBe(1));
  // Half a picture in 2 s, and three are missing.
  expect(secondsLeft(job(), since + 2000)).toBe(12);
  void studio().cancelJob(job().id);
  expect(job()).toMatchObject({ state: 'running', cancelling: true });
});
