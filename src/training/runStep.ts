/** The loop of a run: draws batches, asks the reference, steps the trainer, gives the step's numbers. Everything that is decided by
 *  chance comes from the run's seed and the step alone, so a loop that starts at step k continues as if it had never stopped. */
import { addNoise, signalToNoise, trainingTarget } from '../diffusion/schedule.ts';
import type { PredictionType } from '../diffusion/prediction.ts';
import { minSnrScale } from '../losses/minSnr.ts';
import { losses } from '../losses/table.ts';
import { type Conditioning, stacked } from '../models/conditioning.ts';
import { concatFloats } from '../shared/arrays.ts';
import { BatchOrder, type Draw, drawNumber } from './batch.ts';
import type { TrainConfig } from './config.ts';
import type { FrozenReference } from './frozenReference.ts';
import { emaDecay } from './optimisers/ema.ts';
import { learningRateFactor } from './optimisers/schedule.ts';
import type { StepBatch, Trainer } from './trainer.ts';

/** Of one picture [C * h * w], as the model has them: the same at every use, or those of the n-th draw. */
export type Latents = Float32Array | ((draw: number) => Promise<Float32Array>);

/** What is there, or is read when it is used. */
export type AtUse<T extends object> = T | (() => Promise<T>);

/** What training sees of a labelled pair: the two images' latents, and what it is told. */
export interface PreparedPair {
  id: string;
  winner: Latents;
  loser: Latents;
  /** Of one sample: the prompt's. */
  conditioning: AtUse<Conditioning>;
  /** Of the loser, where its picture is told of otherwise; the winner's if left out. */
  loserConditioning?: AtUse<Conditioning>;
  /** Of no prompt, winner's and loser's; LoopData's if left out. */
  unconditional?: readonly [winner: Conditioning, loser: Conditioning];
  /** The chance that the winner is the better one; 1 if left out. */
  preference?: number;
  /** Of its size, from 0 without gaps, in the order of StepSpec's sizes; 0 if left out. */
  bucket?: number;
  /** How often it is drawn in an epoch; once if left out. */
  repeats?: number;
}

export interface LoopData {
  pairs: readonly PreparedPair[];
  /** Of no prompt, for prompt dropout: what generation takes for no negative prompt. */
  unconditional: Conditioning;
  prediction: PredictionType;
  alphasCumprod: Float32Array;
  /** Where pairs were left out (solved.ts): the step from which on these are drawn, and how often that was so. */
  since?: { step: number; times: number };
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

/** Members of each bucket; a pair that is drawn several times in an epoch as often. */
function bucketsOf(pairs: readonly PreparedPair[]): number[][] {
  const buckets: number[][] = [];
  for (const [i, { bucket = 0, repeats = 1 }] of pairs.entries())
    for (let k = 0; k < repeats; k++) (buckets[bucket] ??= []).push(i);
  // One of which nothing is left has no turn.
  return Array.from(buckets, (members) => members ?? []);
}

const orders = new WeakMap<readonly PreparedPair[], BatchOrder>();

function orderOf({ pairs, since }: LoopData, { seed, pairsPerStep }: TrainConfig): BatchOrder {
  const known = orders.get(pairs) ?? new BatchOrder(seed, bucketsOf(pairs), pairsPerStep, since?.times);
  orders.set(pairs, known);
  return known;
}

interface Drawn extends Draw {
  source: PreparedPair;
  winner: Float32Array;
  loser: Float32Array;
  /** Winner's and loser's. */
  told: readonly [Conditioning, Conditioning];
}

async function toldOf(
  { conditioning, loserConditioning = conditioning, unconditional }: PreparedPair,
  { dropPrompt }: Draw,
  data: LoopData,
): Promise<Drawn['told']> {
  if (dropPrompt) return unconditional ?? [data.unconditional, data.unconditional];
  const [winner, loser] = [conditioning, loserConditioning].map((told) => (typeof told === 'function' ? told() : told));
  return [await winner!, await loser!];
}

const latentsOf = async (latents: Latents, draw: number): Promise<Float32Array> =>
  typeof latents === 'function' ? latents(draw) : latents;

/** The step's micro-batches, winners first in each. */
async function drawBatches(
  data: LoopData,
  config: TrainConfig,
  step: number,
): Promise<{ batches: StepBatch[]; draws: Pick<PairNumbers, 'pair' | 'timestep' | 'preference'>[] }> {
  const { pairs, alphasCumprod, since } = data;
  const { readsLogit, readsPreference } = losses[config.loss];
  const draws: Pick<PairNumbers, 'pair' | 'timestep' | 'preference'>[] = [];
  const batches: StepBatch[] = [];
  for (let k = 0; k < config.accumulation; k++) {
    const micro = step * config.accumulation + k;
    const { bucket, pairs: chosen } = orderOf(data, config).at(micro - (since?.step ?? 0) * config.accumulation);
    const drawn: Drawn[] = [];
    for (const [slot, pair] of chosen.entries()) {
      const n = micro * config.pairsPerStep + slot;
      const source = pairs[pair]!;
      const [winner, loser] = [await latentsOf(source.winner, n), await latentsOf(source.loser, n)];
      const draw = drawNumber(n, { ...config, elements: winner.length });
      drawn.push({ ...draw, source, winner, loser, told: await toldOf(source, draw, data) });
    }
    const preference = readsPreference ? drawn.map(({ source }) => source.preference ?? 1) : undefined;
    for (const [slot, { source, timestep }] of drawn.entries())
      draws.push({ pair: source.id, timestep, ...(preference && { preference: preference[slot]! }) });
    const twice = <T>(values: readonly T[]): T[] => [...values, ...values];
    const latents = concatFloats([...drawn.map(({ winner }) => winner), ...drawn.map(({ loser }) => loser)]);
    const noise = concatFloats(twice(drawn.map((d) => d.noise)));
    const timestep = Float32Array.from(twice(drawn.map((d) => d.timestep)));
    batches.push({
      bucket,
      sample: addNoise(alphasCumprod, latents, noise, timestep),
      target: trainingTarget(data.prediction, alphasCumprod, latents, noise, timestep),
      timestep,
      conditioning: stacked([...drawn.map(({ told }) => told[0]), ...drawn.map(({ told }) => told[1])]),
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
    });
  }
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
  const { batches, draws } = await drawBatches(data, config, step);
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
    emaDecay: emaDecay(config.ema, step + 1),
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
