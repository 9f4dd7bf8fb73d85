/** Where scores lie: mean, median, deviation, and how sure the first two are. */
import type { Bootstrap, Interval } from './bootstrap.ts';

export interface Spread {
  n: number;
  mean: number;
  /** Standard deviation over all values, by n - 1; 0 of one. */
  deviation: number;
  median: number;
  /** Bootstrap over groups; null where there are too few. */
  meanInterval: Interval | null;
  medianInterval: Interval | null;
}

/** @param values of each group of the bootstrap: those of one prompt together. NaN of no values. */
export function spreadOf(values: readonly (readonly number[])[], bootstrap: Bootstrap): Spread {
  const flat = values.flat();
  const mean = flat.reduce((sum, value) => sum + value, 0) / flat.length;
  const squares = flat.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const sums = values.map((group) => group.reduce((sum, value) => sum + value, 0));
  const sizes = values.map((group) => group.length);
  const sorted = values.flatMap((group, at) => group.map((value) => ({ value, at }))).sort((a, b) => a.value - b.value);
  const sortedValues = Float64Array.from(sorted, ({ value }) => value);
  const groupOf = Uint32Array.from(sorted, ({ at }) => at);
  const median = (counts: Uint8Array): number => weightedMedian(sortedValues, groupOf, counts);
  const [meanInterval, medianInterval] = bootstrap.intervals((counts) => {
    let [sum, n] = [0, 0];
    for (let i = 0; i < counts.length; i++) {
      sum += counts[i]! * sums[i]!;
      n += counts[i]! * sizes[i]!;
    }
    return [sum / n, median(counts)];
  });
  return {
    n: flat.length,
    mean,
    deviation: flat.length > 1 ? Math.sqrt(squares / (flat.length - 1)) : 0,
    median: median(new Uint8Array(values.length).fill(1)),
    meanInterval: meanInterval!,
    medianInterval: medianInterval!,
  };
}

/** Of sorted values, each as often as its group was drawn; the mean of the middle two of an even number, as numpy has it. */
function weightedMedian(sorted: Float64Array, groupOf: Uint32Array, counts: Uint8Array): number {
  let total = 0;
  for (const group of groupOf) total += counts[group]!;
  const [low, high] = [Math.ceil(total / 2), Math.floor(total / 2) + 1];
  let passed = 0;
  let lower = Number.NaN;
  for (let i = 0; i < sorted.length; i++) {
    passed += counts[groupOf[i]!]!;
    if (Number.isNaN(lower) && passed >= low) lower = sorted[i]!;
    if (passed >= high) return (lower + sorted[i]!) / 2;
  }
  return Number.NaN;
}
