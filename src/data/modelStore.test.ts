/** The list of stored models stands, whatever one record says. */
import { expect, it } from 'vitest';
import { MemoryFileStore } from '../service/memoryFiles.ts';
import { writeJson } from './files.ts';
import { ModelStore } from './modelStore.ts';

const good = {
  version: 1,
  title: 'M',
  source: 'disk',
  files: [{ path: 'unet/config.json', size: 2, sha256: '0'.repeat(64) }],
  addedAt: '2026-01-01T00:00:00.000Z',
};

it.each<[string, unknown]>([
  ['null', null],
  ['no files', { ...good, files: undefined }],
  ['files that are no list', { ...good, files: {} }],
  ['a file that is none', { ...good, files: [null] }],
  ['a size that is none', { ...good, files: [{ path: 'a', size: '2' }] }],
  ['a path out of its folder', { ...good, files: [{ path: '../../a', size: 2 }] }],
  ['a title that is none', { ...good, title: {} }],
  ['a date that is none', { ...good, addedAt: 5 }],
])('a damaged record is one damaged model: %s', async (_, record) => {
  const files = new MemoryFileStore();
  await writeJson(files, 'models/good/model.json', good);
  await writeJson(files, 'models/bad/model.json', record);
  const models = new ModelStore(files);
  expect((await models.list()).map(({ id, complete }) => [id, complete])).toEqual([
    ['good', true],
    ['bad', false],
  ]);
  await expect(models.load('bad')).rejects.toMatchObject({ name: 'BadFile' });
  await expect(models.reader('bad').list()).rejects.toMatchObject({ name: 'BadFile' });
});
