/** One picture of the file store, on neutral grey while it loads: smooth at any size, or each of its pixels as so many of the screen's. */
import { Trans } from '@lingui/react/macro';
import { type CSSProperties, useEffect, useRef, useState } from 'react';
import { areEnlarged, decodedPicture, loadPicture } from '../store/pictures.ts';
import { useStudio } from '../store/useStudio.ts';
import styles from './picture.module.css';

/** @returns the object URL, null while it loads, 'missing' if there is no such file, 'unreadable' if it cannot be read or shown. */
export function usePicture(file: string | undefined, thumbnail = false): string | null {
  const enlarged = useStudio(areEnlarged) && !thumbnail;
  const [loaded, setLoaded] = useState<{ file: string; enlarged: boolean; url: string } | null>(null);
  useEffect(() => {
    if (!file) return;
    let current = true;
    const set = (url: string): void => void (current && setLoaded({ file, enlarged, url }));
    loadPicture(file, enlarged).then(set, (error: unknown) =>
      set(error instanceof Error && error.name === 'NotFound' ? 'missing' : 'unreadable'),
    );
    return () => {
      current = false;
    };
  }, [file, enlarged]);
  if (!file) return null;
  return loaded?.file === file && loaded.enlarged === enlarged ? loaded.url : (decodedPicture(file, enlarged) ?? null);
}

export const isShown = (url: string | null): boolean => url !== null && url !== 'missing' && url !== 'unreadable';

/** Whether a person sees all of these: nobody may be asked about a picture that is not there. */
export function usePictures(left: string | undefined, right: string | undefined): 'loading' | 'shown' | 'lost' {
  const urls = [usePicture(left), usePicture(right)];
  if (urls.every(isShown)) return 'shown';
  return urls.some((url) => url !== null && !isShown(url)) ? 'lost' : 'loading';
}

export function Picture({
  file,
  alt,
  style,
  ratio = 1,
  thumbnail = false,
}: {
  file: string | undefined;
  alt: string;
  style?: CSSProperties;
  ratio?: number;
  thumbnail?: boolean;
}) {
  const url = usePicture(file, thumbnail);
  const frame = useRef<HTMLSpanElement>(null);
  const inSteps = useStudio((s) => !areEnlarged(s)) && !thumbnail;
  const [natural, setNatural] = useState<Size | null>(null);
  const steps = useSteps(frame, inSteps ? natural : null);
  return (
    <span ref={frame} className={styles.frame} style={{ aspectRatio: ratio }}>
      {url === 'missing' ? (
        <span className={styles.missing}>
          <Trans>This file is gone</Trans>
        </span>
      ) : null}
      {url === 'unreadable' ? (
        <span className={styles.missing}>
          <Trans>This picture cannot be read here</Trans>
        </span>
      ) : null}
      {url && isShown(url) ? (
        <img
          className={styles.picture}
          src={url}
          alt={alt}
          style={{ ...steps, ...style }}
          draggable={false}
          onLoad={({ currentTarget: { naturalWidth: width, naturalHeight: height } }) => setNatural({ width, height })}
        />
      ) : null}
    </span>
  );
}

interface Size {
  width: number;
  height: number;
}

/** Of a picture in a box, px of the page: as many whole pixels of the screen for each of its own as there is room for, on the screen's own
 *  grid. Undefined where there is room for less than one. */
export function wholeSteps(
  picture: Size,
  box: Size,
  pixelRatio: number,
): { width: number; height: number; left: number; top: number; steps: number } | undefined {
  const fits = Math.min(box.width / picture.width, box.height / picture.height) * pixelRatio;
  // A box that is a hair too small for rounding's sake is not.
  const steps = Math.floor(fits + 0.01);
  if (steps < 1) return undefined;
  const [width, height] = [(picture.width * steps) / pixelRatio, (picture.height * steps) / pixelRatio];
  const onGrid = (px: number): number => Math.max(0, Math.floor(px * pixelRatio) / pixelRatio);
  return { width, height, left: onGrid((box.width - width) / 2), top: onGrid((box.height - height) / 2), steps };
}

/** How it lies in its frame, as the frame grows and shrinks. */
function useSteps(frame: { current: HTMLElement | null }, natural: Size | null): CSSProperties {
  const [box, setBox] = useState<Size | null>(null);
  useEffect(() => {
    const element = frame.current;
    if (!natural || !element) return;
    const measure = (): void => setBox({ width: element.clientWidth, height: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [frame, natural]);
  const placed = natural && box && wholeSteps(natural, box, devicePixelRatio);
  if (!placed) return {};
  const { steps: _, ...place } = placed;
  return { ...place, inset: 'auto', left: place.left, top: place.top, imageRendering: 'pixelated' };
}
