/** Charts of a report, as SVG text: no document, no script. d3 makes the scales, their ticks and the paths; here they are put in their places. */
import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import { escape } from './html.ts';
import type { ReportBlock } from './report.ts';

/** As report.ts sets them, for light and dark. */
const colors = ['var(--a)', 'var(--b)', 'var(--c)', 'var(--d)'];

type Lines = Extract<ReportBlock, { kind: 'lines' }>;
type Point = Lines['series'][number]['points'][number];

const width = 640;
const height = 220;
/** Of the plot: the axes lie outside. */
const [left, right, top, bottom] = [56, width - 8, 8, height - 24];

const isDrawn = ({ y }: Point): boolean => Number.isFinite(y);

export function printLines({ title, xLabel, mark, series }: Lines): string {
  const drawn = series.flatMap(({ points }) => points.filter(isDrawn));
  if (!drawn.length) return '';
  const xs = drawn.map((point) => point.x);
  const ys = [...drawn.map((point) => point.y), ...(mark ? [mark.value] : [])];
  const x = scaleLinear([Math.min(...xs), Math.max(...xs)], [left, right]);
  const y = scaleLinear([Math.min(...ys), Math.max(...ys)], [bottom, top]).nice(4);
  const path = line<Point>(
    (point) => x(point.x),
    (point) => y(point.y),
  )
    .defined(isDrawn)
    .digits(1);
  const yTicks = y.ticks(4).map((value) => {
    const at = y(value).toFixed(1);
    return `<line x1="${left}" x2="${right}" y1="${at}" y2="${at}" class="grid"/><text x="${left - 6}" y="${at}" dy="4" text-anchor="end">${printNumber(value)}</text>`;
  });
  const steps = Math.ceil(x.domain()[1]! - x.domain()[0]!);
  const xTicks = x
    .ticks(Math.max(1, Math.min(6, steps)))
    .map(
      (value) => `<text x="${x(value).toFixed(1)}" y="${height - 6}" text-anchor="middle">${printNumber(value)}</text>`,
    );
  const reference = mark
    ? `<line x1="${left}" x2="${right}" y1="${y(mark.value).toFixed(1)}" y2="${y(mark.value).toFixed(1)}" class="mark"/><text x="${right - 2}" y="${(y(mark.value) - 5).toFixed(1)}" text-anchor="end">${escape(mark.label)}</text>`
    : '';
  const lines = series.map(
    ({ points }, index) =>
      `<path d="${path(points)}" fill="none" stroke="${colors[index % colors.length]}" stroke-width="${points.length > 1 ? 1.8 : 6}" stroke-linecap="round"/>`,
  );
  const legend =
    series.length > 1
      ? `<p class="legend">${series.map(({ label }, index) => `<span><i style="background:${colors[index % colors.length]}"></i>${escape(label)}</span>`).join('')}</p>`
      : '';
  const last = series
    .map(({ label, points }) => `${label} ${points.length ? printNumber(points.at(-1)!.y) : '-'}`)
    .join(', ');
  return `<figure class="chart"><figcaption><strong>${escape(title)}</strong> <span class="dim">by ${escape(xLabel)}</span></figcaption>${legend}<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(`${title}; at the end: ${last}`)}">${[...yTicks, ...xTicks, reference, ...lines].join('')}</svg></figure>`;
}

/** A dot on a line from 0 to 1, with its interval: nothing that a library would draw in fewer words. */
export function printShare({ label, rate, interval: [low, high] }: Extract<ReportBlock, { kind: 'share' }>): string {
  const at = scaleLinear([0, 1], [20, 620]);
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  const words = Number.isNaN(rate)
    ? 'nothing decided'
    : `${percent(rate)}, 95 % interval ${percent(low)} to ${percent(high)}`;
  const dot = Number.isNaN(rate) ? '' : `<circle cx="${at(rate)}" cy="26" r="7" fill="var(--a)"/>`;
  return `<figure class="chart"><figcaption><strong>${escape(label)}</strong> ${words}</figcaption><svg viewBox="0 0 640 60" role="img" aria-label="${escape(`${label}: ${words}`)}"><line x1="20" x2="620" y1="26" y2="26" class="grid"/><line x1="${at(0.5)}" x2="${at(0.5)}" y1="10" y2="42" class="mark"/><line x1="${at(low)}" x2="${at(high)}" y1="26" y2="26" stroke="var(--a)" stroke-width="6" stroke-linecap="round" opacity="0.45"/>${dot}<text x="20" y="56">0 %</text><text x="${at(0.5)}" y="56" text-anchor="middle">50 %</text><text x="620" y="56" text-anchor="end">100 %</text></svg></figure>`;
}

const printNumber = (value: number): string =>
  value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5)
    ? value.toExponential(1)
    : String(Number(value.toPrecision(3)));
