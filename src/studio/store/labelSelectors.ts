/** Pairs and labels as the screens read them. */
import { isUsable, type LabelState } from '../../data/labels.ts';
import { trainPairs, trainsOn } from '../../data/pairs.ts';
import type { PairRecord } from '../../service/types.ts';
import { shallow } from 'zustand/shallow';
import type { QueueFilter } from './labelsSlice.ts';
import { memoised, type Selector } from './memoised.ts';
import { chosenModel, isPairOf } from './models.ts';
import type { Studio } from './useStudio.ts';

const pairs = (state: Studio): PairRecord[] => state.pairs;
const labels = (state: Studio): LabelState => state.labels;
const chosenId = (state: Studio): string | undefined => chosenModel(state)?.id;
const loss = (state: Studio): Studio['trainConfig']['loss'] => state.trainConfig.loss;

function isIn(filter: QueueFilter, pair: PairRecord, { byPair }: LabelState): boolean {
  const answer = byPair.get(pair.id)?.answer;
  if (filter === 'toJudge') return answer === undefined;
  if (filter === 'preferred') return answer !== undefined && isUsable(answer);
  return answer === filter;
}

/** The pairs of a list. The chosen model learns from its own pairs alone: they come first. */
export function queueOf(
  all: readonly PairRecord[],
  judged: LabelState,
  filter: QueueFilter,
  base: string | undefined,
): PairRecord[] {
  const listed = all.filter((pair) => isIn(filter, pair, judged));
  if (base === undefined) return listed;
  return [...listed.filter((pair) => isPairOf(pair, base)), ...listed.filter((pair) => !isPairOf(pair, base))];
}

/** The list that is open. */
export const queue = memoised([pairs, labels, (state) => state.filter, chosenId], queueOf);

export const filters: QueueFilter[] = ['toJudge', 'preferred', 'tie', 'bothBad', 'skip'];

/** How many pairs each list holds. */
export const queueSizes: Selector<Record<QueueFilter, number>> = memoised(
  [pairs, labels],
  (all, judged) =>
    Object.fromEntries(
      filters.map((filter) => [filter, all.filter((pair) => isIn(filter, pair, judged)).length]),
    ) as Record<QueueFilter, number>,
  shallow,
);

const own = (all: readonly PairRecord[], base: string | undefined): PairRecord[] =>
  all.filter((pair) => base === undefined || isPairOf(pair, base));

/** Pairs that wait to be judged, of the chosen model. */
export const waiting: Selector<number> = memoised(
  [pairs, labels, chosenId],
  (all, judged, base) => own(all, base).filter((pair) => isIn('toJudge', pair, judged)).length,
);

/** What the chosen model can learn from with the chosen loss: judged pairs that were made by it. */
export const usablePairs = memoised([pairs, labels, loss, chosenId], (all, { byPair }, chosenLoss, base) =>
  trainPairs(own(all, base), byPair, chosenLoss),
);

/** Judged pairs that the chosen loss learns from, by what they are good for: the chosen model learns from its own alone. */
export const usable: Selector<{ own: number; others: number }> = memoised(
  [pairs, labels, loss, chosenId],
  (all, { byPair }, chosenLoss, base) => {
    const judged = all.filter((pair) => trainsOn(byPair.get(pair.id)?.answer ?? 'skip', chosenLoss));
    const ofIt = own(judged, base).length;
    return { own: ofIt, others: judged.length - ofIt };
  },
  shallow,
);

/** Prompts among them. */
export const usablePrompts: Selector<number> = memoised(
  [usablePairs],
  (all) => new Set(all.map(({ prompt }) => prompt)).size,
);
