/** What judges find of several models in blocks of a report: the same for `winnow evaluate` and for the Compare screen. */
import type { Compared, ComparedItem, ScaleFigures } from './armFigures.ts';
import { FEW_GROUPS, type Interval } from './bootstrap.ts';
import type { DiversityFigures } from './diversity.ts';
import {
  between,
  categoryWords,
  distanceWords,
  percent,
  plain,
  promptsOf,
  range,
  rateHead,
  rateRow,
  sign,
  signed,
} from './figureWords.ts';
import { bestOf } from './pairedGain.ts';
import type { Report, ReportBlock } from './report.ts';
import { standardCells, type StandardTable, standardTable } from './standardTable.ts';
import { verdict } from './verdict.ts';

/** What a report tells of a judge. */
interface ToldJudge {
  title: string;
  /** Of the table of kinds. */
  kind: string;
  /** The first is what it goes by. At least one. */
  scales: readonly { name: string; title: string }[];
  /** Those are some of what it says. */
  narrowed?: true;
}

export interface JudgedModels<Judge extends ToldJudge = ToldJudge> {
  /** Of the models. */
  names: string[];
  /** Prompts with a seed: every model has an image of each. */
  items: readonly ComparedItem[];
  /** Scores of the first judge no further apart than this are a tie, on the scale that it goes by. */
  tieMargin: number;
  /** The first decides. At least one. */
  judged: readonly {
    judge: Judge;
    /** Which models' training labels the judge gave, in sentences. */
    labelled: readonly string[];
    /** By scale. */
    figures: Readonly<Record<string, ScaleFigures>>;
  }[];
  diversity: DiversityFigures | null;
}

/** Papers print HPS as 100 times its cosine. */
export const standardOf = ({ names, judged }: JudgedModels): StandardTable =>
  standardTable(
    names,
    judged.flatMap(({ judge, labelled, figures }) =>
      judge.scales.map(({ name, title }) => ({
        title: `${judge.title}${judge.scales.length > 1 || judge.narrowed ? `, ${title.toLowerCase()}` : ''}${judge.kind === 'hps' ? ' × 100' : ''}`,
        optimised: labelled.length > 0,
        figures: figures[name]!,
        factor: judge.kind === 'hps' ? 100 : 1,
      })),
    ),
  );

/** Every two models, all on one scale, the table of papers, means. */
export function judgedSections(judgedModels: JudgedModels): Report['sections'] {
  const { names, judged } = judgedModels;
  const [{ judge, figures }] = judged as [JudgedModels['judged'][number]];
  const { comparisons, strengths } = figures[judge.scales[0]!.name]!;
  return [
    ...comparisons.map(({ a, b }, i) => ({
      title: `${names[b]} over ${names[a]}`,
      blocks: comparisonBlocks(judgedModels, i, promptsOf(judgedModels)),
    })),
    ...(strengths ? [strengthSection(names, judge, strengths)] : []),
    standardSection(standardOf(judgedModels)),
    meansSection(judgedModels),
  ];
}

function comparisonBlocks(
  { names, judged, diversity, tieMargin }: JudgedModels,
  at: number,
  prompts: number,
): ReportBlock[] {
  const [{ judge, figures, labelled }] = judged as [JudgedModels['judged'][number]];
  const first = judge.scales[0]!;
  const decides = figures[first.name]!.comparisons[at]!;
  const { counted, concluded } = verdict(decides.rate, names[decides.b]!);
  const share = diversity?.models[decides.b]!.share;
  const rows = judged.flatMap((one) =>
    one.judge.scales.map((scale) => ({
      title: judged.length > 1 ? `${one.judge.title}: ${scale.title.toLowerCase()}` : scale.title.toLowerCase(),
      compared: one.figures[scale.name]!.comparisons[at]!,
    })),
  );
  return [
    { kind: 'share', label: first.title, rate: decides.rate.rate, interval: decides.rate.interval },
    { kind: 'text', text: `${counted} ${concluded}` },
    ...(tieMargin > 0
      ? [
          {
            kind: 'text' as const,
            text: `Scores of ${judge.title}, ${first.title.toLowerCase()}, no further apart than ${tieMargin} are a tie.`,
          },
        ]
      : []),
    ...gainWords(decides, unitOf(names, decides)),
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
        `in deviations of ${unitOf(names, decides)}`,
        'against another seed',
      ],
      rows: rows.map(({ title, compared }) => row(title, compared)),
    },
    ...(decides.categories.length > 0
      ? [
          {
            kind: 'table' as const,
            head: ['category', ...rateHead],
            rows: decides.categories.map(({ category, rate }) => [categoryWords(category), ...rateRow(rate)]),
          },
        ]
      : []),
    ...(share && decides.a === 0
      ? [
          {
            kind: 'text' as const,
            text: `Its pictures of one prompt are ${percent(share.value)} as far apart as the first model's (${sharesRange(share.interval)}).`,
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

/** What a gain's unit is of: the model that is compared with. */
const unitOf = (names: readonly string[], { a }: Compared): string => (a === 0 ? 'the base' : names[a]!);

function gainWords(compared: Compared, base: string): ReportBlock[] {
  const { deviations, otherSeeds } = compared;
  if (!deviations || !otherSeeds) return [];
  const { gain, interval } = deviations;
  const worth = bestOf(gain);
  return [
    {
      kind: 'text',
      text:
        `Within a prompt its score is ${Math.abs(gain).toFixed(2)} deviations of ${base} ${gain < 0 ? 'lower' : 'higher'}${interval ? ` (95 % interval of the gain ${between(interval)})` : ''}` +
        `${worth ? `, about as much as the best of ${worth} pictures of ${base}` : ''}; against a picture of another seed it wins ${percent(otherSeeds.rate)}.`,
    },
  ];
}

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
  judge: ToldJudge,
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
      text: `By ${judge.title}, ${judge.scales[0]!.title.toLowerCase()}; ties count half for each.`,
    },
  ],
});

function standardSection(standard: StandardTable): Report['sections'][number] {
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

const meansSection = ({ names, judged, diversity }: JudgedModels): Report['sections'][number] => ({
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
              const { distance, interval, share } = diversity.models[i]!;
              return [name, distance.toFixed(4), between(interval), share ? percent(share.value) : '-'];
            }),
          },
          { kind: 'text' as const, text: distanceWords(diversity) },
        ]
      : []),
  ],
});
