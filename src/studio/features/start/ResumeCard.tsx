/** A run that stopped before its end, and the button that goes on with it. */
import { t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useLocation } from 'wouter';
import { Button } from '../../components/Button.tsx';
import { Notice } from '../../components/Surface.tsx';
import { printWhen } from '../../components/words.ts';
import { canResume } from '../../store/trainSlice.ts';
import { useStudio } from '../../store/useStudio.ts';

function savedInWords({ step, at }: { step: number; at: string }): string {
  const when = printWhen(at);
  return t`Saved at step ${step}, ${when}. It goes on from there exactly as if it had never stopped.`;
}

export function ResumeCard() {
  const run = useStudio((s) =>
    s.runs.find(
      (one) =>
        (one.status === 'running' || one.status === 'paused' || one.status === 'preparing') &&
        canResume(one, s.activeRun),
    ),
  );
  const ready = useStudio((s) => s.engineState === 'ready');
  const busy = useStudio((s) => s.activeRun !== null);
  const { resumeRun } = useStudio.getState();
  const [, navigate] = useLocation();
  if (!run) return null;
  const saved = run.checkpoints.at(-1);
  const { name, step } = run;
  const { steps } = run.config;
  return (
    <Notice
      tone="warn"
      title={t`“${name}” stopped at step ${step} of ${steps}`}
      actions={
        <Button
          look="primary"
          icon="play"
          disabled={!ready || busy}
          onClick={() => {
            void resumeRun(run.id);
            navigate(`/train/${run.id}`);
          }}
        >
          <Trans>Resume</Trans>
        </Button>
      }
    >
      {saved
        ? savedInWords(saved)
        : t`Nothing of it was saved yet: it begins again with the same settings, and comes to the same numbers.`}
    </Notice>
  );
}
