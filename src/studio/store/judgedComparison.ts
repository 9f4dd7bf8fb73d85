/** Figures of what judges say of the pictures that are compared, as `winnow evaluate` figures them. */
import { i18n, type I18n } from '@lingui/core';
import { armFigures } from '../../evaluation/armFigures.ts';
import { Bootstrap } from '../../evaluation/bootstrap.ts';
import {
  cosineDistance,
  type DiversityFigures,
  diversityOf,
  pixelDistance,
  seedsOf,
} from '../../evaluation/diversity.ts';
import type { JudgedModels } from '../../evaluation/judgedReport.ts';
import { shallow } from 'zustand/shallow';
import { labelledWords } from '../../judges/judge.ts';
import type { JudgeInfo, ModelRef } from '../../service/types.ts';
import { distinctBy } from '../../shared/arrays.ts';
import { type ComparedCell, comparedCells } from './compareSelectors.ts';
import { comparedRunIds, comparingJudges, featuresBy } from './comparedScoresSlice.ts';
import { type AskedJudge, knownJudges } from './judgesSlice.ts';
import { memoised, type Selector } from './memoised.ts';
import { modelKey, type ModelNames, modelNames, titleOf } from './models.ts';
import type { Studio } from './useStudio.ts';

export interface JudgedComparison extends JudgedModels<JudgeInfo> {
  /** With their pictures: those that every judge has scored. */
  items: ComparedCell[];
  /** With their places. */
  judged: readonly (JudgedModels<JudgeInfo>['judged'][number] & Pick<AskedJudge, 'place'>)[];
}

type Figures = Omit<JudgedComparison, 'names' | 'judged'> & {
  judged: Omit<JudgedComparison['judged'][number], 'labelled'>[];
};

/** What one judge's scores come to over the same pictures: 0.3 s of processor time a scale for 3 prompts, 2 s for 500, most of it intervals. */
const figured = new WeakMap<object, { of: string; figures: Figures['judged'][number]['figures'] }>();

/** By whoever is chosen, over the pictures that all of them have scored; null where there are none. */
const judgedFigures: Selector<Figures | null> = memoised(
  [
    comparedCells,
    comparingJudges,
    (state) => state.comparedScores,
    (state) => state.comparedFeatures,
    (state) => state.judgingComparison,
    (state) => state.compareTieMargin,
  ],
  (cells, judges, scores, features, working, tieMargin) => {
    // Drawn again for every batch, intervals would take longer than the scores.
    if (working || judges.length === 0) return null;
    const items = cells.filter(({ images }) =>
      judges.every(({ place }) => images.every(({ id }) => scores[place]?.[id] !== undefined)),
    );
    if (items.length === 0) return null;
    const models = items[0]!.images.map((_, model) => items.map(({ images }) => images[model]!.id));
    return {
      items,
      tieMargin,
      judged: judges.map(({ place, info }, at) => ({
        place,
        judge: info,
        figures: figuresOf(place, info, at === 0 ? tieMargin : 0),
      })),
      diversity: diversity(),
    };

    function figuresOf(place: string, { scales }: JudgeInfo, margin: number): Figures['judged'][number]['figures'] {
      const own = scores[place]!;
      const of = JSON.stringify([margin, models]);
      const known = figured.get(own);
      if (known?.of === of) return known.figures;
      const found = armFigures(items, {
        scales: scales.map(({ name }) => name),
        scores: models.map((ids) => ids.map((id) => own[id]!)),
        tieMargin: margin,
      });
      figured.set(own, { of, figures: found });
      return found;
    }

    function diversity(): DiversityFigures | null {
      const by = featuresBy(items, judges);
      if (by === null || !models.every((ids) => ids.every((id) => features[by]?.[id]))) return null;
      const groups = seedsOf(items);
      const found = diversityOf(
        models.map((ids) => groups.map((group) => group.map((at) => features[by]![ids[at]!]!))),
        new Bootstrap(groups.length),
        by === '' ? pixelDistance : cosineDistance,
      );
      return found && { by: judges.find(({ place }) => place === by)?.info.title ?? null, models: found };
    }
  },
);

/** As the screen letters them, and by their titles. */
function lettered(models: readonly (ModelRef | null)[], names: ModelNames, language: I18n = i18n): string[] {
  const places = models.flatMap((model, place) => (model ? [{ model, place }] : []));
  return distinctBy(places, ({ model }) => modelKey(model)).map(
    ({ model, place }) => `${String.fromCharCode(65 + place)} · ${titleOf(model, names, language)}`,
  );
}

const comparedNames: Selector<string[]> = memoised(
  [(state) => state.compareA, (state) => state.compareB, (state) => state.compareOthers, modelNames, () => i18n.locale],
  (a, b, others, names, _language) => lettered([a, b, ...others], names),
  shallow,
);

export const comparedNamesIn = (language: I18n, state: Studio): string[] =>
  lettered([state.compareA, state.compareB, ...state.compareOthers], modelNames(state), language);

/** By a judge's place, of which of the compared runs it labelled pairs, in sentences. */
export const labelledByJudges: Selector<Readonly<Record<string, string[]>>> = memoised(
  [knownJudges, comparedRunIds, (state) => state.runs],
  (judges, ids, runs) =>
    Object.fromEntries(
      judges.map(({ place, info }) => [
        place,
        labelledWords(
          info,
          runs.filter(({ id }) => ids.split(' ').includes(id)),
        ),
      ]),
    ),
  (a, b) => JSON.stringify(a) === JSON.stringify(b),
);

export const judgedComparison: Selector<JudgedComparison | null> = memoised(
  [judgedFigures, comparedNames, labelledByJudges],
  (found, names, labelled) =>
    found && {
      ...found,
      names,
      judged: found.judged.map((one) => ({ ...one, labelled: labelled[one.place]! })),
    },
);
