/** Euler's method on the probability flow: Karras et al., https://arxiv.org/abs/2206.00364, algorithm 2 without churn; k-diffusion
 *  sample_euler. diffusers scheduling_euler_discrete.py. */
import { torchLinspace } from '../schedule.ts';
import type { SchedulerConfigReader } from '../schedulerConfig.ts';
import type { Sampler, SamplerOptions, SamplerRecord } from './sampler.ts';
import { closed, finalSigma, karrasSigmas, sigmasAt, sigmaToTimestep } from './sigmas.ts';
import { readSigmaSpace, sigmaSampler } from './sigmaSpace.ts';

const f32 = Math.fround;

/** From noise level `sigma` to `next`; x0 is what the model says of x. Rounded to f32 at every operation (sigmaSpace.ts).
 *
 *    x' = x + (x - x0) / sigma (sigma' - sigma) */
export function eulerStep(
  { x, x0 }: { x: Float32Array; x0: Float32Array },
  { sigma, next }: { sigma: number; next: number },
): Float32Array {
  const dt = f32(next - sigma);
  return x.map((value, k) => value + f32(f32(f32(value - x0[k]!) / sigma) * dt));
}

export const eulerSampler: SamplerRecord = {
  title: 'Euler',
  what: 'First order in the noise level, deterministic',
  formula: "x' = x + (x - x0) / sigma (sigma' - sigma)",
  source: 'https://arxiv.org/abs/2206.00364',
  a1111: 'Euler',
  make: euler,
};

function euler(config: SchedulerConfigReader, { steps }: SamplerOptions): Sampler {
  config.only({ use_exponential_sigmas: [false, null], use_beta_sigmas: [false, null] });
  const { schedule, training, spaced, leading } = readSigmaSpace(config, steps);
  if (schedule.prediction_type === 'v_prediction') config.only({ timestep_type: ['discrete'] });

  let timesteps = spaced;
  let sigmas: Float64Array | Float32Array;
  if (config.oneOf('interpolation_type', 'linear', ['linear', 'log_linear']) === 'linear')
    sigmas = sigmasAt(timesteps, training);
  // One more sigma than there are steps, as in diffusers; the last step then ends above 0.
  else sigmas = torchLinspace(Math.log(training.at(-1)!), Math.log(training[0]!), steps + 1).map(Math.exp);
  if (config.flag('use_karras_sigmas', false)) {
    const bound = (field: string, fallback: number): number =>
      config.get(field, null) === null ? fallback : config.number(field, fallback, { min: 1e-6 });
    sigmas = karrasSigmas(bound('sigma_min', sigmas.at(-1)!), bound('sigma_max', sigmas[0]!), steps);
    timesteps = sigmas.map((sigma) => f32(sigmaToTimestep(sigma, training)));
  }
  return sigmaSampler({
    schedule,
    leading,
    timesteps,
    sigmas: closed(sigmas, finalSigma(config, training)),
    needsNoise: false,
    step: eulerStep,
  });
}
