import { describe, expect, it } from 'vitest';
import { askOrder, candidatesFor, randomOrder, secondCheckpoint } from './activeChoice.ts';

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

it('all at random where nobody chooses: as many as are asked, in an order that says nothing', () => {
  expect(candidatesFor('random', 20)).toBe(20);
  expect([candidatesFor('doubt', 20), candidatesFor('disagreement', 20)]).toEqual([40, 40]);
  const pairs = candidates.map(({ pair }) => pair);
  const order = randomOrder(pairs, 3);
  expect(order.every(({ why }) => why === 'random')).toBe(true);
  expect(order.map(({ pair }) => pair).toSorted()).toEqual(pairs.toSorted());
  expect(order.map(({ pair }) => pair)).not.toEqual(pairs);
  expect(randomOrder(pairs, 3)).toEqual(order);
  expect(randomOrder(pairs, 4)).not.toEqual(order);
});

describe('where two checkpoints disagree', () => {
  const margins: [string, number, number][] = [
    // Both sure of the same picture, whatever their margins: nothing to ask.
    ['both sure', 8, 30],
    ['turned', -2, 2],
    ['one is undecided', 0, 2],
    ['both undecided', 0, 0],
    ['turned, and surer', 5, -5],
  ];
  const apart = margins.map(([pair, margin, other]) => ({ pair, margin, other }));

  it('is asked first, by the chance that each gives to a picture', () => {
    // Of five two are drawn at random: without them, in order.
    const order = askOrder(apart, { ask: 4, seed: 1 });
    const random = new Set(order.filter(({ why }) => why === 'random').map(({ pair }) => pair));
    const ranked = ['turned, and surer', 'turned', 'one is undecided', 'both sure', 'both undecided'].filter(
      (pair) => !random.has(pair),
    );
    expect(random.size).toBe(2);
    expect(new Set(order.filter(({ why }) => why === 'chosen').map(({ pair }) => pair))).toEqual(
      new Set(ranked.slice(0, 2)),
    );
    expect(order.at(-1)).toEqual({ pair: ranked[2], why: 'rest' });
  });

  it('is the best and the last, or the one before', () => {
    const checkpoints = [10, 20, 30].map((step) => ({ step, file: `checkpoints/${step}`, at: '' }));
    const figures = { pairs: 4, right: 4, margin: 1, loss: 1, winnerError: 1 };
    const look = (step: number, loss: number) => ({ step, draws: 2, heldOut: { ...figures, loss }, training: figures });
    const second = (...losses: number[]) =>
      secondCheckpoint({ checkpoints, looks: losses.map((loss, i) => look(10 * (i + 1), loss)) })?.step;
    expect(second(0.3, 0.5, 0.6)).toBe(30);
    expect(second(0.5, 0.4, 0.3)).toBe(20);
    expect(second()).toBe(20);
    expect(secondCheckpoint({ checkpoints: checkpoints.slice(0, 1) })).toBeUndefined();
  });
});
