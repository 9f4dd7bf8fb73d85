/** One picture of the file store, smooth at any size, on neutral grey while it loads. */
import { type CSSProperties, useEffect, useState } from 'react';
import { loadPicture } from '../store/pictures.ts';
import styles from './picture.module.css';

/** @returns the object URL, null while it loads, 'missing' if there is no such file. */
export function usePicture(file: string | undefined, thumbnail = false): string | null {
  const [loaded, setLoaded] = useState<{ file: string; url: string } | null>(null);
  useEffect(() => {
    if (!file) return;
    let current = true;
    loadPicture(file, !thumbnail).then(
      (url) => current && setLoaded({ file, url }),
      () => current && setLoaded({ file, url: 'missing' }),
    );
    return () => {
      current = false;
    };
  }, [file, thumbnail]);
  return loaded && loaded.file === file ? loaded.url : null;
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
      {url && url !== 'missing' ? (
        <img className={styles.picture} src={url} alt={alt} style={style} draggable={false} />
      ) : null}
    </span>
  );
}
