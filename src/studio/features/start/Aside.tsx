/** Beside the pair on Start: this computer, what the model draws, and how it goes on. */
import { plural, t } from '@lingui/core/macro';
import { Link, useLocation } from 'wouter';
import { ModelWords, useKnownWords } from '../../components/ModelWords.tsx';
import { Disclosure } from '../../components/Disclosure.tsx';
import { Panel } from '../../components/Surface.tsx';
import { isUnfinished } from '../../store/blindSlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './start.module.css';
import { SystemCheck } from './SystemCheck.tsx';

export function Aside() {
  return (
    <>
      <SystemCheck />
      <WhatItDraws />
      <TheLoop />
    </>
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
