/** Win rates of one side over another. Ties are shown apart, and by default decide nothing. */
import { signTest, wilsonInterval } from './wilson.ts';

export type Outcome = 'win' | 'loss' | 'tie';

export interface Tally {
  wins: number;
  losses: number;
  ties: number;
}

export interface WinRate extends Tally {
  /** What `rate` is a share of: the decided comparisons, or all of them where ties count as halves. */
  n: number;
  /** NaN if n is 0. */
  rate: number;
  /** Wilson, 95 %. */
  interval: [low: number, high: number];
  /** Sign test on the decided comparisons. */
  pValue: number;
}

export function tally(outcomes: Iterable<Outcome>): Tally {
  const counts = { win: 0, loss: 0, tie: 0 };
  for (const outcome of outcomes) counts[outcome]++;
  return { wins: counts.win, losses: counts.loss, ties: counts.tie };
}

/** Ties are kept apart: they are no part of n. */
export function winRate({ wins, losses, ties }: Tally): WinRate {
  const n = wins + losses;
  return {
    wins,
    losses,
    ties,
    n,
    rate: wins / n,
    interval: wilsonInterval(wins, n),
    pValue: signTest(wins, losses),
  };
}
