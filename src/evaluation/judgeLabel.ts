/** The label that a judge's two scores come to. */
import type { Label } from '../data/labels.ts';
import { leftSide } from './blindPlan.ts';

export interface Judging {
  /** Whose it is (judges/judge.ts, `signature`). */
  signed: string;
  /** Scores no further apart are a tie. */
  margin: number;
  /** Scores further apart are clearly left or right. */
  clearMargin: number;
  elapsedMs: number;
}

/** @param index of the pair among all: sides are drawn by it. @param scores of its pictures, in their order. */
export function judgeLabel(
  pair: string,
  index: number,
  scores: readonly [number, number],
  { signed, margin, clearMargin, elapsedMs }: Judging,
): Label {
  // Sides by a coin, as when a person judges; a judge of ours does not mind, but statistics of sides stay comparable.
  const shownLeft = leftSide({ seed: 0, pair: index }) === 'a' ? 0 : 1;
  const lead = scores[shownLeft] - scores[shownLeft === 0 ? 1 : 0];
  const answer = Math.abs(lead) <= margin ? 'tie' : lead > 0 ? 'left' : 'right';
  return {
    type: 'label',
    id: crypto.randomUUID(),
    pair,
    answer,
    shownLeft,
    clearly: answer !== 'tie' && Math.abs(lead) > clearMargin,
    elapsedMs,
    at: new Date().toISOString(),
    by: signed,
  };
}
