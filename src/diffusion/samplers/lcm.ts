/** Multistep consistency sampling: Luo et al., https://arxiv.org/abs/2310.04378, algorithm 3. diffusers scheduling_lcm.py.
 *
 *  Each step denoises as far as the model can and adds fresh noise for the next; timesteps are taken from those the model was distilled on. */
import { assert } from '../../shared/assert.ts';
import { WinnowError } from '../../shared/errors.ts';
import { linspace } from '../numpy.ts';
import { combine, denoise } from '../prediction.ts';
import { addNoise, alphasCumprod, readNoiseSchedule } from '../schedule.ts';
import type { SchedulerConfigReader } from '../schedulerConfig.ts';
import {
  checkSteps,
  checkStrength,
  checkTimesteps,
  type Sampler,
  type SamplerOptions,
  type SamplerRecord,
} from './sampler.ts';

/** Of the data, in the boundary condition (appendix of the paper). */
const SIGMA_DATA = 0.5;

/** From timestep t, `scaled` by timestep_scaling, to alphas_cumprod `to` with fresh noise; null is the end, without any.
 *
 *    f = c_skip x + c_out x0,   c_skip = s^2 / (t^2 + s^2),  c_out = t / sqrt(t^2 + s^2),  s = 0.5      (9 and following)
 *    x' = sqrt(to) f + sqrt(1 - to) noise */
export function lcmStep(
  { x, x0, noise }: { x: Float32Array; x0: Float32Array; noise?: Float32Array | undefined },
  { scaled, to }: { scaled: number; to: number | null },
): Float32Array {
  const norm = scaled ** 2 + SIGMA_DATA ** 2;
  const clean = combine(SIGMA_DATA ** 2 / norm, x, scaled / Math.sqrt(norm), x0);
  if (to === null) return clean;
  assert(noise, 'LCM needs noise at every step but the last');
  return combine(Math.sqrt(to), clean, Math.sqrt(1 - to), noise);
}

export const lcmSampler: SamplerRecord = {
  title: 'LCM',
  what: 'Denoises as far as the model can and noises anew; for models distilled to it, in few steps',
  formula: "x' = sqrt(a') (c_skip x + c_out x0) + sqrt(1 - a') noise",
  source: 'https://arxiv.org/abs/2310.04378',
  a1111: 'LCM',
  make: lcm,
};

function lcm(config: SchedulerConfigReader, { steps, strength = 1 }: SamplerOptions): Sampler {
  config.only({ thresholding: [false, null] });
  const schedule = readNoiseSchedule(config, { beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear' });
  const trainSteps = schedule.num_train_timesteps;
  checkSteps(steps, trainSteps);
  checkStrength(strength);
  const original = config.int('original_inference_steps', 50, { min: 1, max: trainSteps });
  const scaling = config.number('timestep_scaling', 10, { min: 1e-3 });
  const clip = config.flag('clip_sample', false) ? config.number('clip_sample_range', 1, { min: 0 }) : undefined;
  const alphas = alphasCumprod(schedule);

  const trained = Math.floor(original * strength);
  if (Math.floor(trained / steps) < 1) {
    throw new WinnowError(
      'BadArguments',
      `An LCM sampler has ${trained} timesteps to choose ${steps} steps from.`,
      strength < 1 ? 'Take fewer steps or a higher strength.' : `Take at most ${trained} steps.`,
    );
  }
  const spacing = Math.floor(trainSteps / original);
  // The k-th of them from above: numpy.linspace without its end, rounded down.
  const chosen = linspace(0, trained, steps + 1)
    .subarray(0, steps)
    .map(Math.floor);
  const timesteps = chosen.map((index) => (trained - index) * spacing - 1);
  checkTimesteps(config, schedule, alphas, timesteps);

  const denoised: Sampler['denoised'] = (modelOutput, i, x) =>
    denoise(schedule.prediction_type, alphas[timesteps[i]!]!, x, modelOutput, clip);

  return {
    predictionType: schedule.prediction_type,
    timesteps,
    initNoiseSigma: 1,
    needsNoise: (i) => i < timesteps.length - 1,
    scaleModelInput: (x) => x,
    denoised,
    step(modelOutput, i, x, state, noise) {
      const next = timesteps[i + 1];
      const to = next === undefined ? null : alphas[next]!;
      return {
        x: lcmStep({ x, x0: denoised(modelOutput, i, x), noise }, { scaled: timesteps[i]! * scaling, to }),
        state,
      };
    },
    addNoise: (latents, noise, i) => addNoise(alphas, latents, noise, [timesteps[i]!]),
  };
}
