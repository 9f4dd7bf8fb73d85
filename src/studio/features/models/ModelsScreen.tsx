/** Models: what is here, which one is worked with, what each takes on this GPU, and how more come in. */
import { t } from '@lingui/core/macro';
import { Page, ProblemNotice } from '../../components/Surface.tsx';
import { useStudio } from '../../store/useStudio.ts';
import { AddModel } from './AddModel.tsx';
import { ComingIn } from './ComingIn.tsx';
import { Judges } from './Judges.tsx';
import { ModelDetail } from './ModelDetail.tsx';
import { ModelForecastPanel } from './ModelForecastPanel.tsx';
import { ModelList } from './ModelList.tsx';
import { entriesOf, useViewed } from './entries.ts';
import styles from './models.module.css';

export function ModelsScreen() {
  const models = useStudio((s) => s.models);
  const stored = useStudio((s) => s.stored);
  const unopened = useStudio((s) => s.unopened);
  const problem = useStudio((s) => s.modelsProblem);
  const entries = entriesOf(models, stored, unopened);
  const entry = useViewed(entries);
  return (
    <Page
      title={t`Models`}
      wide
      lead={t`One of them is worked with at a time: it makes the pictures, and it is what learns. Models stay in this browser, on this computer.`}
    >
      <div className={styles.columns}>
        <div className={styles.side}>
          <ModelList entries={entries} viewed={entry?.id} />
          <div className={styles.add}>
            <AddModel />
            <Judges />
          </div>
        </div>
        <div className={styles.main}>
          <ComingIn />
          <ProblemNotice problem={problem} />
          {entry ? <ModelDetail entry={entry} /> : null}
          {entry?.info ? <ModelForecastPanel key={entry.id} info={entry.info} /> : null}
        </div>
      </div>
    </Page>
  );
}
