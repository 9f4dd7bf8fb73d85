/** Every prompt and seed as a small A|B, and C and more behind it; one click brings it up. */
import { t } from '@lingui/core/macro';
import { Picture } from '../../components/Picture.tsx';
import { comparison, otherPictures } from '../../store/compareSelectors.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './compare.module.css';

export function PairThumbs() {
  const pairs = useStudio(comparison);
  const position = useStudio((s) => s.comparePosition);
  const others = useStudio(otherPictures);
  const { showComparison } = useStudio.getState();
  const cells = pairs
    .map((pair, at) => ({ ...pair, others: others.map(({ images }) => images[at]) }))
    .filter(({ a, b, others: more }) => a ?? b ?? more.find(Boolean));
  if (cells.length < 2) return null;
  return (
    <ul className={styles.thumbs} aria-label={t`Every prompt and seed`}>
      {cells.map(({ prompt, seed, promptAt, seedAt, a, b, others: more }) => (
        <li key={`${promptAt} ${seedAt}`}>
          <button
            type="button"
            className={styles.thumb}
            aria-pressed={promptAt === position.prompt && seedAt === position.seed}
            aria-label={t`${prompt}, seed ${seed}`}
            onClick={() => showComparison(promptAt, seedAt)}
          >
            <Picture file={a?.file} alt="" thumbnail />
            <Picture file={b?.file} alt="" thumbnail />
            {more.map((image, at) => (
              <Picture key={String.fromCharCode(67 + at)} file={image?.file} alt="" thumbnail />
            ))}
          </button>
        </li>
      ))}
    </ul>
  );
}
