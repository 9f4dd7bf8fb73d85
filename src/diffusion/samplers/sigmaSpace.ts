/** What samplers share whose x is x_0 + sigma noise: the model sees x / sqrt(sigma^2 + 1).
 *
 *  Every operation is rounded to f32, as in diffusers: after a first sigma of 4096 (zero terminal SNR) a step cancels so much that exact
 *  arithmetic ends 4e-5 away from it. */
import { linspace } from '../numpy.ts';
import { combine } from '../prediction.ts';
import {
  alphasCumprod,
  leadingTimesteps,
  type NoiseScheduleConfig,
  readNoiseSchedule,
  trailingTimesteps,
  trainingSigmas,
  withFiniteSigmas,
} from '../schedule.ts';
import type { SchedulerConfigReader } from '../schedulerConfig.ts';
import { checkSigmas, checkSteps, type Sampler } from './sampler.ts';

const f32 = Math.fround;

export interface SigmaSpace {
  schedule: NoiseScheduleConfig;
  /** Sigma of every training timestep. */
  training: Float32Array;
  /** Timesteps of the steps, by timestep_spacing. */
  spaced: Float64Array;
  /** Whether that is `leading`: then the first x is noise beside an x_0 of deviation 1. */
  leading: boolean;
}

export function readSigmaSpace(config: SchedulerConfigReader, steps: number): SigmaSpace {
  const schedule = readNoiseSchedule(config);
  const trainSteps = schedule.num_train_timesteps;
  checkSteps(steps, trainSteps);
  const training = trainingSigmas(withFiniteSigmas(alphasCumprod(schedule), schedule));
  checkSigmas(config, training);
  let spaced: Float64Array;
  const spacing = config.oneOf('timestep_spacing', 'linspace', ['linspace', 'leading', 'trailing']);
  if (spacing === 'leading') spaced = leadingTimesteps(trainSteps, steps, config.int('steps_offset', 0));
  else if (spacing === 'trailing') spaced = trailingTimesteps(trainSteps, steps);
  else
    spaced = linspace(0, trainSteps - 1, steps)
      .map(f32)
      .toReversed();
  return { schedule, training, spaced, leading: spacing === 'leading' };
}

export function sigmaSampler({
  schedule,
  leading,
  timesteps,
  sigmas,
  needsNoise,
  step,
}: {
  schedule: NoiseScheduleConfig;
  leading: boolean;
  timesteps: Float64Array;
  /** One more than there are steps. */
  sigmas: Float32Array;
  needsNoise: boolean;
  step(
    arrays: { x: Float32Array; x0: Float32Array; noise?: Float32Array | undefined },
    levels: { sigma: number; next: number },
  ): Float32Array;
}): Sampler {
  const largest = Math.max(...sigmas);
  const norm = (i: number): number => f32(Math.sqrt(f32(f32(sigmas[i]! * sigmas[i]!) + 1)));
  const denoised: Sampler['denoised'] = (modelOutput, i, x) => {
    const sigma = sigmas[i]!;
    switch (schedule.prediction_type) {
      case 'epsilon':
        return x.map((value, k) => value - f32(sigma * modelOutput[k]!));
      case 'v_prediction': {
        const [ofOutput, squared] = [f32(-sigma / norm(i)), f32(f32(sigma * sigma) + 1)];
        return x.map((value, k) => f32(modelOutput[k]! * ofOutput) + f32(value / squared));
      }
      case 'sample':
        return modelOutput.slice();
      default:
        schedule.prediction_type satisfies never;
        throw new Error('unreachable');
    }
  };
  return {
    predictionType: schedule.prediction_type,
    timesteps,
    initNoiseSigma: leading ? f32(Math.sqrt(largest ** 2 + 1)) : largest,
    needsNoise: () => needsNoise,
    scaleModelInput(x, i) {
      const divisor = norm(i);
      return x.map((value) => value / divisor);
    },
    denoised,
    step: (modelOutput, i, x, state, noise) => ({
      x: step({ x, x0: denoised(modelOutput, i, x), noise }, { sigma: sigmas[i]!, next: sigmas[i + 1]! }),
      state,
    }),
    addNoise: (latents, noise, i) => combine(1, latents, sigmas[i]!, noise),
  };
}
