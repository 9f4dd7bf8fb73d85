/** Which model: a base, any checkpoint of a run, or a LoRA from disk, with its strength; the chosen base first. */
import { t } from '@lingui/core/macro';
import { acceptOf } from '../../data/importers/table.ts';
import { bestCheckpoint } from '../../evaluation/looks.ts';
import type { AdapterRef, ModelRef } from '../../service/types.ts';
import { loraSummary, withConfigs } from '../store/loraFiles.ts';
import { chosenModel, modelNames, strengthOf, titleOf, toldApart, tunedModel, withStrength } from '../store/models.ts';
import { useStudio } from '../store/useStudio.ts';
import { IconFileButton } from './FileButton.tsx';
import { Select, SliderField } from './Fields.tsx';
import styles from './modelPicker.module.css';

interface ModelPickerProps {
  label: string;
  hint?: string;
  value: ModelRef | null;
  onChange: (model: ModelRef) => void;
  withFile?: boolean;
  /** Leaves other bases than the chosen one out: where latents of two would meet. */
  oneBase?: boolean;
  disabled?: boolean;
}

export function ModelPicker({
  label,
  hint,
  value,
  onChange,
  withFile = false,
  oneBase = false,
  disabled,
}: ModelPickerProps) {
  const names = useStudio(modelNames);
  const { models, runs, loras } = names;
  const base = useStudio(chosenModel);
  const { addLora } = useStudio.getState();
  const choices = new Map<string, ModelRef>();
  const add = (ref: ModelRef): { value: string; label: string } => {
    const key = JSON.stringify(withStrength(ref, 1));
    choices.set(key, ref);
    return { value: key, label: titleOf(withStrength(ref, 1), names) };
  };
  const bases = [...models]
    .sort((a, b) => Number(b === base) - Number(a === base))
    .filter((model) => !oneBase || model === base);
  const groups = bases
    .flatMap(({ id, title }) => {
      const bare = add({ base: id, adapters: [] });
      const tuned = runs
        .filter((run) => run.model.base === id && run.checkpoints.length > 0)
        .map((run) => ({
          group: run.name,
          // The best first, then the newest.
          items: [
            bestCheckpoint(run)!,
            ...run.checkpoints.filter((one) => one !== bestCheckpoint(run)).toReversed(),
          ].map(({ step }) => add(tunedModel(run, step))),
        }));
      const files = loras
        .filter((lora) => (lora.base ?? models[0]?.id) === id)
        .map(({ file }) => add({ base: id, adapters: [{ kind: 'file' as const, file, strength: 1 }] }));
      if (bases.length > 1) return [{ group: title, items: [bare, ...tuned.flatMap(({ items }) => items), ...files] }];
      return [
        { group: t({ message: 'Base', comment: 'a model without what was trained' }), items: [bare] },
        ...tuned,
        { group: t`LoRA files`, items: files },
      ];
    })
    .filter(({ items }) => items.length > 0);
  const current = value ? JSON.stringify(withStrength(value, 1)) : null;
  if (value && current && !choices.has(current))
    groups.push({ group: t({ message: 'Other', comment: 'a model' }), items: [add(value)] });

  // A run may have the name of another group, a model the title of another model.
  const titles = toldApart(groups.map(({ group }) => group));

  const chosenLoras = (value?.adapters ?? []).flatMap(
    (adapter) => loras.find((lora) => adapter.kind === 'file' && lora.file === adapter.file) ?? [],
  );

  const bringLora = async (files: File[]): Promise<void> => {
    const adapters: AdapterRef[] = [];
    for (const lora of withConfigs(files)) adapters.push(await addLora(lora));
    onChange({ base: base!.id, adapters });
  };
  return (
    <div className={styles.picker}>
      <div className={styles.choice}>
        <Select
          label={label}
          hint={hint}
          value={current}
          onChange={(key) => onChange(choices.get(key)!)}
          options={groups.map(({ items }, i) => ({ group: titles[i]!, items }))}
          disabled={disabled || !models.length}
        />
        {withFile && base ? (
          <IconFileButton
            accept={`${acceptOf('weights')},.json`}
            icon="file"
            label={t`LoRA from disk for ${label}`}
            onFiles={bringLora}
          />
        ) : null}
      </div>
      {chosenLoras.map((lora) => (
        <p key={lora.file} className="small dim">
          {value!.adapters.length > 1 ? `${lora.name}: ` : ''}
          {loraSummary(lora)}
        </p>
      ))}
      {value?.adapters.length ? (
        <SliderField
          label={t`Strength`}
          value={strengthOf(value)}
          onChange={(strength) => onChange(withStrength(value, strength))}
          min={0}
          max={2}
          step={0.05}
          print={(strength) => strength.toFixed(2)}
          inline
        />
      ) : null}
    </div>
  );
}
