/** One run: how far it is, what to do with it, its curves and its samples. */
import { useState } from 'react';
import { limits } from '../../../shared/limits.ts';
import { extensionInWords, lineageInWords, recoveryInWords, takenInWords } from '../../../records/runs.ts';
import type { RunRecord, TrainCommand } from '../../../service/types.ts';
import type { Action } from '../../components/action.ts';
import { ActionButton, Button } from '../../components/Button.tsx';
import { NumberField } from '../../components/Fields.tsx';
import { SettingsApart } from '../../components/SettingsApart.tsx';
import { withFields } from '../../components/fieldProblem.ts';
import { Icon } from '../../components/Icon.tsx';
import { Shortcuts } from '../../components/Shortcuts.tsx';
import { Disclosure, Notice, Panel, Progress, Tag } from '../../components/Surface.tsx';
import { plural, printBytes, printDuration, printWhen } from '../../components/words.ts';
import { canExtend, canResume } from '../../store/trainSlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import { Curves } from './Curves.tsx';
import { LeftOut, Looks, NothingHeldOut, Setbacks, Verdict } from './Looks.tsx';
import { Margins } from './Margins.tsx';
import { NextRound } from './NextRound.tsx';
import { SampleStrip } from './SampleStrip.tsx';
import { statusWords } from './RunsList.tsx';
import styles from './train.module.css';

export function RunView({ id, overlays }: { id: string; overlays: string[] }) {
  const run = useStudio((s) => s.runs.find((one) => one.id === id));
  const active = useStudio((s) => s.activeRun === id);
  const preparing = useStudio((s) => (s.activeRun === id ? s.live?.preparing : null));
  if (!run) {
    return (
      <Panel>
        <p role="status">{preparing ? counted(preparing) : 'Preparing the run'}</p>
        <Progress label="Preparing" value={preparing?.total ? preparing.done / preparing.total : null} />
      </Panel>
    );
  }
  return (
    <>
      <Panel>
        <div className="stack">
          {active ? <LiveHead run={run} /> : <PastHead run={run} />}
          {active ? null : <Verdict run={run} />}
          {active ? null : <MoreSteps run={run} />}
          {active ? null : <NextRound run={run} />}
          <Recoveries run={run} />
          <Setbacks run={run} />
          {active ? <LeftOut run={run} /> : null}
          <NothingHeldOut run={run} />
          <Lineage run={run} />
          <Extensions run={run} />
          <StartedAt run={run} />
          <Health run={run} />
        </div>
      </Panel>
      <div className={styles.live}>
        <SampleStrip run={run} />
        <Looks run={run} />
        {active ? null : <Margins run={run} />}
        <Curves run={run} overlays={overlays} />
        {overlays.length > 0 ? <SettingsApart ids={[run.id, ...overlays]} /> : null}
      </div>
    </>
  );
}

/** Told, and not done yet: a step is not broken off. */
const commandWords: Record<TrainCommand, string> = {
  pause: 'pausing: it ends this step and saves',
  resume: 'going on',
  save: 'saves when this step is done',
  sample: 'draws samples when this step is done',
  stop: 'stopping: it ends this step and saves',
};

const counted = ({ what, done, total }: { what: string; done: number; total: number }): string =>
  total > 1 ? `${what} ${Math.min(done + 1, total)} of ${total}` : what;

function LiveHead({ run }: { run: RunRecord }) {
  const live = useStudio((s) => s.live);
  const commanding = useStudio((s) => s.commanding);
  const enabled = useStudio((s) => s.engineState === 'ready');
  const { commandRun } = useStudio.getState();
  const paused = run.status === 'paused';
  const actions: Action[] = [
    {
      name: 'pause',
      label: paused ? 'Resume' : 'Pause',
      keys: 'p',
      enabled,
      perform: () => commandRun(paused ? 'resume' : 'pause'),
    },
    { name: 'save', label: 'Save now', keys: 's', enabled, perform: () => commandRun('save') },
    { name: 'sample', label: 'Sample now', keys: 'n', enabled, perform: () => commandRun('sample') },
    { name: 'stop', label: 'Stop and keep', enabled, perform: () => commandRun('stop') },
  ];
  const icons = { pause: paused ? 'play' : 'pause', save: 'save', sample: 'sample', stop: 'stop' } as const;
  return (
    <>
      <Shortcuts title="Train" actions={actions} />
      <div className="spread">
        <div className={styles.figures}>
          <Figure name="Step" value={`${run.step} of ${run.config.steps}`} />
          <Figure
            name="Time left"
            value={paused ? 'paused' : live?.etaSeconds == null ? 'measuring' : printDuration(live.etaSeconds)}
          />
          <Figure name="GPU memory" value={live?.memory ? printBytes(live.memory.peakBytes) : '–'} />
          <Figure
            name="Last saved"
            value={
              live?.lastSavedAt
                ? new Date(live.lastSavedAt).toLocaleTimeString(undefined, { timeStyle: 'short' })
                : run.checkpoints.length
                  ? `step ${run.checkpoints.at(-1)!.step}`
                  : 'not yet'
            }
          />
        </div>
        <div className="row">
          {actions.map((action) => (
            <ActionButton
              key={action.name}
              action={action}
              icon={icons[action.name as keyof typeof icons]}
              look={action.name === 'pause' && paused ? 'primary' : 'normal'}
            />
          ))}
        </div>
      </div>
      <Progress
        label="Training progress"
        value={
          live?.preparing
            ? live.preparing.total > 1
              ? live.preparing.done / live.preparing.total
              : null
            : run.step / run.config.steps
        }
      />
      <div className="row" role="status">
        {enabled ? null : <Tag>trains in another tab</Tag>}
        {live?.preparing ? <Tag tone="accent">{counted(live.preparing)}</Tag> : null}
        {live?.doing && !live.preparing ? <Tag tone="accent">{counted(live.doing)}</Tag> : null}
        {commanding ? <Tag tone="accent">{commandWords[commanding]}</Tag> : null}
        {live?.resumedAt == null ? null : <Tag tone="good">resumed at step {live.resumedAt}, optimiser restored</Tag>}
        {live?.awake ? (
          <Tag>
            <Icon name="sun" size={14} /> screen stays awake
          </Tag>
        ) : null}
        <Tag>{plural(run.pairs.length, 'pair')}</Tag>
        <span className="small dim">Labels: {takenInWords(run.pairs)}</span>
      </div>
      {live?.unchecked ? <Notice tone="warn">{live.unchecked}</Notice> : null}
    </>
  );
}

function PastHead({ run }: { run: RunRecord }) {
  const ready = useStudio((s) => s.engineState === 'ready');
  const activeRun = useStudio((s) => s.activeRun);
  const { resumeRun, compareWithRun } = useStudio.getState();
  const resumable = canResume(run, activeRun);
  return (
    <>
      <div className="spread">
        <div className={styles.figures}>
          <Figure name="State" value={statusWords(run, activeRun)} />
          <Figure name="Steps" value={`${run.step} of ${run.config.steps}`} />
          <Figure name="Pairs" value={String(run.pairs.length)} />
          <Figure name="Checkpoints" value={String(run.checkpoints.length)} />
        </div>
        <div className="row">
          {resumable ? (
            <Button
              look="primary"
              icon="play"
              disabled={!ready || activeRun !== null}
              onClick={() => resumeRun(run.id)}
            >
              Resume
            </Button>
          ) : null}
          {run.checkpoints.length ? (
            <Button
              look={resumable ? 'normal' : 'primary'}
              icon="compare"
              href="#/compare"
              onClick={() => compareWithRun(run.id)}
            >
              Compare with base
            </Button>
          ) : null}
        </div>
      </div>
      <p className="small dim">Labels: {takenInWords(run.pairs)}</p>
      {run.error ? <Notice tone="bad">{run.error}</Notice> : null}
    </>
  );
}

/** Further on the same run, with its optimiser. */
function MoreSteps({ run }: { run: RunRecord }) {
  const activeRun = useStudio((s) => s.activeRun);
  const free = useStudio((s) => s.engineState === 'ready' && s.activeRun === null && !s.training);
  const [more, setMore] = useState(Math.min(40, run.config.steps));
  const { resumeRun } = useStudio.getState();
  if (!canExtend(run, activeRun)) return null;
  return (
    <Disclosure label="More steps">
      <div className="stack">
        <p className="small dim">
          It goes on where it ended, with its optimiser and on the same pairs
          {run.config.lrSchedule === 'cosine'
            ? '; its learning rate falls over all steps together, so it rises again first.'
            : ': to the same numbers as if it had been as long from the first.'}
        </p>
        <div className="row">
          <NumberField
            label="Steps on top"
            value={more}
            min={1}
            max={limits.trainSteps - run.config.steps}
            onChange={setMore}
          />
          <Button icon="play" disabled={!free} onClick={withFields(() => resumeRun(run.id, more))}>
            Train {plural(more, 'more step')}
          </Button>
        </div>
      </div>
    </Disclosure>
  );
}

function Extensions({ run }: { run: RunRecord }) {
  return run.extensions?.map((extension) => (
    <p key={extension.at} className="small" data-testid="extension">
      <span className="dim">{printWhen(extension.at)}</span> {extensionInWords(extension)}
    </p>
  ));
}

function Figure({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <span className="small dim">{name}</span>
      <strong className="number">{value}</strong>
    </div>
  );
}

/** Losses of the GPU that the run survived. */
function Recoveries({ run }: { run: RunRecord }) {
  return run.recoveries?.map((recovery) => (
    <p key={recovery.at} className="small" role="status" data-testid="recovery">
      <span className="dim">{printWhen(recovery.at)}</span> {recoveryInWords(recovery)}
    </p>
  ));
}

/** Steps that were taken elsewhere. */
function Lineage({ run }: { run: RunRecord }) {
  return run.lineage?.map((elsewhere) => (
    <p key={elsewhere.toStep} className="small" data-testid="lineage">
      {lineageInWords(elsewhere)}
    </p>
  ));
}

/** The smoke test of a DPO run: policy and reference are the same model at the start, so the loss is ln 2. */
function StartedAt({ run }: { run: RunRecord }) {
  const first = useStudio((s) => s.metrics[run.id]?.[0]);
  if (!first || first.step !== 0) return null;
  const logit = run.step0Logit ?? Math.max(...first.pairs.map((pair) => Math.abs(pair.logit)));
  const fromLogit = ['sigmoid', 'robust', 'soft'].includes(run.config.loss);
  const fine = logit <= 2e-3;
  const provider = run.reference === 'engine' ? 'our kernels' : 'onnxruntime';
  return (
    <p className="small" data-testid="started-at">
      <span style={{ color: fine ? 'var(--good)' : 'var(--bad)', fontWeight: 650 }}>
        {fromLogit ? `started at ${first.loss.toFixed(3)}` : `started with logit ${logit.toPrecision(2)}`}{' '}
        {fine ? '✓' : '✗'}
      </span>{' '}
      <span className="dim">
        {fine
          ? 'Model and reference agree at the first step, as they must'
          : 'Model and reference differ at the first step; they should be the same'}
        . Reference: {provider}; largest logit measured at step 0: {logit === 0 ? '0 exactly' : logit.toExponential(1)}.
      </span>
    </p>
  );
}

/** Says in words what the two error lines show when they go wrong. */
function Health({ run }: { run: RunRecord }) {
  const metrics = useStudio((s) => s.metrics[run.id]);
  const recent = metrics?.slice(-12) ?? [];
  if (recent.length < 12) return null;
  const mean = (pick: (one: (typeof recent)[number]) => number): number =>
    recent.reduce((sum, one) => sum + pick(one), 0) / recent.length;
  const winner = mean((one) => one.winnerError - one.winnerReferenceError);
  const scale = mean((one) => one.winnerReferenceError);
  if (winner < 0.05 * scale) return null;
  return (
    <Notice tone="warn" title="Winner and loser are both drifting away">
      The model now draws the pictures you preferred {Math.round((100 * winner) / scale)} % worse than at the start.
      Lower the learning rate, or raise beta, in the next run.
    </Notice>
  );
}
