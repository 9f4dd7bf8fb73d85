import { expect, it } from 'vitest';
import { type Fit, fitPicture, fitted } from './fit.ts';

// torchvision: Resize(size) makes the shorter side `size` and the longer one int(size * longer / shorter); CenterCrop begins at int(round((all - part) / 2)).
it.each<[Fit, [number, number], [number, number], ReturnType<typeof fitted>]>([
  ['crop', [100, 50], [64, 64], { resized: { width: 128, height: 64 }, left: 32, top: 0 }],
  ['crop', [50, 101], [64, 64], { resized: { width: 64, height: 129 }, left: 0, top: 32 }],
  ['crop', [37, 23], [16, 16], { resized: { width: 25, height: 16 }, left: 4, top: 0 }],
  ['crop', [64, 64], [96, 64], { resized: { width: 96, height: 96 }, left: 0, top: 16 }],
  ['crop', [3, 3], [64, 64], { resized: { width: 64, height: 64 }, left: 0, top: 0 }],
  ['pad', [100, 50], [64, 64], { resized: { width: 64, height: 32 }, left: 0, top: -16 }],
  ['pad', [1, 1000], [64, 64], { resized: { width: 1, height: 64 }, left: -32, top: 0 }],
  ['stretch', [100, 50], [64, 48], { resized: { width: 64, height: 48 }, left: 0, top: 0 }],
])('%s of %o in %o', (fit, [width, height], [across, down], wanted) => {
  const found = fitted({ width, height }, { width: across, height: down }, fit);
  expect({ ...found, left: found.left + 0, top: found.top + 0 }).toEqual(wanted);
});

const grey = (width: number, height: number): Uint8Array =>
  Uint8Array.from({ length: 4 * width * height }, (_, i) => (i % 4 === 3 ? 255 : 200));

it('crops the middle, and pads with black', () => {
  const picture = { width: 6, height: 2, data: grey(6, 2) };
  picture.data.set([10, 20, 30, 255], 4 * 2);
  expect(fitPicture(picture, { width: 2, height: 2 }, 'crop').data.subarray(0, 8)).toEqual(
    Uint8Array.of(10, 20, 30, 255, 200, 200, 200, 255),
  );
  const padded = fitPicture(picture, { width: 6, height: 4 }, 'pad');
  expect(padded.data.subarray(0, 24)).toEqual(Uint8Array.from({ length: 24 }, (_, i) => (i % 4 === 3 ? 255 : 0)));
  expect(padded.data.subarray(24, 72)).toEqual(picture.data);
  expect(fitPicture(picture, picture, 'crop')).toBe(picture);
});
