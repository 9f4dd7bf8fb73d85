/** The blind test itself: one question at a time, then the verdict and the names. */
import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg, plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
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
import { Disclosure } from '../../components/Disclosure.tsx';
import { Progress } from '../../components/Progress.tsx';
import { Empty, Notice, Page, Panel, ProblemNotice } from '../../components/Surface.tsx';
import { printPercent } from '../../components/words.ts';
import { isOpen, type Job } from '../../store/jobsSlice.ts';
import { isBlindDone, isStudying, judgedRounds } from '../../store/blindSlice.ts';
import { endedEarlyInWords } from '../../store/blindWords.ts';
import { exportReport, questionTitles } from '../../store/takeAway.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './compare.module.css';
import { against } from './BlindCard.tsx';
import { WinBar } from './WinBar.tsx';

const answers: { answer: BlindAnswer; label: MessageDescriptor; keys: string }[] = [
  { answer: 'left', label: msg({ message: 'Left', comment: 'an answer: the left picture' }), keys: 'left, 1' },
  { answer: 'tie', label: msg`No difference`, keys: 'down, 3' },
  { answer: 'right', label: msg({ message: 'Right', comment: 'an answer: the right picture' }), keys: 'right, 2' },
];

export function BlindTestView() {
  const blind = useStudio((s) => s.blind)!;
  const studying = useStudio(isStudying);
  if (!isBlindDone(blind)) return <BlindRoundView />;
  return studying ? <StudyDone /> : <BlindVerdict />;
}

/** The end of a study, for whoever judged: nothing about models before somebody asks for it. */
function StudyDone() {
  const { planned, rater = '' } = useStudio((s) => s.blind)!.record;
  const { revealStudy, pauseBlindTest } = useStudio.getState();
  return (
    <Page
      title={t`Thank you`}
      lead={t`That was the last of ${plural(planned, { one: `${planned} comparison`, other: `${planned} comparisons` })}.`}
    >
      <Panel>
        <Empty
          icon="eye"
          title={t`Hand the computer back`}
          actions={
            <>
              <Button onClick={pauseBlindTest}>
                <Trans>Close</Trans>
              </Button>
              <Button look="primary" onClick={revealStudy}>
                <Trans>Show the results</Trans>
              </Button>
            </>
          }
        >
          {t`Every answer of ${rater} is kept. The results name the models.`}
        </Empty>
      </Panel>
    </Page>
  );
}

/** The page was loaded again in the middle of a study: it is back when the engine is. Where that does not come, it can be left. */
export function StudyComesBack() {
  const { pauseBlindTest } = useStudio.getState();
  return (
    <Page title={t`The next round is on its way`}>
      <Panel>
        <Empty
          icon="refresh"
          title={t`One moment`}
          actions={<Button onClick={pauseBlindTest}>{t`Go on later`}</Button>}
        >
          {t`What was judged is kept.`}
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
  const { planned, questions, rater } = blind.record;
  const question = questions[blind.question]!;
  const [place, judged] = [Math.min(blind.index + 1, planned), judgedRounds(blind.record)];
  const [asked, ofAll] = [blind.question + 1, questions.length];
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
      label: i18n._(label),
      keys,
      enabled: canAnswer,
      perform: () => answerBlind(answer, at),
    })),
    {
      name: 'undo',
      label: t`Take the last answer back`,
      keys: 'backspace, mod+z',
      // Also while the first answer is being written: it is taken back after that.
      perform: undoBlind,
    },
    {
      name: 'zoom',
      label: t`Zoom both images`,
      keys: 'z',
      enabled: round !== undefined,
      perform: () => setZoomed(!zoomed),
    },
  ];
  return (
    <div className={styles.blind} onPointerDownCapture={onPointerDownCapture}>
      <Shortcuts title={t`Blind test`} actions={actions} />
      <div className="spread">
        <h1 className={styles.question}>{questionTitles[question]}</h1>
        <div className="row">
          <span className="small dim number" role="status">
            {[
              ...(studying ? [rater] : []),
              t`${place} of ${planned}`,
              ...(questions.length > 1 ? [t`question ${asked} of ${ofAll}`] : []),
            ].join(' · ')}
          </span>
          {/* Of a test nothing is kept that nobody answered. */}
          <Button icon="pause" onClick={pauseBlindTest}>
            {studying || canUndo ? t`Go on later` : t({ message: 'Leave', comment: 'a button: leaves the test' })}
          </Button>
          {studying || !canUndo ? null : (
            <ConfirmButton
              label={t`End here`}
              question={t`The names are shown, and it cannot be gone on with: it came to ${judged} of ${plural(planned, { one: `${planned} comparison`, other: `${planned} comparisons` })}.`}
              confirm={t`End it`}
              onConfirm={stopBlindTest}
            />
          )}
        </div>
      </div>
      <Progress label={t`Blind test`} value={blind.index / planned} />
      <ProblemNotice problem={problem} />
      {round && seen === 'lost' ? <LostPictures at={blind.index} /> : null}
      {round && left && right ? (
        <>
          <p className={styles.blindPrompt}>
            {question === 'appeal' ? (
              <span className="dim">
                <Trans>The prompt is hidden: judge the pictures alone.</Trans>
              </span>
            ) : (
              round.prompt
            )}
          </p>
          <PairStage
            left={left}
            right={right}
            prompt={question === 'appeal' ? t`prompt hidden` : round.prompt}
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
                {i18n._(label)} {singleKeys ? <Keys of={answer} keys={keys} first /> : null}
              </button>
            ))}
          </div>
          <div className="spread">
            <IconButton
              icon="undo"
              label={t`Take the last answer back`}
              of="undo"
              disabled={!canUndo}
              onClick={undoBlind}
            />
            <div className="row">
              <HoldButton label={t`Hold to flicker between the two images`} onHold={setHeldButton}>
                <Icon name="flicker" /> {t({ message: 'Flicker', context: 'a button that is held' })}{' '}
                {singleKeys ? <Keys keys="f" /> : null}
              </HoldButton>
              <IconButton
                icon="zoom"
                label={t`Zoom both images`}
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
                ? t`The next rounds are not there`
                : blind.index === 0
                  ? t`Making the first rounds`
                  : t`The next round is on its way`
            }
            actions={
              blind.drawing === false ? (
                <Button look="primary" onClick={() => resumeBlindTest(blind.record.id)}>
                  <Trans>Make them</Trans>
                </Button>
              ) : undefined
            }
          >
            {blind.drawing === false
              ? t`Making them was broken off. What was judged is kept.`
              : job
                ? inTheMaking(job)
                : t`One moment`}
          </Empty>
        </Panel>
      )}
    </div>
  );
}

/** Nobody is asked about a picture that is not there: it is drawn again, or the round is left at what was answered. */
function LostPictures({ at }: { at: number }) {
  const redrawing = useStudio((s) => s.blind?.redrawing === true);
  const isOther = useStudio((s) => s.blind?.otherAt === at);
  const planned = useStudio((s) => s.blind?.record.plan !== undefined && s.blind.otherAt !== at);
  const { redrawBlind, passBlind } = useStudio.getState();
  return (
    <Notice
      tone="warn"
      title={t`The pictures of this comparison are not here any more`}
      actions={
        <>
          {planned ? (
            <Button look="primary" icon="refresh" busy={redrawing} onClick={redrawBlind}>
              <Trans comment="the pictures">Draw them again</Trans>
            </Button>
          ) : null}
          <Button disabled={redrawing} onClick={() => passBlind(at)}>
            <Trans comment="a comparison">Go on without it</Trans>
          </Button>
        </>
      }
    >
      {isOther
        ? t`The model that drew them draws other ones by now. The answers given so far count.`
        : t`They were deleted, or cannot be read. The answers given so far count; drawn again, they are the same pictures.`}
    </Notice>
  );
}

function inTheMaking({ done, total, step, steps }: Job): string {
  const image = Math.min(done + 1, total);
  return steps ? t`Image ${image} of ${total}, step ${step} of ${steps}` : t`Image ${image} of ${total}`;
}

/** What models are called in a verdict: by a letter, as on the screen of before. */
const letter = (place: number): string => String.fromCharCode(65 + place);

function BlindVerdict() {
  const blind = useStudio((s) => s.blind)!;
  const problem = useStudio((s) => s.blindProblem);
  const { closeBlindTest, startBlindTest, generateWith, take } = useStudio.getState();
  const { record } = blind;
  const { rater } = record;
  const models = modelsOf(record);
  const results = useMemo(() => blindFigures(record), [record]);
  const runs = models
    .toReversed()
    .flatMap(({ model }) => model.adapters.flatMap((adapter) => (adapter.kind === 'run' ? [adapter.run] : [])));
  const saveReport = async (): Promise<void> => {
    const file = await take('report', () => exportReport(runs[0]));
    if (file) saveBytes(file.bytes, file.name, file.type);
  };
  const decisive = results.find(({ question }) => question === 'general') ?? results[0];
  const best = bestOf(decisive);
  const name = letter(best);
  // Which of two is the better one may not be known.
  const isUndecided =
    decisive?.duels.length !== 1 ? models.length === 2 : verdict(decisive.duels[0]!.rate, name).side === 'open';
  const lefts = record.rounds.flatMap((round) => round.answers.filter(({ answer }) => answer !== 'tie'));
  const share = printPercent(lefts.filter(({ answer }) => answer === 'left').length / lefts.length);
  return (
    <Page
      title={t`The verdict`}
      lead={
        <>
          {models
            .map(({ title }, place) => ({ title, name: letter(place) }))
            .toReversed()
            .map(({ title, name }) => (
              <span key={name}>
                <Trans>
                  <b>{name}</b> is {title}.
                </Trans>{' '}
              </span>
            ))}
          {rater === undefined ? null : `${t`Judged by ${rater}.`} `}
          {endedEarlyInWords(record)}
        </>
      }
      actions={
        <>
          <Button icon="save" onClick={saveReport}>
            <Trans>Save report</Trans>
          </Button>
          <Button look="primary" onClick={closeBlindTest}>
            <Trans>Back to compare</Trans>
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
          {rater === undefined ? (
            <Trans>
              You chose the left picture {share} of the time; sides were shuffled, so about half is expected.
            </Trans>
          ) : (
            <Trans>
              {rater} chose the left picture {share} of the time; sides were shuffled, so about half is expected.
            </Trans>
          )}
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
          <Trans>A longer test</Trans>
        </Button>
        <Button icon="generate" href="#/generate" onClick={() => generateWith(models[best]!.model)}>
          {isUndecided ? t`New pairs from ${name}` : t`New pairs from the better model`}
        </Button>
      </div>
      <Disclosure label={t`Every round, with names`}>
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
                        ? t`no difference`
                        : chose(rater, (answer === 'left') === (round.shownLeft === 'b') ? b! : a!),
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

const chose = (rater: string | undefined, model: string): string =>
  rater === undefined ? t`you chose ${model}` : t`${rater} chose ${model}`;

/** Place of the model that won most: of several by their strength. */
function bestOf(figures: BlindFigures | undefined): number {
  const { strengths, duels } = figures ?? { strengths: null, duels: [] };
  if (strengths) return strengths.reduce((best, one, i) => (one.strength > strengths[best]!.strength ? i : best), 0);
  return (duels[0]?.rate.rate ?? 0) > 0.5 ? duels[0]!.b : 0;
}

function fromTo(interval: readonly [number, number]): string {
  const [low, high] = [interval[0].toFixed(2), interval[1].toFixed(2)];
  return t`${low} to ${high}`;
}

function QuestionVerdict({
  figures: { question, duels, strengths },
  models,
}: {
  figures: BlindFigures;
  models: number;
}) {
  return (
    <section aria-label={questionTitles[question]}>
      <h2>{questionTitles[question]}</h2>
      {duels.length === 0 ? (
        <p className={styles.said}>
          <Trans>Nothing was compared. So nothing can be said.</Trans>
        </p>
      ) : null}
      <div className={styles.duels}>
        {duels.map((duel) => (
          <DuelVerdict key={`${duel.a} ${duel.b}`} duel={duel} among={models} />
        ))}
      </div>
      {strengths ? (
        <table className={styles.figures}>
          <caption className="small dim">
            <Trans>All on one scale: log odds of winning over A, 95 % interval.</Trans>
          </caption>
          <tbody>
            {strengths.map(({ strength, interval }, place) => (
              <tr key={letter(place)}>
                <th scope="row">{letter(place)}</th>
                <td className="number">{strength.toFixed(2)}</td>
                <td className="number dim">{interval ? fromTo(interval) : ''}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : models > 2 ? (
        <p className="small dim">
          <Trans>Too few rounds to put all models on one scale.</Trans>
        </p>
      ) : null}
    </section>
  );
}

function DuelVerdict({ duel: { a, b, rate, categories }, among }: { duel: DuelRate; among: number }) {
  const said = verdict(rate, letter(b));
  const { wins, losses, ties } = rate;
  const [nameA, nameB] = [letter(a), letter(b)];
  const [low, high] = [printPercent(rate.interval[0]), printPercent(rate.interval[1])];
  const p = rate.pValue < 0.001 ? '< 0.001' : `= ${rate.pValue.toFixed(3)}`;
  return (
    <div className={styles.duel} data-side={said.side}>
      {among > 2 ? <h3>{against(nameB, nameA)}</h3> : null}
      <p className={`number ${styles.rate}`}>{Number.isNaN(rate.rate) ? '–' : printPercent(rate.rate)}</p>
      <WinBar result={rate} a={nameA} b={nameB} />
      <p className={styles.said}>
        {said.counted} <strong>{said.concluded}</strong>
      </p>
      <p className="small dim number">
        {t`${wins} for ${nameB} · ${losses} for ${nameA} · ${plural(ties, { one: `${ties} tie`, other: `${ties} ties` })} · 95 % interval ${low} to ${high} · sign test p ${p}`}
      </p>
      {categories.map(({ category, rate: of }) => (
        <p key={category ?? ''} className="small dim number">
          {category ?? t`Without a category`}: {verdict(of, letter(b)).counted}
        </p>
      ))}
    </div>
  );
}
