/** What `winnow evaluate` finds: as JSON, as text, and as one HTML file with its images inside. */
import type { Compared, ScaleFigures } from '../evaluation/armFigures.ts';
import { between, chanceWords, percent, plain, promptsOf, range, sign, signed } from '../evaluation/figureWords.ts';
import { type JudgedModels, judgedSections, standardOf } from '../evaluation/judgedReport.ts';
import { ratersBlocks, type RatersFigures } from '../evaluation/raters.ts';
import { reportHtml } from '../evaluation/report.ts';
import type { JudgeInfo, Score } from '../judges/judge.ts';
import type { Arithmetic } from '../shared/arithmetic.ts';
import { table } from './terminal.ts';

export type JudgedEvaluation = JudgedModels<JudgeInfo>['judged'][number] & {
  /** [model][item] */
  scores: Score[][];
  /** What its towers were computed in. */
  arithmetic: Arithmetic;
};

export interface Evaluation extends JudgedModels<JudgeInfo> {
  judged: readonly JudgedEvaluation[];
  /** Whether one seed is one noise on all sides; pictures from elsewhere have their own. */
  sameNoise: boolean;
  /** What drew the images. */
  backend: string;
}

/** One prompt and seed through all models. */
export interface ShownItem {
  prompt: string;
  seed: number;
  /** By the first judge's first scale. */
  images: { png: Uint8Array; score: number }[];
}

/** Beyond these the file would grow too large to send. */
export const MOST_SHOWN = 60;

/** What machines read. A rate is null where nothing was decided. What the first judge says stands under the names it had when it was the only
 *  one; what every judge says, by its scales, under `by`. */
export function figuresOf(evaluation: Evaluation): object {
  const { names, items, judged, tieMargin, diversity, sameNoise, backend } = evaluation;
  const [{ judge, figures }] = judged as [JudgedEvaluation];
  const [first, ...others] = judge.scales.map(({ name }) => name);
  return {
    models: names.map((name, model) => ({
      name,
      ...byScale(figures, ({ spreads }) => spreads[model]),
      by: byJudge(judged, ({ spreads }) => spreads[model]),
      ...(diversity && { diversity: diversity.models[model] }),
    })),
    judge,
    judges: judged.map((one) => ({
      ...one.judge,
      labelled: one.labelled,
      ...(one.arithmetic === 'f16' && { arithmetic: one.arithmetic }),
    })),
    labelled: judged.flatMap(({ labelled }) => labelled),
    tieMargin,
    prompts: promptsOf(evaluation),
    count: items.length,
    ...(diversity && { diversityBy: diversity.by }),
    sameNoise,
    backend,
    comparisons: figures[first!]!.comparisons.map(({ a, b, rate: { rate, ...decided } }, at) => ({
      a,
      b,
      winRate: rate,
      ...decided,
      ...Object.fromEntries(
        Object.entries(figures).map(([scale, { comparisons }]) => [`${scale}Gain`, comparisons[at]!.gain]),
      ),
      ...Object.fromEntries(others.map((scale) => [`${scale}WinRate`, figures[scale]!.comparisons[at]!.rate.rate])),
      by: byJudge(judged, ({ comparisons }) => {
        const { a: _, b: __, ...rest } = comparisons[at]!;
        return rest;
      }),
    })),
    ...(names.length > 2 && { strengths: byJudge(judged, ({ strengths }) => strengths) }),
    standard: standardOf(evaluation),
  };
}

const byScale = <T>(figures: Readonly<Record<string, ScaleFigures>>, of: (one: ScaleFigures) => T): Record<string, T> =>
  Object.fromEntries(Object.entries(figures).map(([scale, one]) => [scale, of(one)]));
const byJudge = <T>(
  judged: readonly JudgedEvaluation[],
  of: (one: ScaleFigures) => T,
): Record<string, Record<string, T>> =>
  Object.fromEntries(judged.map(({ judge, figures }) => [judge.name, byScale(figures, of)]));

/** What people read in a terminal. */
export function describe({ names, judged, diversity }: Evaluation): string {
  const columns = judged.flatMap(({ judge, figures }) =>
    judge.scales.map(({ name }) => ({
      title: judged.length > 1 ? `${judge.name} ${name}` : name,
      figures: figures[name]!,
    })),
  );
  const rows = names.map((name, i) => [
    `${i + 1} ${name}`,
    ...columns.map(({ figures }) => plain(figures.spreads[i]!)),
    ...(diversity ? [diversity.models[i]!.distance.toFixed(3)] : []),
  ]);
  const [decides] = columns;
  const duels = decides!.figures.comparisons.map(
    ({ a, b, rate: { rate, interval, wins, losses, ties, n, pValue } }, at) => [
      `${b + 1} over ${a + 1}`,
      percent(rate),
      range(interval),
      ...[wins, losses, ties, n].map(String),
      chanceWords(pValue),
      ...columns.map(({ figures }) => signed(figures.comparisons[at]!.gain)),
      unitGain(decides!.figures.comparisons[at]!),
    ],
  );
  const strengths = decides!.figures.strengths;
  return [
    table([['model', ...columns.map(({ title }) => title), ...(diversity ? ['diversity'] : [])], ...rows]),
    '',
    table([
      [
        '',
        'win rate',
        '95 % interval',
        'wins',
        'losses',
        'ties',
        'n',
        'sign test p',
        ...columns.map(({ title }) => `${title} gain`),
        'in deviations',
      ],
      ...duels,
    ]),
    ...(strengths
      ? [
          '',
          table([
            ['model', 'Bradley-Terry', '95 % interval', 'Elo'],
            ...strengths.map(({ strength, interval, elo }, i) => [
              `${i + 1} ${names[i]}`,
              strength.toFixed(2),
              between(interval),
              elo.toFixed(0),
            ]),
          ]),
        ]
      : []),
  ].join('\n');
}

const unitGain = ({ deviations }: Compared): string => (deviations ? sign(deviations.gain) : '-');

const titleOf = ({ judge, arithmetic }: JudgedEvaluation): string =>
  `${judge.title}${arithmetic === 'f16' ? ' in f16' : ''}`;

export function evaluationReport(
  evaluation: Evaluation,
  shown: readonly ShownItem[],
  at: Date,
  raters?: RatersFigures,
): string {
  const { names, items, judged, sameNoise, backend } = evaluation;
  const [{ judge }] = judged as [JudgedEvaluation];
  const prompts = promptsOf(evaluation);
  return reportHtml({
    title: 'Evaluation',
    subtitle: `${items.length} comparisons of two models over ${prompts} prompts, same prompt${sameNoise ? ' and noise on both sides' : ' on both sides, each with its own noise'}, judged by ${judged.map(titleOf).join(', ')}; drawn on ${backend}; ${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    sections: [
      ...judgedSections(evaluation),
      ...(raters ? [{ title: 'Labels', blocks: ratersBlocks(raters, (by) => by) }] : []),
      {
        title: 'Images',
        blocks: [
          {
            kind: 'text',
            text:
              shown.length < items.length
                ? `The first ${shown.length} of ${items.length}, in order, not chosen.`
                : 'All of them, in order.',
          },
          {
            kind: 'images',
            columns: names,
            rows: shown.map(({ prompt, seed, images }) => ({
              title: `${prompt} (seed ${seed})`,
              images: images.map(({ png, score }, i) => ({
                png,
                alt: `${prompt}, ${names[i]}`,
                caption: `${judge.scales[0]!.title.toLowerCase()} ${score.toFixed(3)}`,
              })),
            })),
          },
        ],
      },
    ],
  });
}
