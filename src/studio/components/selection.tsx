/** Several pictures at once: which are selected, and what can be done with them. */
import { plural, t } from '@lingui/core/macro';
import { useState } from 'react';
import type { ImageRecord } from '../../service/types.ts';
import { useStudio } from '../store/useStudio.ts';
import { Button, IconButton } from './Button.tsx';
import { saveTaken } from './files.ts';
import styles from './imageGrid.module.css';
import { Shortcuts } from './Shortcuts.tsx';
import { ConfirmButton } from './Dialog.tsx';
import { printPercent } from './words.ts';

export interface Selection {
  /** Of those that are listed. */
  images: readonly ImageRecord[];
  has(id: string): boolean;
  /** @param range all between the one that was chosen last and this one, too. */
  toggle(id: string, range: boolean): void;
  all(): void;
  clear(): void;
}

export function useSelection(listed: readonly ImageRecord[]): Selection {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const [last, setLast] = useState<string | null>(null);
  return {
    images: ids.size ? listed.filter(({ id }) => ids.has(id)) : [],
    has: (id) => ids.has(id),
    toggle(id, range) {
      const next = new Set(ids);
      const place = (of: string | null): number => listed.findIndex((image) => image.id === of);
      const [a, b] = [place(last), place(id)].sort((x, y) => x - y) as [number, number];
      if (range && a >= 0) for (const image of listed.slice(a, b + 1)) next.add(image.id);
      else if (!next.delete(id)) next.add(id);
      setLast(id);
      setIds(next);
    },
    all: () => setIds(new Set(listed.map(({ id }) => id))),
    clear: () => setIds(new Set()),
  };
}

/** On screen while something is selected. */
export function SelectionBar({ selection, listed }: { selection: Selection; listed: number }) {
  const { images, all, clear } = selection;
  const taking = useStudio((s) => s.taking);
  const { removeImages, starImages, zipImages, take } = useStudio.getState();
  if (!images.length) return null;
  const ids = images.map(({ id }) => id);
  const count = images.length;
  const share = taking?.what === 'images' ? printPercent(taking.share) : null;
  const starred = images.every((image) => image.starred);
  const save = async (): Promise<void> => {
    const file = await take('images', (onProgress) => zipImages(ids, onProgress));
    if (file) saveTaken(file);
  };
  return (
    <div className={styles.selection} role="toolbar" aria-label={t`Selected images`}>
      <Shortcuts
        title={t`Selection`}
        actions={[{ name: 'clearSelection', label: t`Select nothing`, keys: 'escape', perform: clear }]}
      />
      <strong className="number" role="status">
        {t({ message: `${count} selected`, comment: 'pictures' })}
      </strong>
      <Button icon="star" pressed={starred} onClick={() => starImages(ids, !starred)}>
        {starred ? t`Take the stars away` : t({ message: 'Star', comment: 'a button: gives a picture a star' })}
      </Button>
      <Button icon="save" disabled={taking !== null} onClick={save}>
        {share === null ? t`Save as zip` : t`Packing ${share}`}
      </Button>
      <ConfirmButton
        label={t`Delete`}
        question={plural(count, {
          one: `${count} image will be removed from this browser. A pair that one stands in keeps its own copy.`,
          other: `${count} images will be removed from this browser. A pair that one stands in keeps its own copy.`,
        })}
        confirm={plural(count, { one: `Delete ${count} image`, other: `Delete ${count} images` })}
        onConfirm={async () => {
          await removeImages(ids);
          clear();
        }}
      />
      {count < listed ? (
        <Button look="quiet" onClick={all}>
          {t`Select all ${listed}`}
        </Button>
      ) : null}
      <IconButton icon="close" label={t`Select nothing`} of="clearSelection" onClick={clear} />
    </div>
  );
}

/** The marks on a picture of a list: its star, and whether it is selected. */
export function Marks({ image, selection }: { image: ImageRecord; selection: Selection }) {
  const { starImages } = useStudio.getState();
  const selected = selection.has(image.id);
  const { seed } = image;
  const prompt = image.prompt || t`no prompt`;
  return (
    <span className={styles.marks} data-any={selection.images.length > 0 || undefined}>
      <input
        type="checkbox"
        className={styles.select}
        aria-label={t`Select image: ${prompt}, seed ${seed}`}
        checked={selected}
        onChange={({ nativeEvent }) =>
          selection.toggle(image.id, nativeEvent instanceof MouseEvent && nativeEvent.shiftKey)
        }
      />
      <span className={styles.starMark} data-starred={image.starred || undefined}>
        <IconButton
          icon="star"
          size={28}
          label={image.starred ? t`Starred: ${prompt}, seed ${seed}` : t`Star: ${prompt}, seed ${seed}`}
          pressed={image.starred === true}
          onClick={() => starImages([image.id], !image.starred)}
        />
      </span>
    </span>
  );
}
