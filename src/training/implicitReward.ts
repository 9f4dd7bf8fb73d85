/** The implicit reward: how much more likely a model has made a picture than the one it came from. By the errors m and r of the two on a noisy
 *  picture it is (beta / 2) (r - m), up to a constant; a pair's logit at one draw is the winner's less the loser's, and its margin the mean over
 *  several draws (Diffusion-DPO, arXiv 2311.12908, section 5.5 and supplement S4.1, which prints the sign without the minus).
 *
 *  Draws of (timestep, noise) form one bank, drawn by counters, common to both pictures, to all pairs and to all models, so that margins can be
 *  compared: what one draw adds by chance it adds everywhere. */
import { addNoise, trainingTarget } from '../diffusion/schedule.ts';
import { type Conditioning, stacked } from '../models/conditioning.ts';
import { concatFloats } from '../shared/arrays.ts';
import { RandomStream } from '../shared/rng.ts';
import type { Latents, LoopData, PreparedPair } from './runStep.ts';

export interface Bank {
  /** Of each of its K draws. */
  timesteps: readonly number[];
  /** Of the k-th draw, for a picture of so many latents. */
  noise(k: number, elements: number): Float32Array;
}

/** Each of K equal parts of the range has one timestep. */
export function fixedBank({
  draws,
  seed = 0,
  timestepRange: [min, max] = [0, 1000],
}: {
  draws: number;
  seed?: number;
  timestepRange?: readonly [number, number];
}): Bank {
  const timesteps = Array.from({ length: draws }, (_, k) => {
    const within = new RandomStream({ seed, purpose: 'bankTimestep', step: k }).uniform();
    return min + Math.floor(((k + within) / draws) * (max - min));
  });
  const held = new Map<string, Float32Array>();
  return {
    timesteps,
    noise(k, elements) {
      const key = `${k} ${elements}`;
      const noise = held.get(key) ?? new RandomStream({ seed, purpose: 'bankNoise', step: k }).normals(elements);
      held.set(key, noise);
      return noise;
    },
  };
}

/** A denoiser for batches of one size: sample [N, C, h, w], one timestep, what is told of its N samples → [N, C, h, w]. */
export type Predict = (sample: Float32Array, timestep: number, conditioning: Conditioning) => Promise<Float32Array>;

/** Errors of one pair, means over C, H, W: of the winner at each of K draws, then of the loser. */
export type PairErrors = Float64Array;

export type RatedPair = Pick<PreparedPair, 'winner' | 'loser' | 'conditioning' | 'loserConditioning'>;

/** Errors of every pair at every draw. All pairs are of the size that `predict` takes.
 *  @param batch N, of `predict`.
 *  @param onBatch called after each, with the number of pictures and draws that are done. */
export async function bankErrors(
  predict: Predict,
  pairs: readonly RatedPair[],
  {
    batch,
    bank,
    data: { alphasCumprod, prediction },
    onBatch = () => {},
  }: {
    batch: number;
    bank: Bank;
    data: Pick<LoopData, 'alphasCumprod' | 'prediction'>;
    onBatch?: (done: number) => void;
  },
): Promise<PairErrors[]> {
  const draws = bank.timesteps.length;
  const errors = pairs.map(() => new Float64Array(2 * draws));
  const pictures = pairs.flatMap((pair, i) => [
    { pair: i, side: 0, latents: pair.winner, told: pair.conditioning },
    { pair: i, side: 1, latents: pair.loser, told: pair.loserConditioning ?? pair.conditioning },
  ]);
  let done = 0;
  for (const [k, t] of bank.timesteps.entries())
    for (let start = 0; start < pictures.length; start += batch) {
      const of = pictures.slice(start, start + batch);
      const clean: Float32Array[] = [];
      const told: Conditioning[] = [];
      for (const picture of of) {
        clean.push(await latentsAt(picture.latents, k));
        told.push(typeof picture.told === 'function' ? await picture.told() : picture.told);
      }
      // A batch is of one size: what is missing at the end stands in for itself.
      while (clean.length < batch) {
        clean.push(clean[0]!);
        told.push(told[0]!);
      }
      const elements = clean[0]!.length;
      const noise = bank.noise(k, elements);
      const latents = concatFloats(clean);
      const noises = concatFloats(clean.map(() => noise));
      const timestep = new Float32Array(batch).fill(t);
      const sample = addNoise(alphasCumprod, latents, noises, timestep);
      const target = trainingTarget(prediction, alphasCumprod, latents, noises, timestep);
      const predicted = await predict(sample, t, stacked(told));
      for (const [slot, { pair, side }] of of.entries())
        errors[pair]![side * draws + k] = meanSquare(predicted, target, slot * elements, elements);
      done += of.length;
      onBatch(done);
    }
  return errors;
}

const latentsAt = async (latents: Latents, draw: number): Promise<Float32Array> =>
  typeof latents === 'function' ? latents(draw) : latents;

function meanSquare(a: Float32Array, b: Float32Array, from: number, elements: number): number {
  let sum = 0;
  for (let i = from; i < from + elements; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum / elements;
}

/** What a bank says of a pair. */
export interface Implicit {
  /** At each draw. */
  logits: number[];
  /** Their mean: above 0 where the model prefers the winner. */
  margin: number;
  /** The rewards of the two pictures, up to a constant of the prompt; the margin is their difference. */
  winner: number;
  loser: number;
}

/** @param beta on the scale of `logit = -(beta / 2) ((m_w - r_w) - (m_l - r_l))`. */
export function implicitOf(policy: PairErrors, reference: PairErrors, beta: number): Implicit {
  const draws = policy.length / 2;
  const rewards = Array.from(policy, (m, i) => (beta / 2) * (reference[i]! - m));
  const mean = (of: readonly number[]): number => of.reduce((sum, x) => sum + x, 0) / draws;
  const logits = rewards.slice(0, draws).map((winner, k) => winner - rewards[draws + k]!);
  return {
    logits,
    margin: mean(logits),
    winner: mean(rewards.slice(0, draws)),
    loser: mean(rewards.slice(draws)),
  };
}
