/** DDIM: Song, Meng, Ermon, https://arxiv.org/abs/2010.02502, equations 12 and 16. diffusers scheduling_ddim.py. */
import { assert } from '../../shared/assert.ts';
import { linspace, roundHalfEven } from '../numpy.ts';
import { combine, denoise, noiseCoefficients } from '../prediction.ts';
import { addNoise, alphasCumprod, leadingTimesteps, readNoiseSchedule, trailingTimesteps } from '../schedule.ts';
import type { SchedulerConfigReader } from '../schedulerConfig.ts';
import { checkSteps, checkTimesteps, type Sampler, type SamplerOptions } from './sampler.ts';

export function ddim(config: SchedulerConfigReader, { steps, eta = 0 }: SamplerOptions): Sampler {
  config.only({ thresholding: [false, null] });
  const schedule = readNoiseSchedule(config);
  const clip = config.flag('clip_sample', true) ? config.number('clip_sample_range', 1, { min: 0 }) : undefined;
  const trainSteps = schedule.num_train_timesteps;
  checkSteps(steps, trainSteps);
  const alphas = alphasCumprod(schedule);
  const finalAlpha = config.flag('set_alpha_to_one', true) ? 1 : alphas[0]!;

  let timesteps: Float64Array;
  const spacing = config.oneOf('timestep_spacing', 'leading', ['leading', 'trailing', 'linspace']);
  if (spacing === 'leading') timesteps = leadingTimesteps(trainSteps, steps, config.int('steps_offset', 0));
  else if (spacing === 'trailing') timesteps = trailingTimesteps(trainSteps, steps);
  else
    timesteps = linspace(0, trainSteps - 1, steps)
      .map(roundHalfEven)
      .toReversed();
  checkTimesteps(config, schedule, alphas, timesteps);

  const alphaAt = (i: number): { alpha: number; sigma: number } => {
    const bar = alphas[timesteps[i]!]!;
    return { alpha: Math.sqrt(bar), sigma: Math.sqrt(1 - bar) };
  };
  const denoised: Sampler['denoised'] = (modelOutput, i, x) =>
    denoise(schedule.prediction_type, alphas[timesteps[i]!]!, x, modelOutput, clip);

  return {
    predictionType: schedule.prediction_type,
    timesteps,
    initNoiseSigma: 1,
    needsNoise: () => eta > 0,
    scaleModelInput: (x) => x,
    denoised,
    step(modelOutput, i, x, state, noise) {
      const { alpha, sigma } = alphaAt(i);
      const previous = timesteps[i]! - Math.floor(trainSteps / steps);
      const bar = alphas[timesteps[i]!]!;
      const previousBar = previous >= 0 ? alphas[previous]! : finalAlpha;
      // Equation 16: how much fresh noise; equation 12: x_0, the direction pointing to x_t, and that noise.
      const deviation = eta * Math.sqrt(((1 - previousBar) / (1 - bar)) * (1 - bar / previousBar));
      const { ofSample, ofOutput } = noiseCoefficients(schedule.prediction_type, alpha, sigma);
      const direction = Math.sqrt(Math.max(1 - previousBar - deviation ** 2, 0));
      const x0 = denoised(modelOutput, i, x);
      const next = combine(Math.sqrt(previousBar), x0, direction, combine(ofSample, x, ofOutput, modelOutput));
      if (eta === 0) return { x: next, state };
      assert(noise, 'DDIM with eta > 0 needs noise at every step');
      return { x: combine(1, next, deviation, noise), state };
    },
    addNoise: (latents, noise, i) => addNoise(alphas, latents, noise, [timesteps[i]!]),
  };
}
