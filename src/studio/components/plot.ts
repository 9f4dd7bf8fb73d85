/** uPlot in an element of a component. */
import { useComputedColorScheme } from '@mantine/core';
import { type RefObject, useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

/** Colours as the page has them now. */
export interface Inks {
  /** Of a CSS variable, or the colour itself. */
  of(color: string): string;
  text: string;
  grid: uPlot.Axis.Grid;
}

export const font = '11px sans-serif';

/** @param shape what the options are made of, in one text: the plot is made anew when it changes, and fed when only the numbers do. It is as
 *  wide as its element. */
export function usePlot(
  shape: string,
  height: number,
  optionsFor: (inks: Inks) => Omit<uPlot.Options, 'width' | 'height'>,
  data: uPlot.AlignedData,
): { holder: RefObject<HTMLDivElement | null>; chart: RefObject<uPlot | null> } {
  const holder = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const latest = useRef(data);
  latest.current = data;
  const made = `${height} ${useComputedColorScheme()} ${shape}`;

  useEffect(() => {
    const element = holder.current!;
    const css = getComputedStyle(element);
    const of = (color: string): string => (color.startsWith('--') ? css.getPropertyValue(color).trim() : color);
    const size = () => ({ width: Math.max(120, element.clientWidth), height });
    const options = optionsFor({ of, text: of('--dim'), grid: { stroke: of('--line'), width: 1 } });
    const plot = new uPlot({ ...size(), legend: { show: false }, ...options }, latest.current, element);
    chart.current = plot;
    const observer = new ResizeObserver(() => plot.setSize(size()));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
      chart.current = null;
    };
    // Everything else it reads is in what it is made of.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [made]);

  useEffect(() => chart.current?.setData(data), [data]);
  return { holder, chart };
}

/** A number on an axis or beside a line. */
export const printTick = (value: number): string =>
  value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(1) : String(Number(value.toPrecision(3)));

/** A dashed line across the plot at a value, with its name at one end of it, legible over other lines. */
export function drawMark(
  u: uPlot,
  mark: { value: number; label: string },
  inks: Inks,
  end: 'left' | 'right' = 'right',
): void {
  const y = Math.round(u.valToPos(mark.value, 'y', true));
  if (y < u.bbox.top || y > u.bbox.top + u.bbox.height) return;
  u.ctx.save();
  u.ctx.strokeStyle = inks.of('--line-strong');
  u.ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
  u.ctx.lineWidth = devicePixelRatio;
  u.ctx.beginPath();
  u.ctx.moveTo(u.bbox.left, y);
  u.ctx.lineTo(u.bbox.left + u.bbox.width, y);
  u.ctx.stroke();
  u.ctx.fillStyle = inks.text;
  u.ctx.font = `${11 * devicePixelRatio}px sans-serif`;
  u.ctx.textAlign = end;
  u.ctx.setLineDash([]);
  u.ctx.strokeStyle = inks.of('--panel');
  u.ctx.lineWidth = 3 * devicePixelRatio;
  u.ctx.lineJoin = 'round';
  const x = end === 'right' ? u.bbox.left + u.bbox.width - 4 * devicePixelRatio : u.bbox.left + 4 * devicePixelRatio;
  u.ctx.strokeText(mark.label, x, y - 5 * devicePixelRatio);
  u.ctx.fillText(mark.label, x, y - 5 * devicePixelRatio);
  u.ctx.restore();
}

/** From the lowest to the highest, the mark among them, with some air. */
export function withMark(min: number | null, max: number | null, mark: number | undefined): [number, number] {
  const low = Math.min(min ?? 0, mark ?? Infinity);
  const high = Math.max(max ?? 1, mark ?? -Infinity);
  const margin = (high - low || Math.abs(high) || 1) * 0.08;
  return [low - margin, high + margin];
}
