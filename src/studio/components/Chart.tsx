/** A line chart of steps, over uPlot: raw values faint, smoothed ones strong, a reference line, the cursor shared by all charts. */
import { useId, useRef } from 'react';
import type uPlot from 'uplot';
import styles from './chart.module.css';
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
  /** What it says, for those who read it in words. */
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
  const shown = series.filter(({ points }) => points.length > 0);
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
  const holder = usePlot(
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
            points: { show: false },
            spanGaps: true,
          };
          return smoothing > 0
            ? [{ ...line, width: 1, stroke: `color-mix(in srgb, ${stroke} 28%, transparent)` }, line]
            : [line];
        }),
      ],
      hooks: { draw: [mark, beside].flatMap((line) => (line ? [(u: uPlot) => drawMark(u, line, inks)] : [])) },
    }),
    tableOf(shown, smoothing),
  );

  const last = shown
    .filter(({ overlay }) => !overlay)
    .map(({ label, color, points }) => ({
      label,
      color,
      value: smooth(
        points.map(({ y }) => y),
        smoothing,
      ).at(-1)!,
    }));
  const words = last.map(({ label, value }) => `${label} ${print(value)}`).join(', ');
  return (
    <figure className={styles.chart} aria-labelledby={id}>
      <figcaption className={styles.caption}>
        <span id={id} className={styles.title} title={explain}>
          {title}
        </span>
        <span className={`small number ${styles.legend}`}>
          {last.map(({ label, color, value }) => (
            <span key={label} className={styles.key}>
              <i style={{ background: color.startsWith('--') ? `var(${color})` : color }} />
              {last.length > 1 ? `${label} ` : ''}
              {print(value)}
            </span>
          ))}
        </span>
      </figcaption>
      <div
        ref={holder}
        className={styles.plot}
        style={{ height }}
        role="img"
        aria-label={`${title}: ${words || 'no values yet'}${[mark, beside].map((line) => (line ? `, reference line ${line.label}` : '')).join('')}`}
      />
    </figure>
  );
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
