/** The figures of `winnow bench gpu` as tables: all of them for a terminal, a line a shape for docs/adapters.md. */
import type { GpuBench, GpuBenchRow } from '../service/gpuBench.ts';
import { table } from './terminal.ts';

const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
/** Three figures, never in powers of ten. */
const figure = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

const nameOf = ({ vendor, architecture, device, description }: GpuBench['adapter']): string =>
  [vendor, architecture, device, description].filter(Boolean).join(' / ') || 'unnamed adapter';

const peakOf = ({ peak }: GpuBench): string =>
  `${figure(peak.gflops)} GFLOP/s by multiply-adds alone, ${figure(peak.gbPerSecond)} GB/s by a copy`;

const layoutsOf = ({ rows }: GpuBench): string[] => [...new Set(rows.map(({ layout }) => layout))];

const leftOut = (rows: readonly GpuBenchRow[]): string[] => {
  const notes = [...new Set(rows.flatMap(({ measured, note }) => (measured || note === null ? [] : [note])))];
  return notes.map((said) => `${rows.filter(({ measured, note }) => !measured && note === said).length}: ${said}`);
};

export function gpuText(figures: GpuBench): string {
  const { adapter, clock, runtime, date, product } = figures;
  return [
    `${nameOf(adapter)}${adapter.software ? ' (software: says nothing about a GPU)' : ''}`,
    `${runtime}; ${date.slice(0, 10)}, Winnow ${product}; timed by ${clock}`,
    `peak: ${peakOf(figures)}`,
    ...layoutsOf(figures).flatMap((layout) => {
      const rows = figures.rows.filter((row) => row.layout === layout);
      const timed = rows.filter(({ measured }) => measured);
      return [
        '',
        layout,
        ...(timed.length > 0
          ? [
              table([
                ['kernel', 'variant', 'ms', 'GFLOP/s', 'of peak', 'GB/s', 'of peak', 'compiled in ms', ''],
                ...timed.map(({ task, variant, measured, note }) => [
                  task,
                  variant,
                  figure(measured!.ms),
                  ...(measured!.gflops > 0 ? [figure(measured!.gflops), percent(measured!.ofPeakFlops)] : ['', '']),
                  figure(measured!.gbPerSecond),
                  percent(measured!.ofPeakBandwidth),
                  measured!.compileMs.toFixed(0),
                  note ? `WRONG: ${note}` : '',
                ]),
              ]),
            ]
          : []),
        ...leftOut(rows),
      ];
    }),
  ].join('\n');
}

/** Of each shape the share of the peak that each variant reaches. */
export function gpuMarkdown(figures: GpuBench): string {
  const { adapter, clock, runtime, date, product, rows } = figures;
  const variants = [...new Set(rows.map(({ variant }) => variant))];
  const cell = (row: GpuBenchRow | undefined): string => {
    if (!row) return '';
    const { measured, note } = row;
    if (!measured) return '–';
    const { gflops, ofPeakFlops, gbPerSecond, ofPeakBandwidth } = measured;
    const reached =
      row.flops > 0
        ? `${figure(gflops)} (${percent(ofPeakFlops)})`
        : `${figure(gbPerSecond)} GB/s (${percent(ofPeakBandwidth)})`;
    return `${reached}${note ? ' wrong' : ''}`;
  };
  return [
    `### ${nameOf(adapter)}`,
    '',
    `${adapter.software ? 'A software adapter: these figures say nothing about a GPU. ' : ''}${runtime}; ${date.slice(0, 10)}, Winnow ${product}; timed by ${clock}. Peak: ${peakOf(figures)}.`,
    ...layoutsOf(figures).flatMap((layout) => {
      const own = rows.filter((row) => row.layout === layout);
      const tasks = [...new Set(own.filter(({ measured }) => measured).map(({ task }) => task))];
      const left = leftOut(own).map((note) => `Rows ${note}.`);
      if (tasks.length === 0) return ['', `${layout}. ${left.join(' ')}`];
      return [
        '',
        `| ${layout}: GFLOP/s (of peak) | ${variants.join(' | ')} |`,
        `| --- |${' ---: |'.repeat(variants.length)}`,
        ...tasks.map(
          (task) =>
            `| ${task} | ${variants.map((variant) => cell(own.find((row) => row.task === task && row.variant === variant))).join(' | ')} |`,
        ),
        ...(left.length > 0 ? ['', left.join(' ')] : []),
      ];
    }),
  ].join('\n');
}
