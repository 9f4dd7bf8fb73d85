/** Start: a pair to judge at once, what this machine can do, the run that stopped, the loop in five steps. */
import { plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useLayoutEffect } from 'react';
import { Link, useLocation } from 'wouter';
import { Button } from '../../components/Button.tsx';
import { inChunk } from '../../components/inChunk.tsx';
import { Judge } from '../../components/Judge.tsx';
import { ModelWords, useKnownWords } from '../../components/ModelWords.tsx';
import { Disclosure, Empty, Panel } from '../../components/Surface.tsx';
import { usable as ownUsable } from '../../store/labelSelectors.ts';
import { isUnfinished } from '../../store/blindSlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import { ResumeCard } from './ResumeCard.tsx';
import styles from './start.module.css';
import { SystemCheck } from './SystemCheck.tsx';

const NoWebGPU = inChunk(async () => (await import('./NoWebGPU.tsx')).NoWebGPU);

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
      <ResumeCard />
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
          <SystemCheck />
          <WhatItDraws />
          <TheLoop />
        </aside>
      </div>
    </div>
  );
}

/** A word begins a prompt on Generate. */
function WhatItDraws() {
  const words = useKnownWords();
  const [, navigate] = useLocation();
  const { setDraft } = useStudio.getState();
  if (!words?.kinds.length) return null;
  const begin = (prompt: string): void => {
    setDraft({ prompt, list: null });
    navigate('/generate');
  };
  return (
    <Panel>
      <Disclosure label={t`What can this model draw?`}>
        <ModelWords words={words} onWords={begin} onPrompt={begin} />
      </Disclosure>
    </Panel>
  );
}

function TheLoop() {
  const labels = useStudio((s) => s.counts.labels);
  const runs = useStudio((s) => s.runs.length);
  const tests = useStudio((s) => s.blindTests.filter((test) => !isUnfinished(test)).length);
  const images = useStudio((s) => s.images.length);
  const steps = [
    {
      path: '/generate',
      title: t`Generate`,
      text: t`Make pairs: one prompt, two seeds.`,
      done: images ? plural(images, { one: `${images} image`, other: `${images} images` }) : '',
    },
    {
      path: '/label',
      title: t({ message: 'Label', context: 'screen' }),
      text: t({ message: 'Say which one is better. One key each.', comment: 'of a keyboard' }),
      done: labels ? plural(labels, { one: `${labels} label`, other: `${labels} labels` }) : '',
    },
    {
      path: '/train',
      title: t`Train`,
      text: t`The model learns to prefer what you prefer.`,
      done: runs ? plural(runs, { one: `${runs} run`, other: `${runs} runs` }) : '',
    },
    {
      path: '/compare',
      title: t`Compare`,
      text: t({
        message: 'Before and after, blind. Does it show?',
        comment: 'blind: without being told which is which',
      }),
      done: tests ? plural(tests, { one: `${tests} blind test`, other: `${tests} blind tests` }) : '',
    },
    {
      path: '/generate',
      title: t({ message: 'Again', comment: 'a step: the loop begins anew' }),
      text: t`New pairs from the better model, or take it with you.`,
      done: '',
    },
  ];
  return (
    <Panel title={t({ message: 'The loop', comment: 'Generate, Label, Train, Compare, and again' })}>
      <ol className={styles.loop}>
        {steps.map(({ path, title, text, done }, index) => (
          <li key={title}>
            <span className={styles.number} aria-hidden="true">
              {index + 1}
            </span>
            <div>
              <Link href={path}>{title}</Link>
              <p className="small dim">{text}</p>
            </div>
            {done ? <span className="small dim number">{done}</span> : null}
          </li>
        ))}
      </ol>
    </Panel>
  );
}
