/** A copy or a download at work: in all, and file by file. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useRef } from 'react';
import { Button } from '../../components/Button.tsx';
import { Icon } from '../../components/Icon.tsx';
import { Progress } from '../../components/Progress.tsx';
import { Panel } from '../../components/Surface.tsx';
import { printBytes, printDuration, printPercent } from '../../components/words.ts';
import { useStudio } from '../../store/useStudio.ts';
import { shareInWords } from './entries.ts';
import styles from './models.module.css';

export function ComingIn() {
  const work = useStudio((s) => s.modelWork);
  const { cancelModelWork } = useStudio.getState();
  const rate = useRate(work?.job, work?.doneBytes ?? 0);
  if (!work) return null;
  const { kind, files, file, doneBytes, totalBytes, retry, cancelling } = work;
  const { title: name } = work;
  const title = kind === 'copy' ? t`Copying ${name}` : t`Downloading ${name}`;
  const duration = rate ? printDuration((totalBytes - doneBytes) / rate) : '';
  return (
    <Panel
      title={title}
      aside={
        <Button icon="close" busy={cancelling} onClick={cancelModelWork}>
          <Trans>Cancel</Trans>
        </Button>
      }
    >
      <div className="stack">
        <Progress label={title} value={totalBytes > 0 ? doneBytes / totalBytes : null} />
        <p className="small number">
          {totalBytes > 0
            ? shareInWords(doneBytes, totalBytes)
            : t({ message: 'Looking at its configs', comment: 'those of a model' })}
          {rate
            ? ` · ${printBytes(rate)}/s · ${t({ message: `${duration} left`, comment: 'how long it still takes' })}`
            : ''}
          {kind === 'copy' && file ? ` · ${file}` : ''}
        </p>
        {retry ? (
          <p className="small dim" role="status">
            {t({ message: `Asked for again: ${retry}`, comment: 'a file, and why' })}
          </p>
        ) : null}
        <Files files={files} doneBytes={doneBytes} />
      </div>
    </Panel>
  );
}

function partInWords(share: number, bytes: number): string {
  const percent = printPercent(share);
  const all = printBytes(bytes);
  return t`${percent} of ${all}`;
}

/** They come one after the other: what is done in all says how far each is. */
function Files({ files, doneBytes }: { files: readonly { path: string; size: number }[]; doneBytes: number }) {
  let start = 0;
  const rows = files.map(({ path, size }) => {
    const share = Math.min(1, Math.max(0, size ? (doneBytes - start) / size : 1));
    start += size;
    return { path, size, share };
  });
  if (!rows.length) return null;
  // What is at work stands first, what is done last.
  rows.sort((a, b) => Number(a.share === 1) - Number(b.share === 1));
  return (
    <ul className={styles.files}>
      {rows.map(({ path, size, share }) => (
        <li key={path}>
          <span className={styles.path}>
            {share === 1 ? <Icon name="check" size={14} /> : null} {path}
          </span>
          <span className="dim number">{share > 0 && share < 1 ? partInWords(share, size) : printBytes(size)}</span>
          {share > 0 && share < 1 ? <Progress label={path} value={share} /> : null}
        </li>
      ))}
    </ul>
  );
}

const windowMs = 8000;

/** Bytes a second over the last moments; null before there is anything to measure. */
function useRate(job: string | undefined, bytes: number): number | null {
  const seen = useRef<{ job: string | undefined; marks: { at: number; bytes: number }[] }>({ job, marks: [] });
  const now = performance.now();
  if (seen.current.job !== job) seen.current = { job, marks: [] };
  const { marks } = seen.current;
  if (marks.at(-1)?.bytes !== bytes) marks.push({ at: now, bytes });
  while (marks.length > 2 && marks[0]!.at < now - windowMs) marks.shift();
  const first = marks[0];
  const seconds = first ? (now - first.at) / 1000 : 0;
  return first && seconds > 1 && bytes > first.bytes ? (bytes - first.bytes) / seconds : null;
}
