/** The run at work in a line: how far it is, and its buttons. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { Link } from 'wouter';
import type { RunRecord } from '../../service/types.ts';
import { Button } from '../components/Button.tsx';
import { Progress } from '../components/Progress.tsx';
import { Tag } from '../components/Surface.tsx';
import { printDuration } from '../components/words.ts';
import { useStudio } from '../store/useStudio.ts';
import styles from './shell.module.css';

function progressInWords(
  { step, config: { steps } }: RunRecord,
  loss: number | undefined,
  etaSeconds: number | null | undefined,
): string {
  const value = loss?.toFixed(3);
  const duration = etaSeconds ? printDuration(etaSeconds) : '';
  return [
    t`step ${step}/${steps}`,
    value && t`loss ${value}`,
    duration && t({ message: `${duration} left`, comment: 'how long it still takes' }),
  ]
    .filter(Boolean)
    .join(' · ');
}

export function Dock() {
  const run = useStudio((s) => s.runs.find((one) => one.id === s.activeRun));
  const preparing = useStudio((s) => (s.live?.preparing ?? s.live?.doing)?.what);
  const etaSeconds = useStudio((s) => s.live?.etaSeconds);
  const loss = useStudio((s) => (s.activeRun ? s.metrics[s.activeRun]?.at(-1)?.loss : undefined));
  const own = useStudio((s) => s.engineState === 'ready');
  const { commandRun } = useStudio.getState();
  const paused = run?.status === 'paused';
  return (
    <section className={styles.dock} aria-label={t`Training`}>
      <strong>{run?.name ?? t`Training`}</strong>
      {preparing ? <Tag>{preparing}</Tag> : null}
      <div className={styles.dockProgress}>
        <Progress label={t`Training progress`} value={run ? run.step / run.config.steps : null} />
      </div>
      {run ? <span className="small number">{progressInWords(run, loss, paused ? null : etaSeconds)}</span> : null}
      <Button icon={paused ? 'play' : 'pause'} disabled={!own} onClick={() => commandRun(paused ? 'resume' : 'pause')}>
        {paused ? t`Resume` : t`Pause`}
      </Button>
      <Link href="/train">
        <Trans comment="a link: shows the run at work">Open</Trans>
      </Link>
    </section>
  );
}
