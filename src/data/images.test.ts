import 'fake-indexeddb/auto';
import { expect, it } from 'vitest';
import { imageRecord } from '../records/testRecords.ts';
import { MemoryFileStore } from '../service/memoryFiles.ts';
import { openDatabase } from './db.ts';
import { deleteImages, readImages, saveImages } from './images.ts';

it('forgets many images together, or none, and removes the files that are theirs alone', async () => {
  const db = await openDatabase();
  const store = new MemoryFileStore();
  const made = ['a', 'b', 'c'].map((id) => imageRecord(id, { file: `images/${id}.png` }));
  await saveImages(db, made);
  for (const { file } of made) await store.write(file, new Uint8Array([1]));
  const left = async () => [(await readImages(db)).map(({ id }) => id).sort(), await store.list('images')];

  // One that no record can have ends it all.
  const bad = NaN as unknown as string;
  await expect(deleteImages(db, store, { ids: ['a', bad], files: ['images/a.png'] })).rejects.toThrow();
  expect(await left()).toEqual([
    ['a', 'b', 'c'],
    ['images/a.png', 'images/b.png', 'images/c.png'],
  ]);

  await deleteImages(db, store, { ids: ['a', 'b'], files: ['images/a.png'] });
  expect(await left()).toEqual([['c'], ['images/b.png', 'images/c.png']]);
});
