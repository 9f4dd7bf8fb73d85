/** Start: a pair to judge at once, what this machine can do, the run that stopped, the loop in five steps. */
import { useLayoutEffect } from 'react';
import { Link, useLocation } from 'wouter';
import { Button } from '../../components/Button.tsx';
import { inChunk } from '../../components/inChunk.tsx';
import { Judge } from '../../components/Judge.tsx';
import { ModelWords, useKnownWords } from '../../components/ModelWords.tsx';
import { Disclosure, Empty, Panel } from '../../components/Surface.tsx';
import { plural } from '../../components/words.ts';
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
    s.pairs.length ? null : (s.labelProblem?.message ?? (s.lacks ? 'See above: an answer could not be kept.' : null)),
  );
  const lacks = useStudio((s) => s.lacks !== null);
  const noWebGPU = useStudio((s) => s.engineState === 'noWebGPU');
  const { judgeNew } = useStudio.getState();
  // A list that was opened on Label stays there: before anything is painted or a key counts.
  useLayoutEffect(judgeNew, [judgeNew]);
  return (
    <div className={styles.screen}>
      <header className={styles.hero}>
        <h1>Teach an image model your taste.</h1>
        <p className="dim">
          You say which of two pictures is better. The model learns from it in this tab. Nothing leaves this computer.
        </p>
      </header>
      {noWebGPU ? <NoWebGPU /> : null}
      <ResumeCard />
      <div className={styles.columns}>
        <section className={styles.judge} aria-label="Which one do you like more?">
          {showing ? (
            <>
              <div className="spread">
                <h2>Which one do you like more?</h2>
                <span className="small dim number">
                  {judged
                    ? `${plural(judged, 'label')} → ${usable} usable`
                    : lacks
                      ? 'Your answers are kept here'
                      : 'Your first answer already counts'}
                </span>
              </div>
              <Judge compact />
            </>
          ) : read ? (
            <Panel>
              {problem ? (
                <Empty icon="warn" title="No pair can be shown">
                  {problem}
                </Empty>
              ) : judged ? (
                <Empty
                  icon="check"
                  title={`${plural(usable, 'usable label')} so far`}
                  actions={
                    <>
                      <Button look="primary" icon="train" href="#/train" disabled={usable === 0}>
                        Train on them
                      </Button>
                      <Button icon="generate" href="#/generate">
                        Make more pairs
                      </Button>
                    </>
                  }
                >
                  Every pair here is judged.
                </Empty>
              ) : (
                <Empty
                  icon="generate"
                  title="Make your first pairs"
                  actions={
                    <Button look="primary" href="#/generate">
                      Go to Generate
                    </Button>
                  }
                >
                  Then say which picture of each pair is better.
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
      <Disclosure label="What can this model draw?">
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
      title: 'Generate',
      text: 'Make pairs: one prompt, two seeds.',
      done: images ? plural(images, 'image') : '',
    },
    {
      path: '/label',
      title: 'Label',
      text: 'Say which one is better. One key each.',
      done: labels ? plural(labels, 'label') : '',
    },
    {
      path: '/train',
      title: 'Train',
      text: 'The model learns to prefer what you prefer.',
      done: runs ? plural(runs, 'run') : '',
    },
    {
      path: '/compare',
      title: 'Compare',
      text: 'Before and after, blind. Does it show?',
      done: tests ? plural(tests, 'blind test') : '',
    },
    { path: '/generate', title: 'Again', text: 'New pairs from the better model, or take it with you.', done: '' },
  ];
  return (
    <Panel title="The loop">
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
