import { describe, expect, it } from 'vitest';
import { RandomStream } from '../../shared/rng.ts';
import { alphasCumprod, readNoiseSchedule } from '../schedule.ts';
import { type SchedulerConfig, SchedulerConfigReader } from '../schedulerConfig.ts';
import { pipelineSchedulerConfig, samplerFromConfig, samplerTakesStrength } from './fromConfig.ts';
import { type SamplerOption, samplerReads } from './options.ts';
import { initialState, type Sampler, startIndex } from './sampler.ts';
import { samplerNames } from './table.ts';

// The scheduler configs of two published models, as their files have them.
const sd15: SchedulerConfig = {
  _class_name: 'PNDMScheduler',
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  num_train_timesteps: 1000,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
  trained_betas: null,
  clip_sample: false,
};
const sdxl: SchedulerConfig = {
  _class_name: 'EulerDiscreteScheduler',
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  num_train_timesteps: 1000,
  interpolation_type: 'linear',
  prediction_type: 'epsilon',
  sample_max_value: 1,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
  timestep_spacing: 'leading',
  trained_betas: null,
  use_karras_sigmas: false,
  clip_sample: false,
};

// Printed by diffusers for 25 steps.
it.each([
  ['DDIMScheduler', 'sd15', sd15, [961, 921, 881], [41, 1], 1],
  ['DDIMScheduler', 'sdxl', sdxl, [961, 921, 881], [41, 1], 1],
  ['DPMSolverMultistepScheduler', 'sd15', sd15, [999, 959, 919], [80, 40], 1],
  ['DPMSolverMultistepScheduler', 'sdxl', sdxl, [951, 913, 875], [77, 39], 1],
  ['EulerDiscreteScheduler', 'sd15', sd15, [999, 957.375, 915.75], [41.625, 0], 14.6146],
  ['EulerDiscreteScheduler', 'sdxl', sdxl, [961, 921, 881], [41, 1], 11.7188],
] as const)('%s on the config of %s visits the timesteps of diffusers', (className, _, config, first, last, sigma) => {
  const { timesteps, initNoiseSigma } = samplerFromConfig(config, { className, steps: 25 });
  expect(timesteps.length).toBe(25);
  expect([...timesteps.subarray(0, 3)]).toEqual(first);
  expect([...timesteps.subarray(23)]).toEqual(last);
  expect(initNoiseSigma).toBeCloseTo(sigma, 3);
});

// pipeline_stable_diffusion_img2img.py with 50 steps of DPM-Solver++ on sd15's config.
it.each([
  [0.3, 15, 300],
  [0.6, 30, 599],
  [0.75, 37, 739],
  [0.98, 49, 979],
  [1, 50, 999],
])('strength %d runs %i of 50 steps, from t = %i', (strength, steps, t) => {
  const begin = startIndex(50, strength);
  expect(50 - begin).toBe(steps);
  expect(samplerFromConfig(sd15, { className: 'DPMSolverMultistepScheduler', steps: 50 }).timesteps[begin]).toBe(t);
});

/** Runs a sampler on data that is N(mean, deviation^2) in every element, for which the best denoiser is known. */
function run(sampler: Sampler, mean: number, deviation: number): Float32Array {
  const stream = new RandomStream({ seed: 5, purpose: 'noise' });
  let x: Float32Array = stream.normals(4000).map((v) => v * sampler.initNoiseSigma);
  let state = initialState;
  sampler.timesteps.forEach((_, i) => {
    // Signal and noise at step i, read off the noise a sampler adds at its own steps.
    const one = Float32Array.of(1);
    const zero = Float32Array.of(0);
    const signal = sampler.addNoise(one, zero, i)[0]!;
    const noise = sampler.addNoise(zero, one, i)[0]!;
    const modelOutput = x.map((value) => {
      const x0 =
        mean + ((signal * deviation ** 2) / (signal ** 2 * deviation ** 2 + noise ** 2)) * (value - signal * mean);
      return (value - signal * x0) / noise;
    });
    ({ x, state } = sampler.step(
      modelOutput,
      i,
      x,
      state,
      sampler.needsNoise(i) ? stream.normals(x.length) : undefined,
    ));
  });
  return x;
}

describe.each([
  ...samplerNames.map((name) => [name, {}] as const),
  ['DDIMScheduler', { eta: 1 }] as const,
  ['DPMSolverMultistepScheduler', { algorithm_type: 'sde-dpmsolver++' }] as const,
])('%s %o', (className, extra) => {
  const make = (steps: number): Sampler => samplerFromConfig({ ...sdxl, ...extra }, { className, steps, ...extra });

  it('ends on the data if it is one point', () => {
    // Leading spacing ends at t = 1; the last step is to alphas_cumprod[0] in DDIM and PNDM, which leaves 3 % of noise.
    const out = run(make(20), 0.5, 0);
    const worst = Math.max(...out.map((value) => Math.abs(value - 0.5)));
    expect(worst).toBeLessThan(className === 'DDIMScheduler' || className === 'PNDMScheduler' ? 0.15 : 1e-4);
  });

  // LCM's steps are right for a model that was distilled, not for the best denoiser: it would shrink the data.
  if (className === 'LCMScheduler') return;

  it('keeps mean and deviation of normal data', () => {
    const out = run(make(100), 0.5, 0.8);
    const mean = out.reduce((sum, value) => sum + value, 0) / out.length;
    const deviation = Math.sqrt(out.reduce((sum, value) => sum + (value - mean) ** 2, 0) / out.length);
    // Five standard errors of 4,000 draws, and the discretisation of 100 steps.
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.065);
    expect(Math.abs(deviation - 0.8)).toBeLessThan(0.06);
  });
});

describe('refuses by field', () => {
  it.each([
    ['use_exponential_sigmas', 'EulerDiscreteScheduler', { use_exponential_sigmas: true }],
    ['use_beta_sigmas', 'DPMSolverMultistepScheduler', { use_beta_sigmas: true }],
    ['use_lu_lambdas', 'DPMSolverMultistepScheduler', { use_lu_lambdas: true }],
    ['thresholding', 'DDIMScheduler', { thresholding: true }],
    ['solver_order', 'DPMSolverMultistepScheduler', { solver_order: 3 }],
    ['algorithm_type', 'DPMSolverMultistepScheduler', { algorithm_type: 'dpmsolver' }],
    ['variance_type', 'DPMSolverMultistepScheduler', { variance_type: 'learned_range' }],
    ['timestep_spacing', 'EulerDiscreteScheduler', { timestep_spacing: 'karras' }],
    ['timestep_type', 'EulerDiscreteScheduler', { timestep_type: 'continuous', prediction_type: 'v_prediction' }],
    ['prediction_type', 'EulerAncestralDiscreteScheduler', { prediction_type: 'sample' }],
    ['steps_offset', 'DDIMScheduler', { steps_offset: 40 }],
    ['steps_offset', 'PNDMScheduler', { steps_offset: 40 }],
    ['prediction_type', 'PNDMScheduler', { prediction_type: 'sample' }],
    ['thresholding', 'LCMScheduler', { thresholding: true }],
    ['original_inference_steps', 'LCMScheduler', { original_inference_steps: 2000 }],
    ['rescale_betas_zero_snr', 'DDIMScheduler', { rescale_betas_zero_snr: true, timestep_spacing: 'trailing' }],
    ['rescale_betas_zero_snr', 'LCMScheduler', { rescale_betas_zero_snr: true }],
    [
      'trained_betas',
      'PNDMScheduler',
      { trained_betas: Array.from({ length: 1000 }, (_, t) => (t < 900 ? 0.001 : 1)) },
    ],
    ['beta_end', 'DDIMScheduler', { beta_start: 0.5, beta_end: 0.99 }],
    ['beta_end', 'PNDMScheduler', { beta_start: 0.77, beta_end: 0.99, prediction_type: 'v_prediction' }],
  ])('%s of %s', (field, className, extra) => {
    const make = (): Sampler => samplerFromConfig({ ...sd15, ...extra }, { className, steps: 25 });
    expect(make).toThrow(field);
    expect(make).toThrow(expect.objectContaining({ name: 'UnsupportedConfig' }));
  });

  it('a class it does not have, and step counts and strengths out of range', () => {
    expect(() => samplerFromConfig({ ...sd15, _class_name: 'HeunDiscreteScheduler' }, { steps: 25 })).toThrow(
      'HeunDiscreteScheduler',
    );
    expect(() => samplerFromConfig(sdxl, { steps: 0 })).toThrow('0 sampling steps');
    expect(() => samplerFromConfig(sdxl, { steps: 1001 })).toThrow('1 to 1000');
    expect(() => startIndex(20, 1.1)).toThrow('1.1');
    expect(() => samplerFromConfig(sd15, { className: 'LCMScheduler', steps: 4, strength: 1.1 })).toThrow('1.1');
    expect(() => samplerFromConfig(sd15, { className: 'LCMScheduler', steps: 51 })).toThrow('at most 50 steps');
    expect(() => samplerFromConfig(sd15, { className: 'LCMScheduler', steps: 6, strength: 0.1 })).toThrow(
      'higher strength',
    );
    expect(() => samplerFromConfig({ ...sd15, skip_prk_steps: false }, { steps: 3 })).toThrow('skip_prk_steps');
    // 62 timesteps in diffusers, the last of them -1.
    expect(() =>
      samplerFromConfig({ ...sd15, timestep_spacing: 'trailing' }, { className: 'DDIMScheduler', steps: 61 }),
    ).toThrow('with 61 steps this spacing ends at -1');
  });
});

// Printed by diffusers: the config after the pipeline's constructor, and where the class is another, `from_config` of it.
it.each([
  [
    'StableDiffusionPipeline',
    { _class_name: 'DDIMScheduler' },
    'DDIMScheduler',
    { steps_offset: 1, clip_sample: false },
  ],
  [
    'StableDiffusionImg2ImgPipeline',
    { _class_name: 'DDIMScheduler', steps_offset: 0, clip_sample: true },
    'DDIMScheduler',
    { steps_offset: 1, clip_sample: false },
  ],
  [
    'StableDiffusionPipeline',
    { _class_name: 'DDIMScheduler', steps_offset: 0, _use_default_values: ['steps_offset'] },
    'DDIMScheduler',
    { steps_offset: 1, clip_sample: false },
  ],
  [
    'StableDiffusionPipeline',
    { _class_name: 'PNDMScheduler', steps_offset: 0 },
    'DDIMScheduler',
    { steps_offset: 1, clip_sample: true },
  ],
  [
    'StableDiffusionPipeline',
    { _class_name: 'PNDMScheduler', steps_offset: 5, _use_default_values: ['steps_offset'] },
    'DDIMScheduler',
    { steps_offset: 0, clip_sample: true },
  ],
  [
    'StableDiffusionXLPipeline',
    { _class_name: 'DDIMScheduler', steps_offset: 0 },
    'DDIMScheduler',
    { steps_offset: 0, clip_sample: true },
  ],
  [
    'StableDiffusionXLImg2ImgPipeline',
    { _class_name: 'EulerDiscreteScheduler', steps_offset: 3 },
    'DDIMScheduler',
    { steps_offset: 3, clip_sample: true },
  ],
  [
    'LatentConsistencyModelPipeline',
    { _class_name: 'LCMScheduler', clip_sample: true },
    'LCMScheduler',
    { steps_offset: 0, clip_sample: true },
  ],
])('%s makes of %o for %s what diffusers does', (pipelineClass, config, className, expected) => {
  const reader = new SchedulerConfigReader(pipelineSchedulerConfig(pipelineClass, config, className), className);
  // The fallbacks are DDIM's defaults.
  expect({ steps_offset: reader.int('steps_offset', 0), clip_sample: reader.flag('clip_sample', true) }).toEqual(
    expected,
  );
});

it('gives the strength to the sampler in one pipeline only', () => {
  expect(samplerTakesStrength('LatentConsistencyModelImg2ImgPipeline', 'LCMScheduler')).toBe(true);
  expect(samplerTakesStrength('StableDiffusionImg2ImgPipeline', 'LCMScheduler')).toBe(false);
  expect(samplerTakesStrength('LatentConsistencyModelImg2ImgPipeline', 'DDIMScheduler')).toBe(false);
});

it("draws no noise for LCM's last step", () => {
  const sampler = samplerFromConfig(sd15, { className: 'LCMScheduler', steps: 4 });
  expect([0, 1, 2, 3].map((i) => sampler.needsNoise(i))).toEqual([true, true, true, false]);
});

describe.each(samplerNames)('%s reads the options of its record, and no other', (className) => {
  const x = new RandomStream({ seed: 1, purpose: 'noise' }).normals(64);
  /** Ten steps of a plain model, and what they were at. */
  function trace(config: SchedulerConfig, eta: number): unknown {
    const sampler = samplerFromConfig(config, { className, steps: 10, eta });
    const stream = new RandomStream({ seed: 2, purpose: 'noise' });
    let [out, state] = [x, initialState];
    for (let i = 0; i < sampler.timesteps.length; i++)
      ({ x: out, state } = sampler.step(
        out.map((value) => 0.3 * value),
        i,
        out,
        state,
        sampler.needsNoise(i) ? stream.normals(64) : undefined,
      ));
    return [sampler.timesteps, out];
  }
  const reads = (option: SamplerOption): boolean => samplerReads(className, option);

  it('eta', () => {
    if (reads('eta')) expect(trace(sd15, 0.5)).not.toEqual(trace(sd15, 0));
    else expect(() => trace(sd15, 0.5)).toThrow(expect.objectContaining({ name: 'BadArguments' }));
    expect(() => trace(sd15, 1.5)).toThrow('1.5');
  });

  it('Karras noise levels', () => {
    const same = JSON.stringify(trace({ ...sd15, use_karras_sigmas: true }, 0)) === JSON.stringify(trace(sd15, 0));
    expect(same).toBe(!reads('karras'));
  });
});

it("is DDPM's ancestral step at an eta of 1 (arXiv 2006.11239, equation 7)", () => {
  const config = { ...sd15, clip_sample: false, steps_offset: 0, set_alpha_to_one: true };
  const sampler = samplerFromConfig(config, { className: 'DDIMScheduler', steps: 1000, eta: 1 });
  const alphas = alphasCumprod(readNoiseSchedule(new SchedulerConfigReader(config, 'DDIMScheduler')));
  for (const t of [999, 500, 1]) {
    const i = sampler.timesteps.indexOf(t);
    const [bar, before] = [alphas[t]!, alphas[t - 1]!];
    const beta = 1 - bar / before;
    const [x, output, noise] = [0.7, -0.4, 1.3];
    const x0 = (x - Math.sqrt(1 - bar) * output) / Math.sqrt(bar);
    const mean = (Math.sqrt(before) * beta * x0 + Math.sqrt(bar / before) * (1 - before) * x) / (1 - bar);
    const want = mean + Math.sqrt(((1 - before) / (1 - bar)) * beta) * noise;
    const { x: got } = sampler.step(
      Float32Array.of(output),
      i,
      Float32Array.of(x),
      initialState,
      Float32Array.of(noise),
    );
    expect(got[0]! / want).toBeCloseTo(1, 5);
  }
});
