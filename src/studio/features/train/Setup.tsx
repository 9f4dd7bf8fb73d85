/** Before a run: what there is to learn from, how to learn it, what it will take. */
import { useEffect, useState } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { configFor, presetsFor } from '../../../training/presets.ts';
import type { Action } from '../../components/action.ts';
import { ActionButton, Button, FileButton } from '../../components/Button.tsx';
import { TextArea } from '../../components/Fields.tsx';
import { withFields } from '../../components/fieldProblem.ts';
import { ModelPicker } from '../../components/ModelPicker.tsx';
import { exported } from '../../../data/exporters/exporter.ts';
import { exporters } from '../../../data/exporters/table.ts';
import { acceptOf } from '../../../data/importers/table.ts';
import { saveTaken } from '../../components/files.ts';
import { Shortcuts } from '../../components/Shortcuts.tsx';
import { Disclosure, Empty, Notice, Panel, ProblemNotice } from '../../components/Surface.tsx';
import { plural } from '../../components/words.ts';
import { printTrainConfig } from '../../../data/formats/trainConfig.ts';
import { trainsOn } from '../../../data/pairs.ts';
import { usable, usablePrompts } from '../../store/labelSelectors.ts';
import { chosenModel, startModel } from '../../store/models.ts';
import { useStudio } from '../../store/useStudio.ts';
import { ConfigForm } from './ConfigForm.tsx';
import { Forecast } from './Forecast.tsx';
import styles from './train.module.css';

export function Setup() {
  const base = useStudio(chosenModel);
  const hasUsable = useStudio((s) => usable(s).own > 0);
  // Told where there is nothing else to learn from.
  const others = useStudio((s) => (usable(s).own > 0 ? 0 : usable(s).others));
  const ready = useStudio((s) => s.engineState === 'ready');
  const busy = useStudio((s) => s.training || s.activeRun !== null);
  const waiting = useStudio((s) => s.waiting.length);
  const model = useStudio(startModel);
  const { setTrainModel, startTraining, queueRun } = useStudio.getState();
  const start: Action = {
    name: 'start',
    label: busy ? 'Queue this run' : 'Start training',
    keys: 'mod+enter',
    enabled: ready && hasUsable,
    perform: withFields(busy ? queueRun : startTraining),
  };
  if (base?.notTrainable) {
    return (
      <Notice
        tone="warn"
        title={`${base.title} can make pictures, and cannot be trained`}
        actions={
          <Button icon="models" href="#/models">
            Choose another model
          </Button>
        }
      >
        {base.notTrainable}
      </Notice>
    );
  }
  if (!hasUsable && others > 0) {
    return (
      <Panel>
        <Empty
          icon="models"
          title={`Nothing for ${base?.title ?? 'this model'} to learn from yet`}
          actions={
            <>
              <Button look="primary" icon="generate" href="#/generate">
                Make pairs with it
              </Button>
              <Button icon="models" href="#/models">
                Choose another model
              </Button>
            </>
          }
        >
          {plural(others, 'judged pair')} of other models {others === 1 ? 'is' : 'are'} left out: of what models made,
          one learns from its own.
        </Empty>
      </Panel>
    );
  }
  if (!hasUsable) {
    return (
      <Panel>
        <Empty
          icon="label"
          title="Nothing to learn from yet"
          actions={
            <Button look="primary" href="#/label">
              Judge some pairs
            </Button>
          }
        >
          Training takes pairs with a preference: left or right. A dozen is enough for a first taste.
        </Empty>
      </Panel>
    );
  }
  return (
    <div className={styles.setup}>
      <Shortcuts title="Train" actions={[start]} />
      <div className="stack">
        <Readiness />
        <Panel title="How to train">
          <div className="stack">
            <Presets />
            <ModelPicker
              label="Start from"
              hint="The run learns on top of this model, and is held against it."
              value={model}
              onChange={setTrainModel}
              oneBase
            />
            <Disclosure label="More: every setting">
              <ConfigForm />
            </Disclosure>
            <Disclosure label="As a file">
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
            A run is at work{waiting ? `, and ${plural(waiting, 'run')} ${waiting === 1 ? 'waits' : 'wait'}` : ''}. This
            one begins after, with the labels of now.
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
  const left = [
    counts.tie && !trainsOn('tie', loss) ? plural(counts.tie, 'tie') : '',
    counts.bothBad ? `${counts.bothBad} both bad` : '',
    counts.skip ? `${counts.skip} skipped` : '',
    others ? `${plural(others, 'pair')} of other models` : '',
  ]
    .filter(Boolean)
    .join(', ');
  return (
    <Notice
      tone={own < 12 ? 'warn' : 'good'}
      title={`${plural(own, 'usable label')} over ${plural(prompts, 'prompt')}`}
      actions={
        <Button icon="label" href="#/label">
          Judge more
        </Button>
      }
    >
      <span className="small">
        {own < 12
          ? 'Little to learn from: expect a hint of your taste at most.'
          : own < 60
            ? 'Enough for a taste. 100 or more make it show.'
            : 'Good ground to learn from.'}
        {left ? ` Left out: ${left}.` : ''}
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
      <legend className="fieldLabel">Preset {chosen ? '' : <span className="dim">(own settings)</span>}</legend>
      {presets.map((preset) => {
        const { name, title, description } = preset;
        const config = configFor(preset, pairs);
        return (
          <label key={name} className={styles.preset} data-chosen={chosen === name || undefined}>
            <input
              type="radio"
              name="preset"
              value={name}
              checked={chosen === name}
              onChange={() => choosePreset(name)}
            />
            <strong>{title}</strong>
            <span className="small dim">{description}</span>
            <span className="small dim number">
              {config.steps} steps · {config.mode === 'lora' ? `LoRA, rank ${config.rank}` : 'every weight'}
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
      <TextArea label="Training settings as JSON" mono value={text} onChange={setText} rows={8} />
      <ProblemNotice problem={problem} />
      <div className="row">
        <Button disabled={text === printTrainConfig(config)} onClick={() => loadTrainConfig(text)}>
          Apply
        </Button>
        <Button icon="save" onClick={() => saveTaken(exported(exporters.trainSettings, 'winnow-train', config))}>
          Save file
        </Button>
        <FileButton accept={acceptOf('trainSettings')} onFile={loadTrainFile}>
          Load file
        </FileButton>
      </div>
    </div>
  );
}
