/** Train: set a run up, watch the one at work, go back to those that were. */
import { useEffect, useState } from 'react';
import { Button } from '../../components/Button.tsx';
import { Page, ProblemNotice } from '../../components/Surface.tsx';
import { useStudio } from '../../store/useStudio.ts';
import { RunsList } from './RunsList.tsx';
import { RunView } from './RunView.tsx';
import { Setup } from './Setup.tsx';

export function TrainScreen() {
  const activeRun = useStudio((s) => s.activeRun);
  const problem = useStudio((s) => s.trainProblem);
  const [opened, setViewed] = useState<string | null>(activeRun);
  // One that was deleted is not in view any more.
  const name = useStudio((s) => s.runs.find(({ id }) => id === opened)?.name);
  const viewed = opened === activeRun || name !== undefined ? opened : null;
  const [overlays, setOverlays] = useState<string[]>([]);
  const { readMetrics } = useStudio.getState();

  useEffect(() => {
    if (activeRun) setViewed(activeRun);
  }, [activeRun]);
  useEffect(() => {
    for (const id of [viewed, ...overlays]) if (id) void readMetrics(id);
  }, [viewed, overlays, readMetrics]);

  const toggleOverlay = (id: string): void =>
    setOverlays((now) => (now.includes(id) ? now.filter((one) => one !== id) : [...now, id]));
  return (
    <Page
      title={(viewed && name) || 'Train'}
      wide
      actions={
        viewed ? (
          <Button icon="train" onClick={() => setViewed(null)}>
            {activeRun ? 'Set up the next run' : 'New run'}
          </Button>
        ) : undefined
      }
    >
      <ProblemNotice problem={problem} />
      {viewed ? <RunView id={viewed} overlays={overlays.filter((id) => id !== viewed)} /> : <Setup />}
      <RunsList
        viewed={viewed}
        overlays={overlays}
        onView={setViewed}
        onOverlay={toggleOverlay}
        onDuplicate={() => setViewed(null)}
      />
    </Page>
  );
}
