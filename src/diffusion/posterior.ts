/** An autoencoder's posterior, as training uses it: what it says of a picture once, and a draw from it at every use. Every operation rounded to
 *  f32, as torch's are. diffusers autoencoders/vae.py DiagonalGaussianDistribution */
import { RandomStream } from '../shared/rng.ts';

export interface Posterior {
  /** [C * h * w] */
  mean: Float32Array;
  /** exp(logvar / 2), logvar clamped to [-30, 20]; undefined for an autoencoder that gives a code alone (AutoencoderTiny). */
  std?: Float32Array | undefined;
}

const f32 = Math.fround;

/** @param logvar clamped. */
export const deviation = (logvar: Float32Array): Float32Array => logvar.map((value) => Math.exp(f32(0.5 * value)));

/** (mean + std * noise) * scale; without noise mean * scale. [C * h * w], as the diffusion model has them. */
export function drawPosterior({ mean, std }: Posterior, noise: Float32Array | null, scale: number): Float32Array {
  const by = f32(scale);
  return mean.map((mu, i) => f32(noise && std ? f32(mu + f32(std[i]! * noise[i]!)) : mu) * by);
}

/** Of one picture of a pair, for the n-th draw of a run: counter-based, as all that is drawn. */
export const posteriorNoise = (
  { seed, draw, side }: { seed: number; draw: number; side: 'winner' | 'loser' },
  elements: number,
): Float32Array =>
  new RandomStream({ seed, purpose: 'posterior', step: draw, pair: side === 'winner' ? 0 : 1 }).normals(elements);
