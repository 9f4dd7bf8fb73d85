import { describe, expect, it } from 'vitest';
import { askOrder } from './activeChoice.ts';

const candidates = Array.from({ length: 40 }, (_, i) => ({ pair: `p${i}`, margin: (i % 2 === 0 ? 1 : -1) * i }));

describe('the pairs of a round that are asked first', () => {
  const order = askOrder(candidates, { ask: 20, seed: 3 });
  const of = (why: string): string[] => order.filter((one) => one.why === why).map(({ pair }) => pair);

  it('are three in ten at random, and else those that the model is least certain of', () => {
    expect(of('random').length).toBe(6);
    const random = new Set(of('random'));
    const doubted = candidates.filter(({ pair }) => !random.has(pair)).slice(0, 14);
    expect(of('chosen').toSorted()).toEqual(doubted.map(({ pair }) => pair).toSorted());
  });

  it('come before the rest, mixed, and each candidate once', () => {
    expect(order.slice(0, 20).every(({ why }) => why !== 'rest')).toBe(true);
    expect(new Set(order.map(({ pair }) => pair)).size).toBe(40);
    const first = order.slice(0, 20).map(({ why }) => why);
    expect(first).not.toEqual(first.toSorted());
    expect(of('rest')).toEqual(of('rest').toSorted((a, b) => Number(a.slice(1)) - Number(b.slice(1))));
  });

  it('are drawn at random among all: over many rounds each as often', () => {
    const drawn = new Map<string, number>();
    for (let seed = 0; seed < 400; seed++)
      for (const { pair, why } of askOrder(candidates, { ask: 20, seed }))
        if (why === 'random') drawn.set(pair, (drawn.get(pair) ?? 0) + 1);
    // 60 each; 4.5 deviations either way.
    for (const { pair } of candidates) expect(Math.abs(drawn.get(pair)! - 60)).toBeLessThan(33);
  });

  it('are all of them where there are fewer', () => {
    expect(askOrder(candidates.slice(0, 3), { ask: 20, seed: 0 }).filter(({ why }) => why === 'rest')).toEqual([]);
    expect(askOrder([], { ask: 20, seed: 0 })).toEqual([]);
  });
});
