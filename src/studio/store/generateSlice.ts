/** What the Generate screen asks for: prompt or list, seeds, settings; and the verbs that start work with it. */
import { samplingDefaults } from '../../data/embeddedModels.ts';
import type { AdapterRef, GenerationSettings, ImageRecord, ModelRef } from '../../service/types.ts';
import { modelKey } from './models.ts';
import { type Problem, isCancelled, problemOf } from './problem.ts';
import { fitPicture } from './pictures.ts';
import { parsePrompts } from '../../data/formats/promptList.ts';
import { bundledPrompts, drawPrompts, randomSeed } from './prompts.ts';
import { files } from './services.ts';
import type { Slice } from './useStudio.ts';

export const schedulers = {
  DPMSolverMultistepScheduler: 'DPM-Solver++ (2M)',
  EulerDiscreteScheduler: 'Euler',
  EulerAncestralDiscreteScheduler: 'Euler ancestral',
  DDIMScheduler: 'DDIM',
  PNDMScheduler: 'PNDM',
  LCMScheduler: 'LCM',
} as const;

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
  width: number;
  height: number;
  scheduler: string;
  karras: boolean;
  sampler: GenerationSettings['sampler'];
  model: ModelRef | null;
  init: { file: string; name: string; strength: number } | null;
  /** How pairs are made. */
  pairCount: number;
  against: ModelRef | null;
}

export type Recall = 'all' | 'seed' | 'prompt';

export interface GenerateSlice {
  draft: GenerateDraft;
  generateProblem: Problem | null;
  setDraft(change: Partial<GenerateDraft>): void;
  /** Fills in what the model is made for, once it is known. */
  adoptDefaults(): void;
  /** Back to what the model was judged with. */
  resetSettings(): void;
  settings(model?: ModelRef): GenerationSettings;
  generate(): Promise<void>;
  /** From the prompt, the list, or, with neither, prompts drawn from the bundled list. */
  makePairs(count?: number): Promise<void>;
  /** Keeps a few pairs ahead of the person who judges. */
  topUpPairs(): Promise<void>;
  usePromptFile(name: string, text: string): void;
  drawPromptList(count: number): Promise<void>;
  setInitImage(name: string, bytes: Uint8Array): Promise<void>;
  recall(parameters: Partial<ImageRecord>, what: Recall): void;
  /** Checks and keeps somebody's LoRA, and puts it on the base model. */
  addLora(name: string, bytes: Uint8Array): Promise<AdapterRef>;
}

const bufferAhead = 4;

export const generateSlice: Slice<GenerateSlice> = (set, get) => {
  async function guarded(work: () => Promise<void>): Promise<void> {
    set({ generateProblem: null });
    try {
      await work();
    } catch (error) {
      if (!isCancelled(error)) set({ generateProblem: problemOf(error) });
    }
  }

  const nextSeed = (): number => {
    const { draft } = get();
    if (draft.seedLocked) return draft.seed;
    const seed = randomSeed();
    get().setDraft({ seed });
    return seed;
  };

  return {
    draft: {
      prompt: '',
      negativePrompt: '',
      list: null,
      seed: randomSeed(),
      seedLocked: false,
      count: 4,
      ...samplingDefaults,
      // 0: not known before the model is.
      width: 0,
      height: 0,
      karras: false,
      sampler: 'auto',
      model: null,
      init: null,
      pairCount: 12,
      against: null,
    },
    generateProblem: null,

    setDraft: (change) => set(({ draft }) => ({ draft: { ...draft, ...change } })),

    adoptDefaults() {
      const model = get().models[0];
      if (!model) return;
      const { draft } = get();
      if (draft.model === null) get().setDraft({ model: { base: model.id, adapters: [] } });
      if (draft.width === 0) get().resetSettings();
      if (!draft.prompt) void bundledPrompts('train').then((prompts) => get().setDraft({ prompt: drawPrompts(prompts, 1)[0] ?? '' }), () => undefined);
      get().adoptCompareDefaults();
    },

    resetSettings() {
      const model = get().models[0];
      const size = model?.defaultSize ?? 0;
      const scheduler = model && model.scheduler in schedulers ? model.scheduler : samplingDefaults.scheduler;
      get().setDraft({ ...samplingDefaults, scheduler, width: size, height: size, karras: false, sampler: 'auto', init: null });
    },

    settings(model) {
      const { draft } = get();
      const chosen = model ?? draft.model ?? get().baseModel();
      if (!chosen) get().engine();
      return {
        model: chosen!,
        negativePrompt: draft.negativePrompt,
        steps: draft.steps,
        guidanceScale: draft.guidanceScale,
        width: draft.width,
        height: draft.height,
        scheduler: draft.scheduler,
        sampler: draft.sampler,
        ...(draft.karras && draft.scheduler !== 'DDIMScheduler' ? { schedulerConfig: { use_karras_sigmas: true } } : {}),
      };
    },

    generate: () =>
      guarded(async () => {
        const { draft } = get();
        const first = nextSeed();
        const prompts = draft.list?.prompts ?? [draft.prompt.trim()];
        const items = prompts.flatMap((prompt) => Array.from({ length: draft.count }, (_, index) => ({ prompt, seed: first + index })));
        const init = draft.init ? { init: { file: await fitPicture(draft.init.file, draft.width, draft.height), strength: draft.init.strength } } : {};
        await get().runImages('images', draft.list ? `${prompts.length} prompts from ${draft.list.name}` : draft.prompt || 'No prompt', { ...get().settings(), ...init, items });
      }),

    makePairs: (count) =>
      guarded(async () => {
        const { draft } = get();
        const wanted = count ?? draft.pairCount;
        const typed = draft.prompt.trim();
        const prompts = draft.list?.prompts ?? (typed ? [typed] : drawPrompts(await bundledPrompts('train'), wanted));
        const settings = get().settings();
        const against = draft.against && modelKey(draft.against) !== modelKey(settings.model) ? { against: draft.against } : {};
        await get().runPairs(`${wanted} pairs`, { ...settings, ...against, prompts, count: wanted, seed: nextSeed() });
      }),

    async topUpPairs() {
      const { engineState, preferences, jobs, pairs, labels, draft } = get();
      const busy = jobs.some((job) => job.state === 'waiting' || job.state === 'running');
      if (engineState !== 'ready' || !preferences.keepMakingPairs || busy) return;
      const ahead = pairs.filter((pair) => !labels.byPair.has(pair.id)).length;
      if (ahead >= bufferAhead) return;
      await guarded(async () => {
        const prompts = draft.list ? drawPrompts(draft.list.prompts, bufferAhead) : drawPrompts(await bundledPrompts('train'), bufferAhead);
        await get().runPairs('Pairs while you judge', { ...get().settings(), prompts, count: prompts.length, seed: randomSeed() });
      });
    },

    usePromptFile(name, text) {
      try {
        get().setDraft({ list: { name, prompts: parsePrompts(text) } });
      } catch (error) {
        set({ generateProblem: problemOf(error) });
      }
    },

    drawPromptList: (count) =>
      guarded(async () => {
        get().setDraft({ list: { name: 'the bundled list', prompts: drawPrompts(await bundledPrompts('train'), count) } });
      }),

    setInitImage: (name, bytes) =>
      guarded(async () => {
        const file = `init/${crypto.randomUUID()}`;
        await (await files()).write(file, bytes);
        get().setDraft({ init: { file, name, strength: get().draft.init?.strength ?? 0.6 } });
      }),

    recall(parameters, what) {
      const { prompt, seed } = parameters;
      const change: Partial<GenerateDraft> = {};
      if (what !== 'seed' && prompt !== undefined) Object.assign(change, { prompt, list: null });
      if (what !== 'prompt' && seed !== undefined) Object.assign(change, { seed, seedLocked: true });
      if (what === 'all') {
        const { negativePrompt, steps, guidanceScale, width, height, scheduler, schedulerConfig, model } = parameters;
        const known = { negativePrompt, steps, guidanceScale, width, height, scheduler, model: model && get().models.some((one) => one.id === model.base) ? model : undefined };
        Object.assign(change, Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)));
        change.karras = schedulerConfig?.['use_karras_sigmas'] === true;
        change.count = 1;
      }
      get().setDraft(change);
    },

    async addLora(name, bytes) {
      const { file, rank, format } = await get().engine().importLora(name, bytes);
      const { loras } = get().preferences;
      get().setPreference('loras', [{ file, name: name.replace(/\.safetensors$/, ''), rank, format }, ...loras.filter((lora) => lora.file !== file)]);
      return { kind: 'file', file, strength: 1 };
    },
  };
};
