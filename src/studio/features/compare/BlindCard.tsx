/** Starts a blind test, and keeps the verdicts of those that were. */
import { useState } from 'react';
import type { Question } from '../../../data/blindTests.ts';
import { verdict } from '../../../evaluation/verdict.ts';
import type { Action } from '../../components/action.ts';
import { ActionButton } from '../../components/Button.tsx';
import { NumberField, Switch } from '../../components/Fields.tsx';
import { withFields } from '../../components/fieldProblem.ts';
import { Shortcuts } from '../../components/Shortcuts.tsx';
import { Disclosure, Panel } from '../../components/Surface.tsx';
import { printWhen } from '../../components/words.ts';
import { areSame } from '../../store/compareSelectors.ts';
import { blindResults } from '../../store/takeAway.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './compare.module.css';

const allQuestions: Question[] = ['general', 'appeal', 'alignment'];

export function BlindCard() {
  const different = useStudio((s) => s.compareA !== null && s.compareB !== null && !areSame(s));
  const ready = useStudio((s) => s.engineState === 'ready');
  const tests = useStudio((s) => s.blindTests);
  const { startBlindTest } = useStudio.getState();
  const [rounds, setRounds] = useState(20);
  const [three, setThree] = useState(false);
  const start: Action = {
    name: 'blind',
    label: 'Start the blind test',
    keys: 'b',
    enabled: different && ready,
    perform: withFields(() => startBlindTest({ rounds, questions: three ? allQuestions : ['general'] })),
  };
  return (
    <Panel title="Blind test">
      <div className="stack">
        <Shortcuts title="Blind test" actions={[start]} />
        <p className="small dim">
          A and B on prompts that training never saw. Sides shuffled, names hidden until the end.
        </p>
        <NumberField
          label="Comparisons"
          value={rounds}
          min={1}
          max={400}
          onChange={setRounds}
          hint={rounds < 40 ? 'So few show only a large difference.' : undefined}
        />
        <Switch
          label="Ask three questions"
          hint="General preference, visual appeal (the prompt hidden), and fit to the prompt."
          checked={three}
          onChange={setThree}
        />
        <ActionButton action={start} look="primary" icon="eye" full />
        {tests.length ? (
          <Disclosure label={`Earlier verdicts (${tests.length})`}>
            <ul className={styles.verdicts}>
              {tests.map((test) => (
                <li key={test.id}>
                  <span className="small dim">
                    {printWhen(test.createdAt)}: {test.b.title} against {test.a.title}
                  </span>
                  {blindResults(test).map(({ question, result }) => (
                    <p key={question} className="small">
                      {verdict(result, 'B').counted}
                    </p>
                  ))}
                </li>
              ))}
            </ul>
          </Disclosure>
        ) : null}
      </div>
    </Panel>
  );
}
