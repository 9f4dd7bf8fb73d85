/** Every control of a run, in the order of thought: what learns, how fast, what the labels mean, what is kept. */
import type { ReactNode } from 'react';
import type { LossField } from '../../../losses/loss.ts';
import { lossFields, lossNames, losses, settingsOf } from '../../../losses/table.ts';
import {
  NumberField,
  OptionalNumberField,
  ScientificField,
  Segmented,
  Select,
  TextArea,
  TextField,
} from '../../components/Fields.tsx';
import { idleBecause } from '../../../training/config.ts';
import { useStudio } from '../../store/useStudio.ts';
import { PictureFields, RepeatFields } from './DataSettings.tsx';
import styles from './train.module.css';

export function ConfigForm() {
  const config = useStudio((s) => s.trainConfig);
  const { setTrainConfig: set } = useStudio.getState();
  const acts = (setting: keyof typeof config): boolean => idleBecause(config, setting) === null;
  return (
    <div className={styles.form}>
      <Group title="What learns">
        <div className={styles.wide}>
          <Segmented
            label="What learns"
            value={config.mode}
            onChange={(mode) => set({ mode })}
            options={[
              { value: 'lora', label: 'A LoRA' },
              { value: 'full', label: 'Every weight' },
            ]}
          />
        </div>
        {acts('rank') ? (
          <>
            <NumberField label="Rank" value={config.rank} min={1} max={256} onChange={(rank) => set({ rank })} />
            <NumberField
              label="Alpha"
              hint="The LoRA is scaled by alpha / rank."
              value={config.alpha}
              min={0.01}
              step={1}
              digits={2}
              onChange={(alpha) => set({ alpha })}
            />
            <Select
              label="Targets"
              value={config.targets}
              onChange={(targets) => set({ targets })}
              options={[
                { value: 'all', label: 'All layers' },
                { value: 'attention', label: 'Attention only' },
              ]}
            />
          </>
        ) : null}
      </Group>
      <Group title="How fast">
        <ScientificField
          label="Learning rate"
          value={config.learningRate}
          onChange={(learningRate) => set({ learningRate })}
        />
        <Select
          label="Schedule"
          value={config.lrSchedule}
          onChange={(lrSchedule) => set({ lrSchedule })}
          options={[
            { value: 'cosine', label: 'Cosine to 0' },
            { value: 'constant', label: 'Constant' },
          ]}
        />
        <NumberField
          label="Warm-up steps"
          value={config.warmupSteps}
          min={0}
          onChange={(warmupSteps) => set({ warmupSteps })}
        />
        <NumberField label="Steps" value={config.steps} min={1} onChange={(steps) => set({ steps })} />
        <NumberField
          label="Pairs per step"
          value={config.pairsPerStep}
          min={1}
          max={64}
          onChange={(pairsPerStep) => set({ pairsPerStep })}
        />
        <NumberField
          label="Accumulation"
          hint="Rounds of pairs before the weights move."
          value={config.accumulation}
          min={1}
          onChange={(accumulation) => set({ accumulation })}
        />
        <NumberField
          label="Weight decay"
          value={config.weightDecay}
          min={0}
          step={0.01}
          digits={5}
          onChange={(weightDecay) => set({ weightDecay })}
        />
        <NumberField
          label="Clip gradient at"
          hint="Global norm; 0 is no clipping."
          value={config.maxGradNorm}
          min={0}
          step={0.5}
          digits={3}
          onChange={(maxGradNorm) => set({ maxGradNorm })}
        />
        <NumberField
          label="Adam beta 1"
          value={config.adamBeta1}
          min={0}
          max={0.9999}
          step={0.01}
          digits={4}
          onChange={(adamBeta1) => set({ adamBeta1 })}
        />
        <NumberField
          label="Adam beta 2"
          value={config.adamBeta2}
          min={0}
          max={0.99999}
          step={0.01}
          digits={5}
          onChange={(adamBeta2) => set({ adamBeta2 })}
        />
        <NumberField
          label="Average of the weights"
          hint="Decay of an EMA, 0.99 for short runs: it is then what is sampled, looked at and saved. 0 is none."
          value={config.ema}
          min={0}
          max={0.99999}
          step={0.01}
          digits={5}
          onChange={(ema) => set({ ema })}
        />
        <ScientificField label="Adam epsilon" value={config.adamEps} onChange={(adamEps) => set({ adamEps })} />
      </Group>
      <Group title="What the labels mean">
        <div className={styles.wide}>
          <Select
            label="Loss"
            value={config.loss}
            onChange={(loss) => set({ loss })}
            options={lossNames.map((value) => ({ value, label: losses[value].title }))}
          />
        </div>
        {acts('beta') ? (
          <NumberField
            label="Beta"
            hint="Higher stays closer to the model it starts from."
            value={config.beta}
            min={0.001}
            step={100}
            digits={3}
            onChange={(beta) => set({ beta })}
          />
        ) : null}
        {settingsOf(config.loss).map((name) => (
          <LossNumber
            key={name}
            field={lossFields[name]}
            value={config[name]}
            onChange={(value) => set({ [name]: value })}
          />
        ))}
        <NumberField
          label="Timesteps from"
          value={config.timestepRange[0]}
          min={0}
          max={config.timestepRange[1] - 1}
          onChange={(from) => set({ timestepRange: [from, config.timestepRange[1]] })}
        />
        <NumberField
          label="to"
          hint="Not included."
          value={config.timestepRange[1]}
          min={config.timestepRange[0] + 1}
          max={1000}
          onChange={(to) => set({ timestepRange: [config.timestepRange[0], to] })}
        />
        <NumberField
          label="Prompt dropout"
          hint="0.1 to 0.2 keeps guidance working."
          value={config.promptDropout}
          min={0}
          max={1}
          step={0.05}
          digits={2}
          onChange={(promptDropout) => set({ promptDropout })}
        />
        <Select
          label="Reference"
          hint={
            losses[config.loss].readsLogit
              ? 'What the model is held against.'
              : 'This loss needs none: the curves are measured against it.'
          }
          value={config.reference}
          onChange={(reference) => set({ reference })}
          options={[
            { value: 'auto', label: 'The better one here' },
            { value: 'engine', label: 'Our kernels' },
            { value: 'onnx', label: 'onnxruntime' },
          ]}
        />
        <Select
          label="Memory"
          hint="Computing blocks twice takes about a fifth more time."
          value={config.recompute}
          onChange={(recompute) => set({ recompute })}
          options={[
            { value: 'auto', label: 'As the model needs' },
            { value: 'cheap', label: 'Faster' },
            { value: 'blocks', label: 'Smaller' },
          ]}
        />
        <RepeatFields />
        <PictureFields />
        <NumberField label="Seed" value={config.seed} min={0} onChange={(seed) => set({ seed })} />
      </Group>
      <Group title="What is kept">
        <NumberField
          label="Save every"
          hint="Steps; 0 is only at the end."
          value={config.saveEvery}
          min={0}
          onChange={(saveEvery) => set({ saveEvery })}
        />
        <NumberField
          label="Checkpoints kept"
          value={config.keepCheckpoints}
          min={1}
          onChange={(keepCheckpoints) => set({ keepCheckpoints })}
        />
        <NumberField
          label="Pairs held out"
          hint="A share, by prompt; looked at whenever it saves, never trained on. 0 is none."
          value={config.heldOut}
          min={0}
          max={0.5}
          step={0.05}
          digits={2}
          onChange={(heldOut) => set({ heldOut })}
        />
        <NumberField
          label="Stop early after"
          hint="Looks in a row that are no better; 0 is never."
          value={config.earlyStop}
          min={0}
          max={1000}
          onChange={(earlyStop) => set({ earlyStop })}
        />
        {acts('solvedMargin') ? (
          <NumberField
            label="Leave out from a margin of"
            hint="Pairs that it is sure of at their last three draws, decided at every save: 3 is a chance of 95 %. Wrong labels stay. 0 is never."
            value={config.solvedMargin}
            min={0}
            max={1000}
            step={0.5}
            digits={2}
            onChange={(solvedMargin) => set({ solvedMargin })}
          />
        ) : null}
        <Select
          label="Drift guard"
          hint="Where it loses what the model knew, or its preferences run away."
          value={config.driftGuard}
          onChange={(driftGuard) => set({ driftGuard })}
          options={[
            { value: 'stop', label: 'Stops the run' },
            { value: 'back', label: 'Goes back, at half the rate' },
            { value: 'off', label: 'Off' },
          ]}
        />
        <NumberField
          label="Sample every"
          hint="Steps; 0 is never."
          value={config.sampleEvery}
          min={0}
          onChange={(sampleEvery) => set({ sampleEvery })}
        />
        <TextField
          label="Sample seeds"
          value={config.sampleSeeds.join(', ')}
          onChange={(text) =>
            set({
              sampleSeeds: text
                .split(/[,\s]+/)
                .filter(Boolean)
                .map(Number)
                .filter((seed) => Number.isInteger(seed) && seed >= 0),
            })
          }
        />
        <div className={styles.wide}>
          <TextArea
            label="Sample prompts"
            hint="One on each line; empty draws three from the bundled list."
            value={config.samplePrompts.join('\n')}
            rows={2}
            onChange={(text) => set({ samplePrompts: text === '' ? [] : text.split('\n') })}
          />
        </div>
      </Group>
    </div>
  );
}

/** A number of the loss, with the bounds of its record; one that may be off is off where it is empty. */
function LossNumber({
  field: { title, hint, default: initial, min, above, max, below, step, digits },
  value,
  onChange,
}: {
  field: LossField;
  value: number | null;
  onChange: (value: number | null) => void;
}) {
  const least = 10 ** -digits;
  const shared = {
    label: title,
    ...(hint !== undefined && { hint }),
    min: min ?? (above === undefined ? 0 : above + least),
    ...((max ?? below) !== undefined && { max: max ?? below! - least }),
    step,
    digits,
  };
  return initial === null ? (
    <OptionalNumberField {...shared} value={value} empty="Off" onChange={onChange} />
  ) : (
    <NumberField {...shared} value={value ?? initial} onChange={onChange} />
  );
}

function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <fieldset className={styles.group}>
      <legend>
        <h3>{title}</h3>
      </legend>
      {children}
    </fieldset>
  );
}
