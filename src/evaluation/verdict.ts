/** A win rate as a sentence that claims no more than the numbers do. */
import type { WinRate } from './winRate.ts';
import { wilsonInterval } from './wilson.ts';

const percent = (share: number): string => `${Math.round(share * 100)} %`;

export interface Verdict {
  /** What happened, counted. */
  counted: string;
  /** What may be concluded. */
  concluded: string;
  /** better, worse: the interval leaves out one half. */
  side: 'better' | 'worse' | 'open';
}

/** @param name the side whose rate it is, as the reader knows it. */
export function verdict(result: WinRate, name: string): Verdict {
  const { wins, n, ties, rate, interval } = result;
  const tieWords = ties === 0 ? '' : ties === 1 ? ', with one tie set aside' : `, with ${ties} ties set aside`;
  if (n === 0)
    return {
      counted:
        ties === 0
          ? 'Nothing was compared.'
          : ties === 1
            ? 'The one comparison was a tie.'
            : `All ${ties} comparisons were ties.`,
      concluded: ties ? 'No difference was seen.' : 'So nothing can be said.',
      side: 'open',
    };
  const counted = `${name} won ${wins} of ${n}${tieWords}: ${percent(rate)}.`;
  const range = `its true rate is likely between ${percent(interval[0])} and ${percent(interval[1])}`;
  if (interval[0] > 0.5) return { counted, concluded: `That is more than luck: ${range}.`, side: 'better' };
  if (interval[1] < 0.5)
    return { counted, concluded: `The other one is better, beyond luck: ${range}.`, side: 'worse' };
  const [low, high] = wilsonInterval(2 * n, 4 * n);
  const more =
    n < 400 ? ` ${4 * n} comparisons would narrow that to ±${Math.round(((high - low) / 2) * 100)} points.` : '';
  return { counted, concluded: `That could still be luck: ${range}.${more}`, side: 'open' };
}
