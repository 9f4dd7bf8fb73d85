/** Train: set a run up, watch the one at work, go back to those that were. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useCallback, useEffect, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import { Button } from '../../components/Button.tsx';
import { Empty, Page, ProblemNotice } from '../../components/Surface.tsx';
import { useStudio } from '../../store/useStudio.ts';
import { RunsList } from './RunsList.tsx';
import { RunView } from './RunView.tsx';
import { Setup } from './Setup.tsx';

export function TrainScreen() {
  const activeRun = useStudio((s) => s.activeRun);
  const problem = useStudio((s) => s.trainProblem);
  const [location, navigate] = useLocation();
  // `/train` is the run at work, or what there is to set up where there is none; `/train/new` that in any case.
  const opened = /^\/train\/(.+)$/.exec(location)?.[1] ?? null;
  const asked = opened === 'new' ? null : opened;
  const name = useStudio((s) => s.runs.find(({ id }) => id === asked)?.name);
  const known = asked === activeRun || name !== undefined;
  const viewed = known ? asked : null;
  const reading = useStudio((s) => s.engineState === 'starting');
  const [overlays, setOverlays] = useState<string[]>([]);
  const { readMetrics } = useStudio.getState();
  const view = useCallback((id: string) => navigate(`/train/${id}`), [navigate]);
  const began = useRef(activeRun);

  useEffect(() => {
    if (activeRun && (opened === null || activeRun !== began.current))
      navigate(`/train/${activeRun}`, { replace: opened === null });
    // Refused before there was a run: back to what was set up, which says why.
    else if (!activeRun && began.current !== null && opened === began.current && !known)
      navigate('/train/new', { replace: true });
    began.current = activeRun;
  }, [activeRun, opened, known, navigate]);
  useEffect(() => {
    for (const id of [viewed, ...overlays]) if (id) void readMetrics(id);
  }, [viewed, overlays, readMetrics]);

  const toggleOverlay = (id: string): void =>
    setOverlays((now) => (now.includes(id) ? now.filter((one) => one !== id) : [...now, id]));
  return (
    <Page
      title={(viewed && name) || t`Train`}
      wide
      actions={
        viewed ? (
          <Button icon="train" onClick={() => view('new')}>
            {activeRun ? t`Set up the next run` : t`New run`}
          </Button>
        ) : undefined
      }
    >
      <ProblemNotice problem={problem} />
      {viewed ? (
        <RunView key={viewed} id={viewed} overlays={overlays.filter((id) => id !== viewed)} />
      ) : asked === null ? (
        <Setup />
      ) : (
        <Empty
          icon="train"
          title={reading ? t`Reading the runs` : t`This run is not here any more`}
          actions={
            <Button onClick={() => view('new')}>
              <Trans>New run</Trans>
            </Button>
          }
        />
      )}
      <RunsList
        viewed={viewed}
        overlays={overlays}
        onView={view}
        onOverlay={toggleOverlay}
        onDuplicate={() => view('new')}
      />
    </Page>
  );
}
