/** How far raters agree beyond chance: Cohen's kappa for two (J. Cohen, Educational and Psychological Measurement 20, 1960), Krippendorff's alpha
 *  for any number, on nominal data, where values may be missing (K. Krippendorff, Content Analysis, 2004, chapter 11). */
import { RandomStream } from '../shared/rng.ts';

export interface Agreement {
  /** 1: they always agree; 0: as often as chance would have it. NaN where it is not defined: no unit, or nobody ever says anything else. */
  value: number;
  /** Items that it stands on: those that two raters at least have said something of. */
  units: number;
  /** 95 %, by a bootstrap over the units; null where that would say more than is known: few units, or no disagreement among them. */
  interval: [low: number, high: number] | null;
}

/** Units on which the same was said count together. */
interface Pattern {
  values: readonly string[];
  count: number;
}

/** @param pairs what the first and the second rater said of each unit. */
export const cohensKappa = (pairs: readonly (readonly [string, string])[]): Agreement =>
  withInterval(patternsOf(pairs), kappa);

/** @param units what was said of each unit, by however many; of those with fewer than two values nothing is learnt, and they do not count. */
export const krippendorffsAlpha = (units: readonly (readonly string[])[]): Agreement =>
  withInterval(patternsOf(units.filter((values) => values.length > 1).map((values) => values.toSorted())), alpha);

function kappa(patterns: readonly Pattern[]): number {
  const n = total(patterns);
  const [first, second] = [new Map<string, number>(), new Map<string, number>()];
  let same = 0;
  for (const { values, count } of patterns) {
    add(first, values[0]!, count);
    add(second, values[1]!, count);
    if (values[0] === values[1]) same += count;
  }
  const byChance = [...first].reduce((sum, [value, count]) => sum + (count / n) * ((second.get(value) ?? 0) / n), 0);
  return (same / n - byChance) / (1 - byChance);
}

/** 1 - observed over expected disagreement, from the coincidences of values within units. */
function alpha(patterns: readonly Pattern[]): number {
  const of = new Map<string, number>();
  let observed = 0;
  for (const { values, count } of patterns) {
    const { inUnit, disagreement } = unitOf(values);
    for (const [value, times] of inUnit) add(of, value, count * times);
    observed += count * disagreement;
  }
  const n = [...of.values()].reduce((sum, count) => sum + count, 0);
  const alike = [...of.values()].reduce((sum, count) => sum + count * (count - 1), 0);
  return 1 - ((n - 1) * observed) / (n * (n - 1) - alike);
}

interface Unit {
  inUnit: ReadonlyMap<string, number>;
  /** Ordered pairs of values that differ, by the others in the unit. */
  disagreement: number;
}

/** Patterns are resampled a thousand times, and stay the same. */
const units = new WeakMap<readonly string[], Unit>();

function unitOf(values: readonly string[]): Unit {
  const known = units.get(values);
  if (known) return known;
  const inUnit = new Map<string, number>();
  for (const value of values) add(inUnit, value, 1);
  const m = values.length;
  const alike = [...inUnit.values()].reduce((sum, k) => sum + k * (k - 1), 0);
  const unit = { inUnit, disagreement: (m * (m - 1) - alike) / (m - 1) };
  units.set(values, unit);
  return unit;
}

const add = (counts: Map<string, number>, value: string, count: number): void =>
  void counts.set(value, (counts.get(value) ?? 0) + count);

const total = (patterns: readonly Pattern[]): number => patterns.reduce((sum, { count }) => sum + count, 0);

function patternsOf(units: readonly (readonly string[])[]): Pattern[] {
  const patterns = new Map<string, Pattern>();
  for (const values of units) {
    const key = JSON.stringify(values);
    const known = patterns.get(key);
    if (known) known.count++;
    else patterns.set(key, { values, count: 1 });
  }
  return [...patterns.values()];
}

const RESAMPLES = 1000;
/** Of many raters nearly every unit is a pattern of its own: fewer resamples say as much of so many. */
const MIN_RESAMPLES = 200;
const MAX_RESAMPLED = 100_000;
/** Below this a percentile interval is far too narrow. */
const MIN_UNITS = 20;

function withInterval(patterns: readonly Pattern[], statistic: (patterns: readonly Pattern[]) => number): Agreement {
  const units = total(patterns);
  const value = units === 0 ? Number.NaN : statistic(patterns);
  // Resampled, they would never disagree, either.
  const agreed = patterns.every(({ values }) => values.every((one) => one === values[0]));
  if (units < MIN_UNITS || agreed || !Number.isFinite(value)) return { value, units, interval: null };
  const stream = new RandomStream({ seed: 0, purpose: 'bootstrap' });
  const resamples = Math.round(Math.min(RESAMPLES, Math.max(MIN_RESAMPLES, MAX_RESAMPLED / patterns.length)));
  const drawn = Array.from({ length: resamples }, () => statistic(resample(stream, patterns, units)))
    // In which everybody said the same.
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  if (drawn.length < 0.95 * resamples) return { value, units, interval: null };
  const at = (share: number): number => drawn[Math.round(share * (drawn.length - 1))]!;
  return { value, units, interval: [at(0.025), at(0.975)] };
}

/** As many units, each drawn from all: how often each pattern comes, one after the other. */
function resample(stream: RandomStream, patterns: readonly Pattern[], units: number): Pattern[] {
  let [left, rest] = [units, units];
  return patterns.flatMap(({ values, count: of }) => {
    const count = binomial(stream, left, of / rest);
    left -= count;
    rest -= of;
    return count > 0 ? [{ values, count }] : [];
  });
}

/** How many of n happen. Exact, by the distances between them; from a variance of 100 on the normal law, which nobody tells apart here. */
function binomial(stream: RandomStream, n: number, p: number): number {
  if (p >= 1) return n;
  if (p > 0.5) return n - binomial(stream, n, 1 - p);
  const variance = n * p * (1 - p);
  if (variance > 100) return Math.min(n, Math.max(0, Math.round(n * p + Math.sqrt(variance) * stream.normal())));
  const scale = Math.log1p(-p);
  let count = 0;
  for (let at = 0; ; count++) {
    at += 1 + Math.floor(Math.log1p(-stream.uniform()) / scale);
    if (at > n) return count;
  }
}
