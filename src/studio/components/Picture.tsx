/** One picture of the file store, smooth at any size, on neutral grey while it loads. */
import { type CSSProperties, useEffect, useState } from 'react';
import { decodedPicture, loadPicture } from '../store/pictures.ts';
import styles from './picture.module.css';

/** @returns the object URL, null while it loads, 'missing' if there is no such file, 'unreadable' if it cannot be read or shown. */
export function usePicture(file: string | undefined, thumbnail = false): string | null {
  const [loaded, setLoaded] = useState<{ file: string; url: string } | null>(null);
  useEffect(() => {
    if (!file) return;
    let current = true;
    loadPicture(file, !thumbnail).then(
      (url) => current && setLoaded({ file, url }),
      (error: unknown) =>
        current &&
        setLoaded({ file, url: error instanceof Error && error.name === 'NotFound' ? 'missing' : 'unreadable' }),
    );
    return () => {
      current = false;
    };
  }, [file, thumbnail]);
  if (!file) return null;
  return loaded?.file === file ? loaded.url : (decodedPicture(file, !thumbnail) ?? null);
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
  return (
    <span className={styles.frame} style={{ aspectRatio: ratio }}>
      {url === 'missing' ? <span className={styles.missing}>This file is gone</span> : null}
      {url === 'unreadable' ? <span className={styles.missing}>This picture cannot be read here</span> : null}
      {url && isShown(url) ? (
        <img className={styles.picture} src={url} alt={alt} style={style} draggable={false} />
      ) : null}
    </span>
  );
}
