/** A picture of one's own with how it was made, and what can be done with it. */
import { useLocation } from 'wouter';
import type { ImageRecord } from '../../service/types.ts';
import { pictureName } from '../store/librarySlice.ts';
import { modelNames, titleOf } from '../store/models.ts';
import { useStudio } from '../store/useStudio.ts';
import type { Action } from './action.ts';
import { ActionButton, Button, IconButton } from './Button.tsx';
import { saveFile } from './files.ts';
import styles from './imageGrid.module.css';
import { ConfirmButton } from './Dialog.tsx';
import { printWhen } from './words.ts';

interface Moves {
  /** To the next one, or the one before. */
  onMove: (by: number) => void;
  /** Its settings were taken over. */
  onUsed: () => void;
}

/** Those with keys of an image in view. */
export function imageActions(image: ImageRecord, { onMove, onUsed }: Moves): Action[] {
  const { recall, starImages } = useStudio.getState();
  const use = (what: 'all' | 'seed' | 'prompt') => (): void => {
    recall(image, what);
    onUsed();
  };
  return [
    { name: 'useAll', label: 'Use all', keys: 'a', perform: use('all') },
    { name: 'useSeed', label: 'Use seed', keys: 's', perform: use('seed') },
    { name: 'usePrompt', label: 'Use prompt', keys: 'p', perform: use('prompt') },
    { name: 'nextImage', label: 'Next image', keys: 'right', perform: () => onMove(1) },
    { name: 'previousImage', label: 'Previous image', keys: 'left', perform: () => onMove(-1) },
    {
      name: 'star',
      label: image.starred ? 'Take the star away' : 'Star',
      keys: 'period',
      perform: () => starImages([image.id], !image.starred),
    },
  ];
}

export function ImageAbout({
  image,
  actions,
  onClose,
}: {
  image: ImageRecord;
  /** As `imageActions` gives them. */
  actions: readonly Action[];
  /** It is left for another screen, or gone. */
  onClose: () => void;
}) {
  const names = useStudio(modelNames);
  const { removeImages, setDraft, starImages } = useStudio.getState();
  const [, navigate] = useLocation();
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
        <Button icon="save" onClick={() => saveFile(image.file, pictureName(image))}>
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
        <IconButton
          icon="star"
          label={image.starred ? 'Take the star away' : 'Star'}
          of="star"
          pressed={image.starred === true}
          onClick={() => starImages([image.id], !image.starred)}
        />
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
  );
}
