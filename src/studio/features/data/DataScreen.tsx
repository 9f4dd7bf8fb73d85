/** Data: preferences that others gave come in, ours go out, who labelled and how far they agree, and everything as one file. */
import { plural, t } from '@lingui/core/macro';
import { Page } from '../../components/Surface.tsx';
import { useStudio } from '../../store/useStudio.ts';
import { BringIn } from './BringIn.tsx';
import { JudgeLabels } from './JudgeLabels.tsx';
import { ProjectFile } from './ProjectFile.tsx';
import { Raters } from './Raters.tsx';
import { TakePairs } from './TakePairs.tsx';
import styles from './data.module.css';

export function DataScreen() {
  const pairs = useStudio((s) => s.pairs.length);
  const { labels, usable, tie: ties } = useStudio((s) => s.counts);
  return (
    <Page
      title={t`Data`}
      wide
      lead={t`${plural(pairs, { one: `${pairs} pair`, other: `${pairs} pairs` })}, ${labels} of them labelled: ${usable} with a preference, ${plural(ties, { one: `${ties} tie`, other: `${ties} ties` })}.`}
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
