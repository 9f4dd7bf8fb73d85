/** What `winnow evaluate` finds, as one HTML file with its images inside. */
import { type ReportBlock, reportHtml } from '../evaluation/report.ts';
import type { JudgeInfo } from '../judges/judge.ts';
import { ratersBlocks, type RatersFigures } from '../evaluation/raters.ts';
import { verdict } from '../evaluation/verdict.ts';
import type { WinRate } from '../evaluation/winRate.ts';

export interface Spread {
  mean: number;
  /** Standard deviation over the images, or over the pairs for a gain. */
  deviation: number;
}

/** Model b against model a (indices), same prompt and seed, by each scale of the judge. */
export interface Comparison {
  a: number;
  b: number;
  rates: Record<string, WinRate>;
  gains: Record<string, Spread>;
}

export interface Evaluation {
  models: { name: string; scores: Record<string, Spread> }[];
  comparisons: Comparison[];
  judge: JudgeInfo;
  /** Which models' training labels the judge gave, in sentences. */
  labelled: string[];
  prompts: number;
  /** Prompts with a seed: images of each model. */
  count: number;
  /** What drew the images. */
  backend: string;
}

/** One prompt and seed through all models. */
export interface ShownItem {
  prompt: string;
  seed: number;
  /** By the judge's first scale. */
  images: { png: Uint8Array; score: number }[];
}

/** Beyond these the file would grow too large to send. */
export const MOST_SHOWN = 60;

export const percent = (share: number): string =>
  Number.isNaN(share) ? 'none decided' : `${(100 * share).toFixed(1)} %`;
export const range = ([low, high]: readonly [number, number]): string => `${percent(low)} to ${percent(high)}`;
export const plain = ({ mean, deviation }: Spread): string => `${mean.toFixed(3)} ± ${deviation.toFixed(3)}`;
export const signed = (gain: Spread): string => `${gain.mean >= 0 ? '+' : ''}${plain(gain)}`;

export function evaluationReport(
  { models, comparisons, judge, labelled, count, prompts, backend }: Evaluation,
  items: readonly ShownItem[],
  at: Date,
  raters?: RatersFigures,
): string {
  const title = ({ a, b }: Comparison): string => `${models[b]!.name} over ${models[a]!.name}`;
  return reportHtml({
    title: 'Evaluation',
    subtitle: `${count} comparisons of two models over ${prompts} prompts, same prompt and noise on both sides, judged by ${judge.title.toLowerCase()}; drawn on ${backend}; ${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    sections: [
      ...comparisons.map((comparison) => ({
        title: title(comparison),
        blocks: blocksOf(comparison, models[comparison.b]!.name, judge, labelled),
      })),
      {
        title: 'Means',
        blocks: [
          {
            kind: 'table',
            head: ['model', ...judge.scales.map(({ title }) => title.toLowerCase())],
            rows: models.map(({ name, scores }) => [name, ...judge.scales.map((scale) => plain(scores[scale.name]!))]),
          },
          { kind: 'text', text: 'With the standard deviation over the images, or over the pairs for a gain.' },
        ],
      },
      ...(raters ? [{ title: 'Labels', blocks: ratersBlocks(raters, (by) => by) }] : []),
      {
        title: 'Images',
        blocks: [
          {
            kind: 'text',
            text:
              items.length < count
                ? `The first ${items.length} of ${count}, in order, not chosen.`
                : 'All of them, in order.',
          },
          {
            kind: 'images',
            columns: models.map(({ name }) => name),
            rows: items.map(({ prompt, seed, images }) => ({
              title: `${prompt} (seed ${seed})`,
              images: images.map(({ png, score }, i) => ({
                png,
                alt: `${prompt}, ${models[i]!.name}`,
                caption: `${judge.scales[0]!.title.toLowerCase()} ${score.toFixed(3)}`,
              })),
            })),
          },
        ],
      },
    ],
  });
}

function blocksOf(
  { rates, gains }: Comparison,
  name: string,
  { scales }: JudgeInfo,
  labelled: readonly string[],
): ReportBlock[] {
  const [first] = scales;
  const rate = rates[first!.name]!;
  const { counted, concluded } = verdict(rate, name);
  return [
    { kind: 'share', label: first!.title, rate: rate.rate, interval: rate.interval },
    { kind: 'text', text: `${counted} ${concluded}` },
    ...labelled.map((text): ReportBlock => ({ kind: 'text', text })),
    {
      kind: 'table',
      head: ['', 'win rate', '95 % interval (Wilson)', 'wins', 'losses', 'ties', 'sign test p', 'gain'],
      rows: scales.map((scale) => row(scale.title.toLowerCase(), rates[scale.name]!, gains[scale.name]!)),
    },
  ];
}

const row = (name: string, { rate, interval, wins, losses, ties, pValue }: WinRate, gain: Spread): string[] => [
  name,
  percent(rate),
  range(interval),
  String(wins),
  String(losses),
  String(ties),
  pValue.toPrecision(2),
  signed(gain),
];
