import { unzipSync, zipSync } from 'fflate';
import { expect, it } from 'vitest';
import { storedZip } from './zip.ts';

const files = {
  'model/unet/weights.safetensors': Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7919) >> 3),
  'model/größe 猫.json': new TextEncoder().encode('{}'),
  'model/empty': new Uint8Array(),
};

it.each([
  ['short', undefined],
  ['zip64', 0],
  ['zip64 from the second file on', 1000],
])('unzips to what went in: %s', async (_, largest) => {
  const zip = await storedZip(Object.entries(files).map(([name, bytes]) => ({ name, blob: new Blob([bytes]) })), largest);
  const bytes = new Uint8Array(await zip.arrayBuffer());
  expect(unzipSync(bytes)).toEqual(files);
  // fflate reads no checksums: they are those that it writes.
  const crcs = (zipped: Uint8Array): number[] => {
    const view = new DataView(zipped.buffer, zipped.byteOffset);
    return Array.from({ length: zipped.length - 20 }, (_, i) => i).filter((i) => view.getUint32(i, true) === 0x02014b50).map((i) => view.getUint32(i + 16, true));
  };
  expect(crcs(bytes)).toEqual(crcs(zipSync(files, { level: 0 })));
});
