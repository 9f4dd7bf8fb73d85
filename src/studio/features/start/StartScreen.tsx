/** Start: a pair to judge at once, what this machine can do, the run that stopped, the loop in five steps. */
import { plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useLayoutEffect } from 'react';
import { Button } from '../../components/Button.tsx';
import { inChunk } from '../../components/inChunk.tsx';
import { Judge } from '../../components/Judge.tsx';
import { Empty, Panel } from '../../components/Surface.tsx';
import { usable as ownUsable } from '../../store/labelSelectors.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './start.module.css';

const NoWebGPU = inChunk(async () => (await import('./NoWebGPU.tsx')).NoWebGPU);
const ResumeCard = inChunk(async () => (await import('./ResumeCard.tsx')).ResumeCard);
const Aside = inChunk(async () => (await import('./Aside.tsx')).Aside);

export function StartScreen() {
  const showing = useStudio((s) => s.showing !== null);
  const read = useStudio((s) => s.pairsRead);
  const judged = useStudio((s) => s.counts.labels);
  const usable = useStudio((s) => ownUsable(s).own);
  // Read without any pair: for a reason, not because all are judged.
  const problem = useStudio((s) =>
    s.pairs.length ? null : (s.labelProblem?.message ?? (s.lacks ? t`See above: an answer could not be kept.` : null)),
  );
  const lacks = useStudio((s) => s.lacks !== null);
  const later = useStudio((s) => s.firstShown);
  const noWebGPU = useStudio((s) => s.engineState === 'noWebGPU');
  const { judgeNew } = useStudio.getState();
  // A list that was opened on Label stays there: before anything is painted or a key counts.
  useLayoutEffect(judgeNew, [judgeNew]);
  return (
    <div className={styles.screen}>
      <header className={styles.hero}>
        <h1>
          <Trans>Teach an image model your taste.</Trans>
        </h1>
        <p className="dim">
          <Trans>
            You say which of two pictures is better. The model learns from it in this tab. Nothing leaves this computer.
          </Trans>
        </p>
      </header>
      {noWebGPU ? <NoWebGPU /> : null}
      {later ? <ResumeCard /> : null}
      <div className={styles.columns}>
        <section className={styles.judge} aria-label={t`Which one do you like more?`}>
          {showing ? (
            <>
              <div className="spread">
                <h2>
                  <Trans>Which one do you like more?</Trans>
                </h2>
                <span className="small dim number">
                  {judged
                    ? t`${plural(judged, { one: `${judged} label`, other: `${judged} labels` })} → ${usable} usable`
                    : lacks
                      ? t`Your answers are kept here`
                      : t`Your first answer already counts`}
                </span>
              </div>
              <Judge compact />
            </>
          ) : read ? (
            <Panel>
              {problem ? (
                <Empty icon="warn" title={t`No pair can be shown`}>
                  {problem}
                </Empty>
              ) : judged ? (
                <Empty
                  icon="check"
                  title={plural(usable, {
                    one: `${usable} usable label so far`,
                    other: `${usable} usable labels so far`,
                  })}
                  actions={
                    <>
                      <Button look="primary" icon="train" href="#/train" disabled={usable === 0}>
                        <Trans comment="labels">Train on them</Trans>
                      </Button>
                      <Button icon="generate" href="#/generate">
                        <Trans>Make more pairs</Trans>
                      </Button>
                    </>
                  }
                >
                  <Trans>Every pair here is judged.</Trans>
                </Empty>
              ) : (
                <Empty
                  icon="generate"
                  title={t`Make your first pairs`}
                  actions={
                    <Button look="primary" href="#/generate">
                      <Trans comment="a screen">Go to Generate</Trans>
                    </Button>
                  }
                >
                  <Trans>Then say which picture of each pair is better.</Trans>
                </Empty>
              )}
            </Panel>
          ) : (
            <div className={styles.waiting} />
          )}
        </section>
        <aside className={styles.aside}>
          {/* Not before the pair. */}
          {later ? <Aside /> : null}
        </aside>
      </div>
    </div>
  );
}
