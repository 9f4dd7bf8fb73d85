/** Starts a blind test or a study, and keeps the verdicts of those that were. */
import { plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useMemo, useState } from 'react';
import type { BlindTestRecord, Question } from '../../../data/blindTests.ts';
import type { ListedPrompt } from '../../../data/formats/promptSets.ts';
import { acceptOf, fileSource, importAs } from '../../../data/importers/table.ts';
import { blindFigures, modelsOf } from '../../../evaluation/blindFigures.ts';
import { verdict } from '../../../evaluation/verdict.ts';
import type { Action } from '../../components/action.ts';
import { ActionButton, Button, IconButton } from '../../components/Button.tsx';
import { FileButton } from '../../components/FileButton.tsx';
import { NumberField, Switch, TextField } from '../../components/Fields.tsx';
import { withFields } from '../../components/fieldProblem.ts';
import { Shortcuts } from '../../components/Shortcuts.tsx';
import { ConfirmButton } from '../../components/Dialog.tsx';
import { Disclosure } from '../../components/Disclosure.tsx';
import { Panel, ProblemNotice } from '../../components/Surface.tsx';
import { toastProblem } from '../../components/toast.ts';
import { printWhen } from '../../components/words.ts';
import { isUnfinished, judgedRounds } from '../../store/blindSlice.ts';
import { endedEarlyInWords } from '../../store/blindWords.ts';
import { comparedModels } from '../../store/compareSelectors.ts';
import { questionTitles } from '../../store/takeAway.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './compare.module.css';

const allQuestions: Question[] = ['general', 'appeal', 'alignment'];

export function BlindCard() {
  const models = useStudio((s) => comparedModels(s).length);
  const ready = useStudio((s) => s.engineState === 'ready');
  const { startBlindTest } = useStudio.getState();
  const [rounds, setRounds] = useState(20);
  const [three, setThree] = useState(false);
  const [set, setSet] = useState<{ name: string; prompts: ListedPrompt[] } | null>(null);
  const [rater, setRater] = useState('');
  const begin = (by?: string): Promise<void> =>
    startBlindTest({
      rounds,
      questions: three ? allQuestions : ['general'],
      ...(set && { prompts: set.prompts }),
      ...(by !== undefined && { rater: by }),
    });
  const problem = useStudio((s) => s.blindProblem);
  const enabled = models > 1 && ready;
  const start: Action = {
    name: 'blind',
    label: t`Start the blind test`,
    keys: 'b',
    enabled,
    perform: withFields(() => begin()),
  };
  const name = rater.trim().slice(0, 40);
  const pairs = (models * (models - 1)) / 2;
  const ofEach = Math.floor(rounds / pairs);
  const prompts = set?.prompts.length ?? 0;
  return (
    <Panel title={t`Blind test`}>
      <div className="stack">
        <Shortcuts title={t`Blind test`} actions={[start]} />
        <ProblemNotice problem={problem} />
        <p className="small dim">
          {set
            ? null
            : models > 2
              ? t`${models} models, two at a time, on prompts that training never saw.`
              : t`A and B on prompts that training never saw.`}{' '}
          <Trans>Sides shuffled, names hidden until the end.</Trans>
        </p>
        <NumberField
          label={t`Comparisons`}
          value={rounds}
          min={1}
          max={400}
          onChange={setRounds}
          hint={
            rounds < 40 * pairs
              ? models > 2
                ? t`Of every two models about ${ofEach}: so few show only a large difference.`
                : t`So few show only a large difference.`
              : undefined
          }
        />
        <Switch
          label={t`Ask three questions`}
          hint={t`General preference, visual appeal (the prompt hidden), and fit to the prompt.`}
          checked={three}
          onChange={setThree}
        />
        <div className="row">
          <FileButton
            accept={acceptOf('prompts')}
            look="quiet"
            onFile={async (file) => {
              try {
                setSet({ name: file.name, prompts: await importAs(fileSource(file), 'prompts') });
              } catch (error) {
                toastProblem(error);
              }
            }}
          >
            <Trans>Own prompts</Trans>
          </FileButton>
          {set ? (
            <>
              <span className="small dim">
                {set.name}: {t`${plural(prompts, { one: `${prompts} prompt`, other: `${prompts} prompts` })}`}
              </span>
              <IconButton icon="close" label={t`Use the bundled prompts`} onClick={() => setSet(null)} />
            </>
          ) : null}
        </div>
        <ActionButton action={start} look="primary" icon="eye" full />
        <Disclosure label={t`A study for somebody else`}>
          <div className="stack">
            <p className="small dim">
              <Trans>
                The same, for another person on this computer: nothing about models is on screen until the end, and it
                can be left and gone on with.
              </Trans>
            </p>
            <TextField label={t`Who judges`} value={rater} onChange={setRater} />
            <Button full icon="eye" disabled={!enabled || name === ''} onClick={withFields(() => begin(name))}>
              <Trans>Start the study</Trans>
            </Button>
          </div>
        </Disclosure>
        <Earlier />
      </div>
    </Panel>
  );
}

/** Two models. */
export const against = (one: string, other: string): string => t`${one} against ${other}`;

const titlesOf = (test: BlindTestRecord): string =>
  modelsOf(test)
    .map(({ title }) => title)
    .toReversed()
    .reduce(against);

function reached(test: BlindTestRecord): string {
  const { rater, planned } = test;
  const judged = judgedRounds(test);
  return rater === undefined ? t`Unfinished: ${judged} of ${planned}` : t`${rater}: ${judged} of ${planned}`;
}

/** As where it is judged. */
function ending(test: BlindTestRecord): string {
  const { planned } = test;
  const judged = judgedRounds(test);
  return t`The names are shown, and it cannot be gone on with: it came to ${judged} of ${plural(planned, { one: `${planned} comparison`, other: `${planned} comparisons` })}.`;
}

function removal(test: BlindTestRecord): { label: string; question: string } {
  const { rater } = test;
  const judged = judgedRounds(test);
  return {
    label: rater === undefined ? t`Delete the unfinished test` : t`Delete the study of ${rater}`,
    question: t`${plural(judged, { one: `${judged} answered comparison`, other: `${judged} answered comparisons` })} will be gone. Pictures stay.`,
  };
}

/** Tests and studies to go on with, and earlier verdicts. */
function Earlier() {
  const tests = useStudio((s) => s.blindTests);
  const ready = useStudio((s) => s.engineState === 'ready');
  const { resumeBlindTest, removeBlindTest, endBlindTest } = useStudio.getState();
  const open = tests.filter(isUnfinished);
  const done = tests.filter((test) => !isUnfinished(test));
  const count = done.length;
  return (
    <>
      {open.length ? (
        <ul className={styles.verdicts} aria-label={t`Tests to go on with`}>
          {open.map((test) => (
            <li key={test.id} className="spread">
              <span className="small">
                <span>{reached(test)}</span>
                <br />
                <span className="dim">
                  {test.questions.map((question) => questionTitles[question]).join(' ')} {titlesOf(test)}
                </span>
              </span>
              <span className="row">
                <Button disabled={!ready} onClick={() => resumeBlindTest(test.id)}>
                  <Trans>Go on</Trans>
                </Button>
                {test.rounds.length > 0 ? (
                  <ConfirmButton
                    label={t`End here`}
                    question={ending(test)}
                    confirm={t`End it`}
                    onConfirm={() => endBlindTest(test.id)}
                  />
                ) : null}
                <ConfirmButton
                  icon="remove"
                  {...removal(test)}
                  confirm={t`Delete`}
                  onConfirm={() => removeBlindTest(test.id)}
                />
              </span>
            </li>
          ))}
        </ul>
      ) : null}
      {done.length ? (
        <Disclosure label={t`Earlier verdicts (${count})`}>
          <ul className={styles.verdicts}>
            {done.map((test) => (
              <EarlierVerdict key={test.id} test={test} />
            ))}
          </ul>
        </Disclosure>
      ) : null}
    </>
  );
}

function EarlierVerdict({ test }: { test: BlindTestRecord }) {
  const models = modelsOf(test);
  const figures = useMemo(() => blindFigures(test), [test]);
  return (
    <li>
      <p className="small dim">
        {printWhen(test.createdAt)}
        {test.rater === undefined ? '' : ` (${test.rater})`}: {titlesOf(test)}. {endedEarlyInWords(test)}
      </p>
      {figures.flatMap(({ question, duels }) =>
        duels.map(({ a, b, rate }) => (
          <p key={`${question} ${a} ${b}`} className="small">
            <span className="dim">{questionTitles[question]}</span>{' '}
            {verdict(rate, models.length > 2 ? against(models[b]!.title, models[a]!.title) : models[b]!.title).counted}
          </p>
        )),
      )}
    </li>
  );
}
