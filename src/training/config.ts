/** A run's settings: one JSON file that can be seen, saved and loaded. Plain data; the studio's form and the command line fill the same. */
import type { Fit } from '../shared/fit.ts';
import { lossFields, type LossName, losses, type LossSettings, settingsOf } from '../losses/table.ts';

export type ReferenceChoice = 'auto' | 'onnx' | 'engine';

/** What of the forward pass the backward pass computes a second time instead of keeping it: `none` of it; `cheap` normalisations, activations and
 *  copies; `blocks` everything inside a block of the network, for about a fifth more arithmetic; `auto` the first that a common GPU has ample
 *  room for. */
export type RecomputeChoice = 'auto' | 'none' | 'cheap' | 'blocks';

/** The numbers of the losses (losses/table.ts) among the rest; a loss reads those of its record. */
export interface TrainConfig extends LossSettings {
  version: 1;
  mode: 'lora' | 'full';
  rank: number;
  alpha: number;
  /** attention: to_q, to_k, to_v, to_out.0. all: every linear and convolution. */
  targets: 'attention' | 'all';
  learningRate: number;
  lrSchedule: 'constant' | 'cosine';
  warmupSteps: number;
  steps: number;
  /** Pairs per micro-batch, and micro-batches per step. */
  pairsPerStep: number;
  accumulation: number;
  adamBeta1: number;
  adamBeta2: number;
  adamEps: number;
  weightDecay: number;
  /** Global norm; 0 means no clipping. */
  maxGradNorm: number;
  /** Decay of an average of the trained weights (optimisers/ema.ts), which is then what is sampled, looked at and saved as checkpoints; 0 means
   *  none. */
  ema: number;
  /** Scale of `logit = -(beta / 2) ((m_w - r_w) - (m_l - r_l))`, errors being means over C, H, W (Salesforce's and diffusers' SDXL
   *  script's beta; twice the beta of diffusers' SD 1.5 script). */
  beta: number;
  loss: LossName;
  /** Timesteps are drawn uniformly from [min, max). */
  timestepRange: [number, number];
  promptDropout: number;
  /** Of pictures from elsewhere, which the model's VAE encodes: drawn from the posterior at every use, as the published scripts do, or its mean. */
  posterior: 'sample' | 'mean';
  /** In pixels, what pictures from elsewhere are brought to; null: each pair to the nearest in shape of the sizes that the model's own goes over
   *  into (service/training/buckets.ts). Pictures that were made here keep theirs. */
  size: [width: number, height: number] | null;
  fit: Fit;
  /** How often a pair is drawn in an epoch, by who labelled it; 0 leaves it out. kohya's num_repeats. */
  repeats: Record<'person' | 'import' | 'judge', number>;
  seed: number;
  reference: ReferenceChoice;
  recompute: RecomputeChoice;
  /** Share of the pairs that is kept back, by prompt, and only looked at (data/heldOut.ts); 0 means none. */
  heldOut: number;
  /** Looks at the held-out pairs, one each saveEvery steps, that may pass without one being the best yet before the run ends; 0 means no end. */
  earlyStop: number;
  /** Margin from which on a pair is solved (training/solved.ts): later steps leave it out. It is decided every saveEvery steps; 0 means never. */
  solvedMargin: number;
  /** What is done where a run leaves its model behind (evaluation/driftGuard.ts): it stops, or goes back to its best checkpoint and on at half the
   *  rate. */
  driftGuard: 'off' | 'stop' | 'back';
  /** 0 means never. */
  sampleEvery: number;
  saveEvery: number;
  keepCheckpoints: number;
  samplePrompts: string[];
  sampleSeeds: number[];
}

/** What makes a setting without effect on a run with these settings; null where it acts. The form shows what acts, the command line refuses
 *  the rest. */
export function idleBecause(config: TrainConfig, setting: keyof TrainConfig): 'mode' | 'loss' | 'saveEvery' | null {
  const { mode, loss, saveEvery } = config;
  if (setting === 'rank' || setting === 'alpha' || setting === 'targets') return mode === 'lora' ? null : 'mode';
  if (setting === 'beta') return losses[loss].readsLogit ? null : 'loss';
  if (setting === 'solvedMargin') return !losses[loss].readsLogit ? 'loss' : saveEvery === 0 ? 'saveEvery' : null;
  if (setting in lossFields) return settingsOf(loss).some((one) => one === setting) ? null : 'loss';
  return null;
}
