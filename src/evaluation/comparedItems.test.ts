/** What of a list is compared, against the places counted by hand. */
import { expect, it } from 'vitest';
import { armFigures } from './armFigures.ts';
import { comparedItems } from './comparedItems.ts';

const list = Array.from({ length: 10 }, (_, i) => ({ prompt: `p${i}`, category: i < 5 ? 'first' : 'second' }));
const told = (seeds: readonly number[], most = Infinity): string[] =>
  comparedItems(list, seeds, most).map(({ prompt, seed }) => `${prompt} ${seed}`);

it('is all of it, seed by seed', () => {
  const all = [3, 7].flatMap((seed) => list.map(({ prompt }) => `${prompt} ${seed}`));
  expect(told([3, 7])).toEqual(all);
  expect(told([3, 7], 20)).toEqual(all);
  expect(told([3, 7], 1000)).toEqual(all);
  expect(comparedItems(list, [3], 1)).toEqual([{ ...list[0], seed: 3 }]);
});

it('of one seed is spread over the list', () => {
  expect(told([0], 4)).toEqual(['p0 0', 'p2 0', 'p5 0', 'p7 0']);
});

it('is prompts with all their seeds, of the last as many as are left', () => {
  expect(told([3, 7], 4)).toEqual(['p0 3', 'p5 3', 'p0 7', 'p5 7']);
  expect(told([0, 1, 2], 7)).toEqual(['p0 0', 'p3 0', 'p6 0', 'p0 1', 'p3 1', 'p0 2', 'p3 2']);
  expect(told([0, 1, 2], 8)).toEqual(['p0 0', 'p3 0', 'p6 0', 'p0 1', 'p3 1', 'p6 1', 'p0 2', 'p3 2']);
  expect(told([0, 1, 2], 2)).toEqual(['p0 0', 'p0 1']);
});

it('leaves figures within a prompt, however many are asked for', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => ({ prompt: `p${i}` }));
  const items = comparedItems(hundred, [0, 1, 2], 100);
  expect(items).toHaveLength(100);
  const scores = [0, 0.5].map((rise) => items.map((_, i) => ({ appeal: Math.sin(i) + rise })));
  const { appeal } = armFigures(items, { scales: ['appeal'], scores, tieMargin: 0 });
  const [compared] = appeal!.comparisons;
  expect(compared!.deviations).toMatchObject({ interval: [expect.any(Number), expect.any(Number)] });
  expect(compared!.otherSeeds!.rate).toBeGreaterThan(0.5);
});
