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

/** Every two of several models in turn, so that each pair of them comes as often as any other; which pair begins and which item meets which pair
 *  is chance. Shuffled like a plan of two. */
export function studyPlan<Item>({
  items,
  models,
  seed,
}: {
  items: readonly Item[];
  models: number;
  seed: number;
}): { item: Item; left: Contender; between: [number, number] }[] {
  const every = Array.from({ length: models }, (_, b) =>
    Array.from({ length: b }, (__, a): [number, number] => [a, b]),
  );
  const pairs = new RandomStream({ seed, purpose: 'showOrder', step: 1 }).shuffled(every.flat());
  return blindPlan({ items: items.map((item, i) => ({ item, between: pairs[i % pairs.length]! })), seed }).showings.map(
    ({ item: { item, between }, left }) => ({ item, left, between }),
  );
}
