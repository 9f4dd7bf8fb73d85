/** What the engine makes now and next, with progress per step and cancel. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useEffect, useRef } from 'react';
import type { Preview } from '../../../service/types.ts';
import { Button, IconButton } from '../../components/Button.tsx';
import { Progress } from '../../components/Progress.tsx';
import { Panel, ProblemNotice, Tag } from '../../components/Surface.tsx';
import { printDuration } from '../../components/words.ts';
import { type Job, secondsLeft } from '../../store/jobsSlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './generate.module.css';

export function Queue() {
  const jobs = useStudio((s) => s.jobs);
  const shown = jobs.filter((job) => job.state === 'running' || job.state === 'waiting' || job.state === 'failed');
  if (!shown.length) return null;
  return (
    <Panel title={t`Queue`}>
      <ul className={styles.queue}>
        {shown.map((job) => (
          <li key={job.id}>
            <JobRow job={job} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function JobRow({ job }: { job: Job }) {
  const training = useStudio((s) => s.activeRun !== null);
  const { cancelJob, dismissJob } = useStudio.getState();
  const left = secondsLeft(job, Date.now());
  const within = job.steps > 0 ? job.step / job.steps : 0;
  const fraction = job.total > 0 ? Math.min(1, (job.done + within) / job.total) : null;
  const { title, total, step, steps } = job;
  if (job.state === 'failed')
    return (
      <ProblemNotice
        title={title}
        problem={job.problem}
        actions={<IconButton icon="close" label={t`Dismiss`} onClick={() => dismissJob(job.id)} />}
      />
    );
  const image = Math.min(job.done + 1, total);
  const time = left === null ? '' : printDuration(left);
  const far = [
    t`image ${image} of ${total}`,
    ...(steps ? [t`step ${step} of ${steps}`] : []),
    ...(time ? [t({ message: `${time} left`, comment: 'how long it still takes' })] : []),
  ];
  return (
    <div className={styles.job}>
      <div className="spread">
        <span className={styles.jobTitle}>{title}</span>
        <span className="row small number">
          {job.state === 'waiting' ? <Tag>{training ? t`waiting its turn beside training` : t`waiting`}</Tag> : null}
          {job.message ? <span className="dim">{job.message}</span> : null}
          {job.state === 'running' && !job.message ? <span className="dim">{far.join(' · ')}</span> : null}
          {job.cancelling ? <Tag>{t`ends at its next step`}</Tag> : null}
          <Button disabled={job.cancelling} onClick={() => cancelJob(job.id)}>
            <Trans>Cancel</Trans>
          </Button>
        </span>
      </div>
      {job.preview ? <Rough preview={job.preview} /> : null}
      {job.note ? <p className="small dim">{job.note}</p> : null}
      <Progress label={t`Progress of ${title}`} value={job.state === 'waiting' ? 0 : fraction} />
    </div>
  );
}

/** The picture as far as it is; what it will be is on its way. */
function Rough({ preview: { width, height, data } }: { preview: Preview }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => canvas.current?.getContext('2d')?.putImageData(new ImageData(data, width, height), 0, 0));
  return (
    <canvas
      ref={canvas}
      className={styles.rough}
      style={{ aspectRatio: `${width} / ${height}` }}
      width={width}
      height={height}
      role="img"
      aria-label={t`The picture in the making`}
    />
  );
}
