/** The plan of a blind comparison of a and b: in which order, and which of them stands on the left. Chance comes from the plan's seed, so the
 *  plan can be made again, and is kept, so it need not be. */
import type { BlindAnswer } from '../data/blindTests.ts';
import { RandomStream } from '../shared/rng.ts';
import type { Outcome } from './winRate.ts';

export type Contender = 'a' | 'b';

export interface Showing<Item> {
  item: Item;
  left: Contender;
}

export interface BlindPlan<Item> {
  seed: number;
  showings: Showing<Item>[];
}

/** Every item once, order and sides shuffled. */
export function blindPlan<Item>({ items, seed }: { items: readonly Item[]; seed: number }): BlindPlan<Item> {
  const showings = items.map((item, pair) => ({ item, left: leftSide({ seed, pair }) }));
  return { seed, showings: new RandomStream({ seed, purpose: 'showOrder' }).shuffled(showings) };
}

/** Who stands on the left when pair number `pair` is shown: a fair coin. */
export const leftSide = ({ seed, pair }: { seed: number; pair: number }): Contender =>
  new RandomStream({ seed, purpose: 'sideOrder', pair }).int(0, 2) === 0 ? 'a' : 'b';

/** What an answer means for b, the tuned model, against a. */
export function outcomeForB(left: Contender, answer: BlindAnswer): Outcome {
  if (answer === 'tie') return 'tie';
  return (answer === 'left') === (left === 'b') ? 'win' : 'loss';
}
