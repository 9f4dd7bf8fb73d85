/** What `winnow evaluate` finds: as JSON, as text, and as one HTML file with its images inside. */
import type { Compared, ComparedItem, ScaleFigures } from '../evaluation/armFigures.ts';
import { FEW_GROUPS, type Interval } from '../evaluation/bootstrap.ts';
import type { Diversity } from '../evaluation/diversity.ts';
import { bestOf } from '../evaluation/pairedGain.ts';
import { ratersBlocks, type RatersFigures } from '../evaluation/raters.ts';
import { type Report, type ReportBlock, reportHtml } from '../evaluation/report.ts';
import type { Spread } from '../evaluation/spread.ts';
import { standardCells, type StandardTable } from '../evaluation/standardTable.ts';
import { verdict } from '../evaluation/verdict.ts';
import type { WinRate } from '../evaluation/winRate.ts';
import type { JudgeInfo, Score } from '../judges/judge.ts';
import { table } from './terminal.ts';

export interface JudgedEvaluation {
  judge: JudgeInfo;
  /** Which models' training labels the judge gave, in sentences. */
  labelled: string[];
  /** [model][item] */
  scores: Score[][];
  /** By scale. */
  figures: Record<string, ScaleFigures>;
}

export interface Evaluation {
  /** Of the models. */
  names: string[];
  /** Prompts with a seed: every model has an image of each. */
  items: ComparedItem[];
  /** The first decides. At least one. */
  judged: JudgedEvaluation[];
  diversity: Diversity[] | null;
  standard: StandardTable;
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

export const percent = (share: number): string =>
  Number.isNaN(share) ? 'none decided' : `${(100 * share).toFixed(1)} %`;
export const range = ([low, high]: readonly [number, number]): string => `${percent(low)} to ${percent(high)}`;
const plain = ({ mean, deviation }: Spread): string => `${mean.toFixed(3)} ± ${deviation.toFixed(3)}`;
const signed = (gain: Spread): string => `${gain.mean >= 0 ? '+' : ''}${plain(gain)}`;
const between = (interval: Interval | null): string =>
  interval ? `${interval[0].toFixed(3)} to ${interval[1].toFixed(3)}` : '-';
const sign = (value: number): string => `${value >= 0 ? '+' : ''}${value.toFixed(2)}`;

const promptsOf = ({ items }: Evaluation): number => new Set(items.map(({ prompt }) => prompt)).size;

/** What machines read. A rate is null where nothing was decided. What the first judge says stands under the names it had when it was the only
 *  one; what every judge says, by its scales, under `by`. */
export function figuresOf(evaluation: Evaluation): object {
  const { names, items, judged, diversity, standard, sameNoise, backend } = evaluation;
  const [{ judge, figures }] = judged as [JudgedEvaluation];
  const [first, ...others] = judge.scales.map(({ name }) => name);
  return {
    models: names.map((name, model) => ({
      name,
      ...byScale(figures, ({ spreads }) => spreads[model]),
      by: byJudge(judged, ({ spreads }) => spreads[model]),
      ...(diversity && { diversity: diversity[model] }),
    })),
    judge,
    judges: judged.map((one) => ({ ...one.judge, labelled: one.labelled })),
    labelled: judged.flatMap(({ labelled }) => labelled),
    prompts: promptsOf(evaluation),
    count: items.length,
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
    standard,
  };
}

const byScale = <T>(figures: Record<string, ScaleFigures>, of: (one: ScaleFigures) => T): Record<string, T> =>
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
    ...(diversity ? [diversity[i]!.distance.toFixed(3)] : []),
  ]);
  const [decides] = columns;
  const duels = decides!.figures.comparisons.map(({ a, b, rate: { rate, interval, wins, losses, ties, n } }, at) => [
    `${b + 1} over ${a + 1}`,
    percent(rate),
    range(interval),
    ...[wins, losses, ties, n].map(String),
    ...columns.map(({ figures }) => signed(figures.comparisons[at]!.gain)),
    unitGain(decides!.figures.comparisons[at]!),
  ]);
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

export function evaluationReport(
  evaluation: Evaluation,
  shown: readonly ShownItem[],
  at: Date,
  raters?: RatersFigures,
): string {
  const { names, items, judged, sameNoise, backend } = evaluation;
  const [{ judge, figures }] = judged as [JudgedEvaluation];
  const prompts = promptsOf(evaluation);
  const { comparisons, strengths } = figures[judge.scales[0]!.name]!;
  return reportHtml({
    title: 'Evaluation',
    subtitle: `${items.length} comparisons of two models over ${prompts} prompts, same prompt${sameNoise ? ' and noise on both sides' : ' on both sides, each with its own noise'}, judged by ${judged.map((one) => one.judge.title.toLowerCase()).join(', ')}; drawn on ${backend}; ${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    sections: [
      ...comparisons.map(({ a, b }, i) => ({
        title: `${names[b]} over ${names[a]}`,
        blocks: comparisonBlocks(evaluation, i, prompts),
      })),
      ...(strengths ? [strengthSection(names, judge, strengths)] : []),
      standardSection(evaluation),
      meansSection(evaluation),
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

function comparisonBlocks({ names, judged, diversity }: Evaluation, at: number, prompts: number): ReportBlock[] {
  const [{ judge, figures, labelled }] = judged as [JudgedEvaluation];
  const first = judge.scales[0]!;
  const decides = figures[first.name]!.comparisons[at]!;
  const { counted, concluded } = verdict(decides.rate, names[decides.b]!);
  const rows = judged.flatMap((one) =>
    one.judge.scales.map((scale) => ({
      title: judged.length > 1 ? `${one.judge.title}: ${scale.title.toLowerCase()}` : scale.title.toLowerCase(),
      compared: one.figures[scale.name]!.comparisons[at]!,
    })),
  );
  return [
    { kind: 'share', label: first.title, rate: decides.rate.rate, interval: decides.rate.interval },
    { kind: 'text', text: `${counted} ${concluded}` },
    ...gainWords(decides),
    ...[...labelled, ...judged.slice(1).flatMap((one) => one.labelled)].map((text): ReportBlock => ({
      kind: 'text',
      text,
    })),
    {
      kind: 'table',
      head: [
        '',
        'win rate',
        '95 % interval (Wilson)',
        'over prompts',
        'wins',
        'losses',
        'ties',
        'sign test p',
        'gain',
        'in deviations of the base',
        'against another seed',
      ],
      rows: rows.map(({ title, compared }) => row(title, compared)),
    },
    ...(decides.categories.length > 0
      ? [
          {
            kind: 'table' as const,
            head: ['category', ...rateHead],
            rows: decides.categories.map(({ category, rate }) => [category, ...rateRow(rate)]),
          },
        ]
      : []),
    ...(diversity?.[decides.b]!.share && decides.a === 0
      ? [
          {
            kind: 'text' as const,
            text: `Its pictures of one prompt are ${percent(diversity[decides.b]!.share!.value)} as far apart as the first model's (${sharesRange(diversity[decides.b]!.share!.interval)}).`,
          },
        ]
      : []),
    ...(prompts < FEW_GROUPS
      ? [{ kind: 'text' as const, text: `Intervals over so few prompts (${prompts}) are too narrow.` }]
      : []),
  ];
}

const sharesRange = (interval: Interval | null): string =>
  interval ? `95 % interval ${range(interval)}` : 'one prompt';

function gainWords({ deviations, otherSeeds }: Compared): ReportBlock[] {
  if (!deviations || !otherSeeds) return [];
  const worth = bestOf(deviations.gain);
  return [
    {
      kind: 'text',
      text:
        `Within a prompt its score is ${sign(deviations.gain)} deviations of the base higher (${between(deviations.interval)})` +
        `${worth ? `, about as much as the best of ${worth} pictures of the base` : ''}; against a picture of another seed it wins ${percent(otherSeeds.rate)}.`,
    },
  ];
}

const rateHead = ['win rate', '95 % interval (Wilson)', 'wins', 'losses', 'ties', 'sign test p'];

const rateRow = ({ rate, interval, wins, losses, ties, pValue }: WinRate): string[] => [
  percent(rate),
  range(interval),
  String(wins),
  String(losses),
  String(ties),
  pValue.toPrecision(2),
];

function row(name: string, { rate, overPrompts, gain, deviations, otherSeeds }: Compared): string[] {
  const [share, interval, ...rest] = rateRow(rate);
  return [
    name,
    share!,
    interval!,
    overPrompts ? range(overPrompts) : '-',
    ...rest,
    signed(gain),
    deviations ? `${sign(deviations.gain)} (${between(deviations.interval)})` : '-',
    otherSeeds ? percent(otherSeeds.rate) : '-',
  ];
}

const strengthSection = (
  names: readonly string[],
  judge: JudgeInfo,
  strengths: NonNullable<ScaleFigures['strengths']>,
): Report['sections'][number] => ({
  title: 'All on one scale',
  blocks: [
    {
      kind: 'table',
      head: ['model', 'log odds over the first (Bradley-Terry)', '95 % interval, over prompts', 'Elo'],
      rows: strengths
        .map(({ strength, interval, elo }, i) => ({
          strength,
          cells: [names[i]!, strength.toFixed(2), between(interval), elo.toFixed(0)],
        }))
        .sort((one, other) => other.strength - one.strength)
        .map(({ cells }) => cells),
    },
    {
      kind: 'text',
      text: `By ${judge.title.toLowerCase()}, ${judge.scales[0]!.title.toLowerCase()}; ties count half for each.`,
    },
  ],
});

function standardSection({ standard }: Evaluation): Report['sections'][number] {
  const { head, rows } = standardCells(standard);
  return {
    title: 'As papers print it',
    blocks: [
      { kind: 'table', head, rows },
      {
        kind: 'text',
        text: `Mean, median, and win rate over the first model with the same prompt and seed, ties counting half. The average is over judges that did not label${standard.columns.some(({ optimised }) => optimised) ? '; † labelled what was trained on' : ''}.`,
      },
    ],
  };
}

const meansSection = ({ names, judged, diversity }: Evaluation): Report['sections'][number] => ({
  title: 'Means',
  blocks: [
    ...judged.map(({ judge, figures }): ReportBlock => ({
      kind: 'table',
      head: [
        judged.length > 1 ? judge.title : 'model',
        ...judge.scales.flatMap(({ title }) => [title.toLowerCase(), '95 % interval', 'median', '95 % interval']),
      ],
      rows: names.map((name, i) => [
        name,
        ...judge.scales.flatMap((scale) => {
          const spread = figures[scale.name]!.spreads[i]!;
          return [
            plain(spread),
            between(spread.meanInterval),
            spread.median.toFixed(3),
            between(spread.medianInterval),
          ];
        }),
      ]),
    })),
    {
      kind: 'text',
      text: 'With the standard deviation over the images, or over the pairs for a gain. Intervals are drawn over prompts.',
    },
    ...(diversity
      ? [
          {
            kind: 'table' as const,
            head: ['model', 'distance between two seeds of a prompt', '95 % interval', 'of the first'],
            rows: names.map((name, i) => {
              const { distance, interval, share } = diversity[i]!;
              return [name, distance.toFixed(4), between(interval), share ? percent(share.value) : '-'];
            }),
          },
          { kind: 'text' as const, text: 'Root mean square of pixels in [0, 1], pictures shrunk to 32 by 32.' },
        ]
      : []),
  ],
});
