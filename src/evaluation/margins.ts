/** A run's pairs by what it says of them: the disputed ones first, and by the timesteps of the draws. */

export interface Margin {
  pair: string;
  /** Mean of the logits. */
  margin: number;
  /** At each draw. */
  logits: readonly number[];
}

/** Where the model is surest that the label is wrong comes first. */
export const disputedFirst = <T extends Margin>(margins: readonly T[]): T[] =>
  margins.toSorted((a, b) => a.margin - b.margin || a.pair.localeCompare(b.pair));

export interface TimestepBin {
  /** Timesteps in [from, to). */
  from: number;
  to: number;
  /** Draws that fall into it. */
  draws: number;
}

/** As many bins of one width over the draws' timesteps; those without a draw are left out. */
export function timestepBins(timesteps: readonly number[], bins: number): TimestepBin[] {
  const width = 1000 / bins;
  return Array.from({ length: bins }, (_, i) => ({ from: Math.round(i * width), to: Math.round((i + 1) * width) }))
    .map(({ from, to }) => ({ from, to, draws: timesteps.filter((t) => t >= from && t < to).length }))
    .filter(({ draws }) => draws > 0);
}

/** The mean of a pair's logits over the draws of a bin. */
export function marginIn({ from, to }: TimestepBin, timesteps: readonly number[], { logits }: Margin): number {
  const inside = logits.filter((_, k) => timesteps[k]! >= from && timesteps[k]! < to);
  return inside.reduce((sum, logit) => sum + logit, 0) / inside.length;
}

/** Of all pairs, in each bin: the mean margin, and how many are right, a tie counting half. */
export const byTimestep = (
  margins: readonly Margin[],
  timesteps: readonly number[],
  bins: number,
): (TimestepBin & { margin: number; right: number })[] =>
  timestepBins(timesteps, bins).map((bin) => {
    const inside = margins.map((one) => marginIn(bin, timesteps, one));
    return {
      ...bin,
      margin: inside.reduce((sum, margin) => sum + margin, 0) / inside.length,
      right: inside.reduce((sum, margin) => sum + (margin > 0 ? 1 : margin === 0 ? 0.5 : 0), 0),
    };
  });
