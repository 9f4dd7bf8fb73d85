/** One run: how far it is, what to do with it, its curves and its samples. */
import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg, plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useState } from 'react';
import { limits } from '../../../shared/limits.ts';
import { extensionInWords, lineageInWords, recoveryInWords, takenLabels } from '../../../records/runs.ts';
import type { RunRecord, TrainCommand } from '../../../service/types.ts';
import type { Action } from '../../components/action.ts';
import { ActionButton, Button } from '../../components/Button.tsx';
import { NumberField } from '../../components/Fields.tsx';
import { SettingsApart } from '../../components/SettingsApart.tsx';
import { withFields } from '../../components/fieldProblem.ts';
import { Icon } from '../../components/Icon.tsx';
import { Shortcuts } from '../../components/Shortcuts.tsx';
import { Disclosure } from '../../components/Disclosure.tsx';
import { Progress } from '../../components/Progress.tsx';
import { Notice, Panel, Tag } from '../../components/Surface.tsx';
import { printBytes, printDuration, printWhen } from '../../components/words.ts';
import { raterTitle } from '../../store/ratersSlice.ts';
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
        <p role="status">{preparing ? counted(preparing) : t`Preparing the run`}</p>
        <Progress
          label={t({ message: 'Preparing', comment: 'a run' })}
          value={preparing?.total ? preparing.done / preparing.total : null}
        />
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
        <div className={styles.beside}>
          <SampleStrip run={run} />
          <Looks run={run} />
        </div>
        {active ? null : <Margins run={run} />}
        <Curves run={run} overlays={overlays} />
        {overlays.length > 0 ? <SettingsApart ids={[run.id, ...overlays]} /> : null}
      </div>
    </>
  );
}

/** Told, and not done yet: a step is not broken off. */
const commandWords: Record<TrainCommand, MessageDescriptor> = {
  pause: msg`pausing: it ends this step and saves`,
  resume: msg`going on`,
  save: msg`saves when this step is done`,
  sample: msg`draws samples when this step is done`,
  stop: msg`stopping: it ends this step and saves`,
};

/** Whose labels a run learns from; of many raters those who gave most. */
function takenFrom({ pairs }: RunRecord): string {
  const taken = takenLabels(pairs);
  const said = taken.slice(0, MOST_RATERS).map(({ by, pairs: count, repeats }) => {
    const name = by === '' ? t({ message: 'nobody who is named', comment: 'of whom a label is' }) : raterTitle(by);
    return repeats > 1 ? t`${name} (${count}, ${repeats} times an epoch)` : `${name} (${count})`;
  });
  const rest = taken.slice(MOST_RATERS).reduce((sum, { pairs: count }) => sum + count, 0);
  return [
    ...said,
    ...(rest > 0 ? [t({ message: `others (${rest})`, comment: 'raters, and how many labels' })] : []),
  ].join(', ');
}

const MOST_RATERS = 6;

function counted({ what, done, total }: { what: string; done: number; total: number }): string {
  const now = Math.min(done + 1, total);
  return total > 1 ? t`${what} ${now} of ${total}` : what;
}

function LiveHead({ run }: { run: RunRecord }) {
  const live = useStudio((s) => s.live);
  const commanding = useStudio((s) => s.commanding);
  const enabled = useStudio((s) => s.engineState === 'ready');
  const { commandRun } = useStudio.getState();
  const paused = run.status === 'paused';
  const { step, config } = run;
  const { steps } = config;
  const saved = run.checkpoints.at(-1)?.step;
  const resumedAt = live?.resumedAt;
  const pairs = run.pairs.length;
  const taken = takenFrom(run);
  const actions: Action[] = [
    {
      name: 'pause',
      label: paused ? t`Resume` : t`Pause`,
      keys: 'p',
      enabled,
      perform: () => commandRun(paused ? 'resume' : 'pause'),
    },
    { name: 'save', label: t`Save now`, keys: 's', enabled, perform: () => commandRun('save') },
    {
      name: 'sample',
      label: t({ message: 'Sample now', comment: 'draws sample pictures' }),
      keys: 'n',
      enabled,
      perform: () => commandRun('sample'),
    },
    {
      name: 'stop',
      label: t({ message: 'Stop and keep', comment: 'ends the run; what it learned stays' }),
      enabled,
      perform: () => commandRun('stop'),
    },
  ];
  const icons = { pause: paused ? 'play' : 'pause', save: 'save', sample: 'sample', stop: 'stop' } as const;
  return (
    <>
      <Shortcuts title={t`Train`} actions={actions} />
      <div className="spread">
        <div className={styles.figures}>
          <Figure name={t`Step`} value={t`${step} of ${steps}`} />
          <Figure
            name={t`Time left`}
            value={
              paused
                ? t({ message: 'paused', comment: 'a run' })
                : live?.etaSeconds == null
                  ? t`measuring`
                  : printDuration(live.etaSeconds)
            }
          />
          <Figure name={t`GPU memory`} value={live?.memory ? printBytes(live.memory.peakBytes) : '–'} />
          <Figure
            name={t`Last saved`}
            value={
              live?.lastSavedAt
                ? new Date(live.lastSavedAt).toLocaleTimeString(undefined, { timeStyle: 'short' })
                : saved === undefined
                  ? t({ message: 'not yet', comment: 'saved' })
                  : t`step ${saved}`
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
        label={t`Training progress`}
        value={
          live?.preparing
            ? live.preparing.total > 1
              ? live.preparing.done / live.preparing.total
              : null
            : run.step / run.config.steps
        }
      />
      <div className="row" role="status">
        {enabled ? null : (
          <Tag>
            <Trans comment="the run">trains in another tab</Trans>
          </Tag>
        )}
        {live?.preparing ? <Tag tone="accent">{counted(live.preparing)}</Tag> : null}
        {live?.doing && !live.preparing ? <Tag tone="accent">{counted(live.doing)}</Tag> : null}
        {commanding ? <Tag tone="accent">{i18n._(commandWords[commanding])}</Tag> : null}
        {resumedAt == null ? null : (
          <Tag tone="good">
            <Trans>resumed at step {resumedAt}, optimiser restored</Trans>
          </Tag>
        )}
        {live?.awake ? (
          <Tag>
            <Icon name="sun" size={14} /> <Trans>screen stays awake</Trans>
          </Tag>
        ) : null}
        <Tag>{t`${plural(pairs, { one: `${pairs} pair`, other: `${pairs} pairs` })}`}</Tag>
        <span className="small dim">
          <Trans>Labels: {taken}</Trans>
        </span>
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
  const { step, config } = run;
  const { steps } = config;
  const taken = takenFrom(run);
  return (
    <>
      <div className="spread">
        <div className={styles.figures}>
          <Figure
            name={t({ message: 'State', comment: 'of a run: finished, stopped' })}
            value={statusWords(run, activeRun)}
          />
          <Figure name={t({ message: 'Steps', comment: 'a number: of training' })} value={t`${step} of ${steps}`} />
          <Figure name={t({ message: 'Pairs', comment: 'a number: of pictures' })} value={String(run.pairs.length)} />
          <Figure name={t({ message: 'Checkpoints', comment: 'a number' })} value={String(run.checkpoints.length)} />
        </div>
        <div className="row">
          {resumable ? (
            <Button
              look="primary"
              icon="play"
              disabled={!ready || activeRun !== null}
              onClick={() => resumeRun(run.id)}
            >
              <Trans>Resume</Trans>
            </Button>
          ) : null}
          {run.checkpoints.length ? (
            <Button
              look={resumable ? 'normal' : 'primary'}
              icon="compare"
              href="#/compare"
              onClick={() => compareWithRun(run.id)}
            >
              <Trans comment="the base model">Compare with base</Trans>
            </Button>
          ) : null}
        </div>
      </div>
      <p className="small dim">
        <Trans>Labels: {taken}</Trans>
      </p>
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
    <Disclosure label={t`More steps`}>
      <div className="stack">
        <p className="small dim">
          {run.config.lrSchedule === 'cosine'
            ? t`It goes on where it ended, with its optimiser and on the same pairs; its learning rate falls over all steps together, so it rises again first.`
            : t`It goes on where it ended, with its optimiser and on the same pairs: to the same numbers as if it had been as long from the first.`}
        </p>
        <div className="row">
          <NumberField
            label={t`Steps on top`}
            value={more}
            min={1}
            max={limits.trainSteps - run.config.steps}
            onChange={setMore}
          />
          <Button icon="play" disabled={!free} onClick={withFields(() => resumeRun(run.id, more))}>
            {t`${plural(more, { one: `Train ${more} more step`, other: `Train ${more} more steps` })}`}
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
  const provider =
    run.reference === 'engine' ? t({ message: 'our kernels', comment: 'programs of the GPU' }) : 'onnxruntime';
  const loss = first.loss.toFixed(3);
  const start = logit.toPrecision(2);
  const largest = logit === 0 ? t({ message: '0 exactly', comment: 'a logit' }) : logit.toExponential(1);
  return (
    <p className="small" data-testid="started-at">
      <span style={{ color: fine ? 'var(--good)' : 'var(--bad)', fontWeight: 650 }}>
        {fromLogit ? t({ message: `started at ${loss}`, comment: 'the loss' }) : t`started with logit ${start}`}{' '}
        {fine ? '✓' : '✗'}
      </span>{' '}
      <span className="dim">
        {fine
          ? t`Model and reference agree at the first step, as they must.`
          : t`Model and reference differ at the first step; they should be the same.`}{' '}
        <Trans>
          Reference: {provider}; largest logit measured at step 0: {largest}.
        </Trans>
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
  const worse = Math.round((100 * winner) / scale);
  return (
    <Notice tone="warn" title={t`Winner and loser are both drifting away`}>
      <Trans>
        The model now draws the pictures you preferred {worse} % worse than at the start. Lower the learning rate, or
        raise beta, in the next run.
      </Trans>
    </Notice>
  );
}
