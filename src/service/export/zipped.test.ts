import { unzipSync } from 'fflate';
import { expect, it } from 'vitest';
import { MemoryFileStore } from '../memoryFiles.ts';
import { zipped } from './zipped.ts';

const contents = {
  'unet/weights.safetensors': Uint8Array.from({ length: 10_000_000 }, (_, i) => (i * 7919) >> 3),
  'größe 猫.json': new TextEncoder().encode('{}'),
  empty: new Uint8Array(),
};

async function folder(files: MemoryFileStore): Promise<Parameters<typeof zipped>[1]> {
  for (const [name, bytes] of Object.entries(contents)) await files.write(`out/${name}`, bytes);
  return Object.entries(contents).map(([name, { length: size }]) => ({ name, size, file: `out/${name}` }));
}

it('unzips to what went in, and leaves only the zip', async () => {
  const files = new MemoryFileStore();
  const shares: number[] = [];
  const made = await zipped(files, await folder(files), 'out', 'mine', ({ doneBytes, totalBytes }) =>
    shares.push(doneBytes / totalBytes),
  );
  expect(made).toEqual({ name: 'mine.zip', file: 'out/mine.zip', size: await files.size('out/mine.zip') });
  const found = Object.entries(unzipSync(await files.read(made.file)));
  expect(found.map(([path]) => path)).toEqual(Object.keys(contents).map((path) => `mine/${path}`));
  for (const [path, bytes] of found)
    expect(Buffer.from(bytes).equals(contents[path.slice('mine/'.length) as keyof typeof contents])).toBe(true);
  expect(await files.list('out')).toEqual(['out/mine.zip']);
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  expect(shares.at(-1)).toBe(1);
});

it('leaves no half of a zip where the disk is full', async () => {
  const files = new MemoryFileStore(15_000_000);
  const made = await folder(files);
  await expect(zipped(files, made, 'out', 'mine')).rejects.toMatchObject({ name: 'NoDiskSpace' });
  expect(await files.exists('out/mine.zip')).toBe(false);
  expect(await files.size('out/mine.zip.part')).toBe(0);
});
