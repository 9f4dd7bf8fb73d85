/** Files by their paths and sizes. */
import { printBytes } from '../../components/words.ts';
import styles from './models.module.css';

export function FileList({ files }: { files: readonly { path: string; size: number }[] }) {
  return (
    <ul className={styles.files}>
      {files.map(({ path, size }) => (
        <li key={path}>
          <span className={styles.path}>{path}</span>
          <span className="dim number">{printBytes(size)}</span>
        </li>
      ))}
    </ul>
  );
}
