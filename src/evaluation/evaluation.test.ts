import { describe, expect, it } from 'vitest';
import { blindPlan, outcomeForB } from './blindPlan.ts';
import { signTest, wilsonInterval } from './wilson.ts';
import { tally, winRate } from './winRate.ts';

describe('Wilson interval', () => {
  // Newcombe, Statistics in Medicine 17, 1998, table I, method 3; the last row mirrors 0 of 29.
  it.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
    [29, 29, 0.883, 1],
  ])('of %i in %i', (x, n, low, high) => {
    const [l, h] = wilsonInterval(x, n);
    expect(l).toBeCloseTo(low, 4);
    expect(h).toBeCloseTo(high, 4);
  });
  it('knows nothing from nothing', () => expect(wilsonInterval(0, 0)).toEqual([0, 1]));
});

describe('sign test', () => {
  // Exact binomial: 2 (1 + 10) / 2^10; 2 (1 + 5) / 2^5 is below 1; an even split is certain.
  it.each([
    [9, 1, 22 / 1024],
    [1, 9, 22 / 1024],
    [5, 5, 1],
    [0, 0, 1],
    [4, 1, 12 / 32],
    [10, 0, 2 / 1024],
  ])('%i to %i', (wins, losses, p) => expect(signTest(wins, losses)).toBeCloseTo(p, 12));
  it('holds for thousands', () => {
    // Normal approximation with continuity: z = (2 * 1100 - 2000 - 1) / sqrt(2000) = 4.45, p = 8.6e-6.
    expect(signTest(1100, 900) / 8.6e-6).toBeCloseTo(1, 1);
  });
});

describe('win rate', () => {
  it('keeps ties apart', () => {
    const counts = { wins: 30, losses: 10, ties: 20 };
    expect(winRate(counts)).toMatchObject({ ...counts, n: 40, rate: 0.75, interval: wilsonInterval(30, 40) });
    expect(winRate({ wins: 0, losses: 0, ties: 3 }).rate).toBeNaN();
  });
  it('tallies', () => {
    expect(tally(['win', 'tie', 'loss', 'win'])).toEqual({ wins: 2, losses: 1, ties: 1 });
    expect(tally([])).toEqual({ wins: 0, losses: 0, ties: 0 });
  });
});

describe('blind plan', () => {
  const items = Array.from({ length: 1000 }, (_, i) => i);
  it('shows every item once, the same way for the same seed', () => {
    const plan = blindPlan({ items, seed: 11 });
    expect(plan.showings.map(({ item }) => item).toSorted((a, b) => a - b)).toEqual(items);
    expect(blindPlan({ items, seed: 11 })).toEqual(plan);
    expect(blindPlan({ items, seed: 12 })).not.toEqual(plan);
  });
  it('throws a fair coin for the side, whatever the item or the place', () => {
    const { showings } = blindPlan({ items, seed: 11 });
    const leftIsA = (of: boolean[]): number => of.filter(Boolean).length / of.length;
    // Four standard deviations of a fair coin are 0.063 in 1000 throws, 0.089 in 500.
    expect(Math.abs(leftIsA(showings.map(({ left }) => left === 'a')) - 0.5)).toBeLessThan(0.063);
    expect(Math.abs(leftIsA(showings.slice(0, 500).map(({ left }) => left === 'a')) - 0.5)).toBeLessThan(0.089);
  });
  it.each([
    ['a', 'left', 'loss'],
    ['a', 'right', 'win'],
    ['b', 'left', 'win'],
    ['b', 'right', 'loss'],
    ['a', 'tie', 'tie'],
  ] as const)('with %s on the left, %s is a %s of b', (left, answer, outcome) =>
    expect(outcomeForB(left, answer)).toBe(outcome),
  );
});
