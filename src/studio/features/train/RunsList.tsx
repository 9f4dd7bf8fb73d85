/** Every run: look, overlay, rename, copy its settings, take its metrics, delete. */
import { useState } from 'react';
import { useShallow } from 'zustand/react/shallow';
import type { RunRecord, UnreadableRun } from '../../../service/types.ts';
import { Button, IconButton } from '../../components/Button.tsx';
import { exported } from '../../../data/exporters/exporter.ts';
import { exporters } from '../../../data/exporters/table.ts';
import { saveTaken } from '../../components/files.ts';
import { ConfirmButton } from '../../components/Dialog.tsx';
import { Notice, Panel, Tag } from '../../components/Surface.tsx';
import { plural, printWhen } from '../../components/words.ts';
import { canResume } from '../../store/trainSlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './train.module.css';

interface RunsListProps {
  viewed: string | null;
  overlays: string[];
  onView: (id: string) => void;
  onOverlay: (id: string) => void;
  onDuplicate: () => void;
}

export function statusWords(run: RunRecord, activeRun: string | null): string {
  if (run.id === activeRun)
    return run.status === 'paused' ? 'paused' : run.status === 'preparing' ? 'preparing' : 'training';
  if (run.status === 'finished' || run.status === 'failed') return run.status;
  return run.status === 'stopped' ? 'stopped, kept' : 'interrupted';
}

export function RunsList({ viewed, overlays, onView, onOverlay, onDuplicate }: RunsListProps) {
  const ids = useStudio(useShallow((s) => s.runs.map(({ id }) => id)));
  const unreadable = useStudio((s) => s.unreadableRuns);
  const waiting = useStudio((s) => s.waiting);
  if (!ids.length && !unreadable.length && !waiting.length) return null;
  return (
    <Panel title="Runs">
      {waiting.length ? <Waiting /> : null}
      <ul className={styles.runs}>
        {ids.map((id) => (
          <li key={id} data-viewed={id === viewed || undefined}>
            <RunRow
              id={id}
              overlaid={overlays.includes(id)}
              onView={onView}
              onOverlay={onOverlay}
              onDuplicate={onDuplicate}
            />
          </li>
        ))}
        {unreadable.map((run) => (
          <li key={run.id}>
            <UnreadableRow run={run} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

/** Runs that are set up and have not begun, the next one first. */
function Waiting() {
  const waiting = useStudio((s) => s.waiting);
  const because = useStudio((s) => s.waitingBecause);
  const free = useStudio((s) => s.engineState === 'ready' && s.activeRun === null && !s.training);
  const { removeWaiting, startWaiting } = useStudio.getState();
  return (
    <>
      {because && free ? (
        <Notice
          actions={
            <Button icon="play" onClick={startWaiting}>
              Start the first
            </Button>
          }
        >
          {plural(waiting.length, 'run')} {waiting.length === 1 ? 'waits' : 'wait'}. {because}
        </Notice>
      ) : null}
      <ol className={styles.runs} aria-label="Waiting runs">
        {waiting.map(({ run, name, pairs, config }) => (
          <li key={run}>
            <div className={styles.run}>
              <strong>{name}</strong>
              <Tag>waits</Tag>
              <span className={`small dim number ${styles.runFacts}`}>
                {plural(config.steps, 'step')} · {plural(pairs.length, 'pair')} ·{' '}
                {config.mode === 'lora' ? `LoRA ${config.rank}` : 'every weight'}
              </span>
              <span className={styles.runButtons}>
                <IconButton icon="remove" label={`Take ${name} away`} onClick={() => void removeWaiting(run)} />
              </span>
            </div>
          </li>
        ))}
      </ol>
    </>
  );
}

/** What lies where a run should, and why it is none. */
function UnreadableRow({ run: { id, problem } }: { run: UnreadableRun }) {
  const ready = useStudio((s) => s.engineState === 'ready');
  const { deleteRun } = useStudio.getState();
  return (
    <div className={styles.run} data-testid="unreadable-run">
      <strong>{id}</strong>
      <Tag tone="bad">cannot be read</Tag>
      <span className={`small dim ${styles.runFacts}`}>{problem.message}</span>
      {ready ? (
        <span className={styles.runButtons}>
          <ConfirmButton
            icon="remove"
            label={`Delete ${id}`}
            question="What is left of this run is removed from this browser. Labels and images stay."
            confirm="Delete"
            onConfirm={() => deleteRun(id)}
          />
        </span>
      ) : null}
    </div>
  );
}

function RunRow({
  id,
  overlaid,
  onView,
  onOverlay,
  onDuplicate,
}: { id: string; overlaid: boolean } & Pick<RunsListProps, 'onView' | 'onOverlay' | 'onDuplicate'>) {
  const run = useStudio((s) => s.runs.find((one) => one.id === id))!;
  const activeRun = useStudio((s) => s.activeRun);
  const ready = useStudio((s) => s.engineState === 'ready');
  const [renaming, setRenaming] = useState<string | null>(null);
  const { renameRun, duplicateRun, deleteRun, resumeRun, engine } = useStudio.getState();
  const status = statusWords(run, activeRun);
  const downloadMetrics = async (): Promise<void> =>
    saveTaken(exported(exporters.metrics, `${run.name}-metrics`, await engine().metrics(run.id)));
  const finishRename = (): void => {
    if (renaming?.trim() && renaming !== run.name) void renameRun(run.id, renaming.trim());
    setRenaming(null);
  };
  return (
    <div className={styles.run}>
      {renaming === null ? (
        <button type="button" className={styles.runName} onClick={() => onView(run.id)}>
          {run.name}
        </button>
      ) : (
        <input
          className={styles.rename}
          aria-label="New name"
          value={renaming}
          // oxlint-disable-next-line jsx-a11y/no-autofocus -- the person has just asked for this field
          autoFocus
          onChange={(event) => setRenaming(event.target.value)}
          onBlur={finishRename}
          onKeyDown={(event) => {
            if (event.key === 'Enter') finishRename();
            if (event.key === 'Escape') setRenaming(null);
          }}
        />
      )}
      <Tag tone={status === 'training' ? 'accent' : status === 'failed' ? 'bad' : undefined}>{status}</Tag>
      <span className={`small dim number ${styles.runFacts}`}>
        step {run.step} of {run.config.steps} · {plural(run.pairs.length, 'pair')} ·{' '}
        {run.config.mode === 'lora' ? `LoRA ${run.config.rank}` : 'every weight'} · {printWhen(run.createdAt)}
      </span>
      <span className={styles.runButtons}>
        {canResume(run, activeRun) ? (
          <Button
            icon="play"
            disabled={!ready || activeRun !== null}
            onClick={() => {
              onView(run.id);
              void resumeRun(run.id);
            }}
          >
            Resume
          </Button>
        ) : null}
        <IconButton
          icon="train"
          label={`Lay the curves of ${run.name} over the others`}
          pressed={overlaid}
          onClick={() => onOverlay(run.id)}
        />
        <IconButton
          icon="rename"
          label={`Rename ${run.name}`}
          disabled={!ready}
          onClick={() => setRenaming(run.name)}
        />
        <IconButton
          icon="copy"
          label={`Use the settings of ${run.name} for a new run`}
          onClick={() => {
            duplicateRun(run.id);
            onDuplicate();
          }}
        />
        <IconButton icon="save" label={`Metrics of ${run.name} as JSONL`} disabled={!ready} onClick={downloadMetrics} />
        {run.id === activeRun ? null : (
          <ConfirmButton
            icon="remove"
            label={`Delete ${run.name}`}
            disabled={!ready}
            question="Its checkpoints, samples and metrics are removed from this browser. Labels and images stay."
            confirm="Delete"
            onConfirm={() => deleteRun(run.id)}
          />
        )}
      </span>
    </div>
  );
}
