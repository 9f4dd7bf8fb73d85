/** The run at work in a line: how far it is, and its buttons. */
import { Link } from 'wouter';
import { Button } from '../components/Button.tsx';
import { Progress, Tag } from '../components/Surface.tsx';
import { printDuration } from '../components/words.ts';
import { useStudio } from '../store/useStudio.ts';
import styles from './shell.module.css';

export function Dock() {
  const run = useStudio((s) => s.runs.find((one) => one.id === s.activeRun));
  const preparing = useStudio((s) => (s.live?.preparing ?? s.live?.doing)?.what);
  const etaSeconds = useStudio((s) => s.live?.etaSeconds);
  const loss = useStudio((s) => (s.activeRun ? s.metrics[s.activeRun]?.at(-1)?.loss : undefined));
  const own = useStudio((s) => s.engineState === 'ready');
  const { commandRun } = useStudio.getState();
  const paused = run?.status === 'paused';
  return (
    <section className={styles.dock} aria-label="Training">
      <strong>{run?.name ?? 'Training'}</strong>
      {preparing ? <Tag>{preparing}</Tag> : null}
      <div className={styles.dockProgress}>
        <Progress label="Training progress" value={run ? run.step / run.config.steps : null} />
      </div>
      {run ? (
        <span className="small number">
          step {run.step}/{run.config.steps}
          {loss === undefined ? '' : ` · loss ${loss.toFixed(3)}`}
          {etaSeconds && !paused ? ` · ${printDuration(etaSeconds)} left` : ''}
        </span>
      ) : null}
      <Button icon={paused ? 'play' : 'pause'} disabled={!own} onClick={() => commandRun(paused ? 'resume' : 'pause')}>
        {paused ? 'Resume' : 'Pause'}
      </Button>
      <Link href="/train">Open</Link>
    </section>
  );
}
