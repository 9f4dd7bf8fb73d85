import { expect, it } from 'vitest';
import { Recoveries } from './recoveries.ts';

const minute = 60_000;

function clocked(): { at(minutes: number): boolean } {
  let now = 0;
  const recoveries = new Recoveries(() => now);
  return {
    at(minutes) {
      now = minutes * minute;
      return recoveries.take();
    },
  };
}

it('gives three in ten minutes, and no fourth', () => {
  const { at } = clocked();
  expect([0, 0, 1, 1, 9.99].map(at)).toEqual([true, true, true, false, false]);
});

it('gives the next one ten minutes after the first of the three, as refusals do not count', () => {
  const { at } = clocked();
  expect([0, 4, 8, 9, 9.5, 10, 11, 14, 17, 18].map(at)).toEqual([
    true,
    true,
    true,
    false,
    false,
    true,
    false,
    true,
    false,
    true,
  ]);
});

it('goes on for ever where losses are rare', () => {
  const { at } = clocked();
  for (let n = 0; n < 100; n++) expect(at(5 * n)).toBe(true);
});
