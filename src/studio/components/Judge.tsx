/** The pair on screen, its answers and undo: on Start and on Label alike. */
import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useState } from 'react';
import { answerAsShown } from '../../data/labels.ts';
import type { Answer } from '../../service/types.ts';
import { asksAgain, judged, ownLabels, queue } from '../store/labelSelectors.ts';
import { currentRater, profiles } from '../store/ratersSlice.ts';
import { useStudio } from '../store/useStudio.ts';
import type { Action } from './action.ts';
import { Icon, type IconName } from './Icon.tsx';
import styles from './judge.module.css';
import { useMeant } from './meant.ts';
import { HoldButton, PairStage, useHeldKey } from './PairStage.tsx';
import { usePictures } from './Picture.tsx';
import { raterColour } from './raterColour.ts';
import { Keys, Shortcuts } from './Shortcuts.tsx';
import { IconButton } from './Button.tsx';
import { ProblemNotice } from './Surface.tsx';

const clearer = msg({ message: 'Clearly', comment: 'an answer beside Left and Right: clearly better' });

/** One button each. A clear left or right is an answer of its own, which soft labels read. */
const answers: { answer: Answer; clearly: boolean; label: MessageDescriptor; keys: string; icon?: IconName }[] = [
  { answer: 'left', clearly: true, label: clearer, keys: 'shift+left, shift+1' },
  {
    answer: 'left',
    clearly: false,
    label: msg({ message: 'Left', comment: 'an answer: the left one is better' }),
    keys: 'left, 1',
    icon: 'left',
  },
  {
    answer: 'tie',
    clearly: false,
    label: msg({ message: 'Tie', comment: 'an answer: both are as good' }),
    keys: 'down, 3',
    icon: 'tie',
  },
  {
    answer: 'bothBad',
    clearly: false,
    label: msg({ message: 'Both bad', comment: 'an answer' }),
    keys: 'up, 4',
    icon: 'bad',
  },
  {
    answer: 'skip',
    clearly: false,
    label: msg({ message: 'Skip', comment: 'an answer: none' }),
    keys: 'space',
    icon: 'skip',
  },
  {
    answer: 'right',
    clearly: false,
    label: msg({ message: 'Right', comment: 'an answer: the right one is better' }),
    keys: 'right, 2',
    icon: 'right',
  },
  { answer: 'right', clearly: true, label: clearer, keys: 'shift+right, shift+2' },
];

/** The whole answer, for keys and screen readers. */
const spoken = ({ answer, clearly, label }: (typeof answers)[number]): string =>
  clearly ? (answer === 'left' ? t`Left, clearly` : t`Right, clearly`) : i18n._(label);

function saidOf(last: { answer: Answer; clearly: boolean }): string {
  const given = spoken(answers.find(({ answer, clearly }) => answer === last.answer && clearly === last.clearly)!);
  return t({ message: `${given} is kept.`, comment: 'an answer; Left, for example' });
}

/** What an answer says of each picture, as they stand. */
function marksOf(answer: Answer, clearly: boolean): { left?: string; right?: string } {
  if (answer === 'left' || answer === 'right') return { [answer]: clearly ? t`Clearly better` : t`Better` };
  const both = { tie: t`Tie`, bothBad: t({ message: 'Bad', comment: 'a picture' }), skip: undefined }[answer];
  return both === undefined ? {} : { left: both, right: both };
}

/** Of the answer as an action. */
const nameOf = ({ answer, clearly }: { answer: Answer; clearly: boolean }): string =>
  clearly ? `${answer}Clearly` : answer;

/** Looking through what was judged: where one is, and on without an answer. */
function Review({ at, of }: { at: number; of: number }) {
  const { stepShowing } = useStudio.getState();
  const place = at + 1;
  const steps: Action[] = [
    { name: 'previousPair', label: t`The pair before`, keys: 'k', enabled: at > 0, perform: () => stepShowing(-1) },
    { name: 'nextPair', label: t`The next pair`, keys: 'j', enabled: at + 1 < of, perform: () => stepShowing(1) },
  ];
  return (
    <div className={styles.review}>
      <Shortcuts title={t`Reviewing`} actions={steps} />
      <IconButton
        icon="left"
        label={t`The pair before`}
        of="previousPair"
        disabled={at === 0}
        onClick={() => stepShowing(-1)}
      />
      <span className="number" aria-live="polite">
        {t`Reviewing ${place} of ${of}`}
      </span>
      <IconButton
        icon="right"
        label={t`The next pair`}
        of="nextPair"
        disabled={at + 1 >= of}
        onClick={() => stepShowing(1)}
      />
    </div>
  );
}

export function Judge({ compact = false }: { compact?: boolean }) {
  const showing = useStudio((s) => s.showing);
  const saving = useStudio((s) => s.saving);
  const problem = useStudio((s) => s.labelProblem);
  // An answer that is still being written can be taken back: that comes after it.
  const canUndo = useStudio((s) => s.saving || ownLabels(s).given.length > 0);
  const canRedo = useStudio((s) => ownLabels(s).undone.length > 0);
  const singleKeys = useStudio((s) => s.preferences.singleKeys);
  const readOnly = useStudio((s) => s.engineState === 'otherTab');
  const previous = useStudio((s) =>
    s.showing && !s.showing.again ? judged(s).shown.get(s.showing.pair.id) : undefined,
  );
  const lastAnswer = useStudio((s) => s.lastAnswer);
  const isReview = useStudio((s) => s.showing !== null && !s.showing.again && !asksAgain(s.filter));
  const at = useStudio((s) => (isReview ? queue(s).findIndex(({ id }) => id === s.showing?.pair.id) : -1));
  const listed = useStudio((s) => (isReview ? queue(s).length : 0));
  const rater = useStudio(currentRater);
  const several = useStudio((s) => profiles(s).length > 1);
  const { answer, undoLabel, redoLabel, nextRater } = useStudio.getState();
  const [zoomed, setZoomed] = useState(false);
  const [heldButton, setHeldButton] = useState(false);
  const heldKey = useHeldKey('KeyF', singleKeys && showing !== null);

  const { onPointerDownCapture, isMeant } = useMeant(showing);
  const [left, right] = showing?.shownLeft === 1 ? showing.pair.images.toReversed() : (showing?.pair.images ?? []);
  const seen = usePictures(left?.file, right?.file);

  const canAnswer = showing !== null && !saving && !readOnly && seen === 'shown';
  // What cannot be seen can only be passed over.
  const can = (given: Answer): boolean =>
    canAnswer || (given === 'skip' && showing !== null && !saving && !readOnly && seen === 'lost');
  const actions: Action[] = [
    ...answers.map((one): Action => ({
      name: nameOf(one),
      label: spoken(one),
      keys: one.keys,
      enabled: can(one.answer),
      perform: () => answer(one.answer, one.clearly, showing),
    })),
    {
      name: 'undo',
      label: t`Undo the last answer`,
      keys: 'backspace, mod+z',
      enabled: canUndo && !readOnly,
      perform: undoLabel,
    },
    {
      name: 'redo',
      label: t`Redo`,
      keys: 'shift+backspace, mod+shift+z',
      enabled: canRedo && !readOnly,
      perform: redoLabel,
    },
    {
      name: 'zoom',
      label: t`Zoom both images`,
      keys: 'z',
      enabled: showing !== null,
      perform: () => setZoomed(!zoomed),
    },
    { name: 'rater', label: t`Next person who judges`, keys: 'r', enabled: several, perform: nextRater },
  ];

  if (!showing || !left || !right) {
    return (
      <>
        <Shortcuts title={t`Judging`} actions={actions} />
        <ProblemNotice problem={problem} />
      </>
    );
  }
  const { pair, shownLeft } = showing;
  const { name } = rater;
  // On the picture, whichever side it stands on now.
  const isGiven = (given: Answer, clearly: boolean): boolean =>
    previous !== undefined && answerAsShown(previous, shownLeft) === given && previous.clearly === clearly;
  return (
    <div className={styles.judge} onPointerDownCapture={onPointerDownCapture}>
      <Shortcuts title={t`Judging`} actions={actions} />
      {at >= 0 ? <Review at={at} of={listed} /> : null}
      <p className={styles.prompt} aria-live="polite">
        {pair.prompt || t`No prompt`}
      </p>
      <PairStage
        left={left}
        right={right}
        prompt={pair.prompt}
        view={{ zoomed, flickering: heldButton || heldKey }}
        onChoose={
          canAnswer
            ? (side, clearly, event) => {
                if (isMeant(event)) void answer(side, clearly, showing);
              }
            : undefined
        }
        marks={previous && isReview ? marksOf(answerAsShown(previous, shownLeft), previous.clearly) : undefined}
        compact={compact}
      />
      <div className={styles.answers} role="group" aria-label={t`Which one do you like more?`}>
        {answers.map((one) => {
          const { answer: given, clearly, label, keys, icon } = one;
          return (
            <button
              key={keys}
              type="button"
              className={styles.answer}
              data-answer={given}
              data-clearly={clearly || undefined}
              {...(clearly && { 'aria-label': spoken(one) })}
              data-given={isGiven(given, clearly) || undefined}
              disabled={readOnly}
              aria-disabled={!can(given) || undefined}
              aria-pressed={previous && isGiven(given, clearly)}
              onClick={(event) => {
                // A mouse click leaves no focus behind, so that Space means skip again; a keyboard user's place is kept.
                if (event.detail > 0) event.currentTarget.blur();
                if (can(given) && isMeant(event)) void answer(given, clearly || event.shiftKey, showing);
              }}
            >
              {icon ? <Icon name={icon} /> : null}
              {lastAnswer?.answer === given && lastAnswer.clearly === clearly ? (
                <i key={lastAnswer.id} className={styles.glow} aria-hidden />
              ) : null}
              <span>{i18n._(label)}</span>
              {singleKeys && !clearly ? <Keys of={nameOf({ answer: given, clearly })} keys={keys} first /> : null}
            </button>
          );
        })}
      </div>
      <p className={styles.said} role="status">
        {lastAnswer ? <span key={lastAnswer.id}>{saidOf(lastAnswer)}</span> : null}
      </p>
      <div className={styles.tools}>
        <div className="row">
          <IconButton
            icon="undo"
            label={t`Undo the last answer`}
            of="undo"
            disabled={!canUndo || readOnly}
            onClick={undoLabel}
          />
          <IconButton icon="redo" label={t`Redo`} of="redo" disabled={!canRedo || readOnly} onClick={redoLabel} />
        </div>
        {several ? (
          <button type="button" className={styles.rater} title={t`Who judges; press for the next`} onClick={nextRater}>
            <i style={{ background: raterColour(rater) }} />
            <span>{t({ message: `${name} judges`, comment: 'a person' })}</span>
            {singleKeys ? <Keys of="rater" keys="r" /> : null}
          </button>
        ) : null}
        <span className={`small dim ${styles.hint}`}>
          {singleKeys ? t`Hold Shift with an answer for “clearly”` : t`Single-key shortcuts are off: use the buttons`}
        </span>
        <div className="row">
          <HoldButton label={t`Hold to flicker between the two images`} onHold={setHeldButton}>
            <Icon name="flicker" /> <Trans>Flicker</Trans> {singleKeys ? <Keys keys="f" /> : null}
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
      <ProblemNotice problem={problem} />
    </div>
  );
}
