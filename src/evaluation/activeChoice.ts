/** Which of several candidates a person is asked about first: those that the model is least certain of, or where two checkpoints disagree, and at
 *  least three in ten at random, so that figures that are made of the random ones alone stay honest. Or all at random: what choosing gained over that
 *  is not told from nothing (docs/paper.md, `choosing`), and no more pairs are drawn than are asked. */
import { RandomStream } from '../shared/rng.ts';
import type { AskedFor } from '../records/pairs.ts';
import type { Checkpoint, RunRecord } from '../records/runs.ts';
import type { ChoiceRule } from './choiceRules.ts';
import { bestCheckpoint } from './looks.ts';

/** Of the pairs that are asked. */
export const RANDOM_SHARE = 0.3;
/** Candidates for each pair that is to be asked, where they are chosen. */
export const CANDIDATES = 2;

/** How many pairs are drawn where `ask` are to be judged. */
export const candidatesFor = (rule: ChoiceRule, ask: number): number => (rule === 'random' ? ask : CANDIDATES * ask);

export interface Candidate {
  pair: string;
  /** Implicit, of one picture over the other, whichever. */
  margin: number;
  /** That of another checkpoint: where the two disagree is asked first. */
  other?: number | undefined;
}

/** How little there is to be learned of a candidate: the smaller, the sooner it is asked. By doubt the size of its margin; by disagreement how near
 *  the two come in the chance that they give to one picture, so that two that are both sure of it do not disagree, however sure they are. */
const settled = ({ margin, other }: Candidate): number =>
  other === undefined ? Math.abs(margin) : -Math.abs(chance(margin) - chance(other));

const chance = (margin: number): number => 1 / (1 + Math.exp(-margin));

/** All candidates in the order in which they are shown: `ask` of them first, chosen and random ones mixed, so that nobody can tell; then the rest, the
 *  least settled first. */
export function askOrder(
  candidates: readonly Candidate[],
  { ask, seed }: { ask: number; seed: number },
): { pair: string; why: AskedFor }[] {
  const stream = new RandomStream({ seed, purpose: 'askedPairs' });
  const wanted = Math.min(ask, candidates.length);
  const random = stream.shuffled(candidates).slice(0, Math.ceil(RANDOM_SHARE * wanted));
  const byDoubt = candidates.filter((one) => !random.includes(one)).toSorted((a, b) => settled(a) - settled(b));
  const chosen = byDoubt.slice(0, wanted - random.length);
  const told =
    (why: AskedFor) =>
    ({ pair }: Candidate) => ({ pair, why });
  return [
    ...stream.shuffled([...random.map(told('random')), ...chosen.map(told('chosen'))]),
    ...byDoubt.slice(chosen.length).map(told('rest')),
  ];
}

/** The same where nobody chooses: all of them, each at random. */
export function randomOrder(pairs: readonly string[], seed: number): { pair: string; why: AskedFor }[] {
  return new RandomStream({ seed, purpose: 'askedPairs' }).shuffled(pairs).map((pair) => ({ pair, why: 'random' }));
}

/** The checkpoint that a run's best one is held against where they disagree: its last, or where that is the best the one before it. An early one would
 *  not do: it has learned little, and what it disagrees on is what the best is surest of. Undefined where there is but one. */
export function secondCheckpoint(
  run: Pick<RunRecord, 'checkpoints' | 'looks'>,
  than: number | undefined = bestCheckpoint(run)?.step,
): Checkpoint | undefined {
  return run.checkpoints.findLast(({ step }) => step !== than);
}
