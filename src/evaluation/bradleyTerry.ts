/** One scale for three or more models out of who beat whom: P(i beats j) = 1 / (1 + exp(s_j - s_i)) (R. A. Bradley and M. E. Terry, Biometrika 39,
 *  1952), by the minorise-maximise steps of D. R. Hunter (Annals of Statistics 32, 2004). */
import { type Bootstrap, type Interval, unlessFixed } from './bootstrap.ts';

export interface Strength {
  /** Log odds of beating the first model; the first one's is 0. */
  strength: number;
  /** The same on Elo's scale: 400 points are odds of 10 to 1. */
  elo: number;
  /** Bootstrap over prompts, of `strength`. Null of the first, where there are too few, and where all prompts say the same. */
  interval: Interval | null;
}

/** Half a win each way for every two that met: a model that lost nothing stays on the scale. It is Jeffreys' prior (D. Firth, Biometrika 80, 1993),
 *  exactly so for two. */
const PRIOR = 0.5;
const MAX_ROUNDS = 10_000;
const BOOTSTRAP_ROUNDS = 200;

/** One comparison of two models by their places. */
export interface Duel {
  a: number;
  b: number;
  /** 1: b won; 0: a won; 0.5: a tie, which counts half for each. */
  won: number;
  /** Of the bootstrap: its prompt. */
  group: number;
}

/** Null where comparisons do not link every model to every other: nothing can be said of who is ahead then. */
export function bradleyTerry(models: number, duels: readonly Duel[], bootstrap: Bootstrap): Strength[] | null {
  const met = Array.from({ length: models }, () => new Uint8Array(models));
  for (const { a, b } of duels) met[a]![b] = met[b]![a] = 1;
  if (models < 2 || !isLinked(met)) return null;
  // Wins of each group, [groups, models, models], summed as often as the group was drawn.
  const byGroup = new Map<number, Float64Array>();
  for (const { a, b, won, group } of duels) {
    const wins = byGroup.get(group) ?? new Float64Array(models * models);
    byGroup.set(group, wins);
    wins[b * models + a]! += won;
    wins[a * models + b]! += 1 - won;
  }
  const winsOf = (counts: Uint8Array): Float64Array => {
    const sum = new Float64Array(models * models);
    for (let i = 0; i < models; i++) for (let j = 0; j < models; j++) if (met[i]![j]) sum[i * models + j] = PRIOR;
    for (const [group, wins] of byGroup)
      if (counts[group]) for (let i = 0; i < sum.length; i++) sum[i]! += counts[group]! * wins[i]!;
    return sum;
  };
  const full = fit(winsOf(new Uint8Array(bootstrap.groups).fill(1)), models, { rounds: MAX_ROUNDS });
  const intervals = bootstrap.intervals((counts) =>
    fit(winsOf(counts), models, { from: full, rounds: BOOTSTRAP_ROUNDS }),
  );
  return [...full].map((strength, i) => ({
    strength,
    elo: (400 / Math.LN10) * strength,
    interval: i === 0 ? null : unlessFixed(intervals[i]!),
  }));
}

/** Log strengths, the first 0. wins: [models, models], how often the row's beat the column's. */
function fit(
  wins: Float64Array,
  models: number,
  { from, rounds }: { from?: ArrayLike<number>; rounds: number },
): number[] {
  let strengths = Float64Array.from({ length: models }, (_, i) => Math.exp(from?.[i] ?? 0));
  for (let round = 0; round < rounds; round++) {
    const next = strengths.map((own, i) => {
      let [won, rest] = [0, 0];
      for (let j = 0; j < models; j++) {
        const played = wins[i * models + j]! + wins[j * models + i]!;
        if (j === i || played === 0) continue;
        won += wins[i * models + j]!;
        rest += played / (own + strengths[j]!);
      }
      return won / rest;
    });
    const first = next[0]!;
    let moved = 0;
    for (let i = 0; i < models; i++) {
      next[i]! /= first;
      moved = Math.max(moved, Math.abs(Math.log(next[i]! / strengths[i]!)));
    }
    strengths = next;
    if (moved < 1e-10) break;
  }
  return [...strengths].map(Math.log);
}

function isLinked(met: readonly Uint8Array[]): boolean {
  const reached = new Set([0]);
  for (const i of reached) met[i]!.forEach((one, j) => one && reached.add(j));
  return reached.size === met.length;
}
