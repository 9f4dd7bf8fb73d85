/** Several pictures at once: which are selected, and what can be done with them. */
import { useState } from 'react';
import type { ImageRecord } from '../../service/types.ts';
import { useStudio } from '../store/useStudio.ts';
import { Button, IconButton } from './Button.tsx';
import { saveTaken } from './files.ts';
import styles from './imageGrid.module.css';
import { Shortcuts } from './Shortcuts.tsx';
import { ConfirmButton } from './Dialog.tsx';
import { plural, printPercent } from './words.ts';

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
  const starred = images.every((image) => image.starred);
  const save = async (): Promise<void> => {
    const file = await take('images', (onProgress) => zipImages(ids, onProgress));
    if (file) saveTaken(file);
  };
  return (
    <div className={styles.selection} role="toolbar" aria-label="Selected images">
      <Shortcuts
        title="Selection"
        actions={[{ name: 'clearSelection', label: 'Select nothing', keys: 'escape', perform: clear }]}
      />
      <strong className="number" role="status">
        {images.length} selected
      </strong>
      <Button icon="star" pressed={starred} onClick={() => starImages(ids, !starred)}>
        {starred ? 'Take the stars away' : 'Star'}
      </Button>
      <Button icon="save" disabled={taking !== null} onClick={save}>
        {taking?.what === 'images' ? `Packing ${printPercent(taking.share)}` : 'Save as zip'}
      </Button>
      <ConfirmButton
        label="Delete"
        question={`${plural(images.length, 'image')} will be removed from this browser. A pair that one stands in keeps its own copy.`}
        confirm={`Delete ${plural(images.length, 'image')}`}
        onConfirm={async () => {
          await removeImages(ids);
          clear();
        }}
      />
      {images.length < listed ? (
        <Button look="quiet" onClick={all}>
          Select all {listed}
        </Button>
      ) : null}
      <IconButton icon="close" label="Select nothing" of="clearSelection" onClick={clear} />
    </div>
  );
}

/** The marks on a picture of a list: its star, and whether it is selected. */
export function Marks({ image, selection }: { image: ImageRecord; selection: Selection }) {
  const { starImages } = useStudio.getState();
  const selected = selection.has(image.id);
  const name = `${image.prompt || 'no prompt'}, seed ${image.seed}`;
  return (
    <span className={styles.marks} data-any={selection.images.length > 0 || undefined}>
      <input
        type="checkbox"
        className={styles.select}
        aria-label={`Select image: ${name}`}
        checked={selected}
        onChange={({ nativeEvent }) =>
          selection.toggle(image.id, nativeEvent instanceof MouseEvent && nativeEvent.shiftKey)
        }
      />
      <span className={styles.starMark} data-starred={image.starred || undefined}>
        <IconButton
          icon="star"
          size={28}
          label={image.starred ? `Starred: ${name}` : `Star: ${name}`}
          pressed={image.starred === true}
          onClick={() => starImages([image.id], !image.starred)}
        />
      </span>
    </span>
  );
}
