/** Label: one pair, five answers, and how far the labels carry. */
import { useEffect } from 'react';
import { Button } from '../../components/Button.tsx';
import { Segmented, Select, Switch } from '../../components/Fields.tsx';
import { Judge } from '../../components/Judge.tsx';
import { Empty, Notice, Progress } from '../../components/Surface.tsx';
import { recipeInWords } from '../../components/settingsWords.ts';
import { plural, printSeconds } from '../../components/words.ts';
import { pairRecipe, pairsAreDue } from '../../store/generateSelectors.ts';
import type { QueueFilter } from '../../store/labelsSlice.ts';
import { isOpen } from '../../store/jobsSlice.ts';
import { queue, queueSizes, usable as usableOf } from '../../store/labelSelectors.ts';
import { chosenModel, isPairOf, modelNames } from '../../store/models.ts';
import { currentRater, profiles } from '../../store/ratersSlice.ts';
import { useStudio } from '../../store/useStudio.ts';
import styles from './label.module.css';

const filters: { value: QueueFilter; label: string }[] = [
  { value: 'toJudge', label: 'To judge' },
  { value: 'brought', label: 'Came labelled' },
  { value: 'preferred', label: 'Preferred' },
  { value: 'tie', label: 'Ties' },
  { value: 'bothBad', label: 'Both bad' },
  { value: 'skip', label: 'Skipped' },
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
    .map(({ value, label }) => ({ value, label: `${label} ${sizes[value]}` }));
  return (
    <div className={styles.screen}>
      <h1 className={styles.hiddenTitle}>Label</h1>
      <div className={styles.head}>
        <Counter />
        <div className={styles.wideFilter}>
          <Segmented label="Which pairs" value={filter} onChange={setFilter} options={options} />
        </div>
        <div className={styles.narrowFilter}>
          <Select label="Which pairs" value={filter} onChange={setFilter} options={options} />
        </div>
      </div>
      <Whose />
      <OtherModel />
      <Judge />
      {showing || !read ? null : noPairs ? (
        <Empty icon="warn" title="No pair can be shown">
          {lacks ? 'See above: an answer could not be kept.' : 'See above.'}
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
  const { name } = useStudio(currentRater);
  const several = useStudio((s) => profiles(s).length > 1 || s.labels.byRater.size > 1);
  const { setWhose } = useStudio.getState();
  if (!several) return null;
  return (
    <div>
      <Segmented
        label="Whose labels are listed"
        value={whose}
        onChange={setWhose}
        options={[
          { value: 'mine', label: name === 'Me' ? 'My labels' : `${name}’s labels` },
          { value: 'all', label: 'Everybody’s, merged' },
        ]}
      />
    </div>
  );
}

function Counter() {
  const counts = useStudio((s) => s.counts);
  const { own: usable, others } = useStudio(usableOf);
  const goal = usable < enough.taste ? enough.taste : enough.standard;
  return (
    <div className={styles.counter}>
      <p aria-live="polite">
        <strong className="number">{plural(counts.labels, 'label')}</strong> <span className="dim">→</span>{' '}
        <strong className={`number ${styles.usable}`}>{usable} usable</strong>
        <span className={`small dim number ${styles.detail}`}>
          {[
            others ? `${others} of other models` : '',
            counts.tie ? plural(counts.tie, 'tie') : '',
            counts.bothBad ? `${counts.bothBad} both bad` : '',
            counts.skip ? `${counts.skip} skipped` : '',
            counts.medianMs === null ? '' : `${printSeconds(counts.medianMs)} each`,
          ]
            .filter(Boolean)
            .join(' · ')}
        </span>
      </p>
      {usable < enough.standard ? (
        <div className={styles.meter}>
          <Progress label={`Usable labels, ${usable} of ${goal}`} value={usable / goal} />
          <span className="small dim">
            {usable < enough.taste
              ? `${goal - usable} more for a first taste`
              : `enough for a taste · ${goal} for a standard run`}
          </span>
        </div>
      ) : (
        <Button href="#/train" icon="train">
          Train on them
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
  return (
    <Notice
      tone="warn"
      actions={
        hasOwn ? (
          <Button icon="label" onClick={() => setFilter(filter)}>
            Judge its own
          </Button>
        ) : (
          <Button icon="generate" href="#/generate">
            Make pairs with it
          </Button>
        )
      }
    >
      These pictures are of another model: {base.title} does not learn from them.
    </Notice>
  );
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
        title="No pairs here"
        actions={<Button onClick={() => setFilter('toJudge')}>Back to the pairs to judge</Button>}
      >
        No pair has this answer.
      </Empty>
    );
  }
  if (making) {
    return (
      <Empty icon="refresh" title="The next pair is on its way">
        Image {making.done + 1} of {making.total}
        {making.steps ? `, step ${making.step} of ${making.steps}` : ''}. You can still undo your last answer.
      </Empty>
    );
  }
  return (
    <Empty
      icon="check"
      title="Every pair is judged"
      actions={
        <>
          <Button
            look={usable >= enough.taste ? 'normal' : 'primary'}
            icon="generate"
            disabled={!ready}
            onClick={() => makeMorePairs(8)}
          >
            Make 8 more pairs
          </Button>
          {usable > 0 ? (
            <Button look={usable >= enough.taste ? 'primary' : 'normal'} icon="train" href="#/train">
              Train on {plural(usable, 'label')}
            </Button>
          ) : null}
        </>
      }
    >
      {usable >= enough.taste
        ? 'You have enough for a first training, and more always helps.'
        : 'A few more and there is something to learn from.'}
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
        label="Keep making pairs while I judge"
        {...(training && keep ? { hint: 'Training and pairs take turns, so both are slower.' } : {})}
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
  return (
    <p className={`small dim ${styles.recipe}`}>
      <span>More pairs are made of: {recipeInWords(recipe, names)}</span>
      {isOwn ? null : (
        <Button look="quiet" icon="refresh" onClick={forgetLastPairs}>
          The model’s own
        </Button>
      )}
    </p>
  );
}
