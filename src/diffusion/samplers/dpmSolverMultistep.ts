/** DPM-Solver++ (1S and 2M) and its SDE form: Lu et al., https://arxiv.org/abs/2211.01095, algorithm 2. diffusers
 *  scheduling_dpmsolver_multistep.py.
 *
 *  lambda = log(alpha / sigma), h = lambda_t - lambda_s; a step of order 2 uses D1 = (x0_s - x0_before) / r, r = h_before / h. The scalars
 *  are computed in f32, as there: h is a small difference, and f64 would answer another question. */
import { assert } from '../../shared/assert.ts';
import { linspace, roundHalfEven } from '../numpy.ts';
import { combine, denoisedCoefficients } from '../prediction.ts';
import { alphasCumprod, readNoiseSchedule, trailingTimesteps, trainingSigmas, withFiniteSigmas } from '../schedule.ts';
import type { SchedulerConfigReader } from '../schedulerConfig.ts';
import { checkSigmas, checkSteps, type Sampler, type SamplerOptions, type SamplerRecord } from './sampler.ts';
import { closed, finalSigma, karrasSigmas, sigmasAt, sigmaToTimestep, signalAndNoise } from './sigmas.ts';

const f32 = Math.fround;

/** Signal, noise and lambda of a step's end. */
interface Level {
  alpha: number;
  sigma: number;
  lambda: number;
}

/** From one level to the next. x0 is what the model says of x; `before` what it said a step ago and that step's lambda, for order 2; `noise`
 *  is read by the SDE form.
 *
 *    ODE: x' = (sigma_t / sigma_s) x - alpha_t (e^-h - 1) x0 [ - alpha_t (e^-h - 1) / 2 D1 ]
 *    SDE: x' = (sigma_t / sigma_s) e^-h x + alpha_t (1 - e^-2h) (x0 [ + D1 / 2 ]) + sigma_t sqrt(1 - e^-2h) noise */
export function dpmSolverStep(
  { x, x0, noise }: { x: Float32Array; x0: Float32Array; noise?: Float32Array | undefined },
  { from, to, before }: { from: Level; to: Level; before?: { x0: Float32Array; lambda: number } | undefined },
  { stochastic, heun }: { stochastic: boolean; heun: boolean },
): Float32Array {
  const h = f32(to.lambda - from.lambda);
  const decay = f32(Math.exp(-h));
  const squared = f32(Math.exp(-2 * h));
  const ofSample = stochastic ? f32(f32(to.sigma / from.sigma) * decay) : f32(to.sigma / from.sigma);
  const ofDenoised = f32(to.alpha * (stochastic ? f32(1 - squared) : -f32(decay - 1)));
  let out = combine(ofSample, x, ofDenoised, x0);
  if (before) {
    const r = f32(f32(from.lambda - before.lambda) / h);
    // Heun: the integral of the first-order term of x_0's expansion, instead of its value in the middle.
    const mean = stochastic ? f32(f32(1 - squared) / f32(-2 * h)) : f32(f32(decay - 1) / h);
    const ofDifference = heun ? to.alpha * f32(mean + 1) : 0.5 * ofDenoised;
    out = combine(1, out, ofDifference / r, combine(1, x0, -1, before.x0));
  }
  if (!stochastic) return out;
  assert(noise, 'sde-dpmsolver++ needs noise at every step');
  return combine(1, out, to.sigma * f32(Math.sqrt(f32(1 - squared))), noise);
}

export const dpmSolverMultistepSampler: SamplerRecord = {
  title: 'DPM-Solver++ (2M)',
  what: 'Second order in log signal-to-noise, over the last two predictions; good pictures in 12 to 30 steps',
  formula: "x' = (sigma' / sigma) x - alpha' (e^-h - 1) (x0 + D1 / 2)",
  source: 'https://arxiv.org/abs/2211.01095',
  a1111: 'DPM++ 2M',
  make: dpmSolverMultistep,
};

function dpmSolverMultistep(config: SchedulerConfigReader, { steps }: SamplerOptions): Sampler {
  const off = [false, null];
  config.only({
    thresholding: off,
    use_exponential_sigmas: off,
    use_beta_sigmas: off,
    use_lu_lambdas: off,
    use_flow_sigmas: off,
    use_dynamic_shifting: off,
  });
  if (['learned', 'learned_range'].includes(String(config.get('variance_type', null))))
    throw config.unsupported('variance_type', 'models that predict no variance');
  const schedule = readNoiseSchedule(config);
  checkSteps(steps, schedule.num_train_timesteps);
  const order = config.int('solver_order', 2, { min: 1, max: 2 });
  // Names that other solvers' configs bring along: diffusers reads them as midpoint and dpmsolver++.
  const heun = config.oneOf('solver_type', 'midpoint', ['midpoint', 'heun', 'logrho', 'bh1', 'bh2']) === 'heun';
  const stochastic =
    config.oneOf('algorithm_type', 'dpmsolver++', ['dpmsolver++', 'sde-dpmsolver++', 'deis']) === 'sde-dpmsolver++';
  const lowerOrderFinal = config.flag('lower_order_final', true);
  const endsAtZero = config.oneOf('final_sigmas_type', 'zero', ['zero', 'sigma_min']) === 'zero';
  const eulerAtFinal = config.flag('euler_at_final', false);

  const alphas = withFiniteSigmas(alphasCumprod(schedule), schedule);
  const training = trainingSigmas(alphas);
  checkSigmas(config, training);
  let timesteps: Float64Array;
  let inner: Float64Array;
  if (config.flag('use_karras_sigmas', false)) {
    inner = karrasSigmas(training[0]!, training.at(-1)!, steps);
    const whole = schedule.beta_schedule === 'squaredcos_cap_v2' ? Math.trunc : roundHalfEven;
    timesteps = inner.map((sigma) => whole(sigmaToTimestep(sigma, training)));
  } else {
    timesteps = spacedTimesteps(config, alphas, steps);
    inner = sigmasAt(timesteps, training);
  }
  const sigmas = closed(inner, finalSigma(config, training));
  const count = timesteps.length;

  const at = (i: number): Level => {
    const { alpha, sigma } = signalAndNoise(sigmas[i]!);
    return { alpha, sigma, lambda: f32(f32(Math.log(alpha)) - f32(Math.log(sigma))) };
  };
  const denoised: Sampler['denoised'] = (modelOutput, i, x) => {
    const { alpha, sigma } = signalAndNoise(sigmas[i]!);
    const { ofSample, ofOutput } = denoisedCoefficients(schedule.prediction_type, alpha, sigma);
    return combine(ofSample, x, ofOutput, modelOutput);
  };

  return {
    predictionType: schedule.prediction_type,
    timesteps,
    initNoiseSigma: 1,
    needsNoise: () => stochastic,
    scaleModelInput: (x) => x,
    denoised,
    step(modelOutput, i, x, state, noise) {
      const x0 = denoised(modelOutput, i, x);
      const last = i === count - 1;
      const firstOrder = order === 1 || (last && (eulerAtFinal || (lowerOrderFinal && count < 15) || endsAtZero));
      const kept = state.history.at(-1);
      const before = kept && !firstOrder ? { x0: kept, lambda: at(i - 1).lambda } : undefined;
      const out = dpmSolverStep({ x, x0, noise }, { from: at(i), to: at(i + 1), before }, { stochastic, heun });
      return { x: out, state: order === 2 ? { ...state, history: [x0] } : state };
    },
    addNoise(latents, noise, i) {
      const { alpha, sigma } = signalAndNoise(sigmas[i]!);
      return combine(alpha, latents, sigma, noise);
    },
  };
}

function spacedTimesteps(config: SchedulerConfigReader, alphas: Float32Array, steps: number): Float64Array {
  const clipped = config.number('lambda_min_clipped', -Infinity, { min: -Infinity });
  const lambdas = alphas.map(
    (alpha) => f32(Math.log(f32(Math.sqrt(alpha)))) - f32(Math.log(f32(Math.sqrt(f32(1 - alpha))))),
  );
  // Timesteps whose lambda lies below the threshold are left out; lambda falls with t.
  const end = lambdas.filter((lambda) => lambda >= clipped).length;
  const spacing = config.oneOf('timestep_spacing', 'linspace', ['linspace', 'leading', 'trailing']);
  if (spacing === 'trailing') return trailingTimesteps(alphas.length, steps, end);
  if (spacing === 'linspace')
    return linspace(0, end - 1, steps + 1)
      .map(roundHalfEven)
      .subarray(1)
      .toReversed();
  const ratio = Math.floor(end / (steps + 1));
  const offset = config.int('steps_offset', 0);
  return Float64Array.from({ length: steps }, (_, i) => (steps - i) * ratio + offset);
}
