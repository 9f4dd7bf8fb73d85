/** Euler's method on the probability flow, deterministic or ancestral: Karras et al., https://arxiv.org/abs/2206.00364, algorithm 2 without
 *  churn; k-diffusion sample_euler and sample_euler_ancestral. diffusers scheduling_euler_discrete.py, ..._euler_ancestral_discrete.py.
 *
 *  x here is x_0 + sigma noise, so the model sees x / sqrt(sigma^2 + 1). Every operation is rounded to f32, as there: after a first sigma of
 *  4096 (zero terminal SNR) a step cancels so much that exact arithmetic ends 4e-5 away from diffusers. */
import { assert } from '../../shared/assert.ts';
import { linspace } from '../numpy.ts';
import { combine } from '../prediction.ts';
import {
  alphasCumprod,
  leadingTimesteps,
  type NoiseScheduleConfig,
  readNoiseSchedule,
  torchLinspace,
  trailingTimesteps,
  trainingSigmas,
  withFiniteSigmas,
} from '../schedule.ts';
import type { SchedulerConfigReader } from '../schedulerConfig.ts';
import { checkSigmas, checkSteps, type Sampler, type SamplerOptions } from './sampler.ts';
import { closed, finalSigma, karrasSigmas, sigmasAt, sigmaToTimestep } from './sigmas.ts';

const f32 = Math.fround;

/** EulerDiscreteScheduler. */
export function euler(config: SchedulerConfigReader, { steps }: SamplerOptions): Sampler {
  config.only({ use_exponential_sigmas: [false, null], use_beta_sigmas: [false, null] });
  const { schedule, training, spaced } = prepare(config, steps);
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
    timesteps = sigmas.map((sigma) => Math.fround(sigmaToTimestep(sigma, training)));
  }
  return eulerSampler({
    config,
    schedule,
    timesteps,
    sigmas: closed(sigmas, finalSigma(config, training)),
    ancestral: false,
  });
}

/** EulerAncestralDiscreteScheduler. */
export function eulerAncestral(config: SchedulerConfigReader, { steps }: SamplerOptions): Sampler {
  config.only({ prediction_type: ['epsilon', 'v_prediction'] });
  const { schedule, training, spaced } = prepare(config, steps);
  return eulerSampler({
    config,
    schedule,
    timesteps: spaced,
    sigmas: closed(sigmasAt(spaced, training), 0),
    ancestral: true,
  });
}

function prepare(
  config: SchedulerConfigReader,
  steps: number,
): { schedule: NoiseScheduleConfig; training: Float32Array; spaced: Float64Array } {
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
      .map(Math.fround)
      .toReversed();
  return { schedule, training, spaced };
}

function eulerSampler(options: {
  config: SchedulerConfigReader;
  schedule: NoiseScheduleConfig;
  timesteps: Float64Array;
  sigmas: Float32Array;
  ancestral: boolean;
}): Sampler {
  const { config, schedule, timesteps, sigmas, ancestral } = options;
  const largest = Math.max(...sigmas);
  const leading = config.oneOf('timestep_spacing', 'linspace', ['linspace', 'leading', 'trailing']) === 'leading';
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
    initNoiseSigma: leading ? Math.fround(Math.sqrt(largest ** 2 + 1)) : largest,
    needsNoise: () => ancestral,
    scaleModelInput(x, i) {
      const divisor = norm(i);
      return x.map((value) => value / divisor);
    },
    denoised,
    step(modelOutput, i, x, state, noise) {
      const sigma = sigmas[i]!;
      const next = sigmas[i + 1]!;
      const { up, down } = ancestral ? ancestralSplit(sigma, next) : { up: 0, down: next };
      const x0 = denoised(modelOutput, i, x);
      const dt = f32(down - sigma);
      const out = x.map((value, k) => value + f32(f32(f32(value - x0[k]!) / sigma) * dt));
      if (!ancestral) return { x: out, state };
      assert(noise, 'the ancestral sampler needs noise at every step');
      return { x: out.map((value, k) => value + f32(up * noise[k]!)), state };
    },
    addNoise: (latents, noise, i) => combine(1, latents, sigmas[i]!, noise),
  };
}

/** The noise to take away and to add back, next^2 = down^2 + up^2. In f32 as in diffusers: the difference cancels where sigmas fall fast. */
function ancestralSplit(sigma: number, next: number): { up: number; down: number } {
  const [from2, to2] = [f32(sigma * sigma), f32(next * next)];
  const up = f32(Math.sqrt(f32(f32(to2 * f32(from2 - to2)) / from2)));
  return { up, down: f32(Math.sqrt(f32(to2 - f32(up * up)))) };
}
