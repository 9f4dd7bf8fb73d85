import { expect, it } from 'vitest';
import { printDuration } from './words.ts';

it.each([
  [0.4, 'under a second'],
  [59.4, '59 s'],
  [59.7, '1 min 0 s'],
  [405, '6 min 45 s'],
  [419.7, '7 min 0 s'],
  [700, '12 min'],
  [3599, '1 h 0 min'],
  [7199, '2 h 0 min'],
])('%f s is %s', (seconds, words) => {
  expect(printDuration(seconds)).toBe(words);
});
