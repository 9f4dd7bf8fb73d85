/** Multistep consistency sampling: Luo et al., https://arxiv.org/abs/2310.04378, algorithm 3. diffusers scheduling_lcm.py.
 *
 *  Each step denoises as far as the model can and adds fresh noise for the next; timesteps are taken from those the model was distilled on. */
import { assert } from '../../shared/assert.ts';
import { WinnowError } from '../../shared/errors.ts';
import { linspace } from '../numpy.ts';
import { combine, denoise } from '../prediction.ts';
import { addNoise, alphasCumprod, readNoiseSchedule } from '../schedule.ts';
import type { SchedulerConfigReader } from '../schedulerConfig.ts';
import { checkSteps, checkStrength, checkTimesteps, type Sampler, type SamplerOptions } from './sampler.ts';

/** Of the data, in the boundary condition (appendix of the paper). */
const SIGMA_DATA = 0.5;

export function lcm(config: SchedulerConfigReader, { steps, strength = 1 }: SamplerOptions): Sampler {
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
      // Equations 9 and following: f(x, t) = c_skip x + c_out x_0, which is x itself at t = 0.
      const scaled = timesteps[i]! * scaling;
      const norm = scaled ** 2 + SIGMA_DATA ** 2;
      const clean = combine(SIGMA_DATA ** 2 / norm, x, scaled / Math.sqrt(norm), denoised(modelOutput, i, x));
      const next = timesteps[i + 1];
      if (next === undefined) return { x: clean, state };
      assert(noise, 'LCM needs noise at every step but the last');
      return { x: combine(Math.sqrt(alphas[next]!), clean, Math.sqrt(1 - alphas[next]!), noise), state };
    },
    addNoise: (latents, noise, i) => addNoise(alphas, latents, noise, [timesteps[i]!]),
  };
}
