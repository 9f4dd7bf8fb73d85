/** Every control of a run, in the order of thought: what learns, how fast, what the labels mean, what is kept. */
import { t } from '@lingui/core/macro';
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
import { said } from '../../languages/language.ts';

export function ConfigForm() {
  const config = useStudio((s) => s.trainConfig);
  const { setTrainConfig: set } = useStudio.getState();
  const acts = (setting: keyof typeof config): boolean => idleBecause(config, setting) === null;
  return (
    <div className={styles.form}>
      <Group title={t`What learns`}>
        <div className={styles.wide}>
          <Segmented
            label={t`What learns`}
            value={config.mode}
            onChange={(mode) => set({ mode })}
            options={[
              { value: 'lora', label: t`A LoRA` },
              { value: 'full', label: t`Every weight` },
            ]}
          />
        </div>
        {acts('rank') ? (
          <>
            <NumberField
              label={t({ message: 'Rank', comment: 'of a LoRA' })}
              value={config.rank}
              min={1}
              max={256}
              onChange={(rank) => set({ rank })}
            />
            <NumberField
              label={t`Alpha`}
              hint={t`The LoRA is scaled by alpha / rank.`}
              value={config.alpha}
              min={0.01}
              step={1}
              digits={2}
              onChange={(alpha) => set({ alpha })}
            />
            <Select
              label={t({ message: 'Targets', comment: 'layers that a LoRA changes' })}
              value={config.targets}
              onChange={(targets) => set({ targets })}
              options={[
                { value: 'all', label: t`All layers` },
                { value: 'attention', label: t`Attention only` },
              ]}
            />
          </>
        ) : null}
      </Group>
      <Group title={t`How fast`}>
        <ScientificField
          label={t`Learning rate`}
          value={config.learningRate}
          onChange={(learningRate) => set({ learningRate })}
        />
        <Select
          label={t({ message: 'Schedule', comment: 'of the learning rate' })}
          value={config.lrSchedule}
          onChange={(lrSchedule) => set({ lrSchedule })}
          options={[
            { value: 'cosine', label: t`Cosine to 0` },
            { value: 'constant', label: t({ message: 'Constant', comment: 'a schedule of the learning rate' }) },
          ]}
        />
        <NumberField
          label={t`Warm-up steps`}
          value={config.warmupSteps}
          min={0}
          onChange={(warmupSteps) => set({ warmupSteps })}
        />
        <NumberField
          label={t({ message: 'Steps', comment: 'a number: of training' })}
          value={config.steps}
          min={1}
          onChange={(steps) => set({ steps })}
        />
        <NumberField
          label={t`Pairs per step`}
          value={config.pairsPerStep}
          min={1}
          max={64}
          onChange={(pairsPerStep) => set({ pairsPerStep })}
        />
        <NumberField
          label={t({ message: 'Accumulation', comment: 'of gradients' })}
          hint={t`Rounds of pairs before the weights move.`}
          value={config.accumulation}
          min={1}
          onChange={(accumulation) => set({ accumulation })}
        />
        <NumberField
          label={t`Weight decay`}
          value={config.weightDecay}
          min={0}
          step={0.01}
          digits={5}
          onChange={(weightDecay) => set({ weightDecay })}
        />
        <NumberField
          label={t`Clip gradient at`}
          hint={t`Global norm; 0 is no clipping.`}
          value={config.maxGradNorm}
          min={0}
          step={0.5}
          digits={3}
          onChange={(maxGradNorm) => set({ maxGradNorm })}
        />
        <NumberField
          label={t`Adam beta 1`}
          value={config.adamBeta1}
          min={0}
          max={0.9999}
          step={0.01}
          digits={4}
          onChange={(adamBeta1) => set({ adamBeta1 })}
        />
        <NumberField
          label={t`Adam beta 2`}
          value={config.adamBeta2}
          min={0}
          max={0.99999}
          step={0.01}
          digits={5}
          onChange={(adamBeta2) => set({ adamBeta2 })}
        />
        <NumberField
          label={t`Average of the weights`}
          hint={t`Decay of an EMA, 0.99 for short runs: it is then what is sampled, looked at and saved. 0 is none.`}
          value={config.ema}
          min={0}
          max={0.99999}
          step={0.01}
          digits={5}
          onChange={(ema) => set({ ema })}
        />
        <ScientificField label={t`Adam epsilon`} value={config.adamEps} onChange={(adamEps) => set({ adamEps })} />
      </Group>
      <Group title={t`What the labels mean`}>
        <div className={styles.wide}>
          <Select
            label={t({ message: 'Loss', comment: 'what training minimises' })}
            value={config.loss}
            onChange={(loss) => set({ loss })}
            options={lossNames.map((value) => ({ value, label: said(losses[value].title) }))}
          />
        </div>
        {acts('beta') ? (
          <NumberField
            label={t`Beta`}
            hint={t`Higher stays closer to the model it starts from.`}
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
          label={t({ message: 'Timesteps from', comment: 'the field “to” stands beside it' })}
          value={config.timestepRange[0]}
          min={0}
          max={config.timestepRange[1] - 1}
          onChange={(from) => set({ timestepRange: [from, config.timestepRange[1]] })}
        />
        <NumberField
          label={t({ message: 'to', comment: 'the end of “Timesteps from”' })}
          hint={t`Not included.`}
          value={config.timestepRange[1]}
          min={config.timestepRange[0] + 1}
          max={1000}
          onChange={(to) => set({ timestepRange: [config.timestepRange[0], to] })}
        />
        <NumberField
          label={t`Prompt dropout`}
          hint={t`0.1 to 0.2 keeps guidance working.`}
          value={config.promptDropout}
          min={0}
          max={1}
          step={0.05}
          digits={2}
          onChange={(promptDropout) => set({ promptDropout })}
        />
        <Select
          label={t({ message: 'Reference', comment: 'the model as it was, and what computes it' })}
          hint={
            losses[config.loss].readsLogit
              ? t`What the model is held against.`
              : t`This loss needs none: the curves are measured against it.`
          }
          value={config.reference}
          onChange={(reference) => set({ reference })}
          options={[
            { value: 'auto', label: t`The better one here` },
            { value: 'engine', label: t({ message: 'Our kernels', comment: 'programs of the GPU' }) },
            { value: 'onnx', label: 'onnxruntime' },
          ]}
        />
        <Select
          label={t({ message: 'Memory', comment: 'of the GPU' })}
          hint={t`Computing blocks twice takes about a fifth more time.`}
          value={config.recompute}
          onChange={(recompute) => set({ recompute })}
          options={[
            { value: 'auto', label: t`As the model needs` },
            { value: 'none', label: t({ message: 'Fastest', comment: 'takes the most memory' }) },
            { value: 'cheap', label: t({ message: 'Faster', comment: 'takes more memory' }) },
            { value: 'blocks', label: t({ message: 'Smaller', comment: 'takes less memory' }) },
          ]}
        />
        <RepeatFields />
        <PictureFields />
        <NumberField label={t`Seed`} value={config.seed} min={0} onChange={(seed) => set({ seed })} />
      </Group>
      <Group title={t`What is kept`}>
        <NumberField
          label={t({ message: 'Save every', comment: 'so many steps' })}
          hint={t`Steps; 0 is only at the end.`}
          value={config.saveEvery}
          min={0}
          onChange={(saveEvery) => set({ saveEvery })}
        />
        <NumberField
          label={t`Checkpoints kept`}
          value={config.keepCheckpoints}
          min={1}
          onChange={(keepCheckpoints) => set({ keepCheckpoints })}
        />
        <NumberField
          label={t`Pairs held out`}
          hint={t`A share, by prompt; looked at whenever it saves, never trained on. 0 is none.`}
          value={config.heldOut}
          min={0}
          max={0.5}
          step={0.05}
          digits={2}
          onChange={(heldOut) => set({ heldOut })}
        />
        <NumberField
          label={t({ message: 'Stop early after', comment: 'so many looks at held-out pairs' })}
          hint={t`Looks in a row that are no better; 0 is never.`}
          value={config.earlyStop}
          min={0}
          max={1000}
          onChange={(earlyStop) => set({ earlyStop })}
        />
        {acts('solvedMargin') ? (
          <NumberField
            label={t`Leave out from a margin of`}
            hint={t`Pairs that it is sure of at their last three draws, decided at every save: 3 is a chance of 95 %. Wrong labels stay. 0 is never.`}
            value={config.solvedMargin}
            min={0}
            max={1000}
            step={0.5}
            digits={2}
            onChange={(solvedMargin) => set({ solvedMargin })}
          />
        ) : null}
        <Select
          label={t`Drift guard`}
          hint={t`Where it loses what the model knew, or its preferences run away.`}
          value={config.driftGuard}
          onChange={(driftGuard) => set({ driftGuard })}
          options={[
            { value: 'stop', label: t`Stops the run` },
            { value: 'back', label: t`Goes back, at half the rate` },
            { value: 'off', label: t({ message: 'Off', comment: 'a guard' }) },
          ]}
        />
        <NumberField
          label={t({ message: 'Sample every', comment: 'so many steps: sample pictures are drawn' })}
          hint={t`Steps; 0 is never.`}
          value={config.sampleEvery}
          min={0}
          onChange={(sampleEvery) => set({ sampleEvery })}
        />
        <TextField
          label={t`Sample seeds`}
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
            label={t`Sample prompts`}
            hint={t`One on each line; empty draws three from the bundled list.`}
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
    label: said(title),
    ...(hint !== undefined && { hint: said(hint) }),
    min: min ?? (above === undefined ? 0 : above + least),
    ...((max ?? below) !== undefined && { max: max ?? below! - least }),
    step,
    digits,
  };
  return initial === null ? (
    <OptionalNumberField
      {...shared}
      value={value}
      empty={t({ message: 'Off', comment: 'a setting without a number' })}
      onChange={onChange}
    />
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
