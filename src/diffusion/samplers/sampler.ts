/** What every sampler is: a record of everything that is said of it anywhere. Adding one touches this folder alone: `<name>.ts`, and a line of
 *  table.ts. Forms, the command line, A1111's names in PNG files, the reading of a model's scheduler config and docs/samplers.md read the
 *  record.
 *
 *  What a record makes is fixed numbers for one number of steps, and pure functions over arrays. Nothing is kept between calls; what a
 *  sampler must remember of earlier steps travels in `SamplerState`. */
import { WinnowError } from '../../shared/errors.ts';
import type { PredictionType } from '../prediction.ts';
import type { NoiseScheduleConfig } from '../schedule.ts';
import type { SchedulerConfigReader } from '../schedulerConfig.ts';

export interface SamplerRecord {
  /** For people. */
  title: string;
  /** What it does, in one line. */
  what: string;
  /** Of one step, as docs/samplers.md prints it. */
  formula: string;
  source: string;
  /** A1111's name, and names that other tools write for the same; read in any case. */
  a1111: string;
  otherNames?: readonly string[];
  /** Other classes of diffusers whose steps are the same. */
  alsoClasses?: readonly string[];
  /** Throws UnsupportedConfig for a field's value that it does not have, BadArguments for steps out of range. */
  make(config: SchedulerConfigReader, options: SamplerOptions): Sampler;
}

export interface SamplerState {
  /** Of the steps before, the newest last: predicted x_0 for DPM-Solver++, outputs for PNDM. Other samplers need none. */
  readonly history: readonly Float32Array[];
  /** Steps taken so far: PNDM's first ones are of other kinds. */
  readonly calls: number;
  /** The sample that a step of several evaluations began with, and their weighted sum so far. */
  readonly held?: Float32Array;
  readonly sum?: Float32Array;
}

/** Before the first step, whichever step that is. */
export const initialState: SamplerState = { history: [], calls: 0 };

/** x, noise and model outputs are latents of any shape, f32. i counts the steps of `timesteps`. */
export interface Sampler {
  readonly predictionType: PredictionType;
  /** One for each step, as the model is given it, falling; not always integers. */
  readonly timesteps: Float64Array;
  /** The first x is N(0, 1) times this. */
  readonly initNoiseSigma: number;
  /** Whether `step` takes fresh N(0, 1) noise at step i. What is not needed must not be drawn: it would move the generator. */
  needsNoise(i: number): boolean;
  /** What the model sees at step i. */
  scaleModelInput(x: Float32Array, i: number): Float32Array;
  step(
    modelOutput: Float32Array,
    i: number,
    x: Float32Array,
    state: SamplerState,
    noise?: Float32Array,
  ): { x: Float32Array; state: SamplerState };
  /** The x_0 that the model's output at step i stands for: a preview. */
  denoised(modelOutput: Float32Array, i: number, x: Float32Array): Float32Array;
  /** Clean latents noised to where step i begins: image to image. */
  addNoise(latents: Float32Array, noise: Float32Array, i: number): Float32Array;
}

export interface SamplerOptions {
  steps: number;
  /** DDIM's eta, 0 to 1: 0 is deterministic, 1 is DDPM. Other samplers have none. */
  eta?: number;
  /** Image to image of the latent consistency pipelines: LCM's timesteps are chosen from the first `strength` of those it was distilled on,
   *  and all of them run. */
  strength?: number;
}

/** The step at which image to image begins; `steps` itself means that nothing runs.
 *  pipeline_stable_diffusion_img2img.py get_timesteps. */
export function startIndex(steps: number, strength: number): number {
  checkStrength(strength);
  return Math.max(steps - Math.min(Math.floor(steps * strength), steps), 0);
}

export function checkEta(eta: number): void {
  if (eta >= 0 && eta <= 1) return;
  throw new WinnowError('BadArguments', `Eta is ${eta}.`, 'Choose one from 0 to 1.');
}

export function checkStrength(strength: number): void {
  if (strength >= 0 && strength <= 1) return;
  throw new WinnowError('BadArguments', `The image-to-image strength is ${strength}.`, 'Choose one from 0 to 1.');
}

/** What decides where a schedule ends. */
const betasField = (config: SchedulerConfigReader): string =>
  config.get('trained_betas', null) === null ? 'beta_end' : 'trained_betas';

/** Whether a timestep has no signal, or so little that what divides by it leaves f32. */
const without =
  (alphas: Float32Array) =>
  (timestep: number): boolean =>
    !(alphas[timestep]! > 1e-18);

/** What samplers that read the table of alphas_cumprod at their timesteps cannot run: a timestep outside it, or one without any signal, whose
 *  noise says nothing about x_0. */
export function checkTimesteps(
  config: SchedulerConfigReader,
  schedule: NoiseScheduleConfig,
  alphas: Float32Array,
  timesteps: Float64Array,
): void {
  const highest = alphas.length - 1;
  const outside = timesteps.find((t) => !(t >= 0 && t <= highest));
  if (outside !== undefined && outside > highest)
    throw config.unsupported(
      'steps_offset',
      `timesteps up to ${highest}, and these steps with this offset go to ${outside}`,
    );
  // numpy.arange, by which diffusers spaces them, sometimes gives one more.
  if (outside !== undefined)
    throw config.unsupported(
      'timestep_spacing',
      `timesteps from 0, and with ${timesteps.length - 1} steps this spacing ends at ${outside}; one step more or fewer does not`,
    );
  const blind = timesteps.find(without(alphas));
  if (blind !== undefined && schedule.prediction_type === 'epsilon') {
    throw config.unsupported(
      schedule.rescale_betas_zero_snr ? 'rescale_betas_zero_snr' : betasField(config),
      `models of v_prediction or sample where a step has no signal, as at timestep ${blind}`,
    );
  }
}

/** What a sampler that divides by alphas_cumprod cannot run: a step without any signal. */
export function checkSignal(config: SchedulerConfigReader, alphas: Float32Array, timesteps: Float64Array): void {
  const blind = timesteps.find(without(alphas));
  if (blind === undefined) return;
  throw config.unsupported(
    betasField(config),
    `schedules with signal at every step, and at timestep ${blind} there is none`,
  );
}

/** What samplers that work in sigma cannot run: a step without any signal, or without any noise at all, and what is as good as that: they take
 *  products of squares in f32. */
export function checkSigmas(config: SchedulerConfigReader, training: Float32Array): void {
  const at = training.findIndex((sigma) => !(sigma > 1e-9 && sigma < 1e9));
  if (at < 0) return;
  throw config.unsupported(
    betasField(config),
    `schedules with noise and signal at every timestep, and at timestep ${at} there is ${training[at]! < 1 ? 'no noise' : 'no signal'}`,
  );
}

export function checkSteps(steps: number, trainSteps: number): void {
  if (!Number.isInteger(steps) || steps < 1 || steps > trainSteps) {
    throw new WinnowError(
      'BadArguments',
      `${steps} sampling steps were asked for.`,
      `Choose an integer from 1 to ${trainSteps}.`,
    );
  }
}
