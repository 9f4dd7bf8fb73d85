/** Folders as people have them. */
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { folderReader } from './files.ts';

it('lists what links lead to, as a hub’s cache keeps them', async () => {
  const cache = mkdtempSync(join(tmpdir(), 'winnow-cache-'));
  for (const folder of ['blobs', 'other', 'snapshot/own']) mkdirSync(join(cache, folder), { recursive: true });
  for (const file of ['blobs/1', 'snapshot/config.json']) writeFileSync(join(cache, file), '{}');
  symlinkSync('../blobs/1', join(cache, 'snapshot/HPS_v2.1_compressed.safetensors'));
  symlinkSync('../other', join(cache, 'snapshot/linked'));
  symlinkSync('nowhere', join(cache, 'snapshot/broken'));
  const { list, folders } = folderReader(join(cache, 'snapshot'));
  expect((await list!()).toSorted()).toEqual(['HPS_v2.1_compressed.safetensors', 'config.json']);
  expect((await folders!('')).toSorted()).toEqual(['linked', 'own']);
  expect(await folderReader(join(cache, 'none')).list!()).toEqual([]);
});
