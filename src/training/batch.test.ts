import { expect, it } from 'vitest';
import { RandomStream } from '../shared/rng.ts';
import { BatchOrder, drawNumber } from './batch.ts';

const settings = { seed: 7, elements: 12, timestepRange: [100, 900] as const, promptDropout: 0.25 };

it('draws every pair once in each epoch, in another order', () => {
  const order = new BatchOrder(7, [[0, 1, 2, 3, 4]], 1);
  const epoch = (k: number): number[] => [0, 1, 2, 3, 4].map((i) => order.at(k * 5 + i).pairs[0]!);
  expect(epoch(0).toSorted()).toEqual([0, 1, 2, 3, 4]);
  expect(epoch(3).toSorted()).toEqual([0, 1, 2, 3, 4]);
  expect(new Set([0, 1, 2, 3, 4].map((k) => epoch(k).join())).size).toBeGreaterThan(1);
});

it('depends on the seed and the draw alone', () => {
  expect(drawNumber(11, settings)).toEqual(drawNumber(11, settings));
  expect(drawNumber(11, settings).noise).not.toEqual(drawNumber(12, settings).noise);
  expect(drawNumber(11, settings).noise).not.toEqual(drawNumber(11, { ...settings, seed: 8 }).noise);
});

it('keeps to the timestep range and the dropout rate', () => {
  const draws = Array.from({ length: 2000 }, (_, n) => drawNumber(n, { ...settings, elements: 1 }));
  expect(Math.min(...draws.map((d) => d.timestep))).toBeGreaterThanOrEqual(100);
  expect(Math.max(...draws.map((d) => d.timestep))).toBeLessThan(900);
  const dropped = draws.filter((d) => d.dropPrompt).length / draws.length;
  expect(Math.abs(dropped - 0.25)).toBeLessThan(0.04);
});

/** As draws were made before there were several sizes: runs of one size go on to the same bits. */
it.each([1, 3, 4])('draws pairs of one size by their number alone, %i at a time', (pairsPerStep) => {
  const order = new BatchOrder(3, [[0, 1, 2, 3, 4]], pairsPerStep);
  const before = (n: number): number =>
    new RandomStream({ seed: 3, purpose: 'pairOrder', step: Math.floor(n / 5) }).shuffled([0, 1, 2, 3, 4])[n % 5]!;
  for (const micro of [0, 1, 7, 2, 40])
    expect(order.at(micro)).toEqual({
      bucket: 0,
      pairs: Array.from({ length: pairsPerStep }, (_, slot) => before(micro * pairsPerStep + slot)),
    });
});

const buckets = [[0, 2, 4, 6, 8, 9, 10], [1, 3, 5], [7]];

it('gives each micro-batch pairs of one size, and each pair its turn', () => {
  const order = new BatchOrder(5, buckets, 2);
  const counts = Array.from({ length: 11 }, () => 0);
  // 11 micro-batches of 2: two epochs.
  for (let micro = 0; micro < 11; micro++) {
    const { bucket, pairs } = order.at(micro);
    expect(pairs.every((pair) => buckets[bucket]!.includes(pair))).toBe(true);
    for (const pair of pairs) counts[pair]!++;
  }
  expect(counts).toEqual(Array.from({ length: 11 }, () => 2));
});

it('never lets one size run ahead of the others by more than a micro-batch', () => {
  const order = new BatchOrder(5, buckets, 1);
  const had = [0, 0, 0];
  for (let micro = 1; micro <= 200; micro++) {
    had[order.at(micro - 1).bucket]!++;
    had.forEach((count, b) => expect(Math.abs(count - (micro * buckets[b]!.length) / 11)).toBeLessThanOrEqual(1));
  }
});

it('begins anew with other pairs in an order of its own, and gives a size without any no turn', () => {
  const left = [[], [1, 3, 5], [7]];
  const [first, second] = [1, 2].map((times) => {
    const order = new BatchOrder(5, left, 1, times);
    return Array.from({ length: 40 }, (_, micro) => order.at(micro));
  });
  expect(new Set(first!.map(({ bucket }) => bucket))).toEqual(new Set([1, 2]));
  expect(first!.filter(({ pairs }) => pairs[0] === 7)).toHaveLength(10);
  expect(first).not.toEqual(second);
});

it('is the same wherever it begins', () => {
  const whole = new BatchOrder(5, buckets, 3);
  const all = Array.from({ length: 60 }, (_, micro) => whole.at(micro));
  for (const micro of [59, 12, 33]) expect(new BatchOrder(5, buckets, 3).at(micro)).toEqual(all[micro]);
});
