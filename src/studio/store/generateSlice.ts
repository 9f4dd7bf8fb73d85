/** What the Generate screen asks for: prompt or list, seeds, settings; and the verbs that start work with it. */
import { t } from '@lingui/core/macro';
import { readBlob } from '../../data/formats/bytes.ts';
import { samplingDefaults } from '../../data/embeddedModels.ts';
import type {
  AdapterRef,
  GenerationSettings,
  ImageRecord,
  ModelRef,
  PairsRequest,
  PromptReading,
} from '../../service/types.ts';
import { samplerOptions } from '../../diffusion/samplers/options.ts';
import { actions } from './action.ts';
import { readAs, readFor } from './broughtFile.ts';
import {
  bufferAhead,
  defaultSettings,
  type PairRecipe,
  pairRecipe,
  pairsAreDue,
  pictureModel,
  settingsFor,
} from './generateSelectors.ts';
import { chosenModel, modelKey } from './models.ts';
import type { Problem } from './problem.ts';
import type { Arithmetic } from '../../shared/arithmetic.ts';
import { WinnowError } from '../../shared/errors.ts';
import type { LoraFiles } from './loraFiles.ts';
import type { Preferences } from './persisted.ts';
import { fitPicture, keepStartPicture } from './pictures.ts';
import { bundledPrompts, drawPrompts, randomSeed } from './prompts.ts';
import type { Slice, Studio } from './useStudio.ts';

export interface GenerateDraft {
  prompt: string;
  negativePrompt: string;
  /** A list replaces the prompt. */
  list: { name: string; prompts: string[] } | null;
  seed: number;
  seedLocked: boolean;
  /** Seeds for each prompt. */
  count: number;
  steps: number;
  guidanceScale: number;
  /** 0 to 1. */
  guidanceRescale: number;
  width: number;
  height: number;
  scheduler: string;
  /** 0 to 1. */
  eta: number;
  karras: boolean;
  /** The base model that these settings are for; '' before one is known. */
  base: string;
  sampler: GenerationSettings['sampler'];
  model: ModelRef | null;
  init: { file: string; name: string; strength: number } | null;
  /** How pairs are made. */
  pairCount: number;
  against: ModelRef | null;
  /** Of so many pictures the best and the worst, by a judge that came with the chosen model. */
  bestOf: PairsRequest['bestOf'] | null;
}

export type Recall = 'all' | 'seed' | 'prompt';
/** Drawn so from now on; or a picture of f16 where this GPU has none. */
export type RecalledArithmetic = Arithmetic | 'lacking';

export interface GenerateSlice {
  draft: GenerateDraft;
  /** What of it a person set before the models were known: no default takes its place. */
  earlyDraft: Partial<GenerateDraft>;
  generateProblem: Problem | null;
  /** How the last pairs were made that somebody asked for. */
  lastPairs: PairRecipe | null;
  /** What the model takes of the prompt; null before the engine has said it. */
  promptReading: PromptReading | null;
  /** Pairs are being made while a person judges. */
  toppingUp: boolean;
  setDraft(change: Partial<GenerateDraft>): void;
  /** Fills in what the chosen model is made for, or what was set for it before. */
  adoptDefaults(): void;
  /** Back to the chosen model's defaults. */
  resetSettings(): void;
  /** The model to generate with; with another base that becomes the chosen one. */
  generateWith(model: ModelRef): void;
  /** Has the model say what it takes of the prompt. */
  readPrompt(): Promise<void>;
  generate(): Promise<void>;
  /** From the prompt, the list, or, with neither, prompts drawn from the bundled list. */
  makePairs(count?: number): Promise<void>;
  /** More of them, as `pairRecipe` says; whatever is on the Generate screen meanwhile. */
  makeMorePairs(count: number): Promise<void>;
  /** More pairs are made as the model is by itself, of bundled prompts. */
  forgetLastPairs(): void;
  /** Keeps a few pairs ahead of the person who judges. */
  topUpPairs(): Promise<void>;
  usePromptFile(file: File): Promise<void>;
  setPromptList(name: string, prompts: string[]): void;
  drawPromptList(count: number): Promise<void>;
  setInitImage(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** @returns what became of how pictures are computed, where the picture says so; null where that stays. */
  recall(parameters: Partial<ImageRecord>, what: Recall): RecalledArithmetic | null;
  /** Checks somebody's LoRA against the chosen model and keeps it. */
  addLora(files: LoraFiles): Promise<AdapterRef>;
}

/** A record of ours without it was drawn in f32; of others nothing is known. */
function recalledArithmetic(
  { preferences, system }: Pick<Studio, 'preferences' | 'system'>,
  { arithmetic, ranOn }: Partial<ImageRecord>,
): RecalledArithmetic | null {
  if (arithmetic === undefined && ranOn === undefined) return null;
  const offered = system === null || system.features.includes('shader-f16');
  if (arithmetic === 'f16' && !offered) return 'lacking';
  const wanted = arithmetic ?? 'f32';
  return !offered || wanted === preferences.arithmetic ? null : wanted;
}

export const generateSlice: Slice<GenerateSlice> = (set, get) => {
  const action = actions(set, get);

  /** Image to image, where a start image is chosen; at the picture's size. */
  async function startImage(): Promise<Pick<GenerationSettings, 'init'>> {
    const { init, width, height } = get().draft;
    return init ? { init: { file: await fitPicture(init.file, width, height), strength: init.strength } } : {};
  }

  /** Every setting but prompt and seed. Throws, as the engine says why, where there is no model yet. */
  function settings(): GenerationSettings {
    const model = pictureModel(get());
    if (!model) get().engine();
    return settingsFor(get(), model!);
  }

  const nextSeed = (): number => {
    const { draft } = get();
    if (draft.seedLocked) return draft.seed;
    const seed = randomSeed();
    get().setDraft({ seed });
    return seed;
  };

  const runRecipe = (
    { settings: how, against, bestOf }: PairRecipe,
    title: string,
    prompts: string[],
    { count, seed }: { count: number; seed: number },
  ): Promise<unknown> =>
    get().runPairs(title, { ...how, ...(against && { against }), ...(bestOf && { bestOf }), prompts, count, seed });

  /** Throws, as the engine says why, where there is no model yet. */
  async function runMore(title: string, count: number): Promise<void> {
    const recipe = pairRecipe(get());
    if (!recipe) get().engine();
    const prompts = drawPrompts(recipe!.from?.prompts ?? (await bundledPrompts('train')), count);
    await runRecipe(recipe!, title, prompts, { count, seed: randomSeed() });
  }

  return {
    draft: {
      prompt: '',
      negativePrompt: '',
      list: null,
      seed: randomSeed(),
      seedLocked: false,
      count: 4,
      ...samplingDefaults,
      guidanceRescale: 0,
      // 0: not known before the model is.
      width: 0,
      height: 0,
      eta: 0,
      karras: false,
      base: '',
      sampler: 'auto',
      model: null,
      init: null,
      pairCount: 12,
      against: null,
      bestOf: null,
    },
    earlyDraft: {},
    generateProblem: null,
    lastPairs: null,
    promptReading: null,
    toppingUp: false,

    setDraft: (change) =>
      set(({ draft, earlyDraft, models }) => ({
        draft: { ...draft, ...change },
        ...(models.length === 0 && { earlyDraft: { ...earlyDraft, ...change } }),
      })),

    adoptDefaults() {
      const model = chosenModel(get());
      if (!model) return;
      const { draft, kept, earlyDraft } = get();
      const base = { base: model.id, model: { base: model.id, adapters: [] } };
      if (draft.width === 0 || (draft.base !== '' && draft.base !== model.id)) {
        // What was set for this model before comes back with it.
        get().setDraft({
          ...(kept[model.id]?.settings ?? defaultSettings(model)),
          ...earlyDraft,
          ...base,
          against: null,
          bestOf: null,
        });
        get().adoptTrainDefaults();
        set({ compareA: null, compareB: null, gridRun: null });
        if (draft.base) get().setFilter(get().filter);
      } else if (draft.model === null) get().setDraft(base);
      set({ earlyDraft: {}, earlySettings: false });
      if (!draft.prompt)
        void bundledPrompts('train').then(
          (prompts) => get().setDraft({ prompt: drawPrompts(prompts, 1)[0] ?? '' }),
          () => undefined,
        );
      get().adoptCompareDefaults();
    },

    resetSettings() {
      const model = chosenModel(get());
      if (model) get().setDraft({ ...defaultSettings(model), sampler: 'auto', init: null });
    },

    generateWith(model) {
      if (model.base !== get().draft.base) get().useModel(model.base);
      get().setDraft({ model });
    },

    async readPrompt() {
      const model = pictureModel(get());
      const { prompt } = get().draft;
      if (!model || get().engineState !== 'ready') return;
      const [reading] = await get()
        .engine()
        .readPrompts({ base: model.base, adapters: [] }, [prompt])
        .catch(() => []);
      // What was typed meanwhile is asked for by itself.
      if (get().draft.prompt === prompt) set({ promptReading: reading ?? null });
    },

    generate: () =>
      action({ problem: 'generateProblem' }, async () => {
        const { draft } = get();
        const first = nextSeed();
        const prompts = draft.list?.prompts ?? [draft.prompt.trim()];
        const items = prompts.flatMap((prompt) =>
          Array.from({ length: draft.count }, (_, index) => ({ prompt, seed: first + index })),
        );
        const init = await startImage();
        const [all, list] = [prompts.length, draft.list?.name];
        const title = list === undefined ? draft.prompt || t`No prompt` : t`${all} prompts from ${list}`;
        await get().runImages('images', title, { ...settings(), ...init, items });
      }),

    makePairs: (count) =>
      action({ problem: 'generateProblem' }, async () => {
        const { draft } = get();
        const wanted = count ?? draft.pairCount;
        const typed = draft.prompt.trim();
        const own = settings();
        const recipe: PairRecipe = {
          settings: { ...own, ...(await startImage()) },
          from: draft.list ?? (typed ? { name: typed, prompts: [typed] } : null),
          ...(draft.against && modelKey(draft.against) !== modelKey(own.model) && { against: draft.against }),
          ...(draft.bestOf && { bestOf: draft.bestOf }),
        };
        set({ lastPairs: recipe });
        await runRecipe(
          recipe,
          t`${wanted} pairs`,
          recipe.from?.prompts ?? drawPrompts(await bundledPrompts('train'), wanted),
          { count: wanted, seed: nextSeed() },
        );
      }),

    makeMorePairs: (count) =>
      action({ problem: 'labelProblem' }, async () => {
        await runMore(t`${count} more pairs`, count);
      }),

    forgetLastPairs: () => set({ lastPairs: null }),

    async topUpPairs() {
      if (!pairsAreDue(get())) return;
      // Said where it was asked for: on Label.
      const made = await action({ problem: 'labelProblem', busy: 'toppingUp', background: true }, async () => {
        await runMore(t({ message: 'Pairs while you judge', comment: 'are being made' }), bufferAhead);
        return true;
      });
      // Cancelled or refused, it is not begun again by itself.
      if (made || get().engineState !== 'ready') return;
      get().setPreference('keepMakingPairs', false);
    },

    usePromptFile: (file) =>
      action({ problem: 'generateProblem' }, async () =>
        get().setPromptList(
          file.name,
          (await readAs(file, 'prompts')).map(({ prompt }) => prompt),
        ),
      ),

    setPromptList(name, prompts) {
      get().setDraft({ list: { name, prompts } });
      set({ generateProblem: null });
    },

    drawPromptList: (count) =>
      action({ problem: 'generateProblem' }, async () => {
        get().setDraft({
          list: {
            name: t({ message: 'the bundled list', comment: 'the name of a list: “Prompts of {list}”' }),
            prompts: drawPrompts(await bundledPrompts('train'), count),
          },
        });
      }),

    setInitImage: (name, bytes) =>
      action({ problem: 'generateProblem' }, async () => {
        const file = await keepStartPicture(bytes);
        get().setDraft({ init: { file, name, strength: get().draft.init?.strength ?? 0.6 } });
      }),

    recall(parameters, what) {
      const { prompt, seed } = parameters;
      const change: Partial<GenerateDraft> = {};
      if (what !== 'seed' && prompt !== undefined) Object.assign(change, { prompt, list: null });
      if (what !== 'prompt' && seed !== undefined) Object.assign(change, { seed, seedLocked: true });
      if (what === 'all') {
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
          model,
        } = parameters;
        if (model && get().models.some((one) => one.id === model.base)) get().generateWith(model);
        const known = { negativePrompt, steps, guidanceScale, guidanceRescale, width, height, scheduler, eta };
        Object.assign(change, Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)));
        const told = schedulerConfig?.[samplerOptions.karras.field];
        change.karras = typeof told === 'boolean' ? told : (chosenModel(get())?.karras ?? false);
        change.count = 1;
      }
      const recalled = what === 'all' ? recalledArithmetic(get(), parameters) : null;
      if (recalled === 'f16' || recalled === 'f32') get().setPreference('arithmetic', recalled);
      // Of our kernels alone.
      if (parameters.arithmetic === 'f16' && what === 'all' && get().draft.sampler === 'onnx') change.sampler = 'auto';
      get().setDraft(change);
      return recalled;
    },

    async addLora({ file, config }) {
      const { name } = file;
      const base = chosenModel(get())?.id;
      const { value } = await readFor(file, ['weights']);
      if (!value.adapter)
        throw new WinnowError(
          'BadFile',
          t`${name} is not a LoRA.`,
          t`If it is a whole model, add it on the Models screen.`,
        );
      const {
        file: path,
        rank,
        format,
        parts,
      } = await get()
        .engine()
        .importLora(name, await readBlob(file), base, config && (await readBlob(config)));
      // What was lost from storage is back.
      get().forgetModelHashes(path);
      const { loras } = get().preferences;
      const lora: Preferences['loras'][number] = {
        file: path,
        name: name.replace(/\.safetensors$/, ''),
        rank,
        format,
        parts,
        ...(base === undefined ? {} : { base }),
      };
      get().setPreference('loras', [lora, ...loras.filter((one) => one.file !== path || one.base !== lora.base)]);
      return { kind: 'file', file: path, strength: 1 };
    },
  };
};
