/** Figures of a comparison in words, as screens, reports and the command line have them. */
import type { ComparedItem } from './armFigures.ts';
import type { Interval } from './bootstrap.ts';
import type { DiversityFigures } from './diversity.ts';
import type { Spread } from './spread.ts';
import type { WinRate } from './winRate.ts';

export const percent = (share: number): string =>
  Number.isNaN(share) ? 'none decided' : `${(100 * share).toFixed(1)} %`;
export const range = ([low, high]: readonly [number, number]): string => `${percent(low)} to ${percent(high)}`;
export const plain = ({ mean, deviation }: Spread): string => `${mean.toFixed(3)} ± ${deviation.toFixed(3)}`;
export const signed = (gain: Spread): string => `${gain.mean >= 0 ? '+' : ''}${plain(gain)}`;
export const between = (interval: Interval | null): string =>
  interval ? `${interval[0].toFixed(3)} to ${interval[1].toFixed(3)}` : '-';
export const sign = (value: number): string => `${value >= 0 ? '+' : ''}${value.toFixed(2)}`;

export const promptsOf = ({ items }: { items: readonly ComparedItem[] }): number =>
  new Set(items.map(({ prompt }) => prompt)).size;

export const distanceWords = ({ by }: DiversityFigures): string =>
  by === null
    ? 'The distance is the root mean square of pixels in [0, 1], pictures shrunk to 32 by 32.'
    : `The distance is 1 less the cosine of two pictures’ embeddings by ${by}.`;

/** Of a row by category. */
export const categoryWords = (category: string | null): string => category ?? 'without a category';

/** p of a sign test. */
export const chanceWords = (pValue: number): string => pValue.toPrecision(2);

/** Of a win rate in a table. */
export const rateHead = ['win rate', '95 % interval (Wilson)', 'wins', 'losses', 'ties', 'sign test p'];

export const rateRow = ({ rate, interval, wins, losses, ties, pValue }: WinRate): string[] => [
  percent(rate),
  range(interval),
  String(wins),
  String(losses),
  String(ties),
  chanceWords(pValue),
];
