/** Against Pillow, byte for byte: its decoders are the same libraries (tools/reference/write_pictures.py). */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { resizeBilinear } from '../../shared/resize.ts';
import { decodePicture } from './picture.ts';
import { openSafetensors } from './safetensors.ts';

const FOLDER = 'tools/reference/pictures';
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(`${FOLDER}/${name}`));
const pillow = await openSafetensors(bytesOf('expected.safetensors'), 'expected.safetensors');
const refused = Object.entries(
  JSON.parse(readFileSync(`${FOLDER}/expected.json`, 'utf8')) as Record<string, { refused?: string }>,
).flatMap(([name, { refused }]) => (refused ? [name] : []));

const rgbOf = (rgba: Uint8Array): Uint8Array => rgba.filter((_, i) => i % 4 !== 3);
const isResized = (name: string): boolean => name.includes(' ');

it.each(pillow.names.filter((name) => !isResized(name)))('%s: Pillow has the same pixels', async (name) => {
  const { width, height, data } = await decodePicture(bytesOf(name));
  expect([height, width, 3]).toEqual(pillow.shape(name));
  expect(rgbOf(data)).toEqual(Uint8Array.from(await pillow.read(name)));
  expect(data.every((value, i) => i % 4 !== 3 || value === 255)).toBe(true);
});

it.each(pillow.names.filter(isResized))('%s: Pillow resizes to the same pixels', async (name) => {
  const [height, width] = pillow.shape(name) as [number, number, number];
  const picture = await decodePicture(bytesOf(name.split(' ')[0]!));
  const { data } = resizeBilinear(picture, { width, height });
  expect(rgbOf(data)).toEqual(Uint8Array.from(await pillow.read(name)));
});

it.each(refused)('%s: refused, and the next picture is read', async (name) => {
  await expect(decodePicture(bytesOf(name))).rejects.toMatchObject({ name: 'BadFile' });
  expect((await decodePicture(bytesOf('420.jpg'))).width).toBe(37);
});

it.each(['420.jpg', 'progressive.jpg', 'lossless.webp', 'lossy.webp', 'rgb.png'])(
  '%s: damaged anywhere, it is decoded or refused by name',
  async (name) => {
    const whole = bytesOf(name);
    for (let at = 12; at < whole.length; at += Math.ceil(whole.length / 60)) {
      const bytes = whole.slice();
      bytes[at] = bytes[at]! ^ 0x5a;
      const decoded = await decodePicture(bytes).catch((error: unknown) => error);
      if (decoded instanceof Error) expect(decoded.name, `byte ${at}: ${decoded.message}`).toBe('BadFile');
    }
    expect((await decodePicture(whole)).height).toBe(pillow.shape(name)![0]);
  },
);
