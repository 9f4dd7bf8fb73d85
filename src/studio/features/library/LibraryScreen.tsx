/** Library: every image made here with its parameters, the pairs of here and elsewhere, the runs, the verdicts. */
import { useMemo, useState } from 'react';
import { Link } from 'wouter';
import { Button } from '../../components/Button.tsx';
import { Segmented, Select, TextField } from '../../components/Fields.tsx';
import { ImageGrid } from '../../components/ImageGrid.tsx';
import { ConfirmButton, Empty, Page, Panel, Tag } from '../../components/Surface.tsx';
import { plural, printBytes, printWhen } from '../../components/words.ts';
import { modelKey, modelNames, titleOf } from '../../store/models.ts';
import { modelsOf } from '../../../evaluation/blindFigures.ts';
import { isUnfinished } from '../../store/blindSlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import { Pairs } from './Pairs.tsx';
import styles from './library.module.css';

type Part = 'images' | 'pairs' | 'runs';

export function LibraryScreen() {
  const [part, setPart] = useState<Part>('images');
  const images = useStudio((s) => s.images.length);
  const pairs = useStudio((s) => s.pairs.length);
  const runs = useStudio((s) => s.runs.length);
  const storage = useStudio((s) => s.storage);
  return (
    <Page
      title="Library"
      wide
      lead={
        storage
          ? `${printBytes(storage.usageBytes)} used of ${printBytes(storage.quotaBytes)}; ${storage.persisted ? 'kept until you delete it' : 'the browser may clear it when the disk is full'}.`
          : undefined
      }
    >
      <div>
        <Segmented
          label="What"
          value={part}
          onChange={setPart}
          options={[
            { value: 'images', label: `Images ${images}` },
            { value: 'pairs', label: `Pairs ${pairs}` },
            { value: 'runs', label: `Runs ${runs}` },
          ]}
        />
      </div>
      {part === 'images' ? <Images /> : part === 'pairs' ? <Pairs /> : <Runs />}
    </Page>
  );
}

function Images() {
  const images = useStudio((s) => s.images);
  const names = useStudio(modelNames);
  const lacks = useStudio((s) => s.lacks !== null);
  const { removeImages } = useStudio.getState();
  const [text, setText] = useState('');
  const [model, setModel] = useState('all');
  const modelOptions = useMemo(() => {
    const seen = new Map(images.map((image) => [modelKey(image.model), image.model]));
    return [
      { value: 'all', label: 'Every model' },
      ...[...seen].map(([value, ref]) => ({ value, label: titleOf(ref, names) })),
    ];
  }, [images, names]);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = images.filter(
    (image) =>
      (model === 'all' || modelKey(image.model) === model) &&
      words.every((word) => image.prompt.toLowerCase().includes(word) || String(image.seed) === word),
  );
  if (!images.length) {
    return (
      <Empty
        icon="library"
        title="Nothing made yet"
        actions={
          lacks ? undefined : (
            <Button look="primary" href="#/generate">
              Go to Generate
            </Button>
          )
        }
      >
        {lacks
          ? 'What is made here could not be kept: see above.'
          : 'Every image you make is kept here with its parameters.'}
      </Empty>
    );
  }
  return (
    <>
      <div className={styles.filters}>
        <TextField label="Find" value={text} onChange={setText} placeholder="words of a prompt, or a seed" />
        <Select label="Model" value={model} onChange={setModel} options={modelOptions} />
        <span className={`small dim number ${styles.count}`} role="status">
          {shown.length === images.length ? plural(images.length, 'image') : `${shown.length} of ${images.length}`}
        </span>
        {shown.length ? (
          <div className={styles.count}>
            <ConfirmButton
              label={`Delete ${shown.length === images.length ? 'all' : 'these'}`}
              question={`${plural(shown.length, 'image')} will be removed from the library. Pairs and labels stay.`}
              confirm={`Delete ${plural(shown.length, 'image')}`}
              onConfirm={() => removeImages(shown.map((image) => image.id))}
            />
          </div>
        ) : null}
      </div>
      <ImageGrid images={shown} size={160} />
    </>
  );
}

function Runs() {
  const runs = useStudio((s) => s.runs);
  const all = useStudio((s) => s.blindTests);
  const tests = all.filter((test) => !isUnfinished(test));
  const { compareWithRun } = useStudio.getState();
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
  return (
    <Panel>
      <ul className={styles.runs}>
        {runs.map((run) => (
          <li key={run.id}>
            <strong>{run.name}</strong>
            <span className="small dim number">
              step {run.step} of {run.config.steps} · {plural(run.pairs.length, 'pair')} ·{' '}
              {plural(run.checkpoints.length, 'checkpoint')} · {printWhen(run.createdAt)}
            </span>
            {tests.some((test) =>
              modelsOf(test).some((side) =>
                side.model.adapters.some((adapter) => adapter.kind === 'run' && adapter.run === run.id),
              ),
            ) ? (
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
  );
}
