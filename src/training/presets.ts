/** Settings to start from, in two sets. The embedded model's were tried: beta is for its latents, and looks are decided at the noisy
 *  timesteps; a small beta keeps turned labels from pulling hardest (tools/base-model/README.md). Stable Diffusion's are those of the published scripts, brought to one pair at a time; they are not tried
 *  here. */
import { defaultLossSettings } from '../losses/table.ts';
import type { TrainConfig } from './config.ts';

export interface Preset {
  name: string;
  title: string;
  description: string;
  config: TrainConfig;
  /** What differs from so many pairs with a preference on; the last that applies. */
  byPairs?: readonly (Partial<TrainConfig> & { from: number })[];
}

/** What a preset sets for `pairs` pairs with a preference. */
export function configFor({ config, byPairs = [] }: Preset, pairs: number): TrainConfig {
  const { from: _, ...change } = byPairs.findLast(({ from }) => pairs >= from) ?? { from: 0 };
  return { ...config, ...change };
}

const common: TrainConfig = {
  version: 1,
  mode: 'lora',
  rank: 8,
  alpha: 8,
  targets: 'all',
  learningRate: 5e-4,
  lrSchedule: 'cosine',
  warmupSteps: 10,
  steps: 120,
  pairsPerStep: 4,
  accumulation: 1,
  adamBeta1: 0.9,
  adamBeta2: 0.99,
  adamEps: 1e-8,
  weightDecay: 1e-2,
  maxGradNorm: 1,
  ema: 0,
  beta: 1000,
  loss: 'sigmoid',
  ...defaultLossSettings,
  timestepRange: [0, 1000],
  promptDropout: 0.1,
  posterior: 'sample',
  size: null,
  fit: 'crop',
  repeats: { person: 1, import: 1, judge: 1 },
  seed: 0,
  reference: 'auto',
  recompute: 'auto',
  heldOut: 0.1,
  earlyStop: 0,
  solvedMargin: 0,
  driftGuard: 'stop',
  sampleEvery: 25,
  saveEvery: 25,
  keepCheckpoints: 8,
  samplePrompts: [],
  sampleSeeds: [0, 1],
};

const standard: TrainConfig = { ...common, learningRate: 2e-3, timestepRange: [700, 1000] };

export const presets: readonly Preset[] = [
  {
    name: 'quick',
    title: 'Quick taste',
    description: 'A first look at what your labels do, from a dozen pairs on.',
    config: {
      ...standard,
      learningRate: 4e-3,
      steps: 12,
      warmupSteps: 5,
      sampleEvery: 12,
      saveEvery: 6,
      sampleSeeds: [0],
    },
    // From here on pairs are held out and looked at, which costs time at each save.
    byPairs: [{ from: 20, learningRate: 3e-3, steps: 16, sampleEvery: 16, saveEvery: 16 }],
  },
  {
    name: 'standard',
    title: 'Standard',
    description: 'For about a hundred labelled pairs.',
    config: { ...standard, beta: 1500, steps: 100 },
    byPairs: [{ from: 80, beta: 1000, steps: 120 }],
  },
  {
    name: 'doubtful',
    title: 'Labels in doubt',
    description:
      'For a hundred labels and more, many of them perhaps the wrong way round: none pulls harder than another.',
    config: { ...standard, learningRate: 5e-4, beta: 20, steps: 120 },
  },
  {
    name: 'careful',
    title: 'Careful',
    description: 'Gentler and longer: stays closer to the base model.',
    config: { ...common, beta: 2500, steps: 200, warmupSteps: 20 },
  },
  {
    name: 'full',
    title: 'Every weight',
    description: 'Full fine-tuning instead of a LoRA: more memory, and a whole model as its result.',
    config: { ...common, mode: 'full', learningRate: 2e-5, beta: 2500 },
  },
];

/** Diffusion-DPO's beta on our scale (SalesforceAIResearch/DiffusionDPO, launchers/sd15.sh and sdxl.sh; diffusers' SD 1.5 script calls the
 *  same 2500), its AdamW, weight decay and clipping; LoRA as in diffusers' scripts: rank 8, attention alone. Their rates go with batches of
 *  32 pairs (LoRA) and 2048 (every weight); here a step sees few pairs, so that the rate stays at the low end of what is reported to work:
 *  1e-5 to 1e-4 for a LoRA, 1e-6 for every weight. */
const stableDiffusion: TrainConfig = {
  ...common,
  targets: 'attention',
  learningRate: 5e-5,
  warmupSteps: 20,
  steps: 300,
  pairsPerStep: 1,
  accumulation: 4,
  adamBeta2: 0.999,
  beta: 5000,
  sampleEvery: 50,
  saveEvery: 50,
};

export const stableDiffusionPresets: readonly Preset[] = [
  {
    name: 'quick',
    title: 'Quick taste',
    description: 'One pair a step: a first look at what your labels do.',
    config: {
      ...stableDiffusion,
      learningRate: 1e-4,
      warmupSteps: 10,
      steps: 100,
      accumulation: 1,
      sampleEvery: 25,
      saveEvery: 25,
    },
  },
  {
    name: 'standard',
    title: 'Standard',
    description: 'For about a hundred labelled pairs and more.',
    config: stableDiffusion,
  },
  {
    name: 'doubtful',
    title: 'Labels in doubt',
    description:
      'For a hundred labels and more, many of them perhaps the wrong way round: none pulls harder than another.',
    config: { ...stableDiffusion, learningRate: 1e-5, beta: 100 },
  },
  {
    name: 'careful',
    title: 'Careful',
    description: 'Gentler and longer, for several hundred pairs.',
    config: { ...stableDiffusion, learningRate: 1e-5, warmupSteps: 50, steps: 600, accumulation: 8 },
  },
  {
    name: 'full',
    title: 'Every weight',
    description: 'Full fine-tuning instead of a LoRA: far more memory, and a whole model as its result.',
    config: { ...stableDiffusion, mode: 'full', learningRate: 1e-6, accumulation: 8 },
  },
];

/** Latents of Stable Diffusion have 64 positions a side and more; from half of that on its settings fit better. */
const smallestSide = 32;

/** The set that fits a model's latents, by its own size in pixels and the pixels of a latent. */
export function presetsFor(
  model: { defaultSize: { width: number; height: number }; sizeMultiple: number } | undefined,
): readonly Preset[] {
  if (!model) return presets;
  const { width, height } = model.defaultSize;
  return Math.sqrt(width * height) / model.sizeMultiple >= smallestSide ? stableDiffusionPresets : presets;
}

export function presetNamed(name: string, among = presets): Preset | undefined {
  return among.find((preset) => preset.name === name);
}
