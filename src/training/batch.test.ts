import { expect, it } from 'vitest';
import { drawNumber } from './batch.ts';

const settings = { seed: 7, pairs: 5, elements: 12, timestepRange: [100, 900] as const, promptDropout: 0.25 };

it('draws every pair once in each epoch, in another order', () => {
  const epoch = (k: number): number[] => [0, 1, 2, 3, 4].map((i) => drawNumber(k * 5 + i, settings).pair);
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
