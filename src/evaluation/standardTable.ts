/** The table that papers print: a row a model, of each judge its mean and median, and how often the model wins over the first one with the same
 *  prompt and seed, ties counting half. */
import type { Interval } from './bootstrap.ts';
import type { ScaleFigures } from './armFigures.ts';
import { wilsonInterval } from './wilson.ts';

export interface StandardColumn {
  /** PickScore, `B appeal`. */
  title: string;
  /** It labelled or selected what one of the models was made of: no independent judge. */
  optimised: boolean;
  figures: ScaleFigures;
  /** By which scores are printed: HPS as papers have it is 100 times its cosine. 1 if left out. */
  factor?: number | undefined;
}

export interface StandardCell {
  mean: number;
  median: number;
  meanInterval: Interval | null;
  /** Over the first model; null of itself. */
  winRate: number | null;
  interval: Interval | null;
}

export interface StandardTable {
  columns: { title: string; optimised: boolean }[];
  rows: {
    name: string;
    cells: StandardCell[];
    /** Mean of the win rates of the columns that were not optimised; null of the first, or where all were. */
    average: number | null;
  }[];
}

export function standardTable(names: readonly string[], columns: readonly StandardColumn[]): StandardTable {
  return {
    columns: columns.map(({ title, optimised }) => ({ title, optimised })),
    rows: names.map((name, model) => {
      const cells = columns.map(({ figures, factor = 1 }): StandardCell => {
        const { mean, median, meanInterval } = figures.spreads[model]!;
        const duel = figures.comparisons.find(({ a, b }) => a === 0 && b === model);
        const all = duel && duel.rate.wins + duel.rate.losses + duel.rate.ties;
        const won = duel && duel.rate.wins + duel.rate.ties / 2;
        return {
          mean: factor * mean,
          median: factor * median,
          meanInterval: meanInterval && [factor * meanInterval[0], factor * meanInterval[1]],
          winRate: all ? won! / all : null,
          interval: all ? wilsonInterval(won!, all) : null,
        };
      });
      const rates = cells.flatMap(({ winRate }, i) => (winRate === null || columns[i]!.optimised ? [] : winRate));
      return {
        name,
        cells,
        average: rates.length > 0 ? rates.reduce((sum, rate) => sum + rate, 0) / rates.length : null,
      };
    }),
  };
}

/** Four digits or more, as papers have them. */
const printed = (value: number): string => (Math.abs(value) >= 10 ? value.toFixed(2) : value.toFixed(3));
const percent = (share: number): string => (100 * share).toFixed(1);

/** Head and rows as text; the best of a column that is no model's own judge is the caller's to mark. */
export function standardCells({ columns, rows }: StandardTable): { head: string[]; rows: string[][] } {
  return {
    head: [
      'model',
      ...columns.flatMap(({ title, optimised }) => [`${title}${optimised ? ' †' : ''}`, 'median', 'win rate (95 %)']),
      'average',
    ],
    rows: rows.map(({ name, cells, average }) => [
      name,
      ...cells.flatMap(({ mean, median, winRate, interval }) => [
        printed(mean),
        printed(median),
        winRate === null ? '-' : `${percent(winRate)} [${percent(interval![0])}, ${percent(interval![1])}]`,
      ]),
      average === null ? '-' : percent(average),
    ]),
  };
}

/** For a paper or a README. */
export function standardMarkdown(table: StandardTable): string {
  const { head, rows } = standardCells(table);
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}
