/** Winner and loser error against the reference, and accuracy, by timestep: where in the denoising the model changed. */
import { useId } from 'react';
import type { StepMetrics } from '../../../service/types.ts';
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
  const peak = Math.max(1e-9, ...bins.flatMap(({ winner, loser }) => [Math.abs(winner), Math.abs(loser)]));
  const [width, height, middle] = [400, 150, 62];
  const slot = width / binCount;
  const bar = (value: number): { y: number; height: number } => {
    const size = (Math.abs(value) / peak) * 52;
    return { y: value < 0 ? middle : middle - size, height: Math.max(0.5, size) };
  };
  const words = bins
    .filter(({ count }) => count > 0)
    .map((bin) => `from ${bin.from}: accuracy ${printPercent(bin.accuracy)}`)
    .join(', ');
  return (
    <figure className={styles.bins} aria-labelledby={id}>
      <figcaption className={styles.binsCaption}>
        <span id={id} className={styles.binsTitle}>
          The same by timestep
        </span>
        <span className="small dim">
          <span style={{ color: 'var(--winner)' }}>winner</span>, <span style={{ color: 'var(--loser)' }}>loser</span>,
          accuracy below
        </span>
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        className={styles.binsPlot}
        role="img"
        aria-label={`By timestep ${words || 'no values yet'}`}
      >
        <line x1={0} x2={width} y1={middle} y2={middle} stroke="var(--line-strong)" strokeDasharray="5 4" />
        {bins.map((bin, index) => (
          <g key={bin.from}>
            <rect x={index * slot + slot * 0.16} width={slot * 0.3} {...bar(bin.winner)} fill="var(--winner)" rx={2} />
            <rect x={index * slot + slot * 0.54} width={slot * 0.3} {...bar(bin.loser)} fill="var(--loser)" rx={2} />
            <text
              x={(index + 0.5) * slot}
              y={131}
              textAnchor="middle"
              fontSize={11}
              fontWeight={600}
              fill="var(--mantine-color-text)"
            >
              {bin.count ? printPercent(bin.accuracy).replace(' %', '') : '–'}
            </text>
            <text x={(index + 0.5) * slot} y={146} textAnchor="middle" fontSize={10} fill="var(--dim)">
              {bin.from}
            </text>
          </g>
        ))}
      </svg>
    </figure>
  );
}
