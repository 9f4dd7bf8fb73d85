/** Before a run: what there is to learn from, how to learn it, what it will take. */
import { plural, t } from '@lingui/core/macro';
import { Trans } from '@lingui/react/macro';
import { useEffect, useState } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { configFor, presetsFor } from '../../../training/presets.ts';
import type { Action } from '../../components/action.ts';
import { ActionButton, Button } from '../../components/Button.tsx';
import { FileButton } from '../../components/FileButton.tsx';
import { TextArea } from '../../components/Fields.tsx';
import { withFields } from '../../components/fieldProblem.ts';
import { ModelPicker } from '../../components/ModelPicker.tsx';
import { exported } from '../../../data/exporters/exporter.ts';
import { exporters } from '../../../data/exporters/table.ts';
import { acceptOf } from '../../../data/importers/table.ts';
import { saveTaken } from '../../components/files.ts';
import { Shortcuts } from '../../components/Shortcuts.tsx';
import { Disclosure } from '../../components/Disclosure.tsx';
import { Empty, Notice, Panel, ProblemNotice } from '../../components/Surface.tsx';
import { printTrainConfig } from '../../../data/formats/trainConfig.ts';
import { trainsOn } from '../../../data/pairs.ts';
import { lossNames } from '../../../losses/table.ts';
import { usable, usablePrompts } from '../../store/labelSelectors.ts';
import { memoised, type Selector } from '../../store/memoised.ts';
import { chosenModel, isPairOf, startModel } from '../../store/models.ts';
import { useStudio } from '../../store/useStudio.ts';
import { ConfigForm } from './ConfigForm.tsx';
import { Forecast } from './Forecast.tsx';
import styles from './train.module.css';
import { said } from '../../languages/language.ts';

/** Whether other settings would find something to learn from: ties, or labels of a kind that is left out now. */
const couldLearn: Selector<boolean> = memoised(
  [(state) => state.pairs, (state) => state.labels, (state) => chosenModel(state)?.id],
  (pairs, { byRater }, base) => {
    const own = new Set(pairs.filter((pair) => base === undefined || isPairOf(pair, base)).map(({ id }) => id));
    return [...byRater.values()].some(({ byPair }) =>
      [...byPair].some(([pair, { answer }]) => own.has(pair) && lossNames.some((loss) => trainsOn(answer, loss))),
    );
  },
);

export function Setup() {
  const base = useStudio(chosenModel);
  const hasUsable = useStudio((s) => usable(s).own > 0);
  const couldUse = useStudio(couldLearn);
  // Told where there is nothing else to learn from.
  const others = useStudio((s) => (usable(s).own > 0 ? 0 : usable(s).others));
  const ready = useStudio((s) => s.engineState === 'ready');
  const busy = useStudio((s) => s.training || s.activeRun !== null);
  const waiting = useStudio((s) => s.waiting.length);
  const model = useStudio(startModel);
  const { setTrainModel, startTraining, queueRun } = useStudio.getState();
  const name = base?.title;
  const start: Action = {
    name: 'start',
    label: busy ? t({ message: 'Queue this run', comment: 'a button' }) : t`Start training`,
    keys: 'mod+enter',
    enabled: ready && hasUsable,
    perform: withFields(busy ? queueRun : startTraining),
  };
  if (base?.notTrainable) {
    const { title } = base;
    return (
      <Notice
        tone="warn"
        title={t`${title} can make pictures, and cannot be trained`}
        actions={
          <Button icon="models" href="#/models">
            <Trans>Choose another model</Trans>
          </Button>
        }
      >
        {base.notTrainable}
      </Notice>
    );
  }
  if (!hasUsable && !couldUse && others > 0) {
    return (
      <Panel>
        <Empty
          icon="models"
          title={
            name === undefined ? t`Nothing for this model to learn from yet` : t`Nothing for ${name} to learn from yet`
          }
          actions={
            <>
              <Button look="primary" icon="generate" href="#/generate">
                <Trans comment="the model">Make pairs with it</Trans>
              </Button>
              <Button icon="models" href="#/models">
                <Trans>Choose another model</Trans>
              </Button>
            </>
          }
        >
          {t`${plural(others, {
            one: `${others} judged pair of other models is left out: of what models made, one learns from its own.`,
            other: `${others} judged pairs of other models are left out: of what models made, one learns from its own.`,
          })}`}
        </Empty>
      </Panel>
    );
  }
  // Settings that leave everything out are changed here.
  if (!hasUsable && !couldUse) {
    return (
      <Panel>
        <Empty
          icon="label"
          title={t`Nothing to learn from yet`}
          actions={
            <Button look="primary" href="#/label">
              <Trans>Judge some pairs</Trans>
            </Button>
          }
        >
          <Trans>Training takes pairs with a preference: left or right. A dozen is enough for a first taste.</Trans>
        </Empty>
      </Panel>
    );
  }
  return (
    <div className={styles.setup}>
      <Shortcuts title={t`Train`} actions={[start]} />
      <div className="stack">
        <Readiness />
        <Panel title={t({ message: 'How to train', comment: 'settings of the next run' })}>
          <div className="stack">
            <Presets />
            <ModelPicker
              label={t({ message: 'Start from', comment: 'a model' })}
              hint={t`The run learns on top of this model, and is held against it.`}
              value={model}
              onChange={setTrainModel}
              oneBase
            />
            <Disclosure label={t`More: every setting`}>
              <ConfigForm />
            </Disclosure>
            <Disclosure label={t`As a file`}>
              <ConfigFile />
            </Disclosure>
          </div>
        </Panel>
      </div>
      <div className={styles.aside}>
        <Forecast />
        <ActionButton action={start} look="primary" size="md" icon="play" full />
        {busy ? (
          <p className="small dim">
            {waiting
              ? t`${plural(waiting, {
                  one: `A run is at work, and ${waiting} run waits. This one begins after, with the labels of now.`,
                  other: `A run is at work, and ${waiting} runs wait. This one begins after, with the labels of now.`,
                })}`
              : t`A run is at work. This one begins after, with the labels of now.`}
          </p>
        ) : null}
      </div>
    </div>
  );
}

function Readiness() {
  const { own, others } = useStudio(usable);
  const counts = useStudio(useShallow(({ counts: { tie, bothBad, skip } }) => ({ tie, bothBad, skip })));
  const loss = useStudio((s) => s.trainConfig.loss);
  const prompts = useStudio(usablePrompts);
  const { tie, bothBad, skip } = counts;
  const left = [
    tie && !trainsOn('tie', loss) ? t`${plural(tie, { one: `${tie} tie`, other: `${tie} ties` })}` : '',
    bothBad ? t({ message: `${bothBad} both bad`, comment: 'labels' }) : '',
    skip ? t({ message: `${skip} skipped`, comment: 'labels' }) : '',
    others
      ? t`${plural(others, { one: `${others} pair of other models`, other: `${others} pairs of other models` })}`
      : '',
  ]
    .filter(Boolean)
    .join(', ');
  return (
    <Notice
      tone={own < 12 ? 'warn' : 'good'}
      title={t`${plural(own, { one: `${own} usable label`, other: `${own} usable labels` })} over ${plural(prompts, { one: `${prompts} prompt`, other: `${prompts} prompts` })}`}
      actions={
        <Button icon="label" href="#/label">
          <Trans>Judge more</Trans>
        </Button>
      }
    >
      <span className="small">
        {own === 0
          ? t`With these settings none of your labels counts. A loss with soft labels learns from ties; labels that are left out are let in under “More: every setting”, or by a preset.`
          : own < 12
            ? t`Little to learn from: expect a hint of your taste at most.`
            : own < 60
              ? t`Enough for a taste. 100 or more make it show.`
              : t`Good ground to learn from.`}
        {left ? ` ${t({ message: `Left out: ${left}.`, comment: 'labels that are not learned from' })}` : ''}
      </span>
    </Notice>
  );
}

function Presets() {
  const chosen = useStudio((s) => s.presetName);
  const presets = presetsFor(useStudio(chosenModel));
  const pairs = useStudio((s) => usable(s).own);
  const { choosePreset } = useStudio.getState();
  return (
    <fieldset className={styles.presets}>
      <legend className="fieldLabel">
        <Trans>Preset</Trans>{' '}
        {chosen ? (
          ''
        ) : (
          <span className="dim">
            <Trans>(own settings)</Trans>
          </span>
        )}
      </legend>
      {presets.map((preset) => {
        const { name, title, description } = preset;
        const { steps, mode, rank } = configFor(preset, pairs);
        return (
          <label key={name} className={styles.preset} data-chosen={chosen === name || undefined}>
            <input
              type="radio"
              name="preset"
              value={name}
              checked={chosen === name}
              onChange={() => choosePreset(name)}
            />
            <strong>{said(title)}</strong>
            <span className="small dim">{said(description)}</span>
            <span className="small dim number">
              {mode === 'lora' ? t`${steps} steps · LoRA, rank ${rank}` : t`${steps} steps · every weight`}
            </span>
          </label>
        );
      })}
    </fieldset>
  );
}

function ConfigFile() {
  const config = useStudio((s) => s.trainConfig);
  const problem = useStudio((s) => s.settingsProblem);
  const { loadTrainConfig, loadTrainFile, forgetSettingsProblem } = useStudio.getState();
  const [text, setText] = useState(printTrainConfig(config));
  useEffect(() => setText(printTrainConfig(config)), [config]);
  useEffect(() => forgetSettingsProblem, [forgetSettingsProblem]);
  return (
    <div className="stack">
      <TextArea label={t`Training settings as JSON`} mono value={text} onChange={setText} rows={8} />
      <ProblemNotice problem={problem} />
      <div className="row">
        <Button disabled={text === printTrainConfig(config)} onClick={() => loadTrainConfig(text)}>
          <Trans>Apply</Trans>
        </Button>
        <Button icon="save" onClick={() => saveTaken(exported(exporters.trainSettings, 'winnow-train', config))}>
          <Trans>Save file</Trans>
        </Button>
        <FileButton accept={acceptOf('trainSettings')} onFile={loadTrainFile}>
          <Trans>Load file</Trans>
        </FileButton>
      </div>
    </div>
  );
}
