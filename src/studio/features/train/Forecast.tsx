/** Memory and time before the first step: planned from the graph, timed by the last run here or by the kernels measured at start-up. */
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

  return (
    <Panel title="What it takes here" aside={working ? <span className="small dim">measuring</span> : null}>
      <ProblemNotice problem={problem} />
      {forecast ? (
        <div className="stack">
          <dl className={styles.takes}>
            <div>
              <dt>Time</dt>
              <dd>
                {forecast.secondsPerStep === null
                  ? 'measured in the first steps'
                  : `about ${printDuration(forecast.secondsPerStep * steps)}`}
              </dd>
            </div>
            <div>
              <dt>GPU memory</dt>
              <dd>{printBytes(forecast.peakBytes)}</dd>
            </div>
          </dl>
          {forecast.secondsPerStep === null ? null : (
            <p className="small dim number">
              {forecast.secondsPerStep.toFixed(2)} s a step,{' '}
              {forecast.timedBy === 'run' ? 'as the last run here took' : 'by the kernels measured here'} ·{' '}
              {(forecast.flopsPerStep / 1e9).toFixed(1)} GFLOP a step · samples and saving come on top
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
              ? 'A run is at work: memory and time of the next one are planned when it has ended.'
              : 'Planning memory and time.'}
        </p>
      )}
    </Panel>
  );
}
