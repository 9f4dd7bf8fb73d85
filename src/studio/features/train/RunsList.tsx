/** Every run: look, overlay, rename, copy its settings, take its metrics, delete. */
import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg, plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useEffect, useRef, useState } from 'react';
import { useShallow } from 'zustand/react/shallow';
import type { RunRecord, UnreadableRun } from '../../../service/types.ts';
import { Button, IconButton } from '../../components/Button.tsx';
import { exported } from '../../../data/exporters/exporter.ts';
import { exporters } from '../../../data/exporters/table.ts';
import { saveTaken } from '../../components/files.ts';
import { ConfirmButton } from '../../components/Dialog.tsx';
import { Notice, Panel, Tag } from '../../components/Surface.tsx';
import { printWhen } from '../../components/words.ts';
import { canResume } from '../../store/trainSlice.ts';
import { type Studio, useStudio } from '../../store/useStudio.ts';
import type { WaitingReason } from '../../store/waitingSlice.ts';
import styles from './train.module.css';

interface RunsListProps {
  viewed: string | null;
  overlays: string[];
  onView: (id: string) => void;
  onOverlay: (id: string) => void;
  onDuplicate: () => void;
}

const stateWords = {
  paused: msg({ message: 'paused', comment: 'a run' }),
  preparing: msg({ message: 'preparing', comment: 'a run' }),
  training: msg({ message: 'training', comment: 'a run that is at work' }),
  finished: msg({ message: 'finished', comment: 'a run' }),
  failed: msg({ message: 'failed', comment: 'a run' }),
  stopped: msg({ message: 'stopped, kept', comment: 'a run' }),
  interrupted: msg({ message: 'interrupted', comment: 'a run' }),
} satisfies Record<string, MessageDescriptor>;

function stateOf({ id, status }: RunRecord, activeRun: string | null): keyof typeof stateWords {
  if (id === activeRun) return status === 'paused' || status === 'preparing' ? status : 'training';
  return status === 'finished' || status === 'failed' || status === 'stopped' ? status : 'interrupted';
}

export const statusWords = (run: RunRecord, activeRun: string | null): string =>
  i18n._(stateWords[stateOf(run, activeRun)]);

export function RunsList({ viewed, overlays, onView, onOverlay, onDuplicate }: RunsListProps) {
  const ids = useStudio(useShallow((s) => s.runs.map(({ id }) => id)));
  const unreadable = useStudio((s) => s.unreadableRuns);
  const waiting = useStudio((s) => s.waiting);
  if (!ids.length && !unreadable.length && !waiting.length) return null;
  return (
    <Panel title={t`Runs`}>
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

const reasons: Readonly<Record<WaitingReason, MessageDescriptor>> = {
  engine: msg`The engine stopped.`,
  failed: msg`The run before failed.`,
  reload: msg`The page was loaded anew since they were set up.`,
};

/** Runs that are set up and have not begun, the next one first. */
function Waiting() {
  const waiting = useStudio((s) => s.waiting);
  const because = useStudio((s) => s.waitingBecause);
  const free = useStudio((s) => s.engineState === 'ready' && s.activeRun === null && !s.training);
  const { removeWaiting, startWaiting } = useStudio.getState();
  const runs = waiting.length;
  return (
    <>
      {because && free ? (
        <Notice
          actions={
            <Button icon="play" onClick={startWaiting}>
              <Trans comment="of the runs that wait">Start the first</Trans>
            </Button>
          }
        >
          {t`${plural(runs, { one: `${runs} run waits.`, other: `${runs} runs wait.` })}`} {i18n._(reasons[because])}
        </Notice>
      ) : null}
      <ol className={styles.runs} aria-label={t`Waiting runs`}>
        {waiting.map(({ run, name, pairs, config }) => (
          <li key={run}>
            <div className={styles.run}>
              <strong>{name}</strong>
              <Tag>
                <Trans comment="a run">waits</Trans>
              </Tag>
              <span className={`small dim number ${styles.runFacts}`}>
                {stepsInWords(config.steps)} · {pairsInWords(pairs.length)} · {learns(config)}
              </span>
              <span className={styles.runButtons}>
                <IconButton icon="remove" label={t`Take ${name} away`} onClick={() => void removeWaiting(run)} />
              </span>
            </div>
          </li>
        ))}
      </ol>
    </>
  );
}

const stepsInWords = (steps: number): string => t`${plural(steps, { one: `${steps} step`, other: `${steps} steps` })}`;

const pairsInWords = (pairs: number): string => t`${plural(pairs, { one: `${pairs} pair`, other: `${pairs} pairs` })}`;

const learns = ({ mode, rank }: RunRecord['config']): string =>
  mode === 'lora' ? `LoRA ${rank}` : t({ message: 'every weight', comment: 'is trained' });

/** What lies where a run should, and why it is none. */
function UnreadableRow({ run: { id, problem } }: { run: UnreadableRun }) {
  const ready = useStudio((s) => s.engineState === 'ready');
  const { deleteRun } = useStudio.getState();
  return (
    <div className={styles.run} data-testid="unreadable-run">
      <strong>{id}</strong>
      <Tag tone="bad">
        <Trans comment="a run">cannot be read</Trans>
      </Tag>
      <span className={`small dim ${styles.runFacts}`}>{problem.message}</span>
      {ready ? (
        <span className={styles.runButtons}>
          <ConfirmButton
            icon="remove"
            label={t`Delete ${id}`}
            question={t`What is left of this run is removed from this browser. Labels and images stay.`}
            confirm={t`Delete`}
            onConfirm={() => deleteRun(id)}
          />
        </span>
      ) : null}
    </div>
  );
}

/** Names of the runs that began from a run, or from one that did, and of those that wait to. */
function runsAbove({ runs: begun, waiting }: Pick<Studio, 'runs' | 'waiting'>, id: string): string[] {
  const runs = [...begun, ...waiting.map(({ run, name, model }) => ({ id: run, name, model }))];
  const found = new Set([id]);
  for (const below of found)
    for (const run of runs)
      if (run.model.adapters.some((adapter) => adapter.kind === 'run' && adapter.run === below)) found.add(run.id);
  return runs.filter((run) => run.id !== id && found.has(run.id)).map(({ name }) => name);
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
  const drawsRound = useStudio((s) => s.roundOf === id);
  const above = useStudio((s) => runsAbove(s, id).join(', '));
  const ready = useStudio((s) => s.engineState === 'ready');
  const [renaming, setRenaming] = useState<string | null>(null);
  const { renameRun, duplicateRun, deleteRun, resumeRun, engine } = useStudio.getState();
  const state = stateOf(run, activeRun);
  const { name, step, config } = run;
  const { steps } = config;
  const downloadMetrics = async (): Promise<void> =>
    saveTaken(exported(exporters.metrics, `${run.name}-metrics`, await engine().metrics(run.id)));
  const nameButton = useRef<HTMLButtonElement>(null);
  const renamed = useRef(false);
  useEffect(() => {
    // Whoever ended it by a key goes on from there.
    if (renaming === null && renamed.current && document.activeElement === document.body) nameButton.current?.focus();
    renamed.current = renaming !== null;
  }, [renaming]);
  const finishRename = (): void => {
    if (renaming?.trim() && renaming !== run.name) void renameRun(run.id, renaming.trim());
    setRenaming(null);
  };
  return (
    <div className={styles.run}>
      {renaming === null ? (
        <button ref={nameButton} type="button" className={styles.runName} onClick={() => onView(run.id)}>
          {run.name}
        </button>
      ) : (
        <input
          className={styles.rename}
          aria-label={t`New name`}
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
      <Tag tone={state === 'training' ? 'accent' : state === 'failed' ? 'bad' : undefined}>
        {i18n._(stateWords[state])}
      </Tag>
      <span className={`small dim number ${styles.runFacts}`}>
        {t`step ${step} of ${steps}`} · {pairsInWords(run.pairs.length)} · {learns(config)} · {printWhen(run.createdAt)}
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
            <Trans>Resume</Trans>
          </Button>
        ) : null}
        <IconButton
          icon="train"
          label={t`Lay the curves of ${name} over the others`}
          pressed={overlaid}
          onClick={() => onOverlay(run.id)}
        />
        <IconButton icon="rename" label={t`Rename ${name}`} disabled={!ready} onClick={() => setRenaming(run.name)} />
        <IconButton
          icon="copy"
          label={t`Use the settings of ${name} for a new run`}
          onClick={() => {
            duplicateRun(run.id);
            onDuplicate();
          }}
        />
        <IconButton icon="save" label={t`Metrics of ${name} as JSONL`} disabled={!ready} onClick={downloadMetrics} />
        {run.id === activeRun || drawsRound ? null : (
          <ConfirmButton
            icon="remove"
            label={t`Delete ${name}`}
            disabled={!ready}
            question={[
              t`Its checkpoints, samples and metrics are removed from this browser. Labels and images stay.`,
              ...(above ? [t`What began from it cannot be used without it: ${above}.`] : []),
            ].join(' ')}
            confirm={t`Delete`}
            onConfirm={() => deleteRun(run.id)}
          />
        )}
      </span>
    </div>
  );
}
