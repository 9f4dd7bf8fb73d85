/** Pairs and labels as the screens read them. */
import { isUsable, type Label, labelsFrom, labelsOf, type LabelState, type RaterLabels } from '../../data/labels.ts';
import { selfAgreement } from '../../evaluation/selfAgreement.ts';
import { type RaterKind, raterKindOf, raterKinds } from '../../records/raters.ts';
import { pairsFor, trainsOn } from '../../data/pairs.ts';
import { isForeign } from '../../records/foreignImages.ts';
import type { PairPictures, PairRecord } from '../../service/types.ts';
import { distinctBy } from '../../shared/arrays.ts';
import { shallow } from 'zustand/shallow';
import type { QueueFilter } from './labelsSlice.ts';
import { memoised, type Selector } from './memoised.ts';
import { chosenModel, isPairOf } from './models.ts';
import { currentRater, type Whose } from './ratersSlice.ts';
import type { Studio } from './useStudio.ts';

const pairs = (state: Studio): PairRecord[] => state.pairs;
const labels = (state: Studio): LabelState => state.labels;
const chosenId = (state: Studio): string | undefined => chosenModel(state)?.id;
const loss = (state: Studio): Studio['trainConfig']['loss'] => state.trainConfig.loss;

const repeats = (state: Studio): Studio['trainConfig']['repeats'] => state.trainConfig.repeats;

/** What the lists go by. */
export interface Judged {
  /** Of who judges now. */
  own: ReadonlyMap<string, Label>;
  /** What everybody's come to. */
  all: ReadonlyMap<string, Label>;
  /** Of these two, the one that is looked at. */
  shown: ReadonlyMap<string, Label>;
}

export function judgedBy(state: LabelState, by: string, whose: Whose): Judged {
  const own = labelsOf(state, by).byPair;
  return { own, all: state.byPair, shown: whose === 'mine' ? own : state.byPair };
}

const raterBy = (state: Studio): string => currentRater(state).by;

/** Of who judges now: what can be taken back and given again. */
export const ownLabels = (state: Studio): RaterLabels => labelsOf(state.labels, raterBy(state));

export const judged: Selector<Judged> = memoised([labels, raterBy, (state) => state.whose], judgedBy);

/** A label that came with the data, or from a judge: the pair need not be judged here, and can be. */
const isBrought = (label: Label | undefined): boolean => label !== undefined && raterKindOf(label.by) !== 'person';

function isIn(filter: QueueFilter, { id }: PairRecord, { own, all, shown }: Judged): boolean {
  if (filter === 'toJudge') return !own.has(id) && !isBrought(all.get(id));
  if (filter === 'brought') return !own.has(id) && isBrought(all.get(id));
  const answer = shown.get(id)?.answer;
  if (filter === 'preferred') return answer !== undefined && isUsable(answer);
  return answer === filter;
}

/** The pairs of a list. The chosen model learns from its own pairs alone: they come first. */
export function queueOf(
  all: readonly PairRecord[],
  by: Judged,
  filter: QueueFilter,
  base: string | undefined,
): PairRecord[] {
  const listed = all.filter((pair) => isIn(filter, pair, by));
  if (base === undefined) return listed;
  return [...listed.filter((pair) => isPairOf(pair, base)), ...listed.filter((pair) => !isPairOf(pair, base))];
}

/** The list that is open. */
export const queue = memoised([pairs, judged, (state) => state.filter, chosenId], queueOf);

/** Lists whose pairs this rater has not judged. */
export const asksAgain = (filter: QueueFilter): boolean => filter === 'toJudge' || filter === 'brought';

export const filters: QueueFilter[] = ['toJudge', 'brought', 'preferred', 'tie', 'bothBad', 'skip'];

/** How many pairs each list holds. */
export const queueSizes: Selector<Record<QueueFilter, number>> = memoised(
  [pairs, judged],
  (all, by) =>
    Object.fromEntries(
      filters.map((filter) => [filter, all.filter((pair) => isIn(filter, pair, by)).length]),
    ) as Record<QueueFilter, number>,
  shallow,
);

const own = (all: readonly PairRecord[], base: string | undefined): PairRecord[] =>
  all.filter((pair) => base === undefined || isPairOf(pair, base));

/** Pairs that wait to be judged, of the chosen model. */
export const waiting: Selector<number> = memoised(
  [pairs, judged, chosenId],
  (all, by, base) => own(all, base).filter((pair) => isIn('toJudge', pair, by)).length,
);

/** What the chosen model can learn from with the chosen settings: judged pairs that were made by it, or brought along. */
export const usablePairs = memoised([pairs, labels, loss, repeats, chosenId], (all, given, chosenLoss, often, base) =>
  pairsFor({ loss: chosenLoss, repeats: often }, own(all, base), given),
);

/** Who labelled pairs that the chosen model could learn from, if all counted. */
export const labelledKinds: Selector<RaterKind[]> = memoised(
  [pairs, labels, chosenId],
  (all, { byRater }, base) => {
    const ids = new Set(own(all, base).map(({ id }) => id));
    const kinds = [...byRater].flatMap(([by, { byPair }]) =>
      [...byPair.keys()].some((pair) => ids.has(pair)) ? [raterKindOf(by)] : [],
    );
    return raterKinds.filter((kind) => kinds.includes(kind));
  },
  shallow,
);

/** Sizes of the pictures among them, each combination once. */
export const picturesOf = memoised([pairs, usablePairs], (all, taken): PairPictures[] => {
  const ids = new Set(taken.map(({ pair }) => pair));
  const found = all
    .filter(({ id }) => ids.has(id))
    .map(({ images, sizing }) => ({
      pictures: images.map((image) => ({ width: image.width, height: image.height, foreign: isForeign(image) })),
      ...(sizing && { sizing }),
    }));
  return distinctBy(found, (pictures) => JSON.stringify(pictures));
});

/** Judged pairs that the chosen loss learns from, by what they are good for: the chosen model learns from its own alone. */
export const usable: Selector<{ own: number; others: number }> = memoised(
  [pairs, labels, loss, repeats, chosenId],
  (all, given, chosenLoss, often, base) => {
    const byPair = labelsFrom(given, (by) => often[raterKindOf(by)] > 0);
    const learnt = all.filter((pair) => trainsOn(byPair.get(pair.id)?.answer ?? 'skip', chosenLoss));
    const ofIt = own(learnt, base).length;
    return { own: ofIt, others: learnt.length - ofIt };
  },
  shallow,
);

/** How often who judges now agrees with themselves; NaN where no pair was shown again. */
export const ownSelfAgreement: Selector<number> = memoised([ownLabels], (own) => selfAgreement(own).rate);

/** Prompts among them. */
export const usablePrompts: Selector<number> = memoised(
  [usablePairs],
  (all) => new Set(all.map(({ prompt }) => prompt)).size,
);
