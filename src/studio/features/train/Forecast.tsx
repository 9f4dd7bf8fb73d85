/** Memory and time before the first step: planned from the graph, timed by the last run here or by the kernels measured at start-up. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useEffect } from 'react';
import { Exceeded, MemoryParts } from '../../components/MemoryParts.tsx';
import { Panel, ProblemNotice } from '../../components/Surface.tsx';
import { printBytes, printDuration, withoutEngine } from '../../components/words.ts';
import { forecastQuestion } from '../../store/trainSlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './train.module.css';

export function Forecast() {
  const asked = useStudio(forecastQuestion);
  const steps = useStudio((s) => s.trainConfig.steps);
  const state = useStudio((s) => s.engineState);
  const forecast = useStudio((s) => s.forecast);
  const problem = useStudio((s) => s.forecastProblem);
  const busy = useStudio((s) => s.activeRun !== null);
  const working = useStudio((s) => s.forecasting);
  const { readForecast } = useStudio.getState();
  // A moment after the last keystroke.
  useEffect(() => {
    const timer = setTimeout(() => void readForecast(), 500);
    return () => clearTimeout(timer);
  }, [asked, readForecast]);

  const perStep = forecast?.secondsPerStep ?? null;
  const time = perStep === null ? null : printDuration(perStep * steps);
  const seconds = perStep === null ? undefined : Number(perStep.toPrecision(3));
  const gflop = ((forecast?.flopsPerStep ?? 0) / 1e9).toFixed(1);
  return (
    <Panel
      title={t`What it takes here`}
      aside={
        working ? (
          <span className="small dim">
            <Trans>measuring</Trans>
          </span>
        ) : null
      }
    >
      <ProblemNotice problem={problem} />
      {forecast ? (
        <div className="stack">
          <dl className={styles.takes}>
            <div>
              <dt>
                <Trans comment="that training takes">Time</Trans>
              </dt>
              <dd>{time === null ? t`measured in the first steps` : t`about ${time}`}</dd>
            </div>
            <div>
              <dt>
                <Trans>GPU memory</Trans>
              </dt>
              <dd>{printBytes(forecast.peakBytes)}</dd>
            </div>
          </dl>
          {seconds === undefined ? null : (
            <p className="small dim number">
              {forecast.timedBy === 'run'
                ? t`${seconds} s a step, as the last run here took · ${gflop} GFLOP a step · samples and saving come on top`
                : t`${seconds} s a step, by the kernels measured here · ${gflop} GFLOP a step · samples and saving come on top`}
            </p>
          )}
          <MemoryParts forecast={forecast} />
          <Exceeded forecast={forecast} />
        </div>
      ) : problem ? null : (
        <p className="small dim">
          {state !== 'ready'
            ? withoutEngine[state]
            : busy
              ? t`A run is at work: memory and time of the next one are planned when it has ended.`
              : t`Planning memory and time.`}
        </p>
      )}
    </Panel>
  );
}
