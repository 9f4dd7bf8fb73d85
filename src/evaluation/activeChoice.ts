/** Which of several candidates a person is asked about first: those that the model is least certain of, and at least three in ten at random, so that
 *  figures that are made of the random ones alone stay honest. */
import { RandomStream } from '../shared/rng.ts';
import type { AskedFor } from '../records/pairs.ts';

/** Of the pairs that are asked. */
export const RANDOM_SHARE = 0.3;
/** Candidates for each pair that is to be asked. */
export const CANDIDATES = 2;

export interface Candidate {
  pair: string;
  /** Implicit, of one picture over the other, whichever. */
  margin: number;
}

/** All candidates in the order in which they are shown: `ask` of them first, chosen and random ones mixed, so that nobody can tell; then the rest, the
 *  least certain first. */
export function askOrder(
  candidates: readonly Candidate[],
  { ask, seed }: { ask: number; seed: number },
): { pair: string; why: AskedFor }[] {
  const stream = new RandomStream({ seed, purpose: 'askedPairs' });
  const wanted = Math.min(ask, candidates.length);
  const random = stream.shuffled(candidates).slice(0, Math.ceil(RANDOM_SHARE * wanted));
  const byDoubt = candidates
    .filter((one) => !random.includes(one))
    .toSorted((a, b) => Math.abs(a.margin) - Math.abs(b.margin));
  const chosen = byDoubt.slice(0, wanted - random.length);
  const told =
    (why: AskedFor) =>
    ({ pair }: Candidate) => ({ pair, why });
  return [
    ...stream.shuffled([...random.map(told('random')), ...chosen.map(told('chosen'))]),
    ...byDoubt.slice(chosen.length).map(told('rest')),
  ];
}
