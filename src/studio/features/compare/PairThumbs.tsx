/** Every prompt and seed as a small A|B; one click brings it up. */
import { Picture } from '../../components/Picture.tsx';
import { useStudio } from '../../store/useStudio.ts';
import styles from './compare.module.css';

export function PairThumbs() {
  const a = useStudio((s) => s.compareA);
  const b = useStudio((s) => s.compareB);
  const prompts = useStudio((s) => s.comparePrompts);
  const seeds = useStudio((s) => s.compareSeeds);
  const position = useStudio((s) => s.comparePosition);
  useStudio((s) => s.compareCells);
  useStudio((s) => s.modelHashes);
  useStudio((s) => s.draft);
  const { cellOf, showComparison } = useStudio.getState();
  if (!a || !b) return null;
  const cells = prompts
    .flatMap((prompt, p) =>
      seeds.map((seed, s) => ({ prompt, seed, p, s, a: cellOf(a, prompt, seed), b: cellOf(b, prompt, seed) })),
    )
    .filter((cell) => cell.a ?? cell.b);
  if (cells.length < 2) return null;
  return (
    <ul className={styles.thumbs} aria-label="Every prompt and seed">
      {cells.map((cell) => (
        <li key={`${cell.p} ${cell.s}`}>
          <button
            type="button"
            className={styles.thumb}
            aria-pressed={cell.p === position.prompt && cell.s === position.seed}
            aria-label={`${cell.prompt}, seed ${cell.seed}`}
            onClick={() => showComparison(cell.p, cell.s)}
          >
            <Picture file={cell.a?.file} alt="" thumbnail />
            <Picture file={cell.b?.file} alt="" thumbnail />
          </button>
        </li>
      ))}
    </ul>
  );
}
