/** What a run's held-out pairs say: its looks as lines, and at its end a verdict in words. */
import { plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { heldOutOf } from '../../../data/heldOut.ts';
import { accuracyOf, bestLook } from '../../../evaluation/looks.ts';
import { lookInWords } from '../../../evaluation/lookWords.ts';
import { runVerdict } from '../../../evaluation/runVerdict.ts';
import { solvedInWords } from '../../../records/runs.ts';
import type { Look, LookFigures, RunRecord } from '../../../service/types.ts';
import { Chart, type Series } from '../../components/Chart.tsx';
import { Notice, Panel, Tag } from '../../components/Surface.tsx';
import { printPercent, printWhen } from '../../components/words.ts';
import { ownSelfAgreement } from '../../store/labelSelectors.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './train.module.css';

export function Looks({ run }: { run: RunRecord }) {
  const self = useStudio(ownSelfAgreement);
  const { looks } = run;
  const { pairs: heldOut, because } = heldOutOf(run.pairs, run.config);
  const count = heldOut.size;
  if (because !== null || count === 0) return null;
  if (!looks?.length)
    return (
      <Panel title={t`Held-out pairs`}>
        <p className="small dim">
          {t`${plural(count, {
            one: `${count} pair is held out: the run looks at them each time that it saves.`,
            other: `${count} pairs are held out: the run looks at them each time that it saves.`,
          })}`}
        </p>
      </Panel>
    );
  const best = bestLook(looks)?.step;
  const last = looks.at(-1)!;
  const { step, draws } = last;
  return (
    <Panel
      title={t`Held-out pairs`}
      aside={
        best === undefined ? null : (
          <Tag tone="good">
            <Trans>best at step {best}</Trans>
          </Tag>
        )
      }
    >
      <div className="stack">
        <p className="small" data-testid="last-look">
          <span className="dim">
            {t({
              message: `Step ${step}, over ${plural(draws, { one: `${draws} draw`, other: `${draws} draws` })}:`,
              comment: 'draws: of noise and timestep',
            })}
          </span>{' '}
          {lookInWords(last)}
        </p>
        <div className={styles.charts}>
          <Chart
            title={t`Right on held-out pairs`}
            explain={t`How often it prefers what you prefer, in pairs that it never trained on; over one fixed bank of draws.`}
            series={lines(looks, accuracyOf)}
            mark={{ value: 0.5, label: t({ message: 'chance', comment: 'a line: as good as guessing' }) }}
            beside={Number.isNaN(self) ? undefined : { value: self, label: t`you, with yourself` }}
            range={[0, 1]}
            print={printPercent}
          />
          <Chart
            title={t({ message: 'Margin', comment: 'how far the preferred picture is ahead' })}
            explain={t`How sure it is of what you prefer; 0 at the start.`}
            series={lines(looks, ({ margin }) => margin)}
            mark={{ value: 0, label: t`the start` }}
          />
        </div>
      </div>
    </Panel>
  );
}

const lines = (looks: readonly Look[], value: (figures: LookFigures) => number): Series[] =>
  (['heldOut', 'training'] as const).map((which) => ({
    label:
      which === 'heldOut'
        ? t({ message: 'held out', comment: 'a pair, or pairs' })
        : t({ message: 'training', context: 'pairs' }),
    color: which === 'heldOut' ? '--accent-strong' : '--winner',
    dashed: which === 'training',
    points: looks.map((look) => ({ x: look.step, y: value(look[which]) })),
  }));

/** Of a run that has ended. */
export function Verdict({ run }: { run: RunRecord }) {
  const selfAgreement = useStudio(ownSelfAgreement);
  if (run.status !== 'finished' && run.status !== 'stopped') return null;
  const { because } = heldOutOf(run.pairs, run.config);
  const sentences = runVerdict({ run, nothingHeldOut: because, selfAgreement });
  return (
    <div className="stack" role="status" data-testid="verdict">
      {sentences.map(({ rule, group, text }) =>
        group === 'ended' ? (
          <Notice key={rule} tone="warn">
            {text}
          </Notice>
        ) : (
          <p key={rule}>{group === 'next' ? <strong>{text}</strong> : text}</p>
        ),
      )}
    </div>
  );
}

/** Why a run looks at no pairs; once it has ended its verdict says so. */
export function NothingHeldOut({ run }: { run: RunRecord }) {
  const { because } = heldOutOf(run.pairs, run.config);
  if (because === null || run.status === 'finished' || run.status === 'stopped') return null;
  return <p className="small dim">{because}</p>;
}

/** Pairs that a run at work has left out so far; its verdict says so at the end. */
export function LeftOut({ run }: { run: RunRecord }) {
  const words = solvedInWords(run);
  return words === null ? null : (
    <p className="small" role="status">
      {words}
    </p>
  );
}

/** Times that the drift guard took it back. */
export function Setbacks({ run }: { run: RunRecord }) {
  return run.setbacks?.map(({ at, words }) => (
    <p key={at} className="small" role="status" data-testid="setback">
      <span className="dim">{printWhen(at)}</span> {words}
    </p>
  ));
}
