/** Label: one pair, five answers, and how far the labels carry. */
import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg, plural, t } from '@lingui/core/macro';
import { Plural, Trans } from '@lingui/react/macro';
import { useEffect } from 'react';
import { Button } from '../../components/Button.tsx';
import { Segmented, Select, Switch } from '../../components/Fields.tsx';
import { Judge } from '../../components/Judge.tsx';
import { Progress } from '../../components/Progress.tsx';
import { Empty, Notice } from '../../components/Surface.tsx';
import { recipeInWords } from '../../components/settingsWords.ts';
import { printSeconds } from '../../components/words.ts';
import { pairRecipe, pairsAreDue } from '../../store/generateSelectors.ts';
import type { QueueFilter } from '../../store/labelsSlice.ts';
import { isOpen, type Job } from '../../store/jobsSlice.ts';
import { queue, queueSizes, usable as usableOf } from '../../store/labelSelectors.ts';
import { chosenModel, isPairOf, modelNames } from '../../store/models.ts';
import { currentRater, profiles } from '../../store/ratersSlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './label.module.css';
import { UNNAMED } from '../../../records/raters.ts';

const filters: { value: QueueFilter; label: MessageDescriptor }[] = [
  { value: 'toJudge', label: msg({ message: 'To judge', comment: 'pairs' }) },
  { value: 'brought', label: msg({ message: 'Came labelled', comment: 'pairs with labels of somebody else' }) },
  { value: 'preferred', label: msg({ message: 'Preferred', comment: 'pairs of which one picture is better' }) },
  { value: 'tie', label: msg({ message: 'Ties', comment: 'pairs of which both pictures are as good' }) },
  { value: 'bothBad', label: msg`Both bad` },
  { value: 'skip', label: msg({ message: 'Skipped', comment: 'pairs' }) },
];

/** From here on a first training makes sense, and from there on a good one. */
const enough = { taste: 12, standard: 80 };

export function LabelScreen() {
  const showing = useStudio((s) => s.showing !== null);
  const filter = useStudio((s) => s.filter);
  const sizes = useStudio(queueSizes);
  const read = useStudio((s) => s.pairsRead);
  const lacks = useStudio((s) => s.lacks !== null);
  // Not because all are judged.
  const noPairs = useStudio((s) => !s.pairs.length && (s.labelProblem !== null || s.lacks !== null));
  const { setFilter } = useStudio.getState();
  const options = filters
    .filter(({ value }) => value !== 'brought' || sizes.brought > 0 || filter === 'brought')
    .map(({ value, label }) => ({ value, label: `${i18n._(label)} ${sizes[value]}` }));
  return (
    <div className={styles.screen}>
      <h1 className={styles.hiddenTitle}>{t({ message: 'Label', context: 'screen' })}</h1>
      <div className={styles.head}>
        <Counter />
        <div className={styles.wideFilter}>
          <Segmented label={t`Which pairs`} value={filter} onChange={setFilter} options={options} />
        </div>
        <div className={styles.narrowFilter}>
          <Select label={t`Which pairs`} value={filter} onChange={setFilter} options={options} />
        </div>
      </div>
      <Whose />
      <OtherModel />
      <Judge />
      {showing || !read ? null : noPairs ? (
        <Empty icon="warn" title={t`No pair can be shown`}>
          {lacks ? t`See above: an answer could not be kept.` : t`See above.`}
        </Empty>
      ) : (
        <NothingLeft />
      )}
      {lacks ? null : <KeepMaking />}
    </div>
  );
}

/** Only where there is more than one to choose from. */
function Whose() {
  const whose = useStudio((s) => s.whose);
  const { by, name } = useStudio(currentRater);
  const several = useStudio((s) => profiles(s).length > 1 || s.labels.byRater.size > 1);
  const { setWhose } = useStudio.getState();
  if (!several) return null;
  return (
    <div>
      <Segmented
        label={t`Whose labels are listed`}
        value={whose}
        onChange={setWhose}
        options={[
          { value: 'mine', label: by === UNNAMED ? t`My labels` : t`${name}’s labels` },
          { value: 'all', label: t({ message: 'Everybody’s, merged', comment: 'labels' }) },
        ]}
      />
    </div>
  );
}

function Counter() {
  const counts = useStudio((s) => s.counts);
  const { own: usable, others } = useStudio(usableOf);
  const goal = usable < enough.taste ? enough.taste : enough.standard;
  const missing = goal - usable;
  const { labels, tie, bothBad, skip } = counts;
  const each = counts.medianMs === null ? null : printSeconds(counts.medianMs);
  return (
    <div className={styles.counter}>
      <p aria-live="polite">
        <Trans comment="labels">
          <strong className="number">
            <Plural value={labels} one={`${labels} label`} other={`${labels} labels`} />
          </strong>{' '}
          <span className="dim">→</span> <strong className={`number ${styles.usable}`}>{usable} usable</strong>
        </Trans>
        <span className={`small dim number ${styles.detail}`}>
          {[
            others ? t({ message: `${others} of other models`, comment: 'labels' }) : '',
            tie ? plural(tie, { one: `${tie} tie`, other: `${tie} ties` }) : '',
            bothBad ? t`${bothBad} both bad` : '',
            skip ? t({ message: `${skip} skipped`, comment: 'pairs' }) : '',
            each === null ? '' : t({ message: `${each} each`, comment: 'seconds for an answer' }),
          ]
            .filter(Boolean)
            .join(' · ')}
        </span>
      </p>
      {usable < enough.standard ? (
        <div className={styles.meter}>
          <Progress label={t`Usable labels, ${usable} of ${goal}`} value={usable / goal} />
          <span className="small dim">
            {usable < enough.taste
              ? t({
                  message: `${missing} more for a first taste`,
                  comment: 'labels; then a first training shows something',
                })
              : t({ message: `enough for a taste · ${goal} for a standard run`, comment: 'labels' })}
          </span>
        </div>
      ) : (
        <Button href="#/train" icon="train">
          <Trans comment="labels">Train on them</Trans>
        </Button>
      )}
    </div>
  );
}

/** A pair that the chosen model did not make can be judged, and teaches it nothing. */
function OtherModel() {
  const base = useStudio(chosenModel);
  const shown = useStudio((s) => s.showing?.pair);
  const filter = useStudio((s) => s.filter);
  // Own pairs stand first in the queue, where there are any.
  const hasOwn = useStudio(
    (s) =>
      base !== undefined &&
      queue(s)
        .slice(0, 1)
        .some((pair) => isPairOf(pair, base.id)),
  );
  const { setFilter } = useStudio.getState();
  if (!base || !shown || isPairOf(shown, base.id)) return null;
  const { title } = base;
  return (
    <Notice
      tone="warn"
      actions={
        hasOwn ? (
          <Button icon="label" onClick={() => setFilter(filter)}>
            <Trans comment="pairs of the model">Judge its own</Trans>
          </Button>
        ) : (
          <Button icon="generate" href="#/generate">
            <Trans>Make pairs with it</Trans>
          </Button>
        )
      }
    >
      {t`These pictures are of another model: ${title} does not learn from them.`}
    </Notice>
  );
}

function makingInWords({ done, total, step, steps }: Job): string {
  const at = done + 1;
  return steps
    ? t`Image ${at} of ${total}, step ${step} of ${steps}. You can still undo your last answer.`
    : t`Image ${at} of ${total}. You can still undo your last answer.`;
}

function NothingLeft() {
  const filter = useStudio((s) => s.filter);
  const usable = useStudio((s) => usableOf(s).own);
  const ready = useStudio((s) => s.engineState === 'ready');
  const making = useStudio((s) => s.jobs.find((job) => job.kind === 'pairs' && isOpen(job)));
  const { makeMorePairs, setFilter } = useStudio.getState();
  if (filter !== 'toJudge') {
    return (
      <Empty
        icon="label"
        title={t`No pairs here`}
        actions={
          <Button onClick={() => setFilter('toJudge')}>
            <Trans>Back to the pairs to judge</Trans>
          </Button>
        }
      >
        <Trans>No pair has this answer.</Trans>
      </Empty>
    );
  }
  if (making) {
    return (
      <Empty icon="refresh" title={t`The next pair is on its way`}>
        {makingInWords(making)}
      </Empty>
    );
  }
  return (
    <Empty
      icon="check"
      title={t`Every pair is judged`}
      actions={
        <>
          <Button
            look={usable >= enough.taste ? 'normal' : 'primary'}
            icon="generate"
            disabled={!ready}
            onClick={() => makeMorePairs(8)}
          >
            <Trans>Make 8 more pairs</Trans>
          </Button>
          {usable > 0 ? (
            <Button look={usable >= enough.taste ? 'primary' : 'normal'} icon="train" href="#/train">
              {plural(usable, { one: `Train on ${usable} label`, other: `Train on ${usable} labels` })}
            </Button>
          ) : null}
        </>
      }
    >
      {usable >= enough.taste
        ? t({ message: 'You have enough for a first training, and more always helps.', comment: 'labels' })
        : t({ message: 'A few more and there is something to learn from.', comment: 'labels' })}
    </Empty>
  );
}

function KeepMaking() {
  const keep = useStudio((s) => s.preferences.keepMakingPairs);
  const training = useStudio((s) => s.activeRun !== null);
  const due = useStudio(pairsAreDue);
  const looksOnly = useStudio((s) => s.engineState === 'otherTab');
  const { setPreference, topUpPairs } = useStudio.getState();
  useEffect(() => {
    if (due) void topUpPairs();
  }, [due, topUpPairs]);
  return (
    <div className={styles.foot}>
      <Switch
        label={t`Keep making pairs while I judge`}
        {...(training && keep ? { hint: t`Training and pairs take turns, so both are slower.` } : {})}
        checked={keep}
        disabled={looksOnly}
        onChange={(on) => setPreference('keepMakingPairs', on)}
      />
      <Recipe />
    </div>
  );
}

/** What more pairs are made of: as the last that were asked for, and never by what happens to be on Generate. */
function Recipe() {
  const recipe = useStudio(pairRecipe);
  const names = useStudio(modelNames);
  const isOwn = useStudio((s) => s.lastPairs !== pairRecipe(s));
  const { forgetLastPairs } = useStudio.getState();
  if (!recipe) return null;
  const what = recipeInWords(recipe, names);
  return (
    <p className={`small dim ${styles.recipe}`}>
      <span>{t`More pairs are made of: ${what}`}</span>
      {isOwn ? null : (
        <Button look="quiet" icon="refresh" onClick={forgetLastPairs}>
          <Trans comment="a button: settings for more pairs">The model’s own</Trans>
        </Button>
      )}
    </p>
  );
}
