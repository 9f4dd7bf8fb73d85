/** Which model: the base, any checkpoint of a run, or a LoRA from disk, with its strength. */
import type { ModelRef } from '../../service/types.ts';
import { strengthOf, titleOf, tunedModel, withStrength } from '../store/models.ts';
import { useStudio } from '../store/useStudio.ts';
import { IconFileButton } from './Button.tsx';
import { Select, SliderField } from './Fields.tsx';
import styles from './modelPicker.module.css';
import { toastProblem } from './toast.ts';

interface ModelPickerProps {
  label: string;
  hint?: string;
  value: ModelRef | null;
  onChange: (model: ModelRef) => void;
  withFile?: boolean;
  disabled?: boolean;
}

export function ModelPicker({ label, hint, value, onChange, withFile = false, disabled }: ModelPickerProps) {
  const models = useStudio((s) => s.models);
  const runs = useStudio((s) => s.runs);
  const loras = useStudio((s) => s.preferences.loras);
  const { addLora } = useStudio.getState();
  const base = models[0];
  const choices = new Map<string, ModelRef>();
  const add = (ref: ModelRef): { value: string; label: string } => {
    const key = JSON.stringify(withStrength(ref, 1));
    choices.set(key, ref);
    return { value: key, label: titleOf(withStrength(ref, 1), { models, runs, loras }) };
  };
  const groups = [
    { group: 'Base', items: models.map((model) => add({ base: model.id, adapters: [] })) },
    ...runs.filter((run) => run.checkpoints.length > 0).map((run) => ({ group: run.name, items: run.checkpoints.toReversed().map(({ step }) => add(tunedModel(run, step))) })),
    { group: 'LoRA files', items: base ? loras.map(({ file }) => add({ base: base.id, adapters: [{ kind: 'file' as const, file, strength: 1 }] })) : [] },
  ].filter(({ items }) => items.length > 0);
  const current = value ? JSON.stringify(withStrength(value, 1)) : null;
  if (value && current && !choices.has(current)) groups.push({ group: 'Other', items: [add(value)] });

  const bringLora = async (file: File): Promise<void> => {
    try {
      const adapter = await addLora(file.name, new Uint8Array(await file.arrayBuffer()));
      onChange({ base: base!.id, adapters: [adapter] });
    } catch (error) {
      toastProblem(error);
    }
  };
  return (
    <div className={styles.picker}>
      <div className={styles.choice}>
        <Select label={label} hint={hint} value={current} onChange={(key) => onChange(choices.get(key)!)} options={groups} disabled={disabled || !models.length} />
        {withFile && base ? <IconFileButton accept=".safetensors" icon="file" label={`LoRA from disk for ${label}`} onFile={bringLora} /> : null}
      </div>
      {value?.adapters.length ? (
        <SliderField label="Strength" value={strengthOf(value)} onChange={(strength) => onChange(withStrength(value, strength))} min={0} max={2} step={0.05} print={(strength) => strength.toFixed(2)} inline />
      ) : null}
    </div>
  );
}
