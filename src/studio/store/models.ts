/** Model references as the studio names and compares them. */
import { i18n, type I18n } from '@lingui/core';
import { t } from '@lingui/core/macro';
import { bestCheckpoint, bestLook } from '../../evaluation/looks.ts';
import { isForeign } from '../../records/foreignImages.ts';
import type { AdapterRef, ModelInfo, ModelRef, PairRecord, RunRecord } from '../../service/types.ts';
import { memoised, sameRows } from './memoised.ts';
import type { Preferences } from './persisted.ts';
import type { Studio } from './useStudio.ts';

/** A run as one speaks of it: the same from step to step. */
export type NamedRun = Pick<RunRecord, 'id' | 'name' | 'model' | 'checkpoints' | 'config' | 'looks'>;

export interface ModelNames {
  models: readonly ModelInfo[];
  runs: readonly NamedRun[];
  loras: Preferences['loras'];
}

/** The model that is worked with; the embedded one unless a person chose another. */
export const chosenModel = ({
  models,
  preferences,
}: {
  models: readonly ModelInfo[];
  preferences: Preferences;
}): ModelInfo | undefined => models.find((model) => model.id === preferences.baseModel) ?? models[0];

/** It, without anything on top. */
export const baseModel = memoised([(state) => chosenModel(state)?.id], (id): ModelRef | null =>
  id === undefined ? null : { base: id, adapters: [] },
);

/** What the next run starts from; null before a model is known. */
export const startModel = (state: Studio): ModelRef | null => state.trainModel ?? baseModel(state);

/** Names, told apart where several are the same: the first keeps it, the next one is `Cats (2)`. */
export function toldApart(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let said = name;
    for (let n = 2; taken.has(said); n += 1) said = `${name} (${n})`;
    taken.add(said);
    return said;
  });
}

/** Of runs of one name the oldest keeps it. */
export const namedRuns = memoised(
  [(state) => state.runs],
  (runs): readonly NamedRun[] => {
    const oldest = [...runs].sort((a, b) => a.createdAt.localeCompare(b.createdAt));
    const names = toldApart(oldest.map(({ name }) => name));
    return runs.map((run) => {
      const { id, model, checkpoints, config, looks } = run;
      return {
        id,
        name: names[oldest.indexOf(run)]!,
        model,
        checkpoints,
        config,
        ...(looks && { looks }),
      };
    });
  },
  sameRows,
);

/** What titles are made of. */
export const modelNames = memoised(
  [(state) => state.models, namedRuns, (state) => state.preferences.loras],
  (models, runs, loras): ModelNames => ({ models, runs, loras }),
);

/** Whether a model learns from a pair: latents of another one do not fit, pictures from elsewhere fit any. */
export const isPairOf = (pair: PairRecord, base: string): boolean =>
  pair.images.every((image) => isForeign(image) || image.model.base === base);

/** The same for two references that give the same images. */
export const modelKey = (ref: ModelRef): string =>
  JSON.stringify([
    ref.base,
    ref.adapters.filter((adapter) => adapter.strength !== 0),
    ...(ref.predictionType ? [ref.predictionType] : []),
  ]);

export const isTuned = (ref: ModelRef): boolean => ref.adapters.length > 0;

export function titleOf(ref: ModelRef, names: ModelNames, language: I18n = i18n): string {
  const base = names.models.find((model) => model.id === ref.base)?.title ?? ref.base;
  return ref.adapters.length
    ? ref.adapters.map((adapter) => adapterTitle(adapter, names, language)).join(' + ')
    : t(language)`Base · ${base}`;
}

export function adapterTitle(adapter: AdapterRef, { runs, loras }: ModelNames, language: I18n = i18n): string {
  const strength = adapter.strength === 1 ? '' : ` × ${adapter.strength}`;
  if (adapter.kind === 'file')
    return `${loras.find((lora) => lora.file === adapter.file)?.name ?? adapter.file}${strength}`;
  const run = runs.find(({ id }) => id === adapter.run);
  const { step } = adapter;
  const name = run?.name ?? t(language)`A deleted run`;
  if (step === undefined) return `${name}${strength}`;
  const isBest = bestLook(run?.looks)?.step === step;
  const title = isBest ? t(language)`${name} · step ${step}, its best` : t(language)`${name} · step ${step}`;
  return `${title}${strength}`;
}

/** A run's result: its best checkpoint, or the one of a step. It brings what the run started from (service/model/modelPool.ts). */
export function tunedModel(
  run: Pick<RunRecord, 'id' | 'model' | 'checkpoints' | 'looks'>,
  step = bestCheckpoint(run)?.step,
  strength = 1,
): ModelRef {
  return {
    ...run.model,
    adapters: [{ kind: 'run', run: run.id, ...(step === undefined ? {} : { step }), strength }],
  };
}

/** Strength of the topmost adapter; 1 for a bare base. */
export const strengthOf = (ref: ModelRef): number => ref.adapters.at(-1)?.strength ?? 1;

export function withStrength(ref: ModelRef, strength: number): ModelRef {
  return {
    ...ref,
    adapters: ref.adapters.map((adapter, index) =>
      index === ref.adapters.length - 1 ? { ...adapter, strength } : adapter,
    ),
  };
}
