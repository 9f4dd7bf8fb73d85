/** A grid of pictures; one opens with its parameters and what can be done with it. Several can be selected. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useLocation } from 'wouter';
import type { ImageRecord } from '../../service/types.ts';
import { useStudio } from '../store/useStudio.ts';
import { ImageAbout, imageActions } from './ImageDetail.tsx';
import styles from './imageGrid.module.css';
import { Picture } from './Picture.tsx';
import { Marks, type Selection, SelectionBar, useSelection } from './selection.tsx';
import { Shortcuts } from './Shortcuts.tsx';
import { Dialog } from './Dialog.tsx';
import { Notice } from './Surface.tsx';
import { VirtualGrid } from './VirtualGrid.tsx';

export function ImageGrid({ images, size = 150 }: { images: readonly ImageRecord[]; size?: number }) {
  const [location, navigate] = useLocation();
  const screen = `/${location.split('/')[1] ?? ''}`;
  const openId = /^\/[a-z]+\/image\/(.+)$/.exec(location)?.[1];
  const index = images.findIndex((image) => image.id === openId);
  const read = useStudio((s) => s.pairsRead);
  const selection = useSelection(images);
  return (
    <>
      {openId !== undefined && index < 0 && read ? (
        <Notice tone="warn">
          <Trans>The picture of this address is not among these any more.</Trans>
        </Notice>
      ) : null}
      <SelectionBar selection={selection} listed={images.length} />
      <VirtualGrid label={t`Images`} items={images} size={size}>
        {(image) => ({
          key: image.id,
          cell: (
            <ImageCard image={image} selection={selection} onOpen={() => navigate(`${screen}/image/${image.id}`)} />
          ),
        })}
      </VirtualGrid>
      {index >= 0 ? (
        <ImageDialog
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

function ImageCard({ image, selection, onOpen }: { image: ImageRecord; selection: Selection; onOpen: () => void }) {
  const { seed } = image;
  const prompt = image.prompt || t`no prompt`;
  return (
    <div className={styles.cardHolder} data-selected={selection.has(image.id) || undefined}>
      <button
        type="button"
        className={styles.card}
        aria-label={t`Open image: ${prompt}, seed ${seed}`}
        onClick={onOpen}
      >
        <Picture file={image.file} alt="" thumbnail />
        <span className={styles.caption}>
          <span className={styles.prompt}>{image.prompt || t`No prompt`}</span>
          <span className="dim number">{t`seed ${seed}`}</span>
        </span>
      </button>
      <Marks image={image} selection={selection} />
    </div>
  );
}

function ImageDialog({
  image,
  onClose,
  onMove,
}: {
  image: ImageRecord;
  onClose: () => void;
  onMove: (by: number) => void;
}) {
  const [, navigate] = useLocation();
  const actions = imageActions(image, {
    onMove,
    onUsed: () => {
      onClose();
      navigate('/generate');
    },
  });
  return (
    <Dialog title={t`Image`} open onClose={onClose} size="xl">
      <Shortcuts title={t`Image`} actions={actions} always />
      <div className={styles.detail}>
        <div className={styles.big}>
          <Picture file={image.file} alt={image.prompt} ratio={image.width / image.height} />
        </div>
        <ImageAbout image={image} actions={actions} onClose={onClose} />
      </div>
    </Dialog>
  );
}
