/** The loop of a run: draws batches, asks the reference, steps the trainer, gives the step's numbers. Everything that is decided by
 *  chance comes from the run's seed and the step alone, so a loop that starts at step k continues as if it had never stopped. */
import { addNoise, signalToNoise, trainingTarget } from '../diffusion/schedule.ts';
import type { PredictionType } from '../diffusion/prediction.ts';
import { minSnrScale } from '../losses/minSnr.ts';
import { losses } from '../losses/table.ts';
import { type Conditioning, stacked } from '../models/conditioning.ts';
import { concatFloats } from '../shared/arrays.ts';
import { drawNumber } from './batch.ts';
import type { TrainConfig } from './config.ts';
import type { FrozenReference } from './frozenReference.ts';
import { learningRateFactor } from './optimisers/schedule.ts';
import type { StepBatch, Trainer } from './trainer.ts';

/** What training sees of a labelled pair: the two images' latents [C * h * w] as the model has them, and what it is told. */
export interface PreparedPair {
  id: string;
  winner: Float32Array;
  loser: Float32Array;
  /** Of one sample: the prompt's. */
  conditioning: Conditioning;
  /** The chance that the winner is the better one; 1 if left out. */
  preference?: number;
}

export interface LoopData {
  pairs: readonly PreparedPair[];
  /** Of no prompt, for prompt dropout: what generation takes for no negative prompt. */
  unconditional: Conditioning;
  prediction: PredictionType;
  alphasCumprod: Float32Array;
}

export interface PairNumbers {
  pair: string;
  timestep: number;
  logit: number;
  mw: number;
  ml: number;
  rw: number;
  rl: number;
  /** Where the loss reads it. A tie, 0.5, has no winner that the model could agree with. */
  preference?: number;
}

/** Numbers of one step. Errors are means over C, H, W, then over the step's pairs. */
export interface StepNumbers {
  step: number;
  loss: number;
  implicitAccuracy: number;
  logit: number;
  winnerError: number;
  loserError: number;
  winnerReferenceError: number;
  loserReferenceError: number;
  gradNorm: number;
  learningRate: number;
  pairs: PairNumbers[];
}

/** The step's micro-batches, winners first in each. */
export function drawBatches(
  data: LoopData,
  config: TrainConfig,
  step: number,
): { batches: StepBatch[]; draws: Pick<PairNumbers, 'pair' | 'timestep' | 'preference'>[] } {
  const { pairs, alphasCumprod } = data;
  const elements = pairs[0]!.winner.length;
  const { readsLogit, readsPreference } = losses[config.loss];
  const settings = {
    seed: config.seed,
    pairs: pairs.length,
    elements,
    timestepRange: config.timestepRange,
    promptDropout: config.promptDropout,
  };
  const draws: Pick<PairNumbers, 'pair' | 'timestep' | 'preference'>[] = [];
  const batches = Array.from({ length: config.accumulation }, (_, micro) => {
    const first = (step * config.accumulation + micro) * config.pairsPerStep;
    const drawn = Array.from({ length: config.pairsPerStep }, (__, slot) => {
      const draw = drawNumber(first + slot, settings);
      return { ...draw, source: pairs[draw.pair]! };
    });
    const preference = readsPreference ? drawn.map(({ source }) => source.preference ?? 1) : undefined;
    for (const [slot, { source, timestep }] of drawn.entries())
      draws.push({ pair: source.id, timestep, ...(preference && { preference: preference[slot]! }) });
    const twice = <T>(values: readonly T[]): T[] => [...values, ...values];
    const latents = concatFloats([
      ...drawn.map(({ source }) => source.winner),
      ...drawn.map(({ source }) => source.loser),
    ]);
    const noise = concatFloats(twice(drawn.map((d) => d.noise)));
    const timestep = Float32Array.from(twice(drawn.map((d) => d.timestep)));
    const told = drawn.map(({ dropPrompt, source }) => (dropPrompt ? data.unconditional : source.conditioning));
    return {
      sample: addNoise(alphasCumprod, latents, noise, timestep),
      target: trainingTarget(data.prediction, alphasCumprod, latents, noise, timestep),
      timestep,
      conditioning: stacked(twice(told)),
      beta: config.beta,
      ...(readsLogit &&
        config.minSnrGamma !== null && {
          logitScale: minSnrScale(
            signalToNoise(
              alphasCumprod,
              drawn.map((d) => d.timestep),
            ),
            config.minSnrGamma,
          ),
        }),
      ...(preference && { preference: Float32Array.from(preference) }),
    };
  });
  return { batches, draws };
}

/** How often the model prefers the winner, an undecided logit counting half; ties are left out. Of ties alone one half, as by chance. */
function implicitAccuracy(pairs: readonly PairNumbers[]): number {
  const decided = pairs.filter(({ preference }) => preference === undefined || preference > 0.5);
  if (decided.length === 0) return 0.5;
  return decided.reduce((sum, { logit }) => sum + (logit > 0 ? 1 : logit === 0 ? 0.5 : 0), 0) / decided.length;
}

/** Runs step `step` (from 0): reference errors, policy, update. */
export async function runStep(
  trainer: Trainer,
  reference: FrozenReference,
  data: LoopData,
  config: TrainConfig,
  step: number,
): Promise<StepNumbers> {
  const { batches, draws } = drawBatches(data, config, step);
  if (reference.kind !== 'engine') for (const batch of batches) batch.referenceErrors = await reference.errors(batch);
  const learningRate = config.learningRate * learningRateFactor(config, step);
  const { micro, gradNorm } = await trainer.run(batches, {
    lr: learningRate,
    beta1: config.adamBeta1,
    beta2: config.adamBeta2,
    eps: config.adamEps,
    weightDecay: config.weightDecay,
    maxGradNorm: config.maxGradNorm,
    t: step + 1,
  });
  const b = config.pairsPerStep;
  const { loss, params } = trainer.spec.loss;
  const results = micro.map(({ policyErrors, referenceErrors }, k) => {
    const errors = {
      mW: policyErrors.subarray(0, b),
      mL: policyErrors.subarray(b),
      rW: referenceErrors.subarray(0, b),
      rL: referenceErrors.subarray(b),
    };
    return { ...errors, ...losses[loss].forward({ ...batches[k]!, ...errors }, params) };
  });
  const pairs = draws.map((draw, i): PairNumbers => {
    const { mW, mL, rW, rL, logit } = results[Math.floor(i / b)]!;
    const slot = i % b;
    return { ...draw, logit: logit[slot]!, mw: mW[slot]!, ml: mL[slot]!, rw: rW[slot]!, rl: rL[slot]! };
  });
  const mean = (of: (pair: (typeof pairs)[number]) => number): number =>
    pairs.reduce((sum, pair) => sum + of(pair), 0) / pairs.length;
  return {
    step,
    // In f64 from the errors, so that a logit of 0 reads ln 2 exactly.
    loss: results.reduce((sum, { loss }) => sum + loss, 0) / results.length,
    implicitAccuracy: implicitAccuracy(pairs),
    logit: mean((pair) => pair.logit),
    winnerError: mean((pair) => pair.mw),
    loserError: mean((pair) => pair.ml),
    winnerReferenceError: mean((pair) => pair.rw),
    loserReferenceError: mean((pair) => pair.rl),
    gradNorm,
    learningRate,
    pairs,
  };
}
