import { expect, it } from 'vitest';
import { byTimestep, disputedFirst, type Margin, timestepBins } from './margins.ts';

const timesteps = [50, 150, 400, 950];
const margin = (pair: string, ...logits: number[]): Margin => ({
  pair,
  logits,
  margin: logits.reduce((sum, logit) => sum + logit, 0) / logits.length,
});

it('the pairs that a model disputes most come first', () => {
  const all = [margin('a', 1, 1, 1, 1), margin('b', -3, 1, 0, 0), margin('c', 0, 0, 0, 0)];
  expect(disputedFirst(all).map(({ pair }) => pair)).toEqual(['b', 'c', 'a']);
});

it('bins hold every draw once, and empty ones are left out', () => {
  expect(timestepBins(timesteps, 3)).toEqual([
    { from: 0, to: 333, draws: 2 },
    { from: 333, to: 667, draws: 1 },
    { from: 667, to: 1000, draws: 1 },
  ]);
  expect(timestepBins(timesteps, 10).map(({ from }) => from)).toEqual([0, 100, 400, 900]);
});

it('each bin has the margins of its draws alone', () => {
  const all = [margin('a', 1, 3, -1, 5), margin('b', -2, 0, 0, 1)];
  expect(byTimestep(all, timesteps, 3)).toMatchObject([
    { margin: 0.5, right: 1 },
    { margin: -0.5, right: 0.5 },
    { margin: 3, right: 2 },
  ]);
});
