/** What one judge says of pairs or of pictures, in figures: scores, margins, and how often it sides with the labels. */
import { type Label, winnerOf } from '../data/labels.ts';
import { wilsonInterval } from './wilson.ts';

/** Of a pair, or of one picture. */
export interface Scored {
  /** The pair's id; a picture's path in its folder. */
  pair: string;
  /** How far the first picture is ahead of the second: scores[0] - scores[1]. Null of one picture. */
  margin: number | null;
  /** Of its pictures, in their order. */
  scores: number[];
}

export interface JudgeFigures {
  /** As it was asked for. */
  who: string;
  /** Pairs that `accuracy` is over: those with a preference; without labels all that was scored. */
  n: number;
  /** Share of them in which the preferred picture has the higher score, a tie counting half. Null without labels, or where n is 0. */
  accuracy: number | null;
  /** Wilson, 95 %. */
  interval: [low: number, high: number] | null;
  /** Of the n: both scores the same, or no further apart than the margin for ties. */
  ties: number;
  /** Of all pictures' scores. Null where nothing was scored. */
  mean: number | null;
  median: number | null;
  perPair: Scored[];
}

export const scoredPair = (pair: string, [first, second]: readonly [number, number]): Scored => ({
  pair,
  margin: first - second,
  scores: [first, second],
});

export const scoredPicture = (file: string, score: number): Scored => ({ pair: file, margin: null, scores: [score] });

/** @param labels pair id → what counts of it; left out where nobody judged. @param tieMargin scores no further apart than this are a tie. */
export function judgeFigures(
  who: string,
  perPair: readonly Scored[],
  { labels, tieMargin = 0 }: { labels?: ReadonlyMap<string, Label> | undefined; tieMargin?: number } = {},
): JudgeFigures {
  const isTie = ({ margin }: Scored): boolean => margin !== null && Math.abs(margin) <= tieMargin;
  const scores = perPair.flatMap((one) => one.scores);
  const base = { who, mean: mean(scores), median: median(scores), perPair: [...perPair] };
  if (!labels)
    return { n: perPair.length, accuracy: null, interval: null, ties: perPair.filter(isTie).length, ...base };
  const decided = perPair.flatMap((one) => {
    const label = labels.get(one.pair);
    const winner = label ? winnerOf(label) : null;
    return winner === null || one.margin === null ? [] : [{ one, winner }];
  });
  const ties = decided.filter(({ one }) => isTie(one)).length;
  const right = decided.filter(({ one, winner }) => !isTie(one) && (winner === 0 ? one.margin! > 0 : one.margin! < 0));
  const n = decided.length;
  const agreed = right.length + ties / 2;
  return { n, accuracy: n > 0 ? agreed / n : null, interval: n > 0 ? wilsonInterval(agreed, n) : null, ties, ...base };
}

export const mean = (values: readonly number[]): number | null =>
  values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : null;

export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}
