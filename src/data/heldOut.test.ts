import { describe, expect, it } from 'vitest';
import type { TrainPair } from '../records/runs.ts';
import { heldOutOf } from './heldOut.ts';

const pairsOf = (prompts: number, each = 1): Pick<TrainPair, 'prompt' | 'strength'>[] =>
  Array.from({ length: prompts * each }, (_, i) => ({ prompt: `prompt ${i % prompts}` }));
const tenth = { heldOut: 0.1, seed: 0 };

describe('the pairs that a run keeps back', () => {
  it.each([
    [20, 4],
    [39, 4],
    [60, 6],
    [200, 20],
  ])('of %i pairs are %i', (all, held) => {
    expect(heldOutOf(pairsOf(all), tenth)).toMatchObject({ pairs: { size: held }, because: null });
  });

  it('are none of fewer than 20, and it says so', () => {
    const { pairs, because } = heldOutOf(pairsOf(19), tenth);
    expect(pairs.size).toBe(0);
    expect(because).toMatch(/begins at 20 decided pairs, and there are 19/);
  });

  it('are none where nobody asked for any, without a word', () => {
    expect(heldOutOf(pairsOf(100), { heldOut: 0, seed: 0 })).toEqual({ pairs: new Set(), because: null });
  });

  it('are whole prompts', () => {
    const all = pairsOf(25, 4);
    const { pairs } = heldOutOf(all, tenth);
    const prompts = new Set([...pairs].map((i) => all[i]!.prompt));
    expect(all.flatMap(({ prompt }, i) => (prompts.has(prompt) ? [i] : []))).toEqual(
      [...pairs].toSorted((a, b) => a - b),
    );
    expect(pairs.size).toBeGreaterThanOrEqual(8);
    expect(pairs.size).toBeLessThanOrEqual(10);
  });

  it('are none where one prompt has all pairs, or would take too many with it', () => {
    expect(heldOutOf(pairsOf(1, 30), tenth).because).toMatch(/of one prompt/);
    expect(heldOutOf(pairsOf(2, 20), tenth).because).toMatch(/only 2 prompts/);
    expect(heldOutOf(pairsOf(5, 8), tenth)).toMatchObject({ pairs: { size: 8 }, because: null });
  });

  it('do not count ties, which are kept back with their prompts', () => {
    const all = pairsOf(30, 2).map((pair, i) => (i >= 30 ? { ...pair, strength: 'tie' as const } : pair));
    const { pairs } = heldOutOf(all, tenth);
    expect([...pairs].filter((i) => all[i]!.strength !== 'tie').length).toBe(4);
    expect(pairs.size).toBe(8);
  });

  it('are none that were chosen for their doubt', () => {
    const all = pairsOf(60).map((pair, i) => (i % 3 === 0 ? pair : { ...pair, chosen: true }));
    const { pairs } = heldOutOf(all, tenth);
    expect(pairs.size).toBe(6);
    expect([...pairs].every((i) => i % 3 === 0)).toBe(true);
  });

  it('follow from pairs and seed alone', () => {
    expect(heldOutOf(pairsOf(50), tenth)).toEqual(heldOutOf(pairsOf(50), tenth));
    expect([...heldOutOf(pairsOf(50), tenth).pairs]).not.toEqual([
      ...heldOutOf(pairsOf(50), { ...tenth, seed: 1 }).pairs,
    ]);
  });
});
