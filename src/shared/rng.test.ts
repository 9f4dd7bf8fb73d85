import { describe, expect, it } from 'vitest';
import { philox4x32, RandomStream, type Purpose } from './rng.ts';

describe('philox4x32', () => {
  // Random123 1.14, tests/kat_vectors, philox4x32 with 10 rounds.
  it.each([
    ['zeros', [0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
    [
      'ones',
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      'pi',
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const)('gives the known answer for %s', (_, counter, key, expected) => {
    expect(philox4x32([...counter], [...key])).toEqual(expected);
  });
});

describe('RandomStream', () => {
  const words = (seed: number, purpose: Purpose, step = 0, pair = 0): number[] => {
    const stream = new RandomStream({ seed, purpose, step, pair });
    return Array.from({ length: 6 }, () => stream.uint32());
  };

  it('depends on every part of its key and on nothing else', () => {
    expect(words(7, 'noise', 3, 2)).toEqual(words(7, 'noise', 3, 2));
    const all = [
      words(7, 'noise', 3, 2),
      words(8, 'noise', 3, 2),
      words(7 + 2 ** 32, 'noise', 3, 2),
      words(7, 'timestep', 3, 2),
      words(7, 'noise', 4, 2),
      words(7, 'noise', 3, 1),
    ];
    expect(new Set(all.flat()).size).toBe(36);
  });

  it('keeps its values from version to version', () => {
    // The first words: the block (0, pair 2, step 3, purpose noise) under the key 7.
    expect(words(7, 'noise', 3, 2).slice(0, 4)).toEqual(philox4x32([0, 2, 3, 1], [7, 0]));
  });

  it('draws integers evenly, over odd ranges too', () => {
    const stream = new RandomStream({ seed: 1, purpose: 'timestep' });
    const counts = Array.from({ length: 7 }, () => 0);
    for (let i = 0; i < 70_000; i++) counts[stream.int(10, 17) - 10]!++;
    // 99.99 % of chi-squared with 6 degrees of freedom lies below 27.9.
    expect(counts.reduce((sum, n) => sum + (n - 10_000) ** 2 / 10_000, 0)).toBeLessThan(27.9);
    expect(() => stream.int(3, 3)).toThrow('[3, 3)');
  });

  it('draws normals with the right moments', () => {
    const x = new RandomStream({ seed: 2, purpose: 'noise' }).normals(100_000);
    const moment = (p: number): number => x.reduce((sum, v) => sum + v ** p, 0) / x.length;
    // Five standard errors of each moment.
    expect(Math.abs(moment(1))).toBeLessThan(5 / Math.sqrt(1e5));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / 1e5));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / 1e5));
  });

  it('shuffles without losing anything, and evenly', () => {
    const counts = new Map<string, number>();
    for (let pair = 0; pair < 24_000; pair++) {
      const order = new RandomStream({ seed: 3, purpose: 'sideOrder', pair }).shuffled(['a', 'b', 'c', 'd']).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    // 99.99 % of chi-squared with 23 degrees of freedom lies below 57.
    expect([...counts.values()].reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0)).toBeLessThan(57);
  });

  it('refuses keys it cannot hold', () => {
    expect(() => new RandomStream({ seed: -1, purpose: 'noise' })).toThrow('seed -1');
    expect(() => new RandomStream({ seed: 0, purpose: 'noise', pair: 1.5 })).toThrow('pair 1.5');
  });
});
