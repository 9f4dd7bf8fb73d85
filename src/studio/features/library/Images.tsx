/** Every image made here, looked through by words, model, run and star. */
import { useMemo, useState } from 'react';
import { Button } from '../../components/Button.tsx';
import { Select, Switch, TextField } from '../../components/Fields.tsx';
import { ImageGrid } from '../../components/ImageGrid.tsx';
import { ConfirmButton } from '../../components/Dialog.tsx';
import { Empty } from '../../components/Surface.tsx';
import { plural } from '../../components/words.ts';
import { type ImageFilter, type ImageOrder, imagesListed, isOfRun } from '../../store/librarySelectors.ts';
import { modelKey, modelNames, titleOf } from '../../store/models.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './library.module.css';

const everything: ImageFilter = { text: '', model: 'all', run: 'all', starred: false, order: 'newest' };

export function Images() {
  const images = useStudio((s) => s.images);
  const names = useStudio(modelNames);
  const lacks = useStudio((s) => s.lacks !== null);
  const { removeImages } = useStudio.getState();
  const [filter, setFilter] = useState(everything);
  const change = (part: Partial<ImageFilter>): void => setFilter({ ...filter, ...part });
  const models = useMemo(() => {
    const seen = new Map(images.map((image) => [modelKey(image.model), image.model]));
    return [...seen].map(([value, ref]) => ({ value, label: titleOf(ref, names) }));
  }, [images, names]);
  const runs = useMemo(
    () => names.runs.filter(({ id }) => images.some((image) => isOfRun(image, id))),
    [images, names.runs],
  );
  const shown = useMemo(() => imagesListed(images, filter), [images, filter]);
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
  const all = shown.length === images.length;
  return (
    <>
      <div className={styles.filters}>
        <TextField
          label="Find"
          value={filter.text}
          onChange={(text) => change({ text })}
          placeholder="words of a prompt, or a seed"
        />
        <Select
          label="Model"
          value={filter.model}
          onChange={(model) => change({ model })}
          options={[{ value: 'all', label: 'Every model' }, ...models]}
        />
        {runs.length ? (
          <Select
            label="Run"
            value={filter.run}
            onChange={(run) => change({ run })}
            options={[
              { value: 'all', label: 'Any run or none' },
              ...runs.map(({ id, name }) => ({ value: id, label: name })),
            ]}
          />
        ) : null}
        <Select<ImageOrder>
          label="Order"
          value={filter.order}
          onChange={(order) => change({ order })}
          options={[
            { value: 'newest', label: 'Newest first' },
            { value: 'oldest', label: 'Oldest first' },
            { value: 'prompt', label: 'By prompt' },
            { value: 'seed', label: 'By seed' },
          ]}
        />
        <div className={styles.switch}>
          <Switch label="Starred only" checked={filter.starred} onChange={(starred) => change({ starred })} />
        </div>
        <div className={styles.count}>
          <span className="small dim number" role="status">
            {all ? plural(images.length, 'image') : `${shown.length} of ${images.length}`}
          </span>
          {shown.length ? (
            <ConfirmButton
              label={`Delete ${all ? 'all' : 'these'}`}
              question={`${plural(shown.length, 'image')} will be removed from the library. Pairs and labels stay.`}
              confirm={`Delete ${plural(shown.length, 'image')}`}
              onConfirm={() => removeImages(shown.map((image) => image.id))}
            />
          ) : null}
        </div>
      </div>
      <ImageGrid images={shown} size={160} />
    </>
  );
}
