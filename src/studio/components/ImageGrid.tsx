/** A grid of pictures; one opens with its parameters and what can be done with it. */
import { useState } from 'react';
import { useLocation } from 'wouter';
import type { ImageRecord } from '../../service/types.ts';
import { modelNames, titleOf } from '../store/models.ts';
import { useStudio } from '../store/useStudio.ts';
import type { Action } from './action.ts';
import { ActionButton, Button } from './Button.tsx';
import { saveFile } from './files.ts';
import styles from './imageGrid.module.css';
import { Picture } from './Picture.tsx';
import { Shortcuts } from './Shortcuts.tsx';
import { ConfirmButton, Dialog, Notice } from './Surface.tsx';
import { printWhen } from './words.ts';

const pageSize = 60;

export function ImageGrid({ images, size = 150 }: { images: readonly ImageRecord[]; size?: number }) {
  const [shown, setShown] = useState(pageSize);
  const [location, navigate] = useLocation();
  const screen = `/${location.split('/')[1] ?? ''}`;
  const openId = /^\/[a-z]+\/image\/(.+)$/.exec(location)?.[1];
  const index = images.findIndex((image) => image.id === openId);
  const read = useStudio((s) => s.pairsRead);
  return (
    <>
      {openId !== undefined && index < 0 && read ? (
        <Notice tone="warn">The picture of this address is not among these any more.</Notice>
      ) : null}
      <ul
        className={styles.grid}
        style={{ gridTemplateColumns: `repeat(auto-fill, minmax(min(${size}px, 42%), 1fr))` }}
      >
        {images.slice(0, shown).map((image) => (
          <li key={image.id}>
            <button
              type="button"
              className={styles.card}
              aria-label={`Open image: ${image.prompt || 'no prompt'}, seed ${image.seed}`}
              onClick={() => navigate(`${screen}/image/${image.id}`)}
            >
              <Picture file={image.file} alt="" ratio={image.width / image.height} thumbnail />
              <span className={styles.caption}>
                <span className={styles.prompt}>{image.prompt || 'No prompt'}</span>
                <span className="dim number">seed {image.seed}</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
      {images.length > shown ? (
        <div className={styles.more}>
          <Button onClick={() => setShown(shown + pageSize)}>
            Show {Math.min(pageSize, images.length - shown)} more
          </Button>
        </div>
      ) : null}
      {index >= 0 ? (
        <ImageDetail
          image={images[index]!}
          onClose={() => navigate(screen, { replace: true })}
          onMove={(by) => {
            const next = images[index + by];
            if (next) navigate(`${screen}/image/${next.id}`, { replace: true });
          }}
        />
      ) : null}
    </>
  );
}

function ImageDetail({
  image,
  onClose,
  onMove,
}: {
  image: ImageRecord;
  onClose: () => void;
  onMove: (by: number) => void;
}) {
  const names = useStudio(modelNames);
  const { recall, removeImages, setDraft } = useStudio.getState();
  const [, navigate] = useLocation();
  const use = (what: 'all' | 'seed' | 'prompt') => (): void => {
    recall(image, what);
    onClose();
    navigate('/generate');
  };
  const actions: Action[] = [
    { name: 'useAll', label: 'Use all', keys: 'a', perform: use('all') },
    { name: 'useSeed', label: 'Use seed', keys: 's', perform: use('seed') },
    { name: 'usePrompt', label: 'Use prompt', keys: 'p', perform: use('prompt') },
    { name: 'next', label: 'Next image', keys: 'right', perform: () => onMove(1) },
    { name: 'previous', label: 'Previous image', keys: 'left', perform: () => onMove(-1) },
  ];
  const facts: [string, string][] = [
    ['Seed', String(image.seed)],
    ['Model', titleOf(image.model, names)],
    ['Steps', String(image.steps)],
    ['Guidance', String(image.guidanceScale)],
    ['Size', `${image.width} × ${image.height}`],
    ['Scheduler', image.scheduler.replace(/Scheduler$/, '')],
    ...(image.negativePrompt ? [['Negative prompt', image.negativePrompt] as [string, string]] : []),
    ...(image.init ? [['Start image', `strength ${image.init.strength}`] as [string, string]] : []),
    ['Ran on', image.ranOn],
    ['Made', printWhen(image.createdAt)],
  ];
  return (
    <Dialog title="Image" open onClose={onClose} size="xl">
      <Shortcuts title="Image" actions={actions} always />
      <div className={styles.detail}>
        <div className={styles.big}>
          <Picture file={image.file} alt={image.prompt} ratio={image.width / image.height} />
        </div>
        <div className="stack">
          <p className={styles.detailPrompt}>{image.prompt || 'No prompt'}</p>
          <dl className={styles.facts}>
            {facts.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd className="number">{value}</dd>
              </div>
            ))}
          </dl>
          <div className="row">
            {actions.slice(0, 3).map((action) => (
              <ActionButton key={action.name} action={action} />
            ))}
          </div>
          <div className="row">
            <Button
              icon="save"
              onClick={() => saveFile(image.file, `${image.prompt.slice(0, 60) || 'image'}-${image.seed}.png`)}
            >
              Save PNG
            </Button>
            <Button
              icon="sample"
              onClick={() => {
                setDraft({ init: { file: image.file, name: image.prompt.slice(0, 40) || 'image', strength: 0.6 } });
                onClose();
                navigate('/generate');
              }}
            >
              Start from this
            </Button>
            <ConfirmButton
              icon="remove"
              label="Delete this image"
              question="The image is removed from this browser. A pair it stands in keeps its own copy."
              confirm="Delete"
              onConfirm={() => {
                onClose();
                return removeImages([image.id]);
              }}
            />
          </div>
        </div>
      </div>
    </Dialog>
  );
}
