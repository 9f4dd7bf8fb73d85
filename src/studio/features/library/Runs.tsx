/** Every run with what was said of it, and the ways to it. */
import { plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useState } from 'react';
import { Link } from 'wouter';
import { modelsOf } from '../../../evaluation/blindFigures.ts';
import type { RunRecord } from '../../../service/types.ts';
import { Button } from '../../components/Button.tsx';
import { Select, TextField } from '../../components/Fields.tsx';
import { Empty, Panel, Tag } from '../../components/Surface.tsx';
import { printWhen } from '../../components/words.ts';
import { isUnfinished } from '../../store/blindSlice.ts';
import { isOfRun, type RunOrder, runsListed } from '../../store/librarySelectors.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './library.module.css';

function inShort({ step, config: { steps }, pairs, checkpoints, createdAt }: RunRecord): string {
  const made = pairs.length;
  const saved = checkpoints.length;
  return [
    t`step ${step} of ${steps}`,
    plural(made, { one: `${made} pair`, other: `${made} pairs` }),
    plural(saved, { one: `${saved} checkpoint`, other: `${saved} checkpoints` }),
    printWhen(createdAt),
  ].join(' · ');
}

export function Runs() {
  const runs = useStudio((s) => s.runs);
  const models = useStudio((s) => s.models);
  const all = useStudio((s) => s.blindTests);
  const tests = all.filter((test) => !isUnfinished(test));
  const { compareWithRun } = useStudio.getState();
  const [text, setText] = useState('');
  const [base, setBase] = useState('all');
  const [order, setOrder] = useState<RunOrder>('newest');
  if (!runs.length) {
    return (
      <Empty
        icon="train"
        title={t`No runs yet`}
        actions={
          <Button look="primary" href="#/train">
            <Trans comment="a screen">Go to Train</Trans>
          </Button>
        }
      >
        <Trans>Runs are kept with their checkpoints, samples and metrics.</Trans>
      </Empty>
    );
  }
  const shown = runsListed(runs, { text, base, order });
  const count = shown.length;
  const total = runs.length;
  const bases = [...new Set(runs.map((run) => run.model.base))];
  return (
    <>
      <div className={styles.filters}>
        <TextField
          label={t({ message: 'Find', comment: 'a field: what is typed is looked for' })}
          value={text}
          onChange={setText}
          placeholder={t`words of a name`}
        />
        {bases.length > 1 ? (
          <Select
            label={t({ message: 'Trained on', comment: 'a model' })}
            value={base}
            onChange={setBase}
            options={[
              { value: 'all', label: t`Every model` },
              ...bases.map((id) => ({ value: id, label: models.find((model) => model.id === id)?.title ?? id })),
            ]}
          />
        ) : null}
        <Select<RunOrder>
          label={t({ message: 'Order', comment: 'in which a list is sorted' })}
          value={order}
          onChange={setOrder}
          options={[
            { value: 'newest', label: t`Newest first` },
            { value: 'oldest', label: t`Oldest first` },
            { value: 'name', label: t`By name` },
            { value: 'steps', label: t`By steps` },
          ]}
        />
        <span className={`small dim number ${styles.count}`} role="status">
          {count === total ? plural(count, { one: `${count} run`, other: `${count} runs` }) : t`${count} of ${total}`}
        </span>
      </div>
      <Panel>
        <ul className={styles.runs}>
          {shown.map((run) => (
            <li key={run.id}>
              <strong>{run.name}</strong>
              <span className="small dim number">{inShort(run)}</span>
              {tests.some((test) => modelsOf(test).some((side) => isOfRun(side, run.id))) ? (
                <Tag tone="good">
                  <Trans comment="a run">tested blind</Trans>
                </Tag>
              ) : null}
              <span className={styles.runLinks}>
                <Link href="/compare" onClick={() => compareWithRun(run.id)}>
                  <Trans>Compare</Trans>
                </Link>
                <Link href={`/train/${run.id}`}>
                  <Trans comment="a screen">Open in Train</Trans>
                </Link>
              </span>
            </li>
          ))}
        </ul>
      </Panel>
    </>
  );
}
