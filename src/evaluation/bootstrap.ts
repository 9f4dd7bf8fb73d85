/** Intervals by the bootstrap over groups: prompts are drawn anew, each with all of its seeds, since pictures of one prompt are no independent
 *  witnesses. Percentiles of the draws (B. Efron, Annals of Statistics 7, 1979; Efron and Tibshirani, 1993, chapter 13). */
import { RandomStream } from '../shared/rng.ts';

export type Interval = [low: number, high: number];

const DRAWS = 10_000;
/** Counts that are kept at a time, a byte each. */
const MAX_COUNTS = 2 ** 26;
/** Below this, percentiles of so few groups are too narrow: said where they are shown. */
export const FEW_GROUPS = 20;

/** How often each group comes in each draw. All statistics of one evaluation go by the same draws: their differences are paired. */
export class Bootstrap {
  readonly groups: number;
  private readonly draws: number;
  private counts: Uint8Array | undefined;

  /** @param draws 10,000 if left out; fewer beyond 6,710 groups. */
  constructor(groups: number, draws = DRAWS) {
    this.groups = groups;
    this.draws = Math.max(1, Math.min(draws, Math.floor(MAX_COUNTS / Math.max(1, groups))));
  }

  /** Two-sided 95 % of a statistic, which is given how often each group counts. Draws in which it is NaN (nothing was decided) are left out;
   *  null where there are fewer than two groups, or it is NaN in more than one draw of twenty. */
  interval(statistic: (counts: Uint8Array) => number): Interval | null {
    const [interval] = this.intervals((counts) => [statistic(counts)]);
    return interval ?? null;
  }

  /** Of several at once. */
  intervals(statistics: (counts: Uint8Array) => readonly number[]): (Interval | null)[] {
    const { groups, draws } = this;
    const whole = statistics(new Uint8Array(groups).fill(1));
    if (groups < 2) return whole.map(() => null);
    const found = whole.map(() => new Float64Array(draws));
    const counts = this.drawn();
    for (let draw = 0; draw < draws; draw++) {
      const values = statistics(counts.subarray(draw * groups, (draw + 1) * groups));
      for (let i = 0; i < found.length; i++) found[i]![draw] = values[i]!;
    }
    return found.map((values) => {
      const sorted = values.filter((value) => !Number.isNaN(value)).sort();
      return sorted.length < 0.95 * draws ? null : [quantile(sorted, 0.025), quantile(sorted, 0.975)];
    });
  }

  /** [draws, groups]. */
  private drawn(): Uint8Array {
    if (this.counts) return this.counts;
    const { groups, draws } = this;
    const counts = new Uint8Array(groups * draws);
    const stream = new RandomStream({ seed: 0, purpose: 'bootstrap' });
    // More than 255 of one group is no more likely than a wrong bit: groups are drawn evenly.
    for (let at = 0; at < counts.length; at += groups)
      for (let i = 0; i < groups; i++) counts[at + Math.floor((stream.uint32() / 2 ** 32) * groups)]!++;
    return (this.counts = counts);
  }
}

/** Null for an interval of no width, as draws of groups that all say the same have it. Of a share that is 1 in every group it would claim certainty. */
export const unlessFixed = (interval: Interval | null): Interval | null =>
  interval && interval[1] - interval[0] > 1e-6 ? interval : null;

/** Linear between the two nearest, as numpy's default. NaN of nothing. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  const above = sorted[Math.ceil(at)]!;
  return below === above ? below : below + (at - Math.floor(at)) * (above - below);
}

/** Mean over groups, each counted as often as it was drawn; a group of NaN has nothing to say. */
export function weightedMean(values: ArrayLike<number>, counts: Uint8Array): number {
  let [sum, n] = [0, 0];
  for (let i = 0; i < counts.length; i++) {
    if (Number.isNaN(values[i])) continue;
    sum += counts[i]! * values[i]!;
    n += counts[i]!;
  }
  return sum / n;
}
