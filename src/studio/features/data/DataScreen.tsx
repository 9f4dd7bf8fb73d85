/** Data: preferences that others gave come in, ours go out, who labelled and how far they agree, and everything as one file. */
import { Page } from '../../components/Surface.tsx';
import { plural } from '../../components/words.ts';
import { useStudio } from '../../store/useStudio.ts';
import { BringIn } from './BringIn.tsx';
import { JudgeLabels } from './JudgeLabels.tsx';
import { ProjectFile } from './ProjectFile.tsx';
import { Raters } from './Raters.tsx';
import { TakePairs } from './TakePairs.tsx';
import styles from './data.module.css';

export function DataScreen() {
  const pairs = useStudio((s) => s.pairs.length);
  const counts = useStudio((s) => s.counts);
  return (
    <Page
      title="Data"
      wide
      lead={`${plural(pairs, 'pair')}, ${counts.labels} of them labelled: ${counts.usable} with a preference, ${plural(counts.tie, 'tie')}.`}
    >
      <div className={styles.columns}>
        <div className={styles.column}>
          <BringIn />
          <JudgeLabels />
          <Raters />
        </div>
        <div className={styles.column}>
          <TakePairs />
          <ProjectFile />
        </div>
      </div>
    </Page>
  );
}
