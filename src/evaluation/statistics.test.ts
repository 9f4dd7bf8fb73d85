/** Statistics of an evaluation against what scipy and numpy say of the same numbers (tools/reference/evaluation.py wrote them). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Bootstrap, type Interval, quantile } from './bootstrap.ts';
import { bradleyTerry, type Duel } from './bradleyTerry.ts';
import { duelFigures, type Judged } from './duels.ts';
import { cosineDistance, diversityOf, seedsOf, smallPicture } from './diversity.ts';
import { bestOf, bestOfNormals, otherSeedRate, pairedGain } from './pairedGain.ts';
import { spreadOf } from './spread.ts';
import { signTest, wilsonInterval } from './wilson.ts';

interface Ends {
  low: number;
  high: number;
  /** Of the ends of an interval of 10,000 draws. */
  deviations: [number, number];
}

const golden = JSON.parse(readFileSync(join(import.meta.dirname, '../../tools/reference/evaluation.json'), 'utf8')) as {
  'wilson and sign': { wins: number; losses: number; rate: [number, number]; p: number }[];
  scores: number[][][];
  spread: { mean: number; median: number; deviation: number; meanInterval: Ends; medianInterval: Ends }[];
  gain: { gain: number; deviation: number; interval: Ends }[];
  'other seeds': { rate: number; interval: Ends }[];
  'bradley terry': { wins: number[][]; strengths: number[] }[];
  'bradley terry interval': { low: number; high: number }[];
  'best of normals': [number, number][];
  diversity: { features: number[][][][]; distances: number[] };
  quantiles: { values: number[]; share: number; value: number }[];
};
const bootstrap = new Bootstrap(golden.scores[0]!.length);

/** Within five deviations of what another 10,000 draws would give. */
function near(interval: Interval | null, { low, high, deviations }: Ends): void {
  expect(Math.abs(interval![0] - low)).toBeLessThan(5 * deviations[0]);
  expect(Math.abs(interval![1] - high)).toBeLessThan(5 * deviations[1]);
}

it('Wilson and the sign test are those of scipy', () => {
  for (const { wins, losses, rate, p } of golden['wilson and sign']) {
    wilsonInterval(wins, wins + losses).forEach((end, i) => expect(end).toBeCloseTo(rate[i]!, 10));
    expect(signTest(wins, losses) / p).toBeCloseTo(1, 8);
  }
});

it('quantiles are those of numpy', () => {
  for (const { values, share, value } of golden.quantiles) expect(quantile(values, share)).toBeCloseTo(value, 12);
  expect(quantile([], 0.5)).toBeNaN();
});

it('mean, median and their intervals over prompts', () => {
  golden.spread.forEach((wanted, model) => {
    const spread = spreadOf(golden.scores[model]!, bootstrap);
    expect(spread.n).toBe(120);
    for (const key of ['mean', 'median', 'deviation'] as const) expect(spread[key]).toBeCloseTo(wanted[key], 10);
    near(spread.meanInterval, wanted.meanInterval);
    near(spread.medianInterval, wanted.medianInterval);
  });
});

it('the gain in deviations of the base within a prompt', () => {
  golden.gain.forEach((wanted, i) => {
    const found = pairedGain(golden.scores[0]!, golden.scores[i + 1]!, bootstrap)!;
    expect(found.gain).toBeCloseTo(wanted.gain, 10);
    expect(found.deviation).toBeCloseTo(wanted.deviation, 10);
    near(found.interval, wanted.interval);
  });
  // One seed a prompt, or a base that always scores the same, has no deviation within a prompt.
  const two = new Bootstrap(2);
  expect(pairedGain([[1], [2]], [[2], [3]], two)).toBeNull();
  expect(
    pairedGain(
      [
        [1, 1],
        [2, 2],
      ],
      [
        [2, 3],
        [3, 4],
      ],
      two,
    ),
  ).toBeNull();
});

it('the win rate against another seed, ties half', () => {
  golden['other seeds'].forEach((wanted, i) => {
    const found = otherSeedRate(golden.scores[0]!, golden.scores[i + 1]!, bootstrap)!;
    expect(found.rate).toBeCloseTo(wanted.rate, 10);
    near(found.interval, wanted.interval);
  });
  expect(otherSeedRate([[1], [2]], [[2], [3]], new Bootstrap(2))).toBeNull();
  expect(otherSeedRate([[1, 1]], [[1, 1]], new Bootstrap(1))).toEqual({ rate: 0.5, interval: null });
});

describe('Bradley and Terry', () => {
  const duelsOf = (wins: number[][]): Duel[] =>
    wins.flatMap((row, i) =>
      row.flatMap((won, j): Duel[] => [
        ...Array.from({ length: Math.floor(won) }, () => ({ a: j, b: i, won: 1, group: 0 })),
        ...(won % 1 ? [{ a: j, b: i, won: won % 1, group: 0 }] : []),
      ]),
    );
  it('is the maximum that scipy finds, with and without a way round', () => {
    for (const { wins, strengths } of golden['bradley terry'])
      bradleyTerry(wins.length, duelsOf(wins), new Bootstrap(1))!.forEach(({ strength, elo }, i) => {
        expect(strength).toBeCloseTo(strengths[i]!, 6);
        expect(elo).toBeCloseTo((400 * strengths[i]!) / Math.LN10, 3);
      });
  });
  it('draws its intervals over prompts', () => {
    const duels: Duel[] = [];
    const { scores } = golden;
    scores.forEach((other, b) =>
      scores
        .slice(0, b)
        .forEach((base, a) =>
          base.forEach((values, group) =>
            values.forEach((before) =>
              other[group]!.forEach((after) =>
                duels.push({ a, b, won: after > before ? 1 : after < before ? 0 : 0.5, group }),
              ),
            ),
          ),
        ),
    );
    const drawn = scores[0]!.length;
    // Every seed against every seed of the prompt here; the golden wins are seed against the same seed.
    const pairs = duels.filter((_, i) => i % 9 === 0 || i % 9 === 4 || i % 9 === 8);
    const found = bradleyTerry(3, pairs, new Bootstrap(drawn, 2000))!;
    expect(found[0]).toEqual({ strength: 0, elo: 0, interval: null });
    golden['bradley terry interval'].forEach(({ low, high }, i) => {
      expect(found[i + 1]!.strength).toBeCloseTo(golden['bradley terry'][0]!.strengths[i + 1]!, 6);
      // Both are of 2,000 draws: their ends move by about a thirtieth of the interval.
      const [from, to] = found[i + 1]!.interval!;
      expect(Math.abs(from - low)).toBeLessThan((high - low) / 10);
      expect(Math.abs(to - high)).toBeLessThan((high - low) / 10);
    });
  });
  it('keeps a model that lost nothing on the scale, and says nothing of models that never met', () => {
    const won = (a: number, b: number): Duel => ({ a, b, won: 1, group: 0 });
    expect(bradleyTerry(2, [won(0, 1), won(0, 1)], new Bootstrap(1))![1]!.strength).toBeCloseTo(Math.log(5), 8);
    expect(bradleyTerry(3, [won(0, 1)], new Bootstrap(1))).toBeNull();
    expect(bradleyTerry(3, [], new Bootstrap(0))).toBeNull();
  });
});

it('the best of n draws is the mean of its law', () => {
  expect(bestOfNormals).toHaveLength(golden['best of normals'].length);
  golden['best of normals'].forEach(([n, expected], i) => {
    expect(bestOfNormals[i]![0]).toBe(n);
    expect(bestOfNormals[i]![1]).toBeCloseTo(expected, 4);
  });
  expect([0.1, 0.56, 1.11, 2.5, 3, Number.NaN].map(bestOf)).toEqual([null, 2, 5, 100, null, null]);
});

describe('diversity', () => {
  const { features, distances } = golden.diversity;
  const vectors = features.map((model) => model.map((seeds) => seeds.map((one) => Float32Array.from(one))));
  it('is the mean distance between the seeds of a prompt', () => {
    const found = diversityOf(vectors, new Bootstrap(features[0]!.length))!;
    found.forEach(({ distance }, i) => expect(distance).toBeCloseTo(distances[i]!, 6));
    expect(found[0]!.share).toBeNull();
    expect(found[1]!.share!.value).toBeCloseTo(distances[1]! / distances[0]!, 6);
    expect(diversityOf([[[vectors[0]![0]![0]!]]], new Bootstrap(1))).toBeNull();
  });
  it('goes by the angle between embeddings, whatever their length', () => {
    const [x, xy, y] = [Float32Array.of(2, 0), Float32Array.of(1, 1), Float32Array.of(0, 5)];
    expect([cosineDistance(x, x), cosineDistance(x, y)]).toEqual([0, 1]);
    const [first, second] = diversityOf([[[x, y]], [[x, xy]]], new Bootstrap(1), cosineDistance)!;
    expect(first!.distance).toBeCloseTo(1, 12);
    expect(second!.distance).toBeCloseTo(1 - Math.SQRT1_2, 12);
    expect(second!.share!.value).toBeCloseTo(1 - Math.SQRT1_2, 12);
    const items = ['a', 'b', 'a', '__proto__'].map((prompt) => ({ prompt }));
    expect(seedsOf(items)).toEqual([[0, 2], [1], [3]]);
  });
  it('looks at pictures shrunk by area, of any size', () => {
    const picture = (width: number, height: number, of: (x: number, y: number) => number): Float32Array => {
      const data = new Uint8Array(width * height * 4);
      for (let i = 0; i < width * height; i++) data.fill(of(i % width, Math.floor(i / width)), i * 4, i * 4 + 4);
      return smallPicture({ data, width, height });
    };
    // A chequered picture of twice the side is grey.
    const grey = picture(64, 64, (x, y) => ((x + y) % 2) * 255);
    expect([...new Set(grey)]).toEqual([0.5]);
    expect(picture(16, 16, (x) => x)[3 * 31]).toBeCloseTo(15 / 255, 6);
    expect(picture(100, 37, () => 51).every((value) => Math.abs(value - 0.2) < 1e-6)).toBe(true);
  });
});

it('where all prompts say the same, draws of them say nothing of how sure it is', () => {
  const bootstrap = new Bootstrap(6);
  // Model 1 wins everywhere, model 2 half the time.
  const duels = Array.from({ length: 6 }, (_, group): Duel[] => [
    { a: 0, b: 1, won: 1, group },
    { a: 0, b: 2, won: group % 2, group },
  ]).flat();
  const [, always, half] = bradleyTerry(3, duels, bootstrap)!;
  expect(always!.interval).toBeNull();
  expect(always!.strength).toBeCloseTo(Math.log(6.5 / 0.5), 8);
  expect(half!.interval![1]).toBeGreaterThan(half!.interval![0]);
  const scores = [0, 1].map((more) => Array.from({ length: 6 }, () => [more, more + 0.1]));
  expect(otherSeedRate(scores[0]!, scores[1]!, bootstrap)).toEqual({ rate: 1, interval: null });
  const judged = (outcome: 'win' | 'loss', at: number): Judged => ({ a: 0, b: 1, outcome, prompt: `${at}` });
  const won = Array.from({ length: 6 }, (_, at) => judged('win', at));
  expect(duelFigures(2, won).duels[0]).toMatchObject({ overPrompts: null, rate: { rate: 1 } });
  expect(duelFigures(2, [...won.slice(1), judged('loss', 0)]).duels[0]!.overPrompts).not.toBeNull();
});

it('Wilson’s bounds of none and of all are 0 and 1', () => {
  for (let n = 1; n <= 200; n++) {
    expect(wilsonInterval(n, n)[1]).toBe(1);
    expect(wilsonInterval(0, n)[0]).toBe(0);
  }
});

describe('what is undecided or too little', () => {
  it('has no interval', () => {
    expect(new Bootstrap(1).interval(() => 1)).toBeNull();
    expect(new Bootstrap(30).interval(() => Number.NaN)).toBeNull();
    expect(spreadOf([], new Bootstrap(0))).toMatchObject({ n: 0, mean: Number.NaN, median: Number.NaN });
  });
});
