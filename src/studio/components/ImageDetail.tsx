/** A picture of one's own with how it was made, and what can be done with it. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
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
import { recallSettings } from './recallSettings.ts';
import { printWhen } from './words.ts';

interface Moves {
  /** To the next one, or the one before. */
  onMove: (by: number) => void;
  /** Its settings were taken over. */
  onUsed: () => void;
}

const starInWords = ({ starred }: ImageRecord): string =>
  starred ? t`Take the star away` : t({ message: 'Star', comment: 'a button: gives a picture a star' });

/** Those with keys of an image in view. */
export function imageActions(image: ImageRecord, { onMove, onUsed }: Moves): Action[] {
  const { starImages } = useStudio.getState();
  const use = (what: 'all' | 'seed' | 'prompt') => (): void => {
    recallSettings(image, what);
    onUsed();
  };
  return [
    {
      name: 'useAll',
      label: t({ message: 'Use all', comment: 'all settings of a picture' }),
      keys: 'a',
      perform: use('all'),
    },
    { name: 'useSeed', label: t`Use seed`, keys: 's', perform: use('seed') },
    { name: 'usePrompt', label: t`Use prompt`, keys: 'p', perform: use('prompt') },
    { name: 'nextImage', label: t`Next image`, keys: 'right', perform: () => onMove(1) },
    { name: 'previousImage', label: t`Previous image`, keys: 'left', perform: () => onMove(-1) },
    {
      name: 'star',
      label: starInWords(image),
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
  const strength = image.init?.strength;
  const facts: [string, string][] = [
    [t`Seed`, String(image.seed)],
    [t`Model`, titleOf(image.model, names)],
    [t`Steps`, String(image.steps)],
    [t`Guidance`, String(image.guidanceScale)],
    [t`Size`, `${image.width} × ${image.height}`],
    [t`Scheduler`, image.scheduler.replace(/Scheduler$/, '')],
    ...(image.negativePrompt ? [[t`Negative prompt`, image.negativePrompt] as [string, string]] : []),
    ...(strength !== undefined ? [[t`Start image`, t`strength ${strength}`] as [string, string]] : []),
    [t({ message: 'Ran on', comment: 'a GPU, for example' }), image.ranOn],
    ...(image.arithmetic ? [[t`Arithmetic`, image.arithmetic] as [string, string]] : []),
    [t({ message: 'Made', comment: 'when a picture was made' }), printWhen(image.createdAt)],
  ];
  return (
    <div className="stack">
      <p className={styles.detailPrompt}>{image.prompt || t`No prompt`}</p>
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
          <Trans>Save PNG</Trans>
        </Button>
        <Button
          icon="sample"
          onClick={() => {
            setDraft({ init: { file: image.file, name: image.prompt.slice(0, 40) || 'image', strength: 0.6 } });
            onClose();
            navigate('/generate');
          }}
        >
          <Trans comment="a button: takes this picture as a start image">Start from this</Trans>
        </Button>
        <IconButton
          icon="star"
          label={starInWords(image)}
          of="star"
          pressed={image.starred === true}
          onClick={() => starImages([image.id], !image.starred)}
        />
        <ConfirmButton
          icon="remove"
          label={t`Delete this image`}
          question={t`The image is removed from this browser. A pair it stands in keeps its own copy.`}
          confirm={t`Delete`}
          onConfirm={() => {
            onClose();
            return removeImages([image.id]);
          }}
        />
      </div>
    </div>
  );
}
