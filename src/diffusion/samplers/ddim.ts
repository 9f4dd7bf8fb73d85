/** DDIM: Song, Meng, Ermon, https://arxiv.org/abs/2010.02502, equations 12 and 16. diffusers scheduling_ddim.py. */
import { assert } from '../../shared/assert.ts';
import { linspace, roundHalfEven } from '../numpy.ts';
import { combine, denoise, noiseCoefficients } from '../prediction.ts';
import { addNoise, alphasCumprod, leadingTimesteps, readNoiseSchedule, trailingTimesteps } from '../schedule.ts';
import type { SchedulerConfigReader } from '../schedulerConfig.ts';
import { checkSteps, checkTimesteps, type Sampler, type SamplerOptions, type SamplerRecord } from './sampler.ts';

/** From alphas_cumprod a to `to`; x0 and eps are what the model says of x. `noise` is read where eta > 0.
 *
 *    sigma = eta sqrt((1 - to) / (1 - a)) sqrt(1 - a / to)                   (16)
 *    x' = sqrt(to) x0 + sqrt(1 - to - sigma^2) eps + sigma noise             (12)  */
export function ddimStep(
  { x0, eps, noise }: { x0: Float32Array; eps: Float32Array; noise?: Float32Array | undefined },
  { a, to, eta }: { a: number; to: number; eta: number },
): Float32Array {
  // Between two steps of pure noise (a = to = 0) there is none to add.
  const sigma = a === to ? 0 : eta * Math.sqrt(((1 - to) / (1 - a)) * (1 - a / to));
  const direction = Math.sqrt(Math.max(1 - to - sigma ** 2, 0));
  const next = combine(Math.sqrt(to), x0, direction, eps);
  if (eta === 0) return next;
  assert(noise, 'DDIM with eta > 0 needs noise at every step');
  return combine(1, next, sigma, noise);
}

export const ddimSampler: SamplerRecord = {
  title: 'DDIM',
  what: 'Along the model’s own noise; with eta, part of it anew at each step',
  formula: "x' = sqrt(a') x0 + sqrt(1 - a' - sigma^2) eps + sigma noise",
  source: 'https://arxiv.org/abs/2010.02502',
  a1111: 'DDIM',
  // The same steps, with room for several at a time.
  alsoClasses: ['DDIMParallelScheduler'],
  make: ddim,
};

function ddim(config: SchedulerConfigReader, { steps, eta = 0 }: SamplerOptions): Sampler {
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
      const a = alphas[timesteps[i]!]!;
      const previous = timesteps[i]! - Math.floor(trainSteps / steps);
      const to = previous >= 0 ? alphas[previous]! : finalAlpha;
      const { ofSample, ofOutput } = noiseCoefficients(schedule.prediction_type, Math.sqrt(a), Math.sqrt(1 - a));
      const eps = combine(ofSample, x, ofOutput, modelOutput);
      return { x: ddimStep({ x0: denoised(modelOutput, i, x), eps, noise }, { a, to, eta }), state };
    },
    addNoise: (latents, noise, i) => addNoise(alphas, latents, noise, [timesteps[i]!]),
  };
}
