/** What judges say of the pictures that are compared. */
import { t } from '@lingui/core/macro';
import { comparingJudge, signaturesOf } from '../../judges/judge.ts';
import type { ImageRecord, Score } from '../../service/types.ts';
import { distinctBy } from '../../shared/arrays.ts';
import { actions } from './action.ts';
import { type ComparedCell, comparedCells, comparedModels } from './compareSelectors.ts';
import { type AskedJudge, knownJudges } from './judgesSlice.ts';
import { memoised, type Selector } from './memoised.ts';
import type { Slice, Studio } from './useStudio.ts';

export interface ComparedScoresSlice {
  /** Places of those who judge; null: whoever did not label what the models trained on. */
  compareJudges: readonly string[] | null;
  /** By a judge's place, then by a picture's id. */
  comparedScores: Readonly<Record<string, Readonly<Record<string, Score>>>>;
  /** Where pictures lie, for how far apart they are: by a judge's place, '' for pixels, then by a picture's id. */
  comparedFeatures: Readonly<Record<string, Readonly<Record<string, Float32Array>>>>;
  /** Who judges now, and how far. */
  comparedJudging: { title: string; done: number; total: number } | null;
  judgingComparison: boolean;
  /** Scores of the first judge no further apart than this are a tie, on the scale that it goes by. */
  compareTieMargin: number;
  setCompareTieMargin(margin: number): void;
  chooseCompareJudges(places: readonly string[]): void;
  /** Has every chosen judge score what it has not: pictures that all models have. What is scored stays, however it ends. */
  judgeComparison(): Promise<void>;
  stopJudgingComparison(): void;
  /** A judge of the same place may be another one now. */
  forgetJudged(): void;
}

/** Pictures in one turn of the engine. */
const BATCH = 4;

/** Ids of the runs behind the models that are compared, between spaces. */
export function comparedRunIds(state: Studio): string {
  const ids = comparedModels(state).flatMap(({ adapters }) =>
    adapters.flatMap((one) => (one.kind === 'run' ? [one.run] : [])),
  );
  return [...new Set(ids)].join(' ');
}

/** Those who judge, in the order of the list. */
export const comparingJudges: Selector<readonly AskedJudge[]> = memoised(
  [knownJudges, (state) => state.compareJudges, comparedRunIds, (state) => state.runs],
  (known, chosen, ids, runs) => {
    if (chosen) return known.filter(({ place }) => chosen.includes(place));
    const pairs = runs.filter(({ id }) => ids.split(' ').includes(id)).flatMap((run) => run.pairs);
    const judge = comparingJudge(
      known.map(({ info }) => info),
      signaturesOf(pairs),
    );
    return known.filter(({ info }) => info === judge);
  },
  (a, b) => a.length === b.length && a.every(({ place, info }, i) => place === b[i]!.place && info === b[i]!.info),
);

/** Pictures with their prompts, each once. */
const picturesOf = (cells: readonly ComparedCell[]): ImageRecord[] =>
  distinctBy(
    cells.flatMap(({ images }) => images),
    ({ id }) => id,
  );

/** By whose embedding diversity is figured: the first that has one; '' of pixels. Null where no prompt has two seeds. */
export function featuresBy(cells: readonly ComparedCell[], judges: readonly AskedJudge[]): string | null {
  if (new Set(cells.map(({ prompt }) => prompt)).size === cells.length) return null;
  return judges.find(({ info }) => info.embeds)?.place ?? '';
}

/** Scores that are wanting. */
export const unjudgedPictures: Selector<number> = memoised(
  [comparedCells, comparingJudges, (state) => state.comparedScores],
  (cells, judges, scores) => {
    const pictures = picturesOf(cells);
    return judges.reduce((sum, { place }) => sum + pictures.filter(({ id }) => !scores[place]?.[id]).length, 0);
  },
);

export const comparedScoresSlice: Slice<ComparedScoresSlice> = (set, get) => {
  const action = actions(set, get);
  let stopped = false;

  /** In batches, each kept as it comes. */
  async function each<T>(
    pictures: readonly ImageRecord[],
    title: string,
    ask: (batch: readonly ImageRecord[]) => Promise<readonly T[]>,
    keep: (found: Record<string, T>) => void,
  ): Promise<void> {
    for (let start = 0; start < pictures.length; start += BATCH) {
      if (stopped) return;
      set({ comparedJudging: { title, done: start, total: pictures.length } });
      const batch = pictures.slice(start, start + BATCH);
      const found = await ask(batch);
      keep(Object.fromEntries(batch.map(({ id }, i) => [id, found[i]!])));
    }
  }

  return {
    compareJudges: null,
    comparedScores: {},
    comparedFeatures: {},
    comparedJudging: null,
    judgingComparison: false,
    compareTieMargin: 0,

    setCompareTieMargin: (compareTieMargin) => set({ compareTieMargin }),

    chooseCompareJudges: (compareJudges) => set({ compareJudges }),

    judgeComparison: () =>
      action({ problem: 'compareProblem', busy: 'judgingComparison' }, async () => {
        stopped = false;
        const judges = comparingJudges(get());
        const cells = comparedCells(get());
        const pictures = picturesOf(cells);
        try {
          for (const { place, info } of judges)
            await each(
              pictures.filter(({ id }) => !get().comparedScores[place]?.[id]),
              info.title,
              (batch) =>
                get()
                  .engine()
                  .score(
                    place,
                    batch.map(({ file, prompt }) => ({ file, prompt })),
                  ),
              (found) =>
                set(({ comparedScores }) => ({
                  comparedScores: { ...comparedScores, [place]: { ...comparedScores[place], ...found } },
                })),
            );
          const by = featuresBy(cells, judges);
          if (by !== null)
            await each(
              pictures.filter(({ id }) => !get().comparedFeatures[by]?.[id]),
              t({ message: 'Diversity', comment: 'of pictures: how far apart they are' }),
              (batch) =>
                get()
                  .engine()
                  .features(
                    by === '' ? null : by,
                    batch.map(({ file }) => file),
                  ),
              (found) =>
                set(({ comparedFeatures }) => ({
                  comparedFeatures: { ...comparedFeatures, [by]: { ...comparedFeatures[by], ...found } },
                })),
            );
        } finally {
          set({ comparedJudging: null });
        }
      }),

    stopJudgingComparison: () => {
      stopped = true;
    },

    forgetJudged: () => set({ comparedScores: {}, comparedFeatures: {}, judgeLost: {} }),
  };
};
