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

/** `half`: a tie is half a win of each side, as a forced choice by coin would have it. */
export function winRate({ wins, losses, ties }: Tally, tiesCount: 'apart' | 'half' = 'apart'): WinRate {
  const n = wins + losses + (tiesCount === 'half' ? ties : 0);
  const successes = wins + (tiesCount === 'half' ? ties / 2 : 0);
  return {
    wins,
    losses,
    ties,
    n,
    rate: successes / n,
    interval: wilsonInterval(successes, n),
    pValue: signTest(wins, losses),
  };
}

/** One tally for each group: by question, by prompt category, by seed. In the order in which groups first appear. */
export function tallyBy<T, Group>(
  items: Iterable<T>,
  groupOf: (item: T) => Group,
  outcomeOf: (item: T) => Outcome,
): Map<Group, Tally> {
  const groups = new Map<Group, Outcome[]>();
  for (const item of items) {
    const group = groupOf(item);
    groups.set(group, [...(groups.get(group) ?? []), outcomeOf(item)]);
  }
  return new Map([...groups].map(([group, outcomes]) => [group, tally(outcomes)]));
}
