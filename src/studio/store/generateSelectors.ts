/** What pictures are made with: the chosen model's own settings, and those on the screen. */
import { type SamplerOption, samplerOptions } from '../../diffusion/samplers/options.ts';
import { samplerReads } from '../../diffusion/samplers/table.ts';
import type { GenerationSettings, ModelInfo, ModelRef } from '../../service/types.ts';
import type { GenerateDraft } from './generateSlice.ts';
import { isOpen } from './jobsSlice.ts';
import { waiting } from './labelSelectors.ts';
import { baseModel, tunedModel } from './models.ts';
import type { Studio } from './useStudio.ts';

/** What goes with a base model: its own size, and how pictures of it are made. */
export type BaseSettings = Pick<
  GenerateDraft,
  'steps' | 'guidanceScale' | 'guidanceRescale' | 'width' | 'height' | 'scheduler' | 'eta' | 'karras'
>;

export function baseSettings({
  steps,
  guidanceScale,
  guidanceRescale,
  width,
  height,
  scheduler,
  eta,
  karras,
}: BaseSettings): BaseSettings {
  return { steps, guidanceScale, guidanceRescale, width, height, scheduler, eta, karras };
}

export const defaultSettings = ({ defaults, defaultSize, karras }: ModelInfo): BaseSettings => ({
  ...defaults,
  guidanceRescale: 0,
  eta: 0,
  karras,
  ...defaultSize,
});

/** Whether predictions are guided: else a negative prompt is not read, and there is nothing to rescale. */
export const isGuided = (
  { guidanceScale }: Pick<GenerateDraft, 'guidanceScale'>,
  model: ModelInfo | undefined,
): boolean => guidanceScale > 1 && model?.guidanceInput !== true;

/** What pictures are made with if nobody says otherwise; null before a model is known. */
export const pictureModel = (state: Studio): ModelRef | null => state.draft.model ?? baseModel(state);

/** What pairs of two models are made with beside the one on the screen: the latest that was trained on the chosen model, or that itself. */
export function secondModel(state: Studio): ModelRef | null {
  const base = baseModel(state);
  const run = state.runs.find((one) => one.checkpoints.length > 0 && one.model.base === base?.base);
  return run ? tunedModel(run) : base;
}

/** Every setting but prompt and seed, for a model. Another base than the one on the screen brings its own size, steps and guidance. */
export function settingsFor(
  { draft, kept, models }: Pick<Studio, 'draft' | 'kept' | 'models'>,
  model: ModelRef,
): GenerationSettings {
  const info = models.find(({ id }) => id === model.base);
  const { karras, eta, guidanceRescale, ...own } =
    model.base === draft.base || !info ? baseSettings(draft) : (kept[info.id]?.settings ?? defaultSettings(info));
  const reads = (option: SamplerOption): boolean => samplerReads(own.scheduler, option);
  return {
    model,
    negativePrompt: draft.negativePrompt,
    ...own,
    sampler: draft.sampler,
    ...(guidanceRescale > 0 && isGuided(own, info) ? { guidanceRescale } : {}),
    ...(eta > 0 && reads('eta') ? { eta } : {}),
    ...(reads('karras') && karras !== (info?.karras ?? false)
      ? { schedulerConfig: { [samplerOptions.karras.field]: karras } }
      : {}),
  };
}

export const bufferAhead = 4;

/** Whether a few pairs are to be made for the person who judges. */
export const pairsAreDue = (state: Studio): boolean =>
  state.engineState === 'ready' &&
  state.preferences.keepMakingPairs &&
  !state.toppingUp &&
  !state.jobs.some(isOpen) &&
  waiting(state) < bufferAhead;
