/** What a job made is on screen and in the library once it is there to stay. */
import { afterEach, expect, it, vi } from 'vitest';
import { readImages } from '../../data/images.ts';
import { imageRecord } from '../../records/testRecords.ts';
import type { GenerateEvent, GenerateRequest, Listener, PairsEvent, PairsRequest } from '../../service/types.ts';
import type { Engine } from '../app/workers.ts';
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
  void studio().runImages('images', 'pictures', request);
  await vi.waitFor(() => expect(asked).toEqual([true]));
  void studio().runImages('blind', 'blind', request);
  await vi.waitFor(() => expect(asked).toEqual([true, false]));
  studio().setPreference('previews', false);
  void studio().runImages('images', 'more', request);
  await vi.waitFor(() => expect(asked).toEqual([true, false, false]));
  const preview = { width: 1, height: 1, data: new Uint8ClampedArray(4) };
  tell({ type: 'step', item: 0, items: 1, step: 1, steps: 2, preview });
  await vi.waitFor(() => expect(studio().jobs.at(-1)!.preview).toEqual(preview));
  tell({ type: 'image', item: 0, items: 1, record: imageRecord('x') });
  await vi.waitFor(() => expect(studio().jobs.at(-1)).toMatchObject({ done: 1, preview: undefined }));
});
