/** Every image made here, looked through by words, model, run and star. */
import { plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useMemo, useState } from 'react';
import { Button } from '../../components/Button.tsx';
import { Select, Switch, TextField } from '../../components/Fields.tsx';
import { ImageGrid } from '../../components/ImageGrid.tsx';
import { ConfirmButton } from '../../components/Dialog.tsx';
import { Empty } from '../../components/Surface.tsx';
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
        title={t`Nothing made yet`}
        actions={
          lacks ? undefined : (
            <Button look="primary" href="#/generate">
              <Trans comment="a screen">Go to Generate</Trans>
            </Button>
          )
        }
      >
        {lacks
          ? t`What is made here could not be kept: see above.`
          : t`Every image you make is kept here with its parameters.`}
      </Empty>
    );
  }
  const all = shown.length === images.length;
  const count = shown.length;
  const total = images.length;
  return (
    <>
      <div className={styles.filters}>
        <TextField
          label={t({ message: 'Find', comment: 'a field: what is typed is looked for' })}
          value={filter.text}
          onChange={(text) => change({ text })}
          placeholder={t`words of a prompt, or a seed`}
        />
        <Select
          label={t`Model`}
          value={filter.model}
          onChange={(model) => change({ model })}
          options={[{ value: 'all', label: t`Every model` }, ...models]}
        />
        {runs.length ? (
          <Select
            label={t({ message: 'Run', comment: 'of training' })}
            value={filter.run}
            onChange={(run) => change({ run })}
            options={[
              { value: 'all', label: t`Any run or none` },
              ...runs.map(({ id, name }) => ({ value: id, label: name })),
            ]}
          />
        ) : null}
        <Select<ImageOrder>
          label={t({ message: 'Order', comment: 'in which a list is sorted' })}
          value={filter.order}
          onChange={(order) => change({ order })}
          options={[
            { value: 'newest', label: t`Newest first` },
            { value: 'oldest', label: t`Oldest first` },
            { value: 'prompt', label: t`By prompt` },
            { value: 'seed', label: t`By seed` },
          ]}
        />
        <div className={styles.switch}>
          <Switch label={t`Starred only`} checked={filter.starred} onChange={(starred) => change({ starred })} />
        </div>
        <div className={styles.count}>
          <span className="small dim number" role="status">
            {all ? plural(count, { one: `${count} image`, other: `${count} images` }) : t`${count} of ${total}`}
          </span>
          {count ? (
            <ConfirmButton
              label={all ? t`Delete all` : t`Delete these`}
              question={plural(count, {
                one: `${count} image will be removed from the library. Pairs and labels stay.`,
                other: `${count} images will be removed from the library. Pairs and labels stay.`,
              })}
              confirm={plural(count, { one: `Delete ${count} image`, other: `Delete ${count} images` })}
              onConfirm={() => removeImages(shown.map((image) => image.id))}
            />
          ) : null}
        </div>
      </div>
      <ImageGrid images={shown} size={160} />
    </>
  );
}
