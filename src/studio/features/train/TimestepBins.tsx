/** Winner and loser error against the reference, and accuracy, by timestep: where in the denoising the model changed. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useId, useRef } from 'react';
import uPlot from 'uplot';
import type { StepMetrics } from '../../../service/types.ts';
import { drawMark, font, printTick, usePlot, withMark } from '../../components/plot.ts';
import { printPercent } from '../../components/words.ts';
import styles from './train.module.css';

const binCount = 8;

interface Bin {
  from: number;
  count: number;
  winner: number;
  loser: number;
  accuracy: number;
}

export function binByTimestep(metrics: readonly StepMetrics[], [from, to]: [number, number]): Bin[] {
  const width = (to - from) / binCount;
  const draws = metrics.flatMap((one) => one.pairs);
  return Array.from({ length: binCount }, (_, index) => {
    const inside = draws.filter(
      ({ timestep }) => Math.min(binCount - 1, Math.floor((timestep - from) / width)) === index,
    );
    const mean = (value: (draw: (typeof draws)[number]) => number): number =>
      inside.length ? inside.reduce((sum, draw) => sum + value(draw), 0) / inside.length : 0;
    return {
      from: Math.round(from + index * width),
      count: inside.length,
      winner: mean((draw) => draw.mw - draw.rw),
      loser: mean((draw) => draw.ml - draw.rl),
      // A logit of 0 prefers neither.
      accuracy: mean((draw) => (draw.logit > 0 ? 1 : draw.logit === 0 ? 0.5 : 0)),
    };
  });
}

export function TimestepBins({ metrics, range }: { metrics: readonly StepMetrics[]; range: [number, number] }) {
  const id = useId();
  // The newer half: what the model is now, not what it was.
  const bins = binByTimestep(metrics.slice(Math.floor(metrics.length / 2)), range);
  const below = bins.map(({ from, count, accuracy }) => `${count ? Math.round(100 * accuracy) : '–'}\n${from}`);
  const latest = useRef(below);
  latest.current = below;
  const { holder } = usePlot(
    'bins',
    190,
    (inks) => {
      const bars = (color: string, align: 1 | -1): uPlot.Series => ({
        fill: inks.of(color),
        stroke: inks.of(color),
        width: 0,
        paths: uPlot.paths.bars!({ size: [0.34, 60], align, radius: 0.1 }),
        points: { show: false },
      });
      return {
        cursor: { show: false },
        scales: {
          x: { time: false, range: () => [-0.5, binCount - 0.5] },
          y: { range: (_u, min, max) => withMark(min, max, 0) },
        },
        axes: [
          {
            stroke: inks.text,
            grid: { show: false },
            ticks: { show: false },
            font,
            size: 40,
            gap: 3,
            splits: () => bins.map((_, index) => index),
            values: () => latest.current,
          },
          {
            stroke: inks.text,
            grid: inks.grid,
            ticks: inks.grid,
            font,
            size: 54,
            gap: 3,
            values: (_u, splits) => splits.map(printTick),
          },
        ],
        series: [{}, bars('--winner', -1), bars('--loser', 1)],
        hooks: { draw: [(u) => drawMark(u, { value: 0, label: '' }, inks)] },
      };
    },
    [
      bins.map((_, index) => index),
      bins.map(({ winner, count }) => (count ? winner : null)),
      bins.map(({ loser, count }) => (count ? loser : null)),
    ],
  );
  const words = bins
    .filter(({ count }) => count > 0)
    .map(({ from, winner, loser, accuracy }) => {
      const [ofWinner, ofLoser, share] = [printTick(winner), printTick(loser), printPercent(accuracy)];
      return t({
        message: `from ${from}: winner ${ofWinner}, loser ${ofLoser}, accuracy ${share}`,
        comment: 'timesteps; errors against the reference',
      });
    })
    .join('; ');
  return (
    <figure className={styles.bins} aria-labelledby={id}>
      <figcaption className={styles.binsCaption}>
        <span id={id} className={styles.binsTitle}>
          <Trans comment="curves: below those of the error">The same by timestep</Trans>
        </span>
        <span className="small dim">
          <Trans>
            <span data-own-colours style={{ color: 'var(--winner)' }}>
              winner
            </span>
            ,{' '}
            <span data-own-colours style={{ color: 'var(--loser)' }}>
              loser
            </span>
            , accuracy in % and timestep below
          </Trans>
        </span>
      </figcaption>
      <div
        ref={holder}
        className={styles.binsPlot}
        role="img"
        aria-label={words ? t`By timestep ${words}` : t`By timestep no values yet`}
      />
    </figure>
  );
}
