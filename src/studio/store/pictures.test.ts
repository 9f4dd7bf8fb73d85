/** Object URLs of pictures are kept for as long as there is a picture. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { testRun } from '../../service/testRuns.ts';
import { imageRecord } from '../../records/testRecords.ts';
import { MemoryFileStore } from '../../service/memoryFiles.ts';
import type { Engine } from '../app/workers.ts';
import { decodedPicture, forgetPictures, loadPicture } from './pictures.ts';
import { closeStudio, openStudio, pairOf, studio } from './testStudio.ts';
import { db } from './services.ts';

const store = new MemoryFileStore();
vi.mock('./services.ts', async (original) => ({ ...(await original<object>()), files: async () => store }));

const image = imageRecord('one');
const [inPair] = pairOf('p').images;
const sample = 'runs/r/samples/step-000002-0.png';
const revoke = vi.spyOn(URL, 'revokeObjectURL');

beforeEach(async () => {
  vi.stubGlobal(
    'Image',
    class {
      decode = () => Promise.resolve();
    },
  );
  const engine = { deleteRun: async () => undefined } as unknown as Engine;
  await openStudio({
    state: { images: [image, inPair], runs: [testRun()], engine: () => engine, readStorage: async () => undefined },
  });
  await (await db()).put('pairs', pairOf('p'));
  for (const file of [image.file, inPair.file, sample]) {
    await store.write(file, new Uint8Array(8));
    await loadPicture(file, false);
  }
});
afterEach(async () => {
  forgetPictures(() => true);
  await Promise.resolve();
  revoke.mockClear();
  await closeStudio();
});

const shown = (): boolean[] =>
  [image.file, inPair.file, sample].map((file) => decodedPicture(file, false) !== undefined);

it('lets a picture go that is deleted, and keeps one that stands in a pair', async () => {
  const url = decodedPicture(image.file, false);
  await studio().removeImages([image.id, inPair.id]);
  expect(shown()).toEqual([false, true, true]);
  expect(revoke.mock.calls).toEqual([[url]]);
});

it('lets the samples of a run go that is deleted', async () => {
  const url = decodedPicture(sample, false);
  await studio().deleteRun('r');
  expect(shown()).toEqual([true, true, false]);
  expect(revoke.mock.calls).toEqual([[url]]);
});
