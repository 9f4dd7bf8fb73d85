/** The noise schedule of a model: betas, their cumulative products, sigmas, and the timesteps at which a sampler visits them.
 *
 *  diffusers keeps these tables in f32 and numpy's spacing rules; both are followed operation by operation, because sigmas near 0 and the
 *  choice between neighbouring timesteps show the difference. References are to diffusers 0.42 src/diffusers/schedulers. */
import { assert } from '../shared/assert.ts';
import { roundHalfEven } from './numpy.ts';
import { type PredictionType, predictionTypes } from './prediction.ts';
import type { SchedulerConfigReader } from './schedulerConfig.ts';

const f32 = Math.fround;

export type BetaSchedule = 'linear' | 'scaled_linear' | 'squaredcos_cap_v2';

export interface NoiseScheduleConfig {
  num_train_timesteps: number;
  beta_start: number;
  beta_end: number;
  beta_schedule: BetaSchedule;
  trained_betas: readonly number[] | null;
  /** Zero terminal SNR, https://arxiv.org/abs/2305.08891, algorithm 1. */
  rescale_betas_zero_snr: boolean;
  prediction_type: PredictionType;
}

/** Published models have 1000. */
const MAX_TRAIN_STEPS = 100_000;
/** Where a scheduler's betas begin and end unless its config says so: the same in all of diffusers' but LCM's. */
const defaultBetas = {
  beta_start: 0.0001,
  beta_end: 0.02,
  beta_schedule: 'linear',
} as const satisfies Partial<NoiseScheduleConfig>;

/** The fields that every diffusers scheduler shares. */
export function readNoiseSchedule(
  config: SchedulerConfigReader,
  defaults: Pick<NoiseScheduleConfig, keyof typeof defaultBetas> = defaultBetas,
): NoiseScheduleConfig {
  const steps = config.int('num_train_timesteps', 1000, { min: 2, max: MAX_TRAIN_STEPS });
  const trainedBetas = config.get('trained_betas', null);
  const isBeta = (beta: unknown): boolean => typeof beta === 'number' && beta >= 0 && beta <= 1;
  if (
    trainedBetas !== null &&
    !(Array.isArray(trainedBetas) && trainedBetas.length === steps && trainedBetas.every(isBeta))
  ) {
    throw config.unsupported(
      'trained_betas',
      `null, or one number from 0 to 1 for each of num_train_timesteps (${steps})`,
    );
  }
  return {
    num_train_timesteps: steps,
    beta_start: config.number('beta_start', defaults.beta_start, { min: 0, max: 1 }),
    beta_end: config.number('beta_end', defaults.beta_end, { min: 0, max: 1 }),
    beta_schedule: config.oneOf('beta_schedule', defaults.beta_schedule, [
      'linear',
      'scaled_linear',
      'squaredcos_cap_v2',
    ]),
    trained_betas: trainedBetas as number[] | null,
    rescale_betas_zero_snr: config.flag('rescale_betas_zero_snr', false),
    prediction_type: config.oneOf('prediction_type', 'epsilon', predictionTypes),
  };
}

/** beta_t, [T], f32. */
export function betas(config: NoiseScheduleConfig): Float32Array {
  const steps = config.num_train_timesteps;
  let out: Float32Array;
  if (config.trained_betas) out = Float32Array.from(config.trained_betas);
  else {
    switch (config.beta_schedule) {
      case 'linear':
        out = torchLinspace(config.beta_start, config.beta_end, steps);
        break;
      case 'scaled_linear':
        out = torchLinspace(config.beta_start ** 0.5, config.beta_end ** 0.5, steps).map((root) => root * root);
        break;
      case 'squaredcos_cap_v2': {
        // Nichol and Dhariwal, https://arxiv.org/abs/2102.09672, equation 17.
        const alphaBar = (t: number): number => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2;
        out = Float32Array.from({ length: steps }, (_, i) =>
          Math.min(1 - alphaBar((i + 1) / steps) / alphaBar(i / steps), 0.999),
        );
        break;
      }
      default:
        config.beta_schedule satisfies never;
        throw new Error('unreachable');
    }
  }
  return config.rescale_betas_zero_snr ? rescaleZeroTerminalSnr(out) : out;
}

/** cumprod(1 - beta), [T], f32. */
export function alphasCumprod(config: NoiseScheduleConfig): Float32Array {
  return cumprodOfAlphas(betas(config));
}

/** torch multiplies in f64 and rounds each product. */
function cumprodOfAlphas(beta: Float32Array): Float32Array {
  let product = 1;
  return beta.map((b) => (product *= f32(1 - b)));
}

function rescaleZeroTerminalSnr(beta: Float32Array): Float32Array {
  const roots = cumprodOfAlphas(beta).map(Math.sqrt);
  const first = roots[0]!;
  const last = roots.at(-1)!;
  const factor = f32(first / f32(first - last));
  const bars = roots.map((root) => f32(f32(root - last) * factor)).map((root) => root * root);
  return bars.map((bar, i) => 1 - (i === 0 ? bar : f32(bar / bars[i - 1]!)));
}

/** alphas_cumprod in place of 0, for samplers that work in sigma: "close to 0 without being 0 so first sigma is not inf". */
const SMALLEST_ALPHA = 2 ** -24;

/** What samplers that work in sigma make of a zero terminal SNR. */
export function withFiniteSigmas(alphas: Float32Array, config: NoiseScheduleConfig): Float32Array {
  if (!config.rescale_betas_zero_snr) return alphas;
  const out = alphas.slice();
  out[out.length - 1] = SMALLEST_ALPHA;
  return out;
}

/** sigma_t = sqrt((1 - alphas_cumprod) / alphas_cumprod), [T], f32, rising with t.
 *  The root of 2^24 - 1, where zero terminal SNR begins, lies just below the middle of two f32 numbers: torch's gives the upper, 4096. The
 *  first step takes a difference of such numbers, which shows which one it was. */
export function trainingSigmas(alphas: Float32Array): Float32Array {
  return alphas.map((alpha) => (alpha === SMALLEST_ALPHA ? 4096 : Math.sqrt(f32(f32(1 - alpha) / alpha))));
}

/** Signal to noise ratio alphas_cumprod / (1 - alphas_cumprod) at each of `timestep` [B]. */
export function signalToNoise(alphas: Float32Array, timestep: ArrayLike<number>): Float64Array {
  return Float64Array.from(timestep, (t) => alphas[t]! / (1 - alphas[t]!));
}

/** x_t = sqrt(a) x_0 + sqrt(1 - a) noise, a = alphas_cumprod[timestep]. latents and noise [B, ...], timestep [B] integers.
 *  DDPMScheduler.add_noise. */
export function addNoise(
  alphas: Float32Array,
  latents: Float32Array,
  noise: Float32Array,
  timestep: ArrayLike<number>,
): Float32Array {
  return mix(alphas, timestep, latents, noise, (a) => [Math.sqrt(a), Math.sqrt(1 - a)]);
}

/** What the network is trained to give [B, ...]: the noise, v = sqrt(a) noise - sqrt(1 - a) x_0 (DDPMScheduler.get_velocity), or x_0. */
export function trainingTarget(
  prediction: PredictionType,
  alphas: Float32Array,
  latents: Float32Array,
  noise: Float32Array,
  timestep: ArrayLike<number>,
): Float32Array {
  switch (prediction) {
    case 'epsilon':
      return noise;
    case 'v_prediction':
      return mix(alphas, timestep, latents, noise, (a) => [-Math.sqrt(1 - a), Math.sqrt(a)]);
    case 'sample':
      return latents;
    default:
      prediction satisfies never;
      throw new Error('unreachable');
  }
}

function mix(
  alphas: Float32Array,
  timestep: ArrayLike<number>,
  latents: Float32Array,
  noise: Float32Array,
  factors: (alpha: number) => [number, number],
): Float32Array {
  assert(latents.length === noise.length, `add noise: ${latents.length} latents, ${noise.length} noise`);
  const size = latents.length / timestep.length;
  const out = new Float32Array(latents.length);
  for (let b = 0; b < timestep.length; b++) {
    const alpha = alphas[timestep[b]!];
    assert(alpha !== undefined, `add noise: timestep ${timestep[b]} is not an integer in [0, ${alphas.length})`);
    const [ofLatents, ofNoise] = factors(alpha);
    for (let i = b * size; i < (b + 1) * size; i++) out[i] = ofLatents * latents[i]! + ofNoise * noise[i]!;
  }
  return out;
}

/** torch.linspace in f32: counted from both ends. */
export function torchLinspace(start: number, end: number, steps: number): Float32Array {
  const from = f32(start);
  const to = f32(end);
  const step = f32(f32(to - from) / (steps - 1));
  return Float32Array.from({ length: steps }, (_, i) =>
    i < steps / 2 ? from + step * i : to - step * (steps - 1 - i),
  );
}

/** leading: multiples of floor(T / N) from below, plus the offset, falling. Table 2 of https://arxiv.org/abs/2305.08891. */
export function leadingTimesteps(trainSteps: number, steps: number, offset: number): Float64Array {
  const ratio = Math.floor(trainSteps / steps);
  return Float64Array.from({ length: steps }, (_, i) => (steps - 1 - i) * ratio + offset);
}

/** trailing: T, T - T/N, ... rounded, minus 1. `from` is T but where the end of the schedule is clipped. */
export function trailingTimesteps(trainSteps: number, steps: number, from = trainSteps): Float64Array {
  const ratio = trainSteps / steps;
  // numpy.arange(from, 0, -ratio)
  const delta = from - ratio - from;
  return Float64Array.from({ length: Math.ceil(from / ratio) }, (_, i) => roundHalfEven(from + i * delta) - 1);
}
