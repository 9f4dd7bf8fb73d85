/** Into the studio's own database and files, as the Data screen does it. */
import 'fake-indexeddb/auto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MemoryFileStore } from '../../service/memoryFiles.ts';
import { openDatabase } from '../db.ts';
import { foldLabels, readLabels } from '../labels.ts';
import { readPairs } from '../pairs.ts';
import { databaseSink } from './databaseSink.ts';
import { importName, importPreferences } from './importing.ts';
import { openPreferences } from './open.ts';
import { filesPlace } from './places.ts';
import { previewPreferences } from './preview.ts';

const fixtures = 'tools/preferences/fixtures';
const dropped = (...paths: string[]): File[] =>
  paths.map((path) => new File([readFileSync(join(fixtures, path))], path.split('/').at(-1)!));

it('a file that is dropped is previewed without a trace, imported once, and goes on where it was stopped', async () => {
  const db = await openDatabase('import');
  const files = new MemoryFileStore();
  const shards = dropped(
    'pickapic/data/train-00000-of-00002-0a1b.parquet',
    'pickapic/data/train-00001-of-00002-0a1b.parquet',
  );
  const set = await openPreferences([filesPlace(shards)]);
  const preview = await previewPreferences(set, { rows: 2 });
  expect(preview).toMatchObject({
    format: 'pickapic',
    total: 12,
    counted: 12,
    usable: 9,
    ties: 3,
    raters: 3,
    prompts: 6,
    refused: [],
  });
  expect(
    preview.first.map(({ pictures }) => pictures.map((one) => 'info' in one && [one.info.width, one.info.height])),
  ).toEqual([
    [
      [6, 4],
      [6, 4],
    ],
    [
      [6, 4],
      [6, 4],
    ],
  ]);
  expect(preview.bytesNeeded).toBeGreaterThan(0);
  expect([await readPairs(db), await files.list('')]).toEqual([[], []]);

  const sink = databaseSink(db, files, await importName(set));
  const stop = new AbortController();
  let stored = 0;
  const stopping = {
    ...sink,
    file: async (path: string, bytes: Uint8Array) => {
      if (++stored === 9) stop.abort();
      await sink.file(path, bytes);
    },
  };
  await expect(importPreferences(set, stopping, { signal: stop.signal })).rejects.toMatchObject({ name: 'Cancelled' });
  expect(await readPairs(db)).toHaveLength(5);
  const progress: number[] = [];
  const again = await openPreferences([filesPlace(shards)]);
  const imported = await importPreferences(again, databaseSink(db, files, await importName(again)), {
    onProgress: ({ done }) => progress.push(done),
  });
  expect(imported).toMatchObject({ pairs: 12, usable: 9, ties: 3, raters: 3, prompts: 6, refused: [] });
  expect(progress.at(-1)).toBe(12);
  const pairs = await readPairs(db);
  expect(pairs).toHaveLength(12);
  for (const { file } of pairs.flatMap(({ images }) => images)) expect(await files.size(file)).toBeGreaterThan(0);
  expect(foldLabels(await readLabels(db)).byPair.size).toBe(12);
});

it('what another import brought comes once, and says so', async () => {
  const db = await openDatabase('import');
  const files = new MemoryFileStore();
  const set = await openPreferences([filesPlace(dropped('pickapic/data/train-00001-of-00002-0a1b.parquet'))]);
  const { pairs, refused } = await importPreferences(set, databaseSink(db, files, await importName(set)));
  expect([pairs, refused.length, refused[0]?.reason]).toEqual([0, 6, 'it is there already']);
  expect(await readPairs(db)).toHaveLength(12);
});

it('a disk that is full leaves no pair without its pictures', async () => {
  const db = await openDatabase('import-full');
  const files = new MemoryFileStore(6000);
  const set = await openPreferences([filesPlace(dropped('pickapic/data/train-00000-of-00002-0a1b.parquet'))]);
  const sink = databaseSink(db, files, await importName(set));
  await expect(importPreferences(set, sink)).rejects.toMatchObject({ name: 'NoDiskSpace' });
  const pairs = await readPairs(db);
  for (const { file } of pairs.flatMap(({ images }) => images)) expect(await files.exists(file)).toBe(true);
  expect(await readLabels(db)).toHaveLength(pairs.length);
});
