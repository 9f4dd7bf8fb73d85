/** Every run with what was said of it, and the ways to it. */
import { useState } from 'react';
import { Link } from 'wouter';
import { modelsOf } from '../../../evaluation/blindFigures.ts';
import { Button } from '../../components/Button.tsx';
import { Select, TextField } from '../../components/Fields.tsx';
import { Empty, Panel, Tag } from '../../components/Surface.tsx';
import { plural, printWhen } from '../../components/words.ts';
import { isUnfinished } from '../../store/blindSlice.ts';
import { isOfRun, type RunOrder, runsListed } from '../../store/librarySelectors.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './library.module.css';

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
        title="No runs yet"
        actions={
          <Button look="primary" href="#/train">
            Go to Train
          </Button>
        }
      >
        Runs are kept with their checkpoints, samples and metrics.
      </Empty>
    );
  }
  const shown = runsListed(runs, { text, base, order });
  const bases = [...new Set(runs.map((run) => run.model.base))];
  return (
    <>
      <div className={styles.filters}>
        <TextField label="Find" value={text} onChange={setText} placeholder="words of a name" />
        {bases.length > 1 ? (
          <Select
            label="Trained on"
            value={base}
            onChange={setBase}
            options={[
              { value: 'all', label: 'Every model' },
              ...bases.map((id) => ({ value: id, label: models.find((model) => model.id === id)?.title ?? id })),
            ]}
          />
        ) : null}
        <Select<RunOrder>
          label="Order"
          value={order}
          onChange={setOrder}
          options={[
            { value: 'newest', label: 'Newest first' },
            { value: 'oldest', label: 'Oldest first' },
            { value: 'name', label: 'By name' },
            { value: 'steps', label: 'By steps' },
          ]}
        />
        <span className={`small dim number ${styles.count}`} role="status">
          {shown.length === runs.length ? plural(runs.length, 'run') : `${shown.length} of ${runs.length}`}
        </span>
      </div>
      <Panel>
        <ul className={styles.runs}>
          {shown.map((run) => (
            <li key={run.id}>
              <strong>{run.name}</strong>
              <span className="small dim number">
                step {run.step} of {run.config.steps} · {plural(run.pairs.length, 'pair')} ·{' '}
                {plural(run.checkpoints.length, 'checkpoint')} · {printWhen(run.createdAt)}
              </span>
              {tests.some((test) => modelsOf(test).some((side) => isOfRun(side, run.id))) ? (
                <Tag tone="good">tested blind</Tag>
              ) : null}
              <span className={styles.runLinks}>
                <Link href="/compare" onClick={() => compareWithRun(run.id)}>
                  Compare
                </Link>
                <Link href={`/train/${run.id}`}>Open in Train</Link>
              </span>
            </li>
          ))}
        </ul>
      </Panel>
    </>
  );
}
