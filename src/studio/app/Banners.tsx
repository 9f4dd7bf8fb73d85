/** Above every screen: what this tab cannot do and why, a newer version, a model that is gone. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useEffect } from 'react';
import { Button } from '../components/Button.tsx';
import { Notice, ProblemNotice } from '../components/Surface.tsx';
import { toast } from '../components/toast.ts';
import { isAtWork } from '../store/offlineSlice.ts';
import { useStudio } from '../store/useStudio.ts';
import styles from './shell.module.css';

export function Banners() {
  return (
    <>
      <Standing />
      <NewVersion />
      <ModelGone />
    </>
  );
}

/** Says once that the chosen model is not here any more. */
function ModelGone() {
  const gone = useStudio((s) => s.baseGone);
  const now = useStudio((s) => s.models[0]?.title);
  const { forgetBaseGone } = useStudio.getState();
  useEffect(() => {
    if (gone === null) return;
    toast(t`${gone} is not here any more`, now ? t`${now} is in use again.` : '');
    forgetBaseGone();
  }, [gone, now, forgetBaseGone]);
  return null;
}

/** Another version is changed to by hand alone, and never under what is at work. */
function NewVersion() {
  const change = useStudio((s) => (s.versionLater ? null : s.changeVersion));
  const working = useStudio(isAtWork);
  const elsewhere = useStudio((s) => s.engineState === 'otherTab' && !s.ownerGone);
  const { leaveVersion } = useStudio.getState();
  if (!change) return null;
  return (
    <div className={styles.banner}>
      <Notice
        title={t`A newer version of Winnow is here`}
        actions={
          <>
            <Button disabled={working || elsewhere} onClick={change}>
              <Trans>Change to it</Trans>
            </Button>
            <Button look="quiet" onClick={leaveVersion}>
              <Trans comment="a button: leaves a newer version for later">Later</Trans>
            </Button>
          </>
        }
      >
        {elsewhere
          ? t`Change to it in the tab that Winnow is at work in, or after closing that.`
          : working
            ? t`It waits until what is at work has ended.`
            : t`The page is loaded again; everything is kept. Closing every tab does the same.`}
      </Notice>
    </div>
  );
}

/** Why this tab does not do all it could. */
function Standing() {
  const state = useStudio((s) => s.engineState);
  const problem = useStudio((s) => s.engineProblem);
  const takingOver = useStudio((s) => s.preparing !== null);
  const gone = useStudio((s) => s.ownerGone);
  const training = useStudio((s) => s.activeRun !== null);
  const lacks = useStudio((s) => s.lacks);
  const { takeOverFromOtherTab, restartEngine } = useStudio.getState();
  if (state === 'otherTab') {
    return (
      <div className={styles.banner}>
        <Notice
          tone="warn"
          title={gone ? t`The tab that Winnow was at work in is closed` : t`Winnow is at work in another tab`}
          actions={
            <Button busy={takingOver} onClick={takeOverFromOtherTab}>
              <Trans>Take over here</Trans>
            </Button>
          }
        >
          {gone
            ? t`This tab only looks until it takes over.`
            : training
              ? t`This tab only looks, so that nothing is written twice, and follows the run that trains there. Taking over saves and pauses what runs there.`
              : t`This tab only looks, so that nothing is written twice. Taking over saves and pauses what runs there.`}
        </Notice>
      </div>
    );
  }
  if (lacks) {
    return (
      <div className={styles.banner}>
        <Notice tone="bad" title={lacks.error.what}>
          {lacks.what === 'records'
            ? t`An answer or a picture would be lost at once, so nothing can be judged, made or trained here.`
            : t`Pictures, models and runs have no place here: none can be made. The pairs that came with Winnow can be judged.`}{' '}
          {lacks.error.remedy}
        </Notice>
      </div>
    );
  }
  if (state === 'failed') {
    return (
      <div className={styles.banner}>
        <ProblemNotice
          problem={problem}
          actions={
            <Button icon="refresh" onClick={restartEngine}>
              <Trans>Start the engine again</Trans>
            </Button>
          }
        />
      </div>
    );
  }
  return null;
}
