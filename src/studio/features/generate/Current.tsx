/** The current picture large, how it was made beside it, and what was made before as a strip. The newest, unless an address says which. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef } from 'react';
import { useLocation } from 'wouter';
import type { ImageRecord } from '../../../service/types.ts';
import { Button, IconButton } from '../../components/Button.tsx';
import { ImageAbout, imageActions } from '../../components/ImageDetail.tsx';
import { Picture } from '../../components/Picture.tsx';
import { scaleAction, ScaleSwitch } from '../../components/ScaleSwitch.tsx';
import { Marks, type Selection, SelectionBar, useSelection } from '../../components/selection.tsx';
import { Shortcuts } from '../../components/Shortcuts.tsx';
import { Notice } from '../../components/Surface.tsx';
import { useStudio } from '../../store/useStudio.ts';
import styles from './generate.module.css';

export function Current() {
  const images = useStudio((s) => s.images);
  const read = useStudio((s) => s.pairsRead);
  const [location, navigate] = useLocation();
  const selection = useSelection(images);
  const asked = /^\/generate\/image\/(.+)$/.exec(location)?.[1];
  const found = images.findIndex(({ id }) => id === asked);
  const at = Math.max(0, found);
  const image = images[at];
  if (!image) return null;
  const { prompt, seed } = image;
  const [place, count] = [at + 1, images.length];
  // The newest has no address of its own: what is made next takes its place.
  const show = (index: number): void =>
    navigate(index === 0 ? '/generate' : `/generate/image/${images[index]!.id}`, { replace: asked !== undefined });
  const onMove = (by: number): void => {
    if (images[at + by]) show(at + by);
  };
  const actions = imageActions(image, { onMove, onUsed: () => undefined });
  return (
    <>
      <Shortcuts title={t`Image`} actions={[...actions, scaleAction()]} />
      {asked !== undefined && found < 0 && read ? (
        <Notice tone="warn">
          <Trans>The picture of this address is not among these any more.</Trans>
        </Notice>
      ) : null}
      <div className={styles.current}>
        <figure className={styles.stage} aria-label={t`Current image`}>
          <div className={styles.large} style={{ '--ratio': image.width / image.height } as React.CSSProperties}>
            <Picture file={image.file} alt={t`${prompt}, seed ${seed}`} ratio={image.width / image.height} />
          </div>
          <div className={styles.turn}>
            <IconButton
              icon="left"
              label={t`Newer image`}
              of="previousImage"
              disabled={at === 0}
              onClick={() => onMove(-1)}
            />
            <span className="small number">
              <Trans>
                {place} of {count}
              </Trans>
            </span>
            <IconButton
              icon="right"
              label={t`Older image`}
              of="nextImage"
              disabled={at === images.length - 1}
              onClick={() => onMove(1)}
            />
            <ScaleSwitch />
          </div>
        </figure>
        <ImageAbout image={image} actions={actions} onClose={() => navigate('/generate', { replace: true })} />
      </div>
      <SelectionBar selection={selection} listed={images.length} />
      <Strip images={images} at={at} selection={selection} onShow={show} />
    </>
  );
}

const TILE = 104;

function Strip({
  images,
  at,
  selection,
  onShow,
}: {
  images: readonly ImageRecord[];
  at: number;
  selection: Selection;
  onShow: (index: number) => void;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const tiles = useVirtualizer({
    horizontal: true,
    count: images.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => TILE,
    overscan: 4,
    getItemKey: (index) => images[index]!.id,
    // Before it is measured.
    initialRect: { width: 900, height: TILE },
  });
  useEffect(() => tiles.scrollToIndex(at), [tiles, at]);
  return (
    <section aria-label={t`History`}>
      <div ref={scroller} className={styles.strip}>
        <ul style={{ width: tiles.getTotalSize() }}>
          {tiles.getVirtualItems().map(({ key, index, start }) => {
            const image = images[index]!;
            const { prompt, seed } = image;
            return (
              <li
                key={key}
                aria-setsize={images.length}
                aria-posinset={index + 1}
                className={styles.tile}
                data-selected={selection.has(image.id) || undefined}
                style={{ transform: `translateX(${start}px)` }}
              >
                <button
                  type="button"
                  aria-current={index === at || undefined}
                  aria-label={prompt ? t`Show image: ${prompt}, seed ${seed}` : t`Show image: no prompt, seed ${seed}`}
                  title={prompt}
                  onClick={() => onShow(index)}
                >
                  <Picture file={image.file} alt="" thumbnail />
                </button>
                <Marks image={image} selection={selection} />
              </li>
            );
          })}
        </ul>
      </div>
      <Button look="quiet" icon="library" href="#/library">
        <Trans>All in the Library</Trans>
      </Button>
    </section>
  );
}
