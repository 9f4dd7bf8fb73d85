/** Settings that were tried. Beta is for the embedded model's latents, found by a sweep (tools/base-model/README.md); it is not Stable
 *  Diffusion's 5000. */
import type { TrainConfig } from './config.ts';

export interface Preset {
  name: string;
  title: string;
  description: string;
  config: TrainConfig;
}

const standard: TrainConfig = {
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
  beta: 1000,
  loss: 'sigmoid',
  labelSmoothing: 0,
  timestepRange: [0, 1000],
  promptDropout: 0.1,
  seed: 0,
  reference: 'auto',
  recompute: 'auto',
  sampleEvery: 25,
  saveEvery: 25,
  keepCheckpoints: 8,
  samplePrompts: [],
  sampleSeeds: [0, 1],
};

export const presets: readonly Preset[] = [
  {
    name: 'quick',
    title: 'Quick taste',
    description: 'A first look at what your labels do, from a dozen pairs on.',
    config: { ...standard, steps: 40, warmupSteps: 5, sampleEvery: 10, saveEvery: 10 },
  },
  {
    name: 'standard',
    title: 'Standard',
    description: 'For about a hundred labelled pairs.',
    config: standard,
  },
  {
    name: 'careful',
    title: 'Careful',
    description: 'Gentler and longer: stays closer to the base model.',
    config: { ...standard, beta: 2500, steps: 200, warmupSteps: 20 },
  },
  {
    name: 'full',
    title: 'Every weight',
    description: 'Full fine-tuning instead of a LoRA: more memory, and a whole model as its result.',
    config: { ...standard, mode: 'full', learningRate: 2e-5, beta: 2500 },
  },
];

export function presetNamed(name: string): Preset | undefined {
  return presets.find((preset) => preset.name === name);
}
