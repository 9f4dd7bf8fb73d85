/** The blind test itself: one question at a time, then the verdict and the names. */
import { useState } from 'react';
import type { BlindAnswer } from '../../../data/blindTests.ts';
import { verdict } from '../../../evaluation/verdict.ts';
import type { Action } from '../../components/action.ts';
import { Button, IconButton } from '../../components/Button.tsx';
import { Icon } from '../../components/Icon.tsx';
import { HoldButton, PairStage, useHeldKey } from '../../components/PairStage.tsx';
import { useMeant } from '../../components/meant.ts';
import { Picture, usePictures } from '../../components/Picture.tsx';
import { saveBytes } from '../../components/files.ts';
import { Keys, Shortcuts } from '../../components/Shortcuts.tsx';
import { Disclosure, Empty, Page, Panel, ProblemNotice, Progress } from '../../components/Surface.tsx';
import { plural, printPercent } from '../../components/words.ts';
import { isOpen } from '../../store/jobsSlice.ts';
import { isBlindDone } from '../../store/blindSlice.ts';
import { blindResults, exportReport, questionTitles } from '../../store/takeAway.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './compare.module.css';
import { WinBar } from './WinBar.tsx';

const answers: { answer: BlindAnswer; label: string; keys: string }[] = [
  { answer: 'left', label: 'Left', keys: 'left, 1' },
  { answer: 'tie', label: 'No difference', keys: 'down, 3' },
  { answer: 'right', label: 'Right', keys: 'right, 2' },
];

export function BlindTestView() {
  const blind = useStudio((s) => s.blind)!;
  return isBlindDone(blind) ? <BlindVerdict /> : <BlindRoundView />;
}

function BlindRoundView() {
  const blind = useStudio((s) => s.blind)!;
  const problem = useStudio((s) => s.blindProblem);
  const job = useStudio((s) => s.jobs.find((one) => one.kind === 'blind' && isOpen(one)));
  const singleKeys = useStudio((s) => s.preferences.singleKeys);
  const { answerBlind, undoBlind, stopBlindTest, closeBlindTest } = useStudio.getState();
  const [zoomed, setZoomed] = useState(false);
  const [heldButton, setHeldButton] = useState(false);
  const held = useHeldKey('KeyF', singleKeys) || heldButton;
  const round = blind.ready[blind.index];
  const question = blind.record.questions[blind.question]!;
  const canUndo = blind.index > 0 || blind.question > 0;
  const [left, right] = round
    ? round.shownLeft === 'a'
      ? [round.images.a, round.images.b]
      : [round.images.b, round.images.a]
    : [];
  const seen = usePictures(left?.file, right?.file);
  const canAnswer = round !== undefined && seen === 'shown';
  const at = { index: blind.index, question: blind.question };
  const { onPointerDownCapture, isMeant } = useMeant(`${at.index} ${at.question}`);
  const actions: Action[] = [
    ...answers.map(({ answer, label, keys }) => ({
      name: answer,
      label,
      keys,
      enabled: canAnswer,
      perform: () => answerBlind(answer, at),
    })),
    {
      name: 'undo',
      label: 'Take the last answer back',
      keys: 'backspace, mod+z',
      enabled: canUndo,
      perform: undoBlind,
    },
    {
      name: 'zoom',
      label: 'Zoom both images',
      keys: 'z',
      enabled: round !== undefined,
      perform: () => setZoomed(!zoomed),
    },
  ];
  return (
    <div className={styles.blind} onPointerDownCapture={onPointerDownCapture}>
      <Shortcuts title="Blind test" actions={actions} />
      <div className="spread">
        <h1 className={styles.question}>{questionTitles[question]}</h1>
        <div className="row">
          <span className="small dim number" role="status">
            {Math.min(blind.index + 1, blind.record.planned)} of {blind.record.planned}
            {blind.record.questions.length > 1
              ? ` · question ${blind.question + 1} of ${blind.record.questions.length}`
              : ''}
          </span>
          <Button icon="stop" onClick={blind.index === 0 ? () => stopBlindTest().then(closeBlindTest) : stopBlindTest}>
            {blind.index === 0 ? 'Leave' : 'End here'}
          </Button>
        </div>
      </div>
      <Progress label="Blind test" value={blind.index / blind.record.planned} />
      <ProblemNotice problem={problem} />
      {round && left && right ? (
        <>
          <p className={styles.blindPrompt}>
            {question === 'appeal' ? (
              <span className="dim">The prompt is hidden: judge the pictures alone.</span>
            ) : (
              round.prompt
            )}
          </p>
          <PairStage
            left={left}
            right={right}
            prompt={question === 'appeal' ? 'prompt hidden' : round.prompt}
            view={{ zoomed, flickering: held }}
            onChoose={
              canAnswer
                ? (side, _clearly, event) => {
                    if (isMeant(event)) void answerBlind(side, at);
                  }
                : undefined
            }
          />
          <div className={styles.blindAnswers} role="group" aria-label={questionTitles[question]}>
            {answers.map(({ answer, label, keys }) => (
              <button
                key={answer}
                type="button"
                className={styles.blindAnswer}
                data-answer={answer}
                aria-disabled={!canAnswer || undefined}
                onClick={(event) => {
                  if (event.detail > 0) event.currentTarget.blur();
                  if (canAnswer && isMeant(event)) void answerBlind(answer, at);
                }}
              >
                {label} {singleKeys ? <Keys keys={keys} first /> : null}
              </button>
            ))}
          </div>
          <div className="spread">
            <IconButton
              icon="undo"
              label="Take the last answer back (Backspace)"
              disabled={!canUndo}
              onClick={undoBlind}
            />
            <div className="row">
              <HoldButton label="Hold to flicker between the two images" onHold={setHeldButton}>
                <Icon name="flicker" /> Flicker {singleKeys ? <Keys keys="f" /> : null}
              </HoldButton>
              <IconButton
                icon="zoom"
                label="Zoom both images (Z)"
                pressed={zoomed}
                onClick={() => setZoomed(!zoomed)}
              />
            </div>
          </div>
        </>
      ) : (
        <Panel>
          <Empty icon="refresh" title={blind.index === 0 ? 'Making the first rounds' : 'The next round is on its way'}>
            {job
              ? `Image ${Math.min(job.done + 1, job.total)} of ${job.total}${job.steps ? `, step ${job.step} of ${job.steps}` : ''}`
              : 'One moment'}
          </Empty>
        </Panel>
      )}
    </div>
  );
}

function BlindVerdict() {
  const blind = useStudio((s) => s.blind)!;
  const problem = useStudio((s) => s.blindProblem);
  const { closeBlindTest, startBlindTest, generateWith, take } = useStudio.getState();
  const { record } = blind;
  const results = blindResults(record);
  const runs = [record.b, record.a].flatMap(({ model }) =>
    model.adapters.flatMap((adapter) => (adapter.kind === 'run' ? [adapter.run] : [])),
  );
  const saveReport = async (): Promise<void> => {
    const file = await take('report', () => exportReport(runs[0]));
    if (file) saveBytes(file.bytes, file.name, file.type);
  };
  const decisive = results[0]?.result;
  const lefts = record.rounds.flatMap((round) => round.answers.filter(({ answer }) => answer !== 'tie'));
  return (
    <Page
      title="The verdict"
      lead={
        <>
          <b>B</b> is {record.b.title}. <b>A</b> is {record.a.title}.
        </>
      }
      actions={
        <>
          <Button icon="save" onClick={saveReport}>
            Save report
          </Button>
          <Button look="primary" onClick={closeBlindTest}>
            Back to compare
          </Button>
        </>
      }
    >
      <ProblemNotice problem={problem} />
      <Panel>
        <div className={styles.verdict}>
          {results.map(({ question, result }) => {
            const said = verdict(result, 'B');
            return (
              <section key={question} data-side={said.side} aria-label={questionTitles[question]}>
                {results.length > 1 ? <h2>{questionTitles[question]}</h2> : null}
                <p className={`number ${styles.rate}`}>{Number.isNaN(result.rate) ? '–' : printPercent(result.rate)}</p>
                <WinBar result={result} />
                <p className={styles.said}>
                  {said.counted} <strong>{said.concluded}</strong>
                </p>
                <p className="small dim number">
                  {result.wins} for B · {result.losses} for A · {plural(result.ties, 'tie')} · 95 % interval{' '}
                  {printPercent(result.interval[0])} to {printPercent(result.interval[1])} · sign test p ={' '}
                  {result.pValue < 0.001 ? '< 0.001' : result.pValue.toFixed(3)}
                </p>
              </section>
            );
          })}
        </div>
      </Panel>
      {lefts.length >= 10 ? (
        <p className="small dim">
          You chose the left picture{' '}
          {printPercent(lefts.filter(({ answer }) => answer === 'left').length / lefts.length)} of the time; sides were
          shuffled, so about half is expected.
        </p>
      ) : null}
      <div className="row">
        <Button
          icon="eye"
          onClick={() =>
            startBlindTest({
              rounds: Math.max(20, 2 * (decisive?.n ?? 0)),
              questions: record.questions,
              models: { a: record.a.model, b: record.b.model },
            })
          }
        >
          A longer test
        </Button>
        <Button
          icon="generate"
          href="#/generate"
          onClick={() => generateWith((decisive?.rate ?? 0) > 0.5 ? record.b.model : record.a.model)}
        >
          New pairs from the better model
        </Button>
      </div>
      <Disclosure label="Every round, with names">
        <ul className={styles.rounds}>
          {record.rounds.map((round) => (
            <li key={`${round.prompt} ${round.seed}`}>
              <div className={styles.roundImages}>
                <figure>
                  <Picture file={round.images.a.file} alt={`A: ${round.prompt}`} thumbnail />
                  <figcaption>A</figcaption>
                </figure>
                <figure>
                  <Picture file={round.images.b.file} alt={`B: ${round.prompt}`} thumbnail />
                  <figcaption>B</figcaption>
                </figure>
              </div>
              <p className="small">{round.prompt}</p>
              <p className="small dim">
                {round.answers
                  .map(({ answer }) =>
                    answer === 'tie'
                      ? 'no difference'
                      : (answer === 'left') === (round.shownLeft === 'b')
                        ? 'you chose B'
                        : 'you chose A',
                  )
                  .join(' · ')}
              </p>
            </li>
          ))}
        </ul>
      </Disclosure>
    </Page>
  );
}
