/** What is read of preprocessor_config.json. Pixels are held against transformers' and HPS's own in service/verify/judges.test.ts. */
import { describe, expect, it } from 'vitest';
import {
  clipPreprocess,
  hpsPreprocess,
  preprocess,
  type Preprocess,
  preprocessedSize,
  readPreprocessor,
} from './preprocess.ts';

const grey = (width: number, height: number): { width: number; height: number; data: Uint8Array } => ({
  width,
  height,
  data: Uint8Array.from({ length: 4 * width * height }, (_, i) => (i % 4 === 3 ? 255 : (i >> 2) % 251)),
});

it('takes what a config leaves out from its class', () => {
  expect(readPreprocessor({}, clipPreprocess(224))).toEqual(clipPreprocess(224));
  expect(
    readPreprocessor(
      {
        size: 336,
        crop_size: 336,
        resample: 2,
        image_mean: 0.5,
        image_std: [0.5, 0.5, 0.5],
        rescale_factor: 1 / 127.5,
      },
      clipPreprocess(224),
    ),
  ).toMatchObject({
    resize: { shortest: 336 },
    crop: { width: 336, height: 336, offset: 'floor' },
    kernel: 'bilinear',
    mean: [0.5, 0.5, 0.5],
    deviation: [0.5, 0.5, 0.5],
    factor: 1 / 127.5,
  });
  const squashed = readPreprocessor({ size: { height: 384, width: 380 }, do_center_crop: false }, clipPreprocess(224));
  expect(squashed).toMatchObject({ resize: { height: 384, width: 380 }, crop: null });
  expect(preprocessedSize(squashed)).toEqual({ width: 380, height: 384 });
  expect(preprocess(grey(9, 5), { ...squashed, resize: { width: 3, height: 4 } })).toMatchObject({
    width: 3,
    height: 4,
  });
});

it.each<[string, Record<string, unknown>]>([
  ['size', { size: { shortest_edge: 0 } }],
  ['size', { size: { shortest_edge: 224, longest_edge: 300 } }],
  ['size', { size: 1e9 }],
  ['crop_size', { crop_size: { height: 224 } }],
  ['resample', { resample: 9 }],
  ['do_resize', { do_resize: 1 }],
  ['image_mean', { image_mean: [0, 0] }],
  ['image_std', { image_std: [1, 0, 1] }],
  ['rescale_factor', { rescale_factor: 0 }],
])('refuses %s as in %j', (field, config) => {
  expect(() => readPreprocessor(config, clipPreprocess(224))).toThrow(`preprocessor_config.json: ${field} is `);
});

describe('a picture', () => {
  /** Red alone, back in 0 to 255. */
  const red = (how: Preprocess, width: number, height: number): number[] => {
    const plain = { ...how, mean: [0, 0, 0], deviation: [1, 1, 1] };
    const { data } = preprocess(grey(width, height), plain);
    return [...data.subarray(0, data.length / 3)].map((x) => Math.round(x * 255));
  };
  const crop = (offset: 'floor' | 'even'): Preprocess => ({
    ...clipPreprocess(4),
    resize: null,
    crop: { width: 4, height: 1, offset },
  });

  it('is cut in the middle as transformers does, or as torchvision', () => {
    expect(red(crop('floor'), 7, 1)).toEqual([1, 2, 3, 4]);
    expect(red(crop('even'), 7, 1)).toEqual([2, 3, 4, 5]);
    expect(red(crop('floor'), 5, 1)).toEqual([0, 1, 2, 3]);
    expect(red(crop('even'), 5, 1)).toEqual([0, 1, 2, 3]);
  });

  it('that is smaller lies in the middle of black, the odd line behind', () => {
    expect(red({ ...hpsPreprocess(4), resize: null }, 4, 1)).toEqual([0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('of one long line is not made a gigabyte of', () => {
    expect(() => preprocess(grey(8000, 2), clipPreprocess(224))).toThrow('8000 by 2 pixels is too narrow');
  });
});
