/** The run's numbers as lines, live; other runs laid over them thinly. */
import { t } from '@lingui/core/macro';
import { useState } from 'react';
import { useShallow } from 'zustand/react/shallow';
import type { RunRecord, StepMetrics } from '../../../service/types.ts';
import type { Action } from '../../components/action.ts';
import { Chart, type Series } from '../../components/Chart.tsx';
import { SliderField, Switch } from '../../components/Fields.tsx';
import { Shortcuts } from '../../components/Shortcuts.tsx';
import { Panel } from '../../components/Surface.tsx';
import { printPercent } from '../../components/words.ts';
import { useStudio } from '../../store/useStudio.ts';
import { TimestepBins } from './TimestepBins.tsx';
import styles from './train.module.css';

/** Told apart by colour-blind readers, too; the first is the run in view. */
const overlayColors = ['#9467bd', '#2ca02c', '#d62a78', '#7f7f7f'];

interface Line {
  label: string;
  color: string;
  value: (metrics: StepMetrics) => number;
}

export function Curves({ run, overlays }: { run: RunRecord; overlays: string[] }) {
  const ids = [run.id, ...overlays];
  const steps = useStudio(useShallow((s) => ids.map((id) => s.metrics[id])));
  const names = useStudio(useShallow((s) => ids.map((id) => s.runs.find((one) => one.id === id)?.name ?? id)));
  const smoothing = useStudio((s) => s.preferences.smoothing);
  const { setPreference } = useStudio.getState();
  const [log, setLog] = useState(false);
  const setSmoothing = (value: number): void =>
    setPreference('smoothing', Math.round(100 * Math.min(0.99, Math.max(0, value))) / 100);
  const actions: Action[] = [
    { name: 'log', label: t`Logarithmic loss and gradient`, keys: 'l', perform: () => setLog(!log) },
    { name: 'smoother', label: t`Smoother lines`, keys: 'bracketright', perform: () => setSmoothing(smoothing + 0.1) },
    { name: 'rougher', label: t`Rougher lines`, keys: 'bracketleft', perform: () => setSmoothing(smoothing - 0.1) },
    { name: 'raw', label: t`No smoothing`, keys: '0', perform: () => setSmoothing(0) },
  ];

  /** Of the run in view, or of the ones laid over it, from 1. */
  const points = (index: number, value: Line['value']): Series['points'] =>
    (steps[index] ?? []).map((one) => ({ x: one.step, y: value(one) }));
  const series = (lines: Line[]): Series[] => [
    ...lines.map(({ label, color, value }) => ({ label, color, points: points(0, value) })),
    ...overlays.flatMap((_, index) =>
      lines.map(({ label, value }, line) => ({
        label: `${names[index + 1]} ${label}`,
        color: overlayColors[index % overlayColors.length]!,
        overlay: true,
        dashed: line > 0,
        points: points(index + 1, value),
      })),
    ),
  ];
  const own = steps[0] ?? [];
  if (!own.length) return null;
  return (
    <Panel
      title={t`Curves`}
      aside={
        <div className={styles.chartTools}>
          <div className={styles.smoothing}>
            <SliderField
              label={t`Smoothing`}
              value={smoothing}
              onChange={setSmoothing}
              min={0}
              max={0.99}
              step={0.01}
              print={(value) => value.toFixed(2)}
            />
          </div>
          <Switch
            label={t({ message: 'Log', comment: 'a switch: a logarithmic axis' })}
            checked={log}
            onChange={setLog}
          />
        </div>
      }
    >
      <Shortcuts title={t`Curves`} actions={actions} />
      {overlays.length ? (
        <p className="row small" style={{ marginBottom: 8 }}>
          {overlays.map((id, index) => (
            <span key={id} className="row" style={{ gap: 6 }}>
              <i className={styles.swatch} style={{ background: overlayColors[index % overlayColors.length] }} />
              {names[index + 1]}
            </span>
          ))}
        </p>
      ) : null}
      <div className={styles.charts}>
        <Chart
          title={t({ message: 'Loss', comment: 'what training minimises' })}
          explain={t`Below ln 2 the model prefers what you prefer, more than it did at the start.`}
          series={series([
            {
              label: t({ message: 'loss', comment: 'what training minimises' }),
              color: '--mantine-color-text',
              value: (one) => one.loss,
            },
          ])}
          mark={{ value: Math.LN2, label: 'ln 2 = 0.693' }}
          smoothing={smoothing}
          log={log}
        />
        <Chart
          title={t`Implicit accuracy`}
          explain={t`How often the model’s own preference agrees with your label.`}
          series={series([{ label: t`accuracy`, color: '--accent-strong', value: (one) => one.implicitAccuracy }])}
          mark={{ value: 0.5, label: t({ message: 'chance', comment: 'a line: as good as guessing' }) }}
          smoothing={smoothing}
          range={[0, 1]}
          print={printPercent}
        />
        <Chart
          title={t`Error against the reference`}
          explain={t`Below 0 the model draws it better than at the start, above 0 worse.`}
          series={series([
            {
              label: t({ message: 'winner', comment: 'the preferred picture' }),
              color: '--winner',
              value: (one) => one.winnerError - one.winnerReferenceError,
            },
            {
              label: t({ message: 'loser', comment: 'the other picture' }),
              color: '--loser',
              value: (one) => one.loserError - one.loserReferenceError,
            },
          ])}
          mark={{ value: 0, label: t`the reference` }}
          smoothing={smoothing}
        />
        <TimestepBins metrics={own} range={run.config.timestepRange} />
        <Chart
          title={t`Gradient norm`}
          explain={t`Before clipping.`}
          series={series([
            {
              label: t({ message: 'norm', comment: 'of the gradient' }),
              color: '--mantine-color-text',
              value: (one) => one.gradNorm,
            },
          ])}
          {...(run.config.maxGradNorm > 0 ? { mark: { value: run.config.maxGradNorm, label: t`clipped above` } } : {})}
          smoothing={smoothing}
          log={log}
        />
        <Chart
          title={t`Learning rate`}
          series={series([
            { label: t`learning rate`, color: '--mantine-color-text', value: (one) => one.learningRate },
          ])}
        />
      </div>
    </Panel>
  );
}
