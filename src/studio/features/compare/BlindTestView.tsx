/** The blind test itself: one question at a time, then the verdict and the names. */
import { useMemo, useState } from 'react';
import type { BlindAnswer } from '../../../data/blindTests.ts';
import { type BlindFigures, blindFigures, modelsOf } from '../../../evaluation/blindFigures.ts';
import { betweenOf } from '../../../records/blindTests.ts';
import type { DuelRate } from '../../../evaluation/duels.ts';
import { verdict } from '../../../evaluation/verdict.ts';
import type { Action } from '../../components/action.ts';
import { Button, IconButton } from '../../components/Button.tsx';
import { Icon } from '../../components/Icon.tsx';
import { HoldButton, PairStage, useHeldKey } from '../../components/PairStage.tsx';
import { useMeant } from '../../components/meant.ts';
import { Picture, usePictures } from '../../components/Picture.tsx';
import { saveBytes } from '../../components/files.ts';
import { Keys, Shortcuts } from '../../components/Shortcuts.tsx';
import { ConfirmButton } from '../../components/Dialog.tsx';
import { Disclosure, Empty, Page, Panel, ProblemNotice, Progress } from '../../components/Surface.tsx';
import { plural, printPercent } from '../../components/words.ts';
import { isOpen } from '../../store/jobsSlice.ts';
import { endedEarlyInWords, isBlindDone, isStudying, judgedRounds } from '../../store/blindSlice.ts';
import { exportReport, questionTitles } from '../../store/takeAway.ts';
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
  const studying = useStudio(isStudying);
  if (!isBlindDone(blind)) return <BlindRoundView />;
  return studying ? <StudyDone /> : <BlindVerdict />;
}

/** The end of a study, for whoever judged: nothing about models before somebody asks for it. */
function StudyDone() {
  const { record } = useStudio((s) => s.blind)!;
  const { revealStudy, pauseBlindTest } = useStudio.getState();
  return (
    <Page title="Thank you" lead={`That was the last of ${plural(record.planned, 'comparison')}.`}>
      <Panel>
        <Empty
          icon="eye"
          title="Hand the computer back"
          actions={
            <>
              <Button onClick={pauseBlindTest}>Close</Button>
              <Button look="primary" onClick={revealStudy}>
                Show the results
              </Button>
            </>
          }
        >
          Every answer of {record.rater} is kept. The results name the models.
        </Empty>
      </Panel>
    </Page>
  );
}

function BlindRoundView() {
  const blind = useStudio((s) => s.blind)!;
  const problem = useStudio((s) => s.blindProblem);
  const job = useStudio((s) => s.jobs.find((one) => one.kind === 'blind' && isOpen(one)));
  const singleKeys = useStudio((s) => s.preferences.singleKeys);
  const { answerBlind, undoBlind, stopBlindTest, pauseBlindTest, resumeBlindTest } = useStudio.getState();
  const studying = useStudio(isStudying);
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
      // Also while the first answer is being written: it is taken back after that.
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
            {studying ? `${blind.record.rater} · ` : ''}
            {Math.min(blind.index + 1, blind.record.planned)} of {blind.record.planned}
            {blind.record.questions.length > 1
              ? ` · question ${blind.question + 1} of ${blind.record.questions.length}`
              : ''}
          </span>
          {/* Of a test nothing is kept that nobody answered. */}
          <Button icon="pause" onClick={pauseBlindTest}>
            {studying || canUndo ? 'Go on later' : 'Leave'}
          </Button>
          {studying || !canUndo ? null : (
            <ConfirmButton
              label="End here"
              question={`The names are shown, and it cannot be gone on with: it came to ${judgedRounds(blind.record)} of ${plural(blind.record.planned, 'comparison')}.`}
              confirm="End it"
              onConfirm={stopBlindTest}
            />
          )}
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
                {label} {singleKeys ? <Keys of={answer} keys={keys} first /> : null}
              </button>
            ))}
          </div>
          <div className="spread">
            <IconButton
              icon="undo"
              label="Take the last answer back"
              of="undo"
              disabled={!canUndo}
              onClick={undoBlind}
            />
            <div className="row">
              <HoldButton label="Hold to flicker between the two images" onHold={setHeldButton}>
                <Icon name="flicker" /> Flicker {singleKeys ? <Keys keys="f" /> : null}
              </HoldButton>
              <IconButton
                icon="zoom"
                label="Zoom both images"
                of="zoom"
                pressed={zoomed}
                onClick={() => setZoomed(!zoomed)}
              />
            </div>
          </div>
        </>
      ) : (
        <Panel>
          <Empty
            icon={blind.drawing === false ? 'warn' : 'refresh'}
            title={
              blind.drawing === false
                ? 'The next rounds are not there'
                : blind.index === 0
                  ? 'Making the first rounds'
                  : 'The next round is on its way'
            }
            actions={
              blind.drawing === false ? (
                <Button look="primary" onClick={() => resumeBlindTest(blind.record.id)}>
                  Make them
                </Button>
              ) : undefined
            }
          >
            {blind.drawing === false
              ? 'Making them was broken off. What was judged is kept.'
              : job
                ? `Image ${Math.min(job.done + 1, job.total)} of ${job.total}${job.steps ? `, step ${job.step} of ${job.steps}` : ''}`
                : 'One moment'}
          </Empty>
        </Panel>
      )}
    </div>
  );
}

/** What models are called in a verdict: by a letter, as on the screen of before. */
const letter = (place: number): string => String.fromCharCode(65 + place);

function BlindVerdict() {
  const blind = useStudio((s) => s.blind)!;
  const problem = useStudio((s) => s.blindProblem);
  const { closeBlindTest, startBlindTest, generateWith, take } = useStudio.getState();
  const { record } = blind;
  const models = modelsOf(record);
  const results = useMemo(() => blindFigures(record), [record]);
  const runs = models
    .toReversed()
    .flatMap(({ model }) => model.adapters.flatMap((adapter) => (adapter.kind === 'run' ? [adapter.run] : [])));
  const saveReport = async (): Promise<void> => {
    const file = await take('report', () => exportReport(runs[0]));
    if (file) saveBytes(file.bytes, file.name, file.type);
  };
  const decisive = results[0];
  const lefts = record.rounds.flatMap((round) => round.answers.filter(({ answer }) => answer !== 'tie'));
  return (
    <Page
      title="The verdict"
      lead={
        <>
          {models.toReversed().map(({ title }, i) => (
            <span key={letter(models.length - 1 - i)}>
              <b>{letter(models.length - 1 - i)}</b> is {title}.{' '}
            </span>
          ))}
          {record.rater === undefined ? null : `Judged by ${record.rater}. `}
          {endedEarlyInWords(record)}
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
          {results.map((figures) => (
            <QuestionVerdict key={figures.question} figures={figures} models={models.length} />
          ))}
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
              rounds: Math.max(20, 2 * (decisive?.answered ?? 0)),
              questions: record.questions,
              models: models.map(({ model }) => model),
              ...(record.plan && { settings: record.plan.settings }),
            })
          }
        >
          A longer test
        </Button>
        <Button icon="generate" href="#/generate" onClick={() => generateWith(models[bestOf(decisive)]!.model)}>
          New pairs from the better model
        </Button>
      </div>
      <Disclosure label="Every round, with names">
        <ul className={styles.rounds}>
          {record.rounds.map((round) => {
            const [a, b] = betweenOf(round).map(letter);
            return (
              <li key={`${round.prompt} ${round.seed}`}>
                <div className={styles.roundImages}>
                  <figure>
                    <Picture file={round.images.a.file} alt={`${a}: ${round.prompt}`} thumbnail />
                    <figcaption>{a}</figcaption>
                  </figure>
                  <figure>
                    <Picture file={round.images.b.file} alt={`${b}: ${round.prompt}`} thumbnail />
                    <figcaption>{b}</figcaption>
                  </figure>
                </div>
                <p className="small">{round.prompt}</p>
                <p className="small dim">
                  {round.answers
                    .map(({ answer }) =>
                      answer === 'tie'
                        ? 'no difference'
                        : `${record.rater ?? 'you'} chose ${(answer === 'left') === (round.shownLeft === 'b') ? b : a}`,
                    )
                    .join(' · ')}
                </p>
              </li>
            );
          })}
        </ul>
      </Disclosure>
    </Page>
  );
}

/** Place of the model that won most: of several by their strength. */
function bestOf(figures: BlindFigures | undefined): number {
  const { strengths, duels } = figures ?? { strengths: null, duels: [] };
  if (strengths) return strengths.reduce((best, one, i) => (one.strength > strengths[best]!.strength ? i : best), 0);
  return (duels[0]?.rate.rate ?? 0) > 0.5 ? duels[0]!.b : 0;
}

function QuestionVerdict({
  figures: { question, duels, strengths },
  models,
}: {
  figures: BlindFigures;
  models: number;
}) {
  return (
    <section
      data-side={duels.length === 1 ? verdict(duels[0]!.rate, 'B').side : 'open'}
      aria-label={questionTitles[question]}
    >
      <h2>{questionTitles[question]}</h2>
      {duels.length === 0 ? <p className={styles.said}>Nothing was compared. So nothing can be said.</p> : null}
      {duels.map((duel) => (
        <DuelVerdict key={`${duel.a} ${duel.b}`} duel={duel} />
      ))}
      {strengths ? (
        <table className={styles.figures}>
          <caption className="small dim">All on one scale: log odds of winning over A, 95 % interval.</caption>
          <tbody>
            {strengths.map(({ strength, interval }, place) => (
              <tr key={letter(place)}>
                <th scope="row">{letter(place)}</th>
                <td className="number">{strength.toFixed(2)}</td>
                <td className="number dim">{interval ? interval.map((end) => end.toFixed(2)).join(' to ') : ''}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : models > 2 ? (
        <p className="small dim">Too few rounds to put all models on one scale.</p>
      ) : null}
    </section>
  );
}

function DuelVerdict({ duel: { a, b, rate, categories } }: { duel: DuelRate }) {
  const said = verdict(rate, letter(b));
  return (
    <>
      <p className={`number ${styles.rate}`}>{Number.isNaN(rate.rate) ? '–' : printPercent(rate.rate)}</p>
      <WinBar result={rate} a={letter(a)} b={letter(b)} />
      <p className={styles.said}>
        {said.counted} <strong>{said.concluded}</strong>
      </p>
      <p className="small dim number">
        {rate.wins} for {letter(b)} · {rate.losses} for {letter(a)} · {plural(rate.ties, 'tie')} · 95 % interval{' '}
        {printPercent(rate.interval[0])} to {printPercent(rate.interval[1])} · sign test p ={' '}
        {rate.pValue < 0.001 ? '< 0.001' : rate.pValue.toFixed(3)}
      </p>
      {categories.map(({ category, rate: of }) => (
        <p key={category} className="small dim number">
          {category}: {verdict(of, letter(b)).counted}
        </p>
      ))}
    </>
  );
}
