/** Compare: the same prompts and seeds through two models; blind, when it matters. */
import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg, plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useState } from 'react';
import { shallow } from 'zustand/shallow';
import { useShallow } from 'zustand/react/shallow';
import type { Action } from '../../components/action.ts';
import { ActionButton, Button, IconButton } from '../../components/Button.tsx';
import { Segmented, TextArea, TextField } from '../../components/Fields.tsx';
import { withFields } from '../../components/fieldProblem.ts';
import { ModelPicker } from '../../components/ModelPicker.tsx';
import { scaleAction } from '../../components/ScaleSwitch.tsx';
import { SettingsApart } from '../../components/SettingsApart.tsx';
import { Shortcuts } from '../../components/Shortcuts.tsx';
import { Disclosure } from '../../components/Disclosure.tsx';
import { Progress } from '../../components/Progress.tsx';
import { Page, Panel, ProblemNotice } from '../../components/Surface.tsx';
import { settingsInWords } from '../../components/settingsWords.ts';
import { printDuration } from '../../components/words.ts';
import { distinctBy } from '../../../shared/arrays.ts';
import { MOST_MODELS } from '../../../records/blindTests.ts';
import {
  areSame,
  comparedBy,
  comparedModels,
  compareSettingsFor,
  missingPictures,
} from '../../store/compareSelectors.ts';
import { seedsIn } from '../../store/compareGrid.ts';
import type { CompareView } from '../../store/compareSlice.ts';
import { draftSettings } from '../../store/generateSelectors.ts';
import { memoised } from '../../store/memoised.ts';
import { isOpen, secondsLeft } from '../../store/jobsSlice.ts';
import { bundledPrompts, drawPrompts } from '../../store/prompts.ts';
import { useStudio } from '../../store/useStudio.ts';
import { useModelHashes } from './modelHashes.ts';
import { BlindCard } from './BlindCard.tsx';
import { BlindTestView, StudyComesBack } from './BlindTestView.tsx';
import styles from './compare.module.css';
import { useCompareAddress } from './useCompareAddress.ts';
import { GridView } from './GridView.tsx';
import { Judged } from './Judged.tsx';
import { PairThumbs } from './PairThumbs.tsx';
import { Scrub } from './Scrub.tsx';
import { TakeAway } from './TakeAway.tsx';
import { Together } from './Together.tsx';
import { TwoImages } from './TwoImages.tsx';

/** A line for every base model that is compared. */
const howComparedInWords = memoised(
  [
    comparedModels,
    (state) => state.compareSettings,
    (state) => state.models,
    (state) => state.preferences,
    (state) => state.system,
    () => i18n.locale,
  ],
  (compared, compareSettings, models, preferences, system, _language) =>
    distinctBy(
      compared.filter(({ base }) => comparedBy({ compareSettings, models }, base)),
      ({ base }) => base,
    ).map((model, _, { length }) => {
      const words = settingsInWords(compareSettingsFor({ compareSettings, models, preferences, system }, model));
      return length > 1 ? `${models.find(({ id }) => id === model.base)!.title}: ${words}` : words;
    }),
  (a, b) => a.join('\n') === b.join('\n'),
);

const views: { value: CompareView; label: MessageDescriptor }[] = [
  { value: 'sideBySide', label: msg`Side by side` },
  { value: 'slider', label: msg`Slider` },
  { value: 'flicker', label: msg({ message: 'Flicker', context: 'a view' }) },
  { value: 'difference', label: msg`Difference` },
  { value: 'together', label: msg({ message: 'Together', comment: 'a view: several pictures at once' }) },
  { value: 'grid', label: msg`Grid` },
  { value: 'scrub', label: msg`Through training` },
];

export function CompareScreen() {
  const blind = useStudio((s) => s.blind !== null);
  const restoring = useStudio((s) => s.studyToRestore !== null);
  if (blind) return <BlindTestView />;
  return restoring ? <StudyComesBack /> : <Compare />;
}

function Compare() {
  useCompareAddress();
  const view = useStudio((s) => s.compareView);
  const problem = useStudio((s) => s.compareProblem);
  const { setCompare, moveCompare, swapCompare } = useStudio.getState();
  const next = views[(views.findIndex(({ value }) => value === view) + 1) % views.length]!.value;
  const actions: Action[] = [
    { name: 'mode', label: t`Next view`, keys: 'm', perform: () => setCompare({ compareView: next }) },
    { name: 'swap', label: t`Swap A and B`, keys: 'c', perform: swapCompare },
    {
      name: 'difference',
      label: t`Difference`,
      keys: 'd',
      perform: () => setCompare({ compareView: view === 'difference' ? 'sideBySide' : 'difference' }),
    },
    scaleAction(),
    { name: 'nextPrompt', label: t`Next prompt`, keys: 'right', perform: () => moveCompare({ prompt: 1 }) },
    { name: 'previousPrompt', label: t`Previous prompt`, keys: 'left', perform: () => moveCompare({ prompt: -1 }) },
    { name: 'nextSeed', label: t`Next seed`, keys: 'down', perform: () => moveCompare({ seed: 1 }) },
    { name: 'previousSeed', label: t`Previous seed`, keys: 'up', perform: () => moveCompare({ seed: -1 }) },
  ];
  return (
    <Page
      title={t`Compare`}
      wide
      actions={
        <div className={styles.views}>
          <Segmented
            label={t({ message: 'View', comment: 'which of several views of the same pictures' })}
            value={view}
            onChange={(compareView) => setCompare({ compareView })}
            options={views.map(({ value, label }) => ({ value, label: i18n._(label) }))}
          />
        </div>
      }
    >
      <Shortcuts title={t`Compare`} actions={actions} />
      <Sides />
      <ProblemNotice problem={problem} />
      <div className={styles.columns}>
        <div className={styles.main}>
          {view === 'grid' ? (
            <GridView />
          ) : view === 'scrub' ? (
            <Scrub />
          ) : (
            <>
              {view === 'together' ? <Together /> : <TwoImages view={view} />}
              <PairThumbs />
              <Judged />
            </>
          )}
        </div>
        <div className={styles.aside}>
          <BlindCard />
          <ApartRuns />
          <TakeAway />
        </div>
      </div>
    </Page>
  );
}

/** Of the runs that the models compared come from. */
function ApartRuns() {
  const ids = useStudio(
    useShallow((s) => [
      ...new Set(
        comparedModels(s).flatMap(({ adapters }) => {
          const last = adapters.at(-1);
          return last?.kind === 'run' ? [last.run] : [];
        }),
      ),
    ]),
  );
  return <SettingsApart ids={ids} />;
}

function Sides() {
  const a = useStudio((s) => s.compareA);
  const b = useStudio((s) => s.compareB);
  const hasPrompts = useStudio((s) => s.comparePrompts.some(Boolean));
  const ready = useStudio((s) => s.engineState === 'ready');
  const hasTuned = useStudio((s) => s.runs.some((run) => run.checkpoints.length));
  const job = useStudio((s) => s.jobs.find((one) => one.kind === 'compare' && isOpen(one)));
  const left = job ? secondsLeft(job, Date.now()) : null;
  const time = left === null ? '' : printDuration(left);
  const { done, total } = job ?? { done: 0, total: 0 };
  const comparing = useStudio((s) => s.comparing);
  const same = useStudio(areSame);
  const several = useStudio((s) => comparedModels(s).length > 1);
  const missing = useStudio(missingPictures);
  const others = useStudio((s) => s.compareOthers);
  const known = useModelHashes([a, b, ...others]);
  const { setCompare, swapCompare, makeComparison, cancelJob } = useStudio.getState();
  const make: Action = {
    name: 'make',
    label:
      ready && !known
        ? t`Looking at the models`
        : missing
          ? t`Make ${plural(missing, { one: `${missing} image`, other: `${missing} images` })}`
          : a && b && hasPrompts
            ? t`All images are here`
            : t`Make images`,
    keys: 'mod+enter',
    enabled: ready && known && missing > 0 && !comparing,
    perform: withFields(makeComparison),
  };
  return (
    <Panel>
      <Shortcuts title={t`Compare, images`} actions={[make]} />
      <div className={styles.sides}>
        <ModelPicker label="A" value={a} onChange={(compareA) => setCompare({ compareA })} withFile />
        <div className={styles.swap}>
          <IconButton icon="swap" label={t`Swap A and B`} of="swap" onClick={swapCompare} />
        </div>
        <ModelPicker label="B" value={b} onChange={(compareB) => setCompare({ compareB })} withFile />
      </div>
      <OtherModels />
      {same ? (
        <p className="small dim" style={{ marginTop: 8 }}>
          {hasTuned
            ? t`A and B are the same model: choose a run’s checkpoint for one of them.`
            : t`Train once, and the tuned model can be chosen here. Or bring a LoRA from disk.`}
        </p>
      ) : null}
      <div className={`spread ${styles.make}`}>
        <PromptsAndSeeds />
        {job ? (
          <div className={styles.progress}>
            <span className="small number">
              {job.title}: {job.message || t`${done} of ${total}`}
              {time ? ` · ${t({ message: `${time} left`, comment: 'how long it still takes' })}` : ''}
            </span>
            <Progress
              label={t`Images for the comparison`}
              value={total ? (done + (job.steps ? job.step / job.steps : 0)) / total : null}
            />
            <Button onClick={() => cancelJob(job.id)}>
              <Trans>Cancel</Trans>
            </Button>
          </div>
        ) : a && b && !several ? null : (
          <ActionButton action={make} look={known && missing ? 'primary' : 'normal'} />
        )}
      </div>
    </Panel>
  );
}

/** Beyond A and B. */
function OtherModels() {
  const others = useStudio((s) => s.compareOthers);
  const last = useStudio((s) => s.compareB);
  const { setCompare } = useStudio.getState();
  return (
    <div className={styles.others}>
      {others.map((model, at) => {
        const name = String.fromCharCode(67 + at);
        return (
          <div key={name} className={styles.other}>
            <ModelPicker
              label={name}
              value={model}
              onChange={(chosen) => setCompare({ compareOthers: others.with(at, chosen) })}
              withFile
            />
            <IconButton
              icon="close"
              label={t`Compare without ${name}`}
              onClick={() => setCompare({ compareOthers: others.toSpliced(at, 1) })}
            />
          </div>
        );
      })}
      {last && others.length < MOST_MODELS - 2 ? (
        <div className={styles.addModel}>
          <Button onClick={() => setCompare({ compareOthers: [...others, last] })}>
            <Trans>Another model</Trans>
          </Button>
        </div>
      ) : null}
    </div>
  );
}

function PromptsAndSeeds() {
  const prompts = useStudio((s) => s.comparePrompts);
  const seeds = useStudio((s) => s.compareSeeds);
  const { setCompare } = useStudio.getState();
  const [promptCount, seedCount] = [prompts.filter(Boolean).length, seeds.length];
  const [seedText, setSeedText] = useState(seeds.join(', '));
  return (
    <div className={styles.what}>
      <Disclosure
        label={t`${plural(promptCount, { one: `${promptCount} prompt`, other: `${promptCount} prompts` })} × ${plural(seedCount, { one: `${seedCount} seed`, other: `${seedCount} seeds` })}`}
      >
        <div className="stack">
          <TextArea
            label={t`Prompts`}
            hint={t`One on each line.`}
            rows={3}
            value={prompts.join('\n')}
            onChange={(text) => setCompare({ comparePrompts: text.split('\n') })}
          />
          <div className="row">
            {[3, 8].map((count) => (
              <Button
                key={count}
                look="quiet"
                icon="dice"
                onClick={async () => setCompare({ comparePrompts: drawPrompts(await bundledPrompts('test'), count) })}
              >
                <Trans>{count} unseen prompts</Trans>
              </Button>
            ))}
          </div>
          <TextField
            label={t`Seeds`}
            hint={t`Such as 1, 2, .., 8.`}
            value={seedText}
            onChange={(text) => {
              setSeedText(text);
              const compareSeeds = seedsIn(text);
              if (compareSeeds) setCompare({ compareSeeds });
            }}
          />
        </div>
      </Disclosure>
      <HowMade />
    </div>
  );
}

/** How the pictures of both sides are made: what is set on Generate is no matter before somebody says so here. */
function HowMade() {
  const words = useStudio(howComparedInWords);
  const { isOwn, isDraft } = useStudio(
    useShallow((s) => {
      const drawn = s.draft.base && comparedBy(s, s.draft.base);
      return {
        isOwn: Object.keys(s.compareSettings).length === 0,
        isDraft: !drawn || shallow(drawn, draftSettings(s.draft)),
      };
    }),
  );
  const { compareAsGenerated, compareAsModelsAre } = useStudio.getState();
  return (
    <div className={styles.how}>
      {words.map((line) => (
        <span key={line} className="small dim">
          {line}
        </span>
      ))}
      {isDraft ? null : (
        <Button look="quiet" icon="generate" onClick={compareAsGenerated}>
          <Trans comment="a button: takes the settings of the screen Generate">As on Generate</Trans>
        </Button>
      )}
      {isOwn ? null : (
        <Button look="quiet" icon="refresh" onClick={compareAsModelsAre}>
          <Trans comment="a button: goes back to the model’s own settings">The model’s own</Trans>
        </Button>
      )}
    </div>
  );
}
