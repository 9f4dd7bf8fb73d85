/** What is compared, as the screens read it: which pictures are there, which are missing. */
import { t } from '@lingui/core/macro';
import type { GenerationSettings, ImageRecord, ModelRef } from '../../service/types.ts';
import { distinctBy } from '../../shared/arrays.ts';
import { WinnowError } from '../../shared/errors.ts';
import { arithmeticOf, type PictureSettings, ownSettings, requestSettings } from './generateSelectors.ts';
import { memoised, sameRows, type Selector } from './memoised.ts';
import { modelKey, type NamedRun, tunedModel } from './models.ts';
import type { Studio } from './useStudio.ts';

/** @param model its hash. */
export function cellKey(settings: GenerationSettings, model: string, prompt: string, seed: number): string {
  const {
    negativePrompt,
    steps,
    guidanceScale,
    guidanceRescale = 0,
    width,
    height,
    scheduler,
    eta = 0,
    schedulerConfig,
    sampler,
    arithmetic,
  } = settings;
  return JSON.stringify([
    model,
    prompt,
    seed,
    negativePrompt,
    steps,
    guidanceScale,
    guidanceRescale,
    width,
    height,
    scheduler,
    eta,
    schedulerConfig ?? {},
    sampler,
    arithmetic ?? 'f32',
  ]);
}

/** How pictures of a base model are made for a comparison: as was chosen there, else as it is by itself. Undefined where it is not here. */
export function comparedBy(
  { compareSettings, models }: Pick<Studio, 'compareSettings' | 'models'>,
  base: string,
): PictureSettings | undefined {
  const info = models.find(({ id }) => id === base);
  return compareSettings[base] ?? (info && ownSettings(info));
}

/** The same as a request has it. Throws NotFound where the base model is not here.
 *  @param change on top. */
export function compareSettingsFor(
  state: Pick<Studio, 'compareSettings' | 'models' | 'preferences' | 'system'>,
  model: ModelRef,
  change: Partial<PictureSettings> = {},
): GenerationSettings {
  const { base } = model;
  const own = comparedBy(state, base);
  if (!own)
    throw new WinnowError('NotFound', t`The model ${base} is not here any more.`, t`Choose another one to compare.`);
  return requestSettings(
    { ...own, ...change },
    model,
    state.models.find(({ id }) => id === base),
    arithmeticOf(state),
  );
}

/** Finds the picture of a model as it is now, for a prompt and a seed: none before the model's hash is known. */
export const pictureIn = memoised(
  [
    (state) => state.compareSettings,
    (state) => state.models,
    (state) => state.modelHashes,
    (state) => state.compareCells,
    (state) => state.preferences,
    (state) => state.system,
  ],
  (compareSettings, models, hashes, cells, preferences, system) =>
    (model: ModelRef, prompt: string, seed: number, change: Partial<PictureSettings> = {}): ImageRecord | undefined => {
      const hash = hashes[modelKey(model)];
      if (!hash || !comparedBy({ compareSettings, models }, model.base)) return undefined;
      const settings = compareSettingsFor({ compareSettings, models, preferences, system }, model, change);
      return cells[cellKey(settings, hash, prompt, seed)];
    },
);

/** One prompt and seed through A and B. */
export interface ComparedPair {
  prompt: string;
  seed: number;
  /** Their places in the two lists. */
  promptAt: number;
  seedAt: number;
  a: ImageRecord | undefined;
  b: ImageRecord | undefined;
}

const sideA = (state: Studio): ModelRef | null => state.compareA;
const sideB = (state: Studio): ModelRef | null => state.compareB;

export const comparison: Selector<readonly ComparedPair[]> = memoised(
  [sideA, sideB, (state) => state.comparePrompts, (state) => state.compareSeeds, pictureIn],
  (a, b, prompts, seeds, find) =>
    prompts.flatMap((prompt, promptAt) =>
      seeds.map((seed, seedAt) => ({
        prompt,
        seed,
        promptAt,
        seedAt,
        a: a ? find(a, prompt, seed) : undefined,
        b: b ? find(b, prompt, seed) : undefined,
      })),
    ),
  sameRows,
);

/** All that are compared, each once: A, B and those beyond. */
export const comparedModels = ({
  compareA,
  compareB,
  compareOthers,
}: Pick<Studio, 'compareA' | 'compareB' | 'compareOthers'>): ModelRef[] =>
  distinctBy(
    [compareA, compareB, ...compareOthers].filter((model) => model !== null),
    modelKey,
  );

/** A prompt and seed of which every model has its picture. */
export interface ComparedCell {
  prompt: string;
  seed: number;
  /** In the order of `comparedModels`. */
  images: readonly ImageRecord[];
}

const modelsCompared: Selector<readonly ModelRef[]> = memoised(
  [sideA, sideB, (state) => state.compareOthers],
  (compareA, compareB, compareOthers) => comparedModels({ compareA, compareB, compareOthers }),
);

/** Of what is compared, what is there in full, each once; [] of fewer than two models. */
export const comparedCells: Selector<readonly ComparedCell[]> = memoised(
  [modelsCompared, (state) => state.comparePrompts, (state) => state.compareSeeds, pictureIn],
  (models, prompts, seeds, find) =>
    models.length < 2
      ? []
      : [...new Set(prompts)].filter(Boolean).flatMap((prompt) =>
          seeds.flatMap((seed) => {
            const images = models.flatMap((model) => find(model, prompt, seed) ?? []);
            return images.length === models.length ? [{ prompt, seed, images }] : [];
          }),
        ),
);

/** Of those beyond A and B, by prompt and seed as in `comparison`. */
export const otherPictures: Selector<readonly { model: ModelRef; images: readonly (ImageRecord | undefined)[] }[]> =
  memoised(
    [(state) => state.compareOthers, (state) => state.comparePrompts, (state) => state.compareSeeds, pictureIn],
    (others, prompts, seeds, find) =>
      others.map((model) => ({
        model,
        images: prompts.flatMap((prompt) => seeds.map((seed) => find(model, prompt, seed))),
      })),
  );

/** What is looked at together: every model's picture of the prompt and seed in place; of two models alone of the next seed, too. */
export const picturesTogether: Selector<
  readonly { side: string; model: ModelRef; seed: number; image: ImageRecord | undefined }[]
> = memoised(
  [
    modelsCompared,
    (state) => state.comparePrompts,
    (state) => state.compareSeeds,
    (state) => state.comparePosition,
    pictureIn,
  ],
  (models, prompts, seeds, position, find) => {
    const prompt = prompts[position.prompt] ?? '';
    const next = [
      position.seed,
      ...(models.length <= 2 && seeds.length > 1 ? [(position.seed + 1) % seeds.length] : []),
    ];
    return next.flatMap((at) =>
      models.map((model, i) => ({
        side: String.fromCharCode(65 + i),
        model,
        seed: seeds[at]!,
        image: find(model, prompt, seeds[at]!),
      })),
    );
  },
);

/** The one that is shown large. */
export const shownPair = (state: Studio): ComparedPair | undefined =>
  comparison(state).find(
    ({ promptAt, seedAt }) => promptAt === state.comparePosition.prompt && seedAt === state.comparePosition.seed,
  );

/** Whether there are two models to compare. */
export const areSame = ({ compareA, compareB }: Studio): boolean =>
  compareA !== null && compareB !== null && modelKey(compareA) === modelKey(compareB);

/** Pictures to be made before all are there. */
export function missingPictures(state: Studio): number {
  if (comparedModels(state).length < 2) return 0;
  const pairs = comparison(state);
  const others = otherPictures(state);
  return pairs.reduce(
    (sum, { prompt, a, b }, at) =>
      prompt
        ? sum +
          Number(state.compareA !== null && !a) +
          Number(state.compareB !== null && !b && !areSame(state)) +
          others.filter(({ images }) => !images[at]).length
        : sum,
    0,
  );
}

/** Columns of the evolution grid: what the run started from, then every kept checkpoint. */
export function gridModels(run: NamedRun): { step: number; model: ModelRef }[] {
  return [
    { step: 0, model: run.model },
    ...run.checkpoints.filter(({ step }) => step > 0).map(({ step }) => ({ step, model: tunedModel(run, step) })),
  ];
}
