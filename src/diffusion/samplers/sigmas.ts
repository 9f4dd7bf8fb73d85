/** Sigmas at inference, for the samplers that work in sigma = sqrt(1 - a) / sqrt(a): by linear interpolation over the training table, or
 *  Karras et al., https://arxiv.org/abs/2206.00364, equation 5. */
import { interpolate, linspace } from '../numpy.ts';
import type { SchedulerConfigReader } from '../schedulerConfig.ts';

/** The training table at (fractional) timesteps. */
export const sigmasAt = (timesteps: Float64Array, training: Float32Array): Float64Array =>
  timesteps.map((t) => interpolate(t, training));

/** rho = 7, falling from sigmaMax to sigmaMin. */
export function karrasSigmas(sigmaMin: number, sigmaMax: number, steps: number): Float64Array {
  const low = sigmaMin ** (1 / 7);
  const high = sigmaMax ** (1 / 7);
  return linspace(0, 1, steps).map((ramp) => (high + ramp * (low - high)) ** 7);
}

/** The fractional timestep at which the training table has this sigma, linear in log sigma. EulerDiscreteScheduler._sigma_to_t. */
export function sigmaToTimestep(sigma: number, training: Float32Array): number {
  const logs = training.map(Math.log);
  const log = Math.log(Math.max(sigma, 1e-10));
  let low = 0;
  while (low < logs.length - 2 && logs[low + 1]! <= log) low++;
  const weight = Math.min(Math.max((logs[low]! - log) / Math.fround(logs[low]! - logs[low + 1]!), 0), 1);
  return (1 - weight) * low + weight * (low + 1);
}

/** What stands behind the last step: 0, or the table's smallest. */
export const finalSigma = (config: SchedulerConfigReader, training: Float32Array): number =>
  config.oneOf('final_sigmas_type', 'zero', ['zero', 'sigma_min']) === 'zero' ? 0 : training[0]!;

/** sigmas [N], then the one behind the last step: [N + 1], f32. */
export const closed = (sigmas: ArrayLike<number>, last: number): Float32Array =>
  Float32Array.from([...Array.from(sigmas), last]);

/** x = alpha x_0 + (sigma alpha) noise with alpha^2 + (sigma alpha)^2 = 1. */
export function signalAndNoise(sigma: number): { alpha: number; sigma: number } {
  const f32 = Math.fround;
  const alpha = f32(1 / f32(Math.sqrt(f32(f32(sigma * sigma) + 1))));
  return { alpha, sigma: f32(sigma * alpha) };
}
