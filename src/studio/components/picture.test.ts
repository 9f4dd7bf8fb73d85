/** A small picture in whole steps lies on the screen's own pixels. */
import { expect, it } from 'vitest';
import { wholeSteps } from './Picture.tsx';

it('each pixel of a picture is as many of the screen’s as there is room for', () => {
  const picture = { width: 96, height: 96 };
  expect(wholeSteps(picture, { width: 500, height: 500 }, 1)).toEqual({
    width: 480,
    height: 480,
    left: 10,
    top: 10,
    steps: 5,
  });
  // Screens of 1.25, 1.5 and 2 pixels to one of the page's: no pixel is cut.
  for (const ratio of [1.25, 1.5, 2, 3]) {
    const { width, left, top, steps } = wholeSteps(picture, { width: 501, height: 433 }, ratio)!;
    expect(Number.isInteger(steps)).toBe(true);
    expect(width * ratio).toBeCloseTo(96 * steps, 9);
    for (const px of [left, top]) expect(px * ratio).toBeCloseTo(Math.round(px * ratio), 9);
    expect(width).toBeLessThanOrEqual(433);
    expect(width + 96 / ratio).toBeGreaterThan(433);
  }
});

it('a picture larger than its box is no matter of steps, and one that fits by a hair is whole', () => {
  expect(wholeSteps({ width: 512, height: 512 }, { width: 300, height: 300 }, 1)).toBeUndefined();
  expect(wholeSteps({ width: 100, height: 50 }, { width: 299.999, height: 200 }, 1)?.steps).toBe(3);
});
