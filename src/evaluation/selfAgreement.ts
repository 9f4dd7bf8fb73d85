/** Whether raters agree with themselves: some pairs are shown again, sides turned, when at least 20 others have been judged since. Which, and when,
 *  is drawn by counters from rater and pair, so that it is the same after a reload, and nobody who judges can tell. */
import { type Label, type RaterLabels, winnerOf } from '../data/labels.ts';
import { RandomStream } from '../shared/rng.ts';
import { wilsonInterval } from './wilson.ts';

/** Of the pairs that a rater judges, shown again. */
export const SHOWN_AGAIN = 0.08;
/** Others between the two showings: at least, and at most unless the person does something else meanwhile. */
export const OTHERS_BETWEEN = [20, 40] as const;
/** Further back nobody is asked again: a person who comes from other lists, or whose labels came from a file. */
const FORGOTTEN_AFTER = 200;

export interface SelfAgreement {
  /** Pairs that were answered twice. */
  n: number;
  agreed: number;
  /** NaN if n is 0. */
  rate: number;
  /** Wilson, 95 %. */
  interval: [low: number, high: number];
}

/** What is said of a pair, whichever side its pictures stood on. */
export const sayingOf = (label: Label): string => {
  const winner = winnerOf(label);
  return winner === null ? label.answer : `picture ${winner}`;
};

/** The label whose pair this rater is to be shown again now: the earliest one. */
export function dueAgain({ given, byPair }: RaterLabels, by: string): Label | undefined {
  const recent = given.slice(-FORGOTTEN_AFTER).filter(({ answer, again }) => again || answer !== 'skip');
  const answered = new Set(given.filter(({ again }) => again).map(({ pair }) => pair));
  return recent.find((label, i) => {
    if (label.again || answered.has(label.pair) || byPair.get(label.pair) !== label) return false;
    const others = new Set(recent.slice(i + 1).map(({ pair }) => pair)).size;
    return others >= OTHERS_BETWEEN[0] && others >= againAfter(by, label.pair);
  });
}

/** Others after which a pair is shown again to a rater; Infinity for most. */
export function againAfter(by: string, pair: string): number {
  const stream = new RandomStream({ seed: hash(by), purpose: 'shownAgain', pair: hash(pair) });
  return stream.uniform() < SHOWN_AGAIN ? stream.int(OTHERS_BETWEEN[0], OTHERS_BETWEEN[1] + 1) : Infinity;
}

/** FNV-1a over UTF-16 units, 32 bits. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return state;
}

/** Of pairs shown again, each answer beside what the rater had said before it. Skips on either side say nothing. */
export function selfAgreement({ given }: RaterLabels): SelfAgreement {
  const before = new Map<string, Label>();
  let [n, agreed] = [0, 0];
  for (const label of given) {
    const first = before.get(label.pair);
    if (!label.again) before.set(label.pair, label);
    else if (first && first.answer !== 'skip' && label.answer !== 'skip') {
      n++;
      if (sayingOf(first) === sayingOf(label)) agreed++;
    }
  }
  return { n, agreed, rate: agreed / n, interval: wilsonInterval(agreed, n) };
}
