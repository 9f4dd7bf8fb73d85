import { readdirSync, readFileSync } from 'node:fs';
import { openAsBlob } from 'node:fs';
import { expect, it } from 'vitest';
import { pictureTypes, readPictureInfo } from './pictureInfo.ts';

const FOLDER = 'tools/reference/pictures';
type Expected = { refused: string } | { type: string; width: number; height: number };
const expected = JSON.parse(readFileSync(`${FOLDER}/expected.json`, 'utf8')) as Record<string, Expected>;
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(`${FOLDER}/${name}`));

it('knows every picture that Pillow wrote', () => {
  const files = readdirSync(FOLDER).filter((name) => !name.startsWith('expected'));
  expect(Object.keys(expected).toSorted()).toEqual(files.toSorted());
});

it.each(Object.entries(expected))('%s: %o, from memory and from disk', async (name, said) => {
  for (const source of [bytesOf(name), await openAsBlob(`${FOLDER}/${name}`)]) {
    if ('refused' in said) await expect(readPictureInfo(source)).rejects.toThrow(said.refused);
    else expect(await readPictureInfo(source)).toEqual(said);
  }
});

it.each(Object.keys(expected).filter((name) => !('refused' in expected[name]!) && !name.startsWith('trailing')))(
  '%s: refused where it is cut off, wherever that is',
  async (name) => {
    const bytes = bytesOf(name);
    for (let length = 0; length < bytes.length - 2; length += Math.max(1, Math.floor(bytes.length / 97)))
      await expect(readPictureInfo(bytes.subarray(0, length)), `${length} bytes`).rejects.toMatchObject({
        name: 'BadFile',
      });
  },
);

it('reads little of a large file', async () => {
  const bytes = bytesOf('420.jpg');
  const start = bytes.findIndex((byte, i) => byte === 0xff && bytes[i + 1] === 0xda) + 14;
  const large = new Uint8Array(2 ** 24);
  large.set(bytes.subarray(0, start));
  large.set(bytes.subarray(start), large.length - (bytes.length - start));
  let read = 0;
  const info = await readPictureInfo({
    size: large.length,
    read: async (from, to) => {
      read += to - from;
      return large.slice(from, to);
    },
  });
  expect(info).toMatchObject({ width: 37, height: 23 });
  expect(read).toBeLessThan(2 ** 18);
});

it.each([
  ['', 'empty'],
  ['what is this', 'no JPEG, PNG or WebP.'],
  ['GIF89a', 'GIF'],
  ['BM12345678901234567890', 'BMP'],
  ['\0\0\0 ftypavif\0\0\0\0', 'AVIF'],
  ['\0\0\0 ftypheic\0\0\0\0', 'HEIC'],
])('refuses %o by name', async (text, what) => {
  const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
  await expect(readPictureInfo(bytes)).rejects.toThrow(what);
});

it('refuses more pixels than are decoded', async () => {
  const bytes = bytesOf('rgb.png').slice();
  new DataView(bytes.buffer).setUint32(16, 2 ** 22);
  await expect(readPictureInfo(bytes)).rejects.toThrow('4194304 by 23 pixels');
  expect(Object.values(pictureTypes).map(({ extension }) => extension)).toEqual(['jpg', 'png', 'webp']);
});
