/** A line chart of steps, over uPlot: raw values faint, smoothed ones strong, a reference line, the cursor shared by all charts. */
import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useId, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import styles from './chart.module.css';

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

const defaultPrint = (value: number): string =>
  value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(1) : String(Number(value.toPrecision(3)));

export function Chart({
  title,
  explain,
  series,
  mark,
  smoothing = 0,
  log = false,
  range,
  print = defaultPrint,
  height = 190,
}: ChartProps) {
  const holder = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const scheme = useComputedColorScheme();
  const id = useId();
  const shown = series.filter(({ points }) => points.length > 0);
  // uPlot is made anew when what it draws changes in kind, and fed when only the numbers do.
  const shape = JSON.stringify([
    shown.map(({ label, color, overlay, dashed }) => [label, color, overlay, dashed]),
    mark,
    log,
    range,
    smoothing > 0,
    scheme,
    height,
  ]);
  const data = tableOf(shown, smoothing);
  const latest = useRef({ data, print });
  latest.current = { data, print };

  useEffect(() => {
    const element = holder.current!;
    const css = getComputedStyle(element);
    const resolve = (color: string): string => (color.startsWith('--') ? css.getPropertyValue(color).trim() : color);
    const ink = resolve('--dim');
    const grid = { stroke: resolve('--line'), width: 1 };
    const [lines] = JSON.parse(shape) as [[string, string, boolean | undefined, boolean | undefined][]];
    const plot = new uPlot(
      {
        width: Math.max(120, element.clientWidth),
        height,
        cursor: { sync: { key: 'steps' }, y: false, points: { size: 7 }, drag: { x: true, y: false } },
        legend: { show: false },
        scales: {
          x: { time: false },
          y: log
            ? { distr: 3 }
            : range
              ? { range: () => range }
              : { range: (_u, min, max) => withMark(min, max, mark?.value) },
        },
        axes: [
          { stroke: ink, grid, ticks: grid, font: '11px sans-serif', size: 26, gap: 3 },
          {
            stroke: ink,
            grid,
            ticks: grid,
            font: '11px sans-serif',
            size: 54,
            gap: 3,
            values: (_u, splits) => splits.map((value) => (value === null ? '' : latest.current.print(value))),
          },
        ],
        series: [
          {},
          ...lines.flatMap(([label, color, overlay, dashed]) => {
            const stroke = resolve(color);
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
        hooks: {
          draw: [
            (u) => {
              if (!mark) return;
              const y = Math.round(u.valToPos(mark.value, 'y', true));
              if (y < u.bbox.top || y > u.bbox.top + u.bbox.height) return;
              u.ctx.save();
              u.ctx.strokeStyle = resolve('--line-strong');
              u.ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
              u.ctx.lineWidth = devicePixelRatio;
              u.ctx.beginPath();
              u.ctx.moveTo(u.bbox.left, y);
              u.ctx.lineTo(u.bbox.left + u.bbox.width, y);
              u.ctx.stroke();
              u.ctx.fillStyle = ink;
              u.ctx.font = `${11 * devicePixelRatio}px sans-serif`;
              u.ctx.textAlign = 'right';
              u.ctx.fillText(mark.label, u.bbox.left + u.bbox.width - 4 * devicePixelRatio, y - 5 * devicePixelRatio);
              u.ctx.restore();
            },
          ],
        },
      },
      latest.current.data,
      element,
    );
    chart.current = plot;
    const observer = new ResizeObserver(() => plot.setSize({ width: Math.max(120, element.clientWidth), height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
      chart.current = null;
    };
    // Everything else it reads is in `shape`.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [shape]);

  useEffect(() => chart.current?.setData(data), [data]);

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
        aria-label={`${title}: ${words || 'no values yet'}${mark ? `, reference line ${mark.label}` : ''}`}
      />
    </figure>
  );
}

function withMark(min: number | null, max: number | null, mark: number | undefined): [number, number] {
  const low = Math.min(min ?? 0, mark ?? Infinity);
  const high = Math.max(max ?? 1, mark ?? -Infinity);
  const margin = (high - low || Math.abs(high) || 1) * 0.08;
  return [low - margin, high + margin];
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
