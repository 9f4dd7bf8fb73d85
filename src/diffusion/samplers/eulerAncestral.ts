/** Euler's method with noise taken away and added back: k-diffusion sample_euler_ancestral. diffusers
 *  scheduling_euler_ancestral_discrete.py. */
import { assert } from '../../shared/assert.ts';
import type { SchedulerConfigReader } from '../schedulerConfig.ts';
import { eulerStep } from './euler.ts';
import type { Sampler, SamplerOptions, SamplerRecord } from './sampler.ts';
import { closed, sigmasAt } from './sigmas.ts';
import { readSigmaSpace, sigmaSampler } from './sigmaSpace.ts';

const f32 = Math.fround;

/** From noise level `sigma` down below `next` by Euler's step, and up to it with fresh noise: next^2 = down^2 + up^2. In f32 as in diffusers:
 *  the difference cancels where sigmas fall fast.
 *
 *    up = sqrt(sigma'^2 (sigma^2 - sigma'^2) / sigma^2),  down = sqrt(sigma'^2 - up^2)
 *    x' = x + (x - x0) / sigma (down - sigma) + up noise */
export function eulerAncestralStep(
  { x, x0, noise }: { x: Float32Array; x0: Float32Array; noise?: Float32Array | undefined },
  { sigma, next }: { sigma: number; next: number },
): Float32Array {
  const [from2, to2] = [f32(sigma * sigma), f32(next * next)];
  const up = f32(Math.sqrt(f32(f32(to2 * f32(from2 - to2)) / from2)));
  // Where sigmas fall fastest, up^2 is rounded beyond what it is a part of.
  const down = f32(Math.sqrt(Math.max(0, f32(to2 - f32(up * up)))));
  const out = eulerStep({ x, x0 }, { sigma, next: down });
  assert(noise, 'the ancestral sampler needs noise at every step');
  return out.map((value, k) => value + f32(up * noise[k]!));
}

export const eulerAncestralSampler: SamplerRecord = {
  title: 'Euler ancestral',
  what: 'Euler’s step further down, and up again with fresh noise: pictures keep changing with the number of steps',
  formula: "x' = x + (x - x0) / sigma (down - sigma) + up noise",
  source: 'https://github.com/crowsonkb/k-diffusion',
  a1111: 'Euler a',
  otherNames: ['Euler ancestral'],
  make: eulerAncestral,
};

function eulerAncestral(config: SchedulerConfigReader, { steps }: SamplerOptions): Sampler {
  config.only({ prediction_type: ['epsilon', 'v_prediction'] });
  const { schedule, training, spaced, leading } = readSigmaSpace(config, steps);
  return sigmaSampler({
    schedule,
    leading,
    timesteps: spaced,
    sigmas: closed(sigmasAt(spaced, training), 0),
    needsNoise: true,
    step: eulerAncestralStep,
  });
}
