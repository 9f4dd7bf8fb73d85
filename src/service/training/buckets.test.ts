import { expect, it } from 'vitest';
import { bucketOf, bucketSizes } from './buckets.ts';

const model = (side: number, sizeMultiple = 8): Parameters<typeof bucketSizes>[0] => ({
  defaultSize: { width: side, height: side },
  sizeMultiple,
});
const printed = (sizes: ReturnType<typeof bucketSizes>): string[] =>
  sizes.map(({ width, height }) => `${width}x${height}`);

it('has the sizes that SDXL was trained on, and those that kohya makes for Stable Diffusion', () => {
  expect(printed(bucketSizes(model(1024)))).toEqual(
    expect.arrayContaining(['832x1216', '896x1152', '1024x1024', '1152x896', '1216x832', '1344x768']),
  );
  expect(printed(bucketSizes(model(512)))).toEqual(['384x640', '448x576', '512x512', '576x448', '640x384']);
});

it.each([96, 128, 512, 768, 1024])('keeps to the pixels of a model of %i, in its steps', (side) => {
  for (const { width, height } of bucketSizes(model(side))) {
    expect(width * height).toBeLessThanOrEqual(side * side);
    expect([width, height].every((one) => one % (side >= 512 ? 64 : 8) === 0)).toBe(true);
    expect(Math.max(width, height)).toBeLessThanOrEqual(2 * Math.min(width, height));
  }
});

it('takes larger steps where the autoencoder does', () => {
  expect(bucketSizes(model(96, 32)).every(({ width }) => width % 32 === 0)).toBe(true);
});

it.each([
  [[[1024, 1024]], '96x96'],
  [[[1920, 1080]], '128x72'],
  [[[1080, 1920]], '72x128'],
  [[[8000, 10]], '128x72'],
  // One wide, one tall: between them.
  [
    [
      [1200, 800],
      [800, 1200],
    ],
    '96x96',
  ],
  [[[97, 96]], '96x96'],
] as [[number, number][], string][])('puts %o into %s', (pictures, size) => {
  const sizes = pictures.map(([width, height]) => ({ width, height }));
  expect(printed([bucketOf(sizes, model(96))])).toEqual([size]);
  expect(bucketOf(sizes, model(96), {}, [64, 40])).toEqual({ width: 64, height: 40 });
  expect(bucketOf(sizes, model(96), { width: 32, height: 48 }, [64, 40])).toEqual({ width: 32, height: 48 });
});
