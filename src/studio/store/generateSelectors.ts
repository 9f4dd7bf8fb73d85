/** What pictures are made with: the chosen model's own settings, and those on the screen. */
import { type SamplerOption, samplerOptions, samplerReads } from '../../diffusion/samplers/options.ts';
import type { GenerationSettings, ModelInfo, ModelRef, PairsRequest } from '../../service/types.ts';
import type { Arithmetic } from '../../shared/arithmetic.ts';
import type { GenerateDraft } from './generateSlice.ts';
import { isOpen } from './jobsSlice.ts';
import { waiting } from './labelSelectors.ts';
import { memoised, type Selector } from './memoised.ts';
import { baseModel, chosenModel, namedRuns, tunedModel } from './models.ts';
import type { Studio } from './useStudio.ts';

/** What pictures are drawn in: as was chosen under Settings, where this GPU can. */
export const arithmeticOf = ({ preferences, system }: Pick<Studio, 'preferences' | 'system'>): Arithmetic =>
  preferences.arithmetic === 'f16' && system?.features.includes('shader-f16') ? 'f16' : 'f32';

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

/** How pictures are made on a screen, whatever of. */
export type PictureSettings = BaseSettings & Pick<GenerateDraft, 'negativePrompt' | 'sampler'>;

/** A model's own. */
export const ownSettings = (info: ModelInfo): PictureSettings => ({
  ...defaultSettings(info),
  negativePrompt: '',
  sampler: 'auto',
});

/** Those on the Generate screen. */
export const draftSettings = (draft: GenerateDraft): PictureSettings => ({
  ...baseSettings(draft),
  negativePrompt: draft.negativePrompt,
  sampler: draft.sampler,
});

/** Every setting but prompt and seed, for a model, as the Generate screen has it. Another base than the one on the screen brings its own size, steps
 *  and guidance. */
export function settingsFor(
  state: Pick<Studio, 'draft' | 'kept' | 'models' | 'preferences' | 'system'>,
  model: ModelRef,
): GenerationSettings {
  const { draft, kept, models } = state;
  const info = models.find(({ id }) => id === model.base);
  const own =
    model.base === draft.base || !info ? baseSettings(draft) : (kept[info.id]?.settings ?? defaultSettings(info));
  return requestSettings({ ...draftSettings(draft), ...own }, model, info, arithmeticOf(state));
}

/** What acts of them, as a request has it. */
export function requestSettings(
  { karras, eta, guidanceRescale, ...own }: PictureSettings,
  model: ModelRef,
  info: ModelInfo | undefined,
  arithmetic: Arithmetic,
): GenerationSettings {
  const reads = (option: SamplerOption): boolean => samplerReads(own.scheduler, option);
  return {
    model,
    ...own,
    ...(guidanceRescale > 0 && isGuided(own, info) ? { guidanceRescale } : {}),
    ...(eta > 0 && reads('eta') ? { eta } : {}),
    ...(reads('karras') && karras !== (info?.karras ?? false)
      ? { schedulerConfig: { [samplerOptions.karras.field]: karras } }
      : {}),
    // Of our kernels alone.
    ...(arithmetic === 'f16' && own.sampler !== 'onnx' ? { arithmetic } : {}),
  };
}

/** What more pairs to judge are made by: as the last ones that somebody asked for. */
export interface PairRecipe {
  settings: GenerationSettings;
  /** Null: drawn from the bundled list. One prompt, or a list by its name. */
  from: { name: string; prompts: string[] } | null;
  against?: ModelRef | undefined;
  bestOf?: PairsRequest['bestOf'];
}

/** For the chosen model; one that asked for another, or for a run that is gone, stands for nothing any more. Null before a model is known. */
export const pairRecipe: Selector<PairRecipe | null> = memoised(
  [(state) => state.lastPairs, chosenModel, namedRuns, arithmeticOf],
  (last, info, runs, arithmetic) => {
    if (!info) return null;
    const isHere = ({ base, adapters }: ModelRef): boolean =>
      base === info.id && adapters.every((one) => one.kind === 'file' || runs.some(({ id }) => id === one.run));
    if (last && [last.settings.model, ...(last.against ? [last.against] : [])].every(isHere)) return last;
    const model = { base: info.id, adapters: [] };
    return { settings: requestSettings(ownSettings(info), model, info, arithmetic), from: null };
  },
);

/** The same for a round, which takes more than one prompt, and pictures from noise. */
export const roundRecipe: Selector<Pick<PairRecipe, 'settings' | 'from'> | null> = memoised([pairRecipe], (recipe) => {
  if (!recipe) return null;
  const { init: _, ...settings } = recipe.settings;
  return { settings, from: (recipe.from?.prompts.length ?? 0) > 1 ? recipe.from : null };
});

export const bufferAhead = 4;

/** Whether a few pairs are to be made for the person who judges. */
export const pairsAreDue = (state: Studio): boolean =>
  state.engineState === 'ready' &&
  state.preferences.keepMakingPairs &&
  !state.toppingUp &&
  !state.jobs.some(isOpen) &&
  waiting(state) < bufferAhead;
