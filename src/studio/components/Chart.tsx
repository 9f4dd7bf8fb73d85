/** A line chart of steps, over uPlot: raw values faint, smoothed ones strong, a reference line, the cursor shared by all charts; the values
 *  under it stand in the legend. Taken away as a picture or as a table. */
import { t } from '@lingui/core/macro';
import { useId, useMemo, useRef, useState } from 'react';
import type uPlot from 'uplot';
import { attempt } from './toast.ts';
import styles from './chart.module.css';
import { saveBytes } from './files.ts';
import { drawMark, font, printTick, usePlot, withMark } from './plot.ts';

export interface Series {
  label: string;
  /** CSS variable or colour. */
  color: string;
  /** Of another run, drawn thin. */
  overlay?: boolean;
  dashed?: boolean;
  points: { x: number; y: number }[];
}

interface ChartProps {
  title: string;
  /** What it says, in words below its title. */
  explain?: string;
  series: Series[];
  mark?: { value: number; label: string };
  /** A second one. */
  beside?: { value: number; label: string } | undefined;
  /** 0: none, to 0.99. */
  smoothing?: number;
  log?: boolean;
  range?: [number, number];
  print?: (value: number) => string;
  height?: number;
}

/** Exponential moving average without a bias towards its start; causal, so that what was drawn stays. */
export function smooth(values: readonly number[], factor: number): number[] {
  let mean = 0;
  let weight = 0;
  return values.map((value) => {
    mean = factor * mean + (1 - factor) * value;
    weight = factor * weight + (1 - factor);
    return mean / weight;
  });
}

export function Chart({
  title,
  explain,
  series,
  mark,
  beside,
  smoothing = 0,
  log = false,
  range,
  print = printTick,
  height = 190,
}: ChartProps) {
  const id = useId();
  const shown = useMemo(() => series.filter(({ points }) => points.length > 0), [series]);
  const shape = JSON.stringify([
    shown.map(({ label, color, overlay, dashed }) => [label, color, overlay, dashed]),
    mark,
    beside,
    log,
    range,
    smoothing > 0,
  ]);
  const latest = useRef(print);
  latest.current = print;
  /** The place of the step under the pointer, of this chart or another one. */
  const [at, setAt] = useState<number | null>(null);
  // The same while the pointer moves: what is zoomed in on stays.
  const table = useMemo(() => tableOf(shown, smoothing), [shown, smoothing]);
  const { holder, chart } = usePlot(
    shape,
    height,
    (inks) => ({
      cursor: { sync: { key: 'steps' }, y: false, points: { size: 7 }, drag: { x: true, y: false } },
      scales: {
        x: { time: false },
        y: log
          ? { distr: 3 }
          : range
            ? { range: () => range }
            : { range: (_u, min, max) => withMark(min, max, mark?.value) },
      },
      axes: [
        { stroke: inks.text, grid: inks.grid, ticks: inks.grid, font, size: 26, gap: 3 },
        {
          stroke: inks.text,
          grid: inks.grid,
          ticks: inks.grid,
          font,
          size: 54,
          gap: 3,
          values: (_u, splits) => splits.map((value) => (value === null ? '' : latest.current(value))),
        },
      ],
      series: [
        {},
        ...shown.flatMap(({ label, color, overlay, dashed }) => {
          const stroke = inks.of(color);
          const line = {
            label,
            stroke,
            width: overlay ? 1.2 : 2,
            ...(dashed ? { dash: [5, 4] } : {}),
            // A line through one value is none.
            points: { show: hasOneValue, size: 6, fill: stroke },
            spanGaps: true,
          };
          return smoothing > 0
            ? [{ ...line, width: 1, stroke: `color-mix(in srgb, ${stroke} 28%, transparent)` }, line]
            : [line];
        }),
      ],
      hooks: {
        setCursor: [({ cursor }: uPlot) => setAt(cursor.idx ?? null)],
        // At opposite ends: they may be close to one another.
        draw: [mark, beside].flatMap((line, i) =>
          line ? [(u: uPlot) => drawMark(u, line, inks, i === 0 ? 'right' : 'left')] : [],
        ),
      },
    }),
    table,
  );
  const step = at === null ? undefined : table[0][at];

  const last = shown
    .filter(({ overlay }) => !overlay)
    .map(({ label, color, points }) => ({
      label,
      color,
      first: points[0]!.y,
      value: smooth(
        points.map(({ y }) => y),
        smoothing,
      ).at(-1)!,
    }));
  const words = [
    last.map(({ label, first, value }) => courseInWords(label, print(first), print(value))).join(', ') ||
      t`no values yet`,
    ...[mark, beside].flatMap((line) => (line ? [referenceInWords(line.label, print(line.value))] : [])),
  ].join(', ');
  return (
    <figure className={styles.chart} aria-labelledby={id}>
      <figcaption className={styles.caption}>
        <span id={id} className={styles.title}>
          {title}
        </span>
        <span className={`small number ${styles.legend}`}>
          {step === undefined ? null : <span className="dim">{t`step ${step}`}</span>}
          {(step === undefined ? last : valuesAt(shown, table, at!, smoothing)).map(
            ({ label, color, value }, _, all) => (
              <span key={label} className={styles.key}>
                <i style={{ background: color.startsWith('--') ? `var(${color})` : color }} />
                {all.length > 1 ? `${label} ` : ''}
                {value === null ? '–' : print(value)}
              </span>
            ),
          )}
          <span className={styles.take}>
            <button
              type="button"
              aria-label={t`Save ${title} as a picture`}
              onClick={() => attempt(() => savePicture(chart.current, title))}
            >
              {'PNG'}
            </button>
            <button
              type="button"
              aria-label={t`Save ${title} as a table`}
              onClick={() => attempt(async () => saveBytes(await csvOf(series), `${title}.csv`, 'text/csv'))}
            >
              {'CSV'}
            </button>
          </span>
        </span>
        {explain === undefined ? null : <span className={`small dim ${styles.explain}`}>{explain}</span>}
      </figcaption>
      <div ref={holder} className={styles.plot} style={{ height }} role="img" aria-label={`${title}: ${words}`} />
    </figure>
  );
}

/** Of a series by its place; gaps are null or undefined. */
export const hasOneValue = ({ data }: Pick<uPlot, 'data'>, series: number): boolean =>
  Array.from(data[series]!).filter((y) => y !== null && y !== undefined).length === 1;

const courseInWords = (label: string, from: string, to: string): string =>
  t({ message: `${label} from ${from} to ${to}`, comment: 'a curve: its first and its last value' });

/** Some are named by their value. */
const referenceInWords = (label: string, value: string): string =>
  label.includes(value) ? t`reference line ${label}` : t`reference line ${label} at ${value}`;

/** What stands at a place of the x axis, smoothed as it is drawn; null where a series has nothing there. */
function valuesAt(
  series: readonly Series[],
  table: uPlot.AlignedData,
  at: number,
  smoothing: number,
): { label: string; color: string; value: number | null }[] {
  return series.map(({ label, color }, place) => ({
    label,
    color,
    value: table[smoothing > 0 ? 2 * place + 2 : place + 1]?.[at] ?? null,
  }));
}

/** A row a step, a column a series; the numbers as they were measured. */
export async function csvOf(series: readonly Series[]): Promise<string> {
  const { default: Papa } = await import('papaparse');
  const [steps, ...columns] = tableOf(series, 0);
  return Papa.unparse(
    {
      fields: ['step', ...series.map(({ label }) => label)],
      data: [...steps].map((step, row) => [step, ...columns.map((column) => column[row] ?? '')]),
    },
    { escapeFormulae: true },
  );
}

/** As it is on screen, on the panel's ground, under its title. */
async function savePicture(chart: uPlot | null, title: string): Promise<void> {
  if (!chart) return;
  const drawn = chart.ctx.canvas;
  const css = getComputedStyle(chart.root);
  const head = 28 * devicePixelRatio;
  const canvas = new OffscreenCanvas(drawn.width, drawn.height + head);
  const context = canvas.getContext('2d')!;
  context.fillStyle = css.getPropertyValue('--panel').trim();
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = css.color;
  context.font = `600 ${14 * devicePixelRatio}px sans-serif`;
  context.fillText(title, 8 * devicePixelRatio, 19 * devicePixelRatio);
  context.drawImage(drawn, 0, head);
  saveBytes(await canvas.convertToBlob({ type: 'image/png' }), `${title}.png`, 'image/png');
}

/** Series of different steps on one x axis, gaps as null. */
function tableOf(series: readonly Series[], smoothing: number): uPlot.AlignedData {
  const xs = [...new Set(series.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const columns = series.flatMap(({ points }) => {
    const align = (values: readonly number[]): (number | null)[] => {
      const at = new Map(points.map(({ x }, index) => [x, values[index]!]));
      return xs.map((x) => at.get(x) ?? null);
    };
    const raw = points.map(({ y }) => y);
    return smoothing > 0 ? [align(raw), align(smooth(raw, smoothing))] : [align(raw)];
  });
  return [xs, ...columns];
}
