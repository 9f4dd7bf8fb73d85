/** By how much one model's scores rise over another's, in the unit that compares between judges and models: the base's own deviation within a
 *  prompt, over its seeds. And win rates that do not saturate: same-seed win rates near 100 % are reached by a gain of 0.2 already. */
import { type Bootstrap, type Interval, unlessFixed, weightedMean } from './bootstrap.ts';

export interface PairedGain {
  /** Mean over prompts of the rise, in deviations of the base within a prompt. */
  gain: number;
  interval: Interval | null;
  /** The unit, in the judge's own: the base's deviation over the seeds of a prompt, pooled over prompts. */
  deviation: number;
}

/** @param base scores of each prompt, one a seed; @param other of the same prompts, of any seeds. Null where the base has but one seed a prompt, or
 *  does not vary: there is no unit then. */
export function pairedGain(
  base: readonly (readonly number[])[],
  other: readonly (readonly number[])[],
  bootstrap: Bootstrap,
): PairedGain | null {
  const rises = base.map((values, prompt) => mean(other[prompt]!) - mean(values));
  const squares = base.map((values) => values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0));
  const freedoms = base.map((values) => Math.max(0, values.length - 1));
  const deviationOf = (counts: Uint8Array): number => Math.sqrt(dot(counts, squares) / dot(counts, freedoms));
  const all = new Uint8Array(base.length).fill(1);
  const deviation = deviationOf(all);
  if (!(deviation > 0)) return null;
  const gainOf = (counts: Uint8Array): number => weightedMean(rises, counts) / deviationOf(counts);
  return {
    gain: gainOf(all),
    interval: bootstrap.interval((counts) => {
      const gain = gainOf(counts);
      return Number.isFinite(gain) ? gain : Number.NaN;
    }),
    deviation,
  };
}

/** How often a picture of the other model beats one of the base that has the same prompt and another seed: mean over prompts of the share among
 *  all such pairs, a tie counting half. Null where there is but one seed. */
export function otherSeedRate(
  base: readonly (readonly number[])[],
  other: readonly (readonly number[])[],
  bootstrap: Bootstrap,
): { rate: number; interval: Interval | null } | null {
  const shares = base.map((before, prompt) => {
    let [wins, n] = [0, 0];
    before.forEach((a, seed) =>
      other[prompt]!.forEach((b, otherSeed) => {
        if (seed === otherSeed) return;
        n++;
        wins += b > a ? 1 : b === a ? 0.5 : 0;
      }),
    );
    return wins / n;
  });
  const of = (counts: Uint8Array): number => weightedMean(shares, counts);
  const rate = of(new Uint8Array(base.length).fill(1));
  return Number.isNaN(rate) ? null : { rate, interval: unlessFixed(bootstrap.interval(of)) };
}

/** Expected best of n standard normals, in steps of n. */
export const bestOfNormals: readonly (readonly [n: number, expected: number])[] = [
  [1, 0],
  [2, 0.5642],
  [3, 0.8463],
  [4, 1.0294],
  [5, 1.163],
  [6, 1.2672],
  [8, 1.4236],
  [10, 1.5388],
  [12, 1.6292],
  [16, 1.766],
  [24, 1.9477],
  [32, 2.0697],
  [64, 2.3437],
  [100, 2.5076],
];

/** The number of draws of the base whose best is as good as one picture of a model with that gain: the nearest of the list. Null below a gain that
 *  is worth a second draw, or beyond the list. */
export function bestOf(gain: number): number | null {
  if (!(gain >= 0.25) || gain > 2.6) return null;
  return bestOfNormals.reduce((best, one) => (Math.abs(one[1] - gain) < Math.abs(best[1] - gain) ? one : best))[0];
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function dot(counts: Uint8Array, values: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) sum += counts[i]! * values[i]!;
  return sum;
}
