/** The run at work, on every screen but Train: it stays in sight and in reach. */
import { Link, useLocation } from 'wouter';
import { Button } from '../components/Button.tsx';
import { Progress, Tag } from '../components/Surface.tsx';
import { printDuration } from '../components/words.ts';
import { useStudio } from '../store/useStudio.ts';
import styles from './shell.module.css';

export function RunDock() {
  const [location] = useLocation();
  const run = useStudio((s) => s.runs.find((one) => one.id === s.activeRun));
  const active = useStudio((s) => s.activeRun !== null);
  const live = useStudio((s) => s.live);
  const loss = useStudio((s) => (s.activeRun ? s.metrics[s.activeRun]?.at(-1)?.loss : undefined));
  const { commandRun } = useStudio.getState();
  if (!active || location === '/train') return null;
  const paused = run?.status === 'paused';
  return (
    <section className={styles.dock} aria-label="Training">
      <strong>{run?.name ?? 'Training'}</strong>
      {live?.preparing ? <Tag>{live.preparing.what}</Tag> : null}
      <div className={styles.dockProgress}>
        <Progress label="Training progress" value={run ? run.step / run.config.steps : null} />
      </div>
      {run ? (
        <span className="small number">
          step {run.step}/{run.config.steps}
          {loss === undefined ? '' : ` · loss ${loss.toFixed(3)}`}
          {live?.etaSeconds && !paused ? ` · ${printDuration(live.etaSeconds)} left` : ''}
        </span>
      ) : null}
      <Button icon={paused ? 'play' : 'pause'} onClick={() => commandRun(paused ? 'resume' : 'pause')}>
        {paused ? 'Resume' : 'Pause'}
      </Button>
      <Link href="/train">Open</Link>
    </section>
  );
}
