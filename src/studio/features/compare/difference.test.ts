import { expect, it } from 'vitest';
import { differenceOf } from './difference.ts';

const pixel = (...data: number[]) => ({ width: 1, height: 1, data: new Uint8ClampedArray(data) });

it('is the mean over red, green and blue, and shows each four times as strong', () => {
  const found = differenceOf(pixel(10, 20, 30, 255), pixel(12, 20, 130, 0))!;
  expect(found.mean).toBeCloseTo((2 + 0 + 100) / 3 / 255, 12);
  expect([...found.data]).toEqual([8, 0, 255, 255]);
  expect(differenceOf(pixel(1, 2, 3, 255), pixel(1, 2, 3, 255))!.mean).toBe(0);
});

it('there is none between pictures of two sizes', () => {
  expect(differenceOf(pixel(0, 0, 0, 0), { width: 2, height: 1, data: new Uint8ClampedArray(8) })).toBeNull();
});
