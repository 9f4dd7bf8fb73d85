/** Pseudo numerical methods: Liu et al., https://arxiv.org/abs/2202.09778, algorithm 2 and formulas 9, 12 and 13. diffusers scheduling_pndm.py.
 *
 *  Steps are linear multistep ones over the last four outputs (PLMS), either from the start (`skip_prk_steps`, as Stable Diffusion has it,
 *  with the second step taken twice) or after twelve Runge-Kutta evaluations (PRK). What a step is depends on how many were taken, not on
 *  where: image to image begins with the first kind in the middle of the schedule, as there. */
import { assert } from '../../shared/assert.ts';
import { linspace, roundHalfEven } from '../numpy.ts';
import { combine, denoise } from '../prediction.ts';
import { addNoise, alphasCumprod, leadingTimesteps, readNoiseSchedule, trailingTimesteps } from '../schedule.ts';
import type { SchedulerConfigReader } from '../schedulerConfig.ts';
import {
  checkSignal,
  checkSteps,
  checkTimesteps,
  type Sampler,
  type SamplerOptions,
  type SamplerRecord,
  type SamplerState,
} from './sampler.ts';

const f32 = Math.fround;
const root = (x: number): number => f32(Math.sqrt(x));

/** Formula 9: from alphas_cumprod a to `to`, along the noise that the outputs tell of. Rounded to f32 at every operation, as there: where
 *  little signal is left, two large terms cancel.
 *
 *    x' = sqrt(to / a) x - (to - a) eps / (a sqrt(1 - to) + sqrt(a (1 - a) to)) */
export function pndmTransfer(x: Float32Array, eps: Float32Array, { a, to }: { a: number; to: number }): Float32Array {
  const scale = root(f32(to / a));
  const difference = f32(to - a);
  const denominator = f32(f32(a * root(f32(1 - to))) + root(f32(f32(a * f32(1 - a)) * to)));
  return x.map((value, k) => f32(scale * value) - f32(f32(difference * eps[k]!) / denominator));
}

/** Formula 12: the output that up to four of them, the newest last, tell of. */
export function multistep(outputs: readonly Float32Array[]): Float32Array {
  const weights = adamsBashforth[outputs.length]!;
  return outputs
    .at(-1)!
    .map((_, k) => weights.reduce((sum, weight, back) => sum + weight * outputs[outputs.length - 1 - back]![k]!, 0));
}

/** Order of the multistep formula. */
const ORDER = 4;
/** Of the newest output first, for one, two, three and four of them (formula 12). */
const adamsBashforth: readonly (readonly number[])[] = [
  [],
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
];

export const pndmSampler: SamplerRecord = {
  title: 'PNDM',
  what: 'Linear multistep over the last four outputs; what Stable Diffusion 1 was published with',
  formula: "x' = sqrt(a' / a) x - (a' - a) eps / (a sqrt(1 - a') + sqrt(a (1 - a) a'))",
  source: 'https://arxiv.org/abs/2202.09778',
  a1111: 'PLMS',
  otherNames: ['PNDM'],
  make: pndm,
};

function pndm(config: SchedulerConfigReader, { steps }: SamplerOptions): Sampler {
  config.only({ prediction_type: ['epsilon', 'v_prediction'] });
  // diffusers' class has no such field, and leaves it where another's config has it.
  const schedule = { ...readNoiseSchedule(config), rescale_betas_zero_snr: false };
  const trainSteps = schedule.num_train_timesteps;
  checkSteps(steps, trainSteps);
  const skipPrk = config.flag('skip_prk_steps', false);
  const alphas = alphasCumprod(schedule);
  const finalAlpha = config.flag('set_alpha_to_one', false) ? 1 : alphas[0]!;
  const ratio = Math.floor(trainSteps / steps);
  const half = Math.floor(ratio / 2);
  if (!skipPrk && steps < ORDER)
    throw config.unsupported(
      'skip_prk_steps',
      `its Runge-Kutta steps from ${ORDER} steps on, and ${steps} were asked for`,
    );

  /** Falling, one for each step of the schedule. */
  const falling = spaced(config, trainSteps, steps);
  const prk = skipPrk ? [] : rungeKutta(falling.slice(0, ORDER), half);
  const later = skipPrk ? [falling[0]!, ...falling.slice(1, 2), ...falling.slice(1)] : falling.slice(ORDER - 1);
  const timesteps = Float64Array.from([...prk, ...later]);
  checkTimesteps(config, schedule, alphas, timesteps);
  checkSignal(config, alphas, timesteps);

  const alphaAt = (t: number): { alpha: number; sigma: number } => ({
    alpha: root(alphas[t]!),
    sigma: root(f32(1 - alphas[t]!)),
  });
  const transfer = (x: Float32Array, output: Float32Array, t: number, to: number): Float32Array => {
    const a = alphas[t];
    assert(a !== undefined, `PNDM: there is no timestep ${t}`);
    const { alpha, sigma } = alphaAt(t);
    const eps =
      schedule.prediction_type === 'epsilon'
        ? output
        : output.map((value, k) => f32(alpha * value) + f32(sigma * x[k]!));
    return pndmTransfer(x, eps, { a, to: to >= 0 ? alphas[to]! : finalAlpha });
  };

  function rungeKuttaStep(
    output: Float32Array,
    i: number,
    x: Float32Array,
    { calls, history, held, sum }: SamplerState,
  ): { x: Float32Array; state: SamplerState } {
    const stage = calls % 4;
    const to = timesteps[i]! - (calls % 2 === 1 ? 0 : half);
    const from = prk[calls - stage]!;
    const start = stage === 0 ? x : held;
    assert(start, 'PNDM lost the sample its Runge-Kutta step began with');
    const weight = stage === 0 || stage === 3 ? 1 / 6 : 1 / 3;
    const soFar = sum ? combine(1, sum, weight, output) : output.map((value) => weight * value);
    const state: SamplerState = {
      calls: calls + 1,
      history: stage === 0 ? [...history, output] : history,
      held: start,
      ...(stage < 3 && { sum: soFar }),
    };
    return { x: transfer(start, stage === 3 ? soFar : output, from, to), state };
  }

  function multistepStep(
    output: Float32Array,
    i: number,
    x: Float32Array,
    state: SamplerState,
  ): { x: Float32Array; state: SamplerState } {
    const { calls } = state;
    const t = timesteps[i]!;
    // The second call goes over the first step again, with the mean of both ends' outputs (formula 13 with one output before).
    if (calls === 1) {
      assert(state.held, 'PNDM lost the sample of its first step');
      return {
        x: transfer(state.held, combine(0.5, output, 0.5, state.history.at(-1)!), t + ratio, t),
        state: { calls: 2, history: state.history },
      };
    }
    const history = [...state.history.slice(1 - ORDER), output];
    return {
      x: transfer(x, multistep(history), t, t - ratio),
      state: { calls: calls + 1, history, ...(calls === 0 && { held: x }) },
    };
  }

  return {
    predictionType: schedule.prediction_type,
    timesteps,
    initNoiseSigma: 1,
    needsNoise: () => false,
    scaleModelInput: (x) => x,
    denoised: (modelOutput, i, x) => denoise(schedule.prediction_type, alphas[timesteps[i]!]!, x, modelOutput),
    step: (modelOutput, i, x, state) =>
      (state.calls < prk.length ? rungeKuttaStep : multistepStep)(modelOutput, i, x, state),
    addNoise: (latents, noise, i) => addNoise(alphas, latents, noise, [timesteps[i]!]),
  };
}

function spaced(config: SchedulerConfigReader, trainSteps: number, steps: number): number[] {
  const spacing = config.oneOf('timestep_spacing', 'leading', ['linspace', 'leading', 'trailing']);
  if (spacing === 'leading') return Array.from(leadingTimesteps(trainSteps, steps, config.int('steps_offset', 0)));
  if (spacing === 'trailing') return Array.from(trailingTimesteps(trainSteps, steps));
  return Array.from(linspace(0, trainSteps - 1, steps), roundHalfEven).toReversed();
}

/** Where the four evaluations of each of three steps lie: its start, twice its middle, its end. `first` are four timesteps, falling. */
const rungeKutta = ([a, b, c, d]: readonly number[], half: number): number[] => [
  a!,
  b! + half,
  b! + half,
  b!,
  b!,
  c! + half,
  c! + half,
  c!,
  c!,
  d! + half,
  d! + half,
  d!,
];
