/** FileStores under Node; the browser's runs the same rows in e2e/files.spec.ts. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NodeFileStore } from '../cli/files.ts';
import { MemoryFileStore } from '../service/memoryFiles.ts';
import { type FileStore, partOf } from './files.ts';
import { fileStoreCases } from './fileStoreCases.ts';

const stores: Record<string, () => FileStore> = {
  memory: () => new MemoryFileStore(),
  'a folder': () => new NodeFileStore(mkdtempSync(join(tmpdir(), 'winnow-files-'))),
};

describe.each(Object.entries(stores))('in %s', (_, open) => {
  it.each(fileStoreCases)('$name', async ({ run, gives }) => {
    expect(await run(open())).toEqual(gives);
  });
});

describe('where the disk is full', () => {
  it('memory of a bounded size keeps what it had', async () => {
    const store = new MemoryFileStore(4);
    await store.append(partOf('a'), Uint8Array.from([1, 2, 3]));
    await expect(store.append(partOf('a'), Uint8Array.from([4, 5]))).rejects.toMatchObject({ name: 'NoDiskSpace' });
    await expect(store.write('b', Uint8Array.from([4, 5]))).rejects.toMatchObject({ name: 'NoDiskSpace' });
    expect([...(await store.read(partOf('a')))]).toEqual([1, 2, 3]);
    expect(await store.available()).toBe(1);
  });
  it.runIf(existsSync('/dev/full'))('a device without room is named', async () => {
    await expect(new NodeFileStore('/').append('/dev/full', Uint8Array.from([1]))).rejects.toMatchObject({
      name: 'NoDiskSpace',
    });
  });
});

it('a folder is rid of the parts of processes that were killed, and of no other file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'winnow-files-'));
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  const kept = [
    'film.7.part',
    `run.json.winnow-elsewhere-${pid}.part`,
    `run.json.winnow-${hostname()}-${process.ppid}.part`,
  ];
  for (const name of [...kept, `run.json.winnow-${hostname()}-${pid}.part`]) writeFileSync(join(folder, name), 'x');
  await new NodeFileStore(folder).write('run.json', Uint8Array.from([1]));
  expect(readdirSync(folder).toSorted()).toEqual([...kept, 'run.json'].toSorted());
});
