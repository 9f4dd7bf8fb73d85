import { describe, expect, it } from 'vitest';
import { linspace, roundHalfEven } from './numpy.ts';
import { denoisedCoefficients, noiseCoefficients, predictionTypes } from './prediction.ts';
import {
  addNoise,
  alphasCumprod,
  readNoiseSchedule,
  signalToNoise,
  trainingSigmas,
  trainingTarget,
} from './schedule.ts';
import { parseSchedulerConfig, type SchedulerConfig, SchedulerConfigReader, withOptions } from './schedulerConfig.ts';

const read = (config: SchedulerConfig): ReturnType<typeof readNoiseSchedule> =>
  readNoiseSchedule(new SchedulerConfigReader(config, 'DDPMScheduler'));
const stableDiffusion = { beta_schedule: 'scaled_linear', beta_start: 0.00085, beta_end: 0.012 };

describe('noise schedule', () => {
  // docs: diffusers' table for Stable Diffusion, printed to eight digits.
  it.each([
    [0, 0.99914998, 0.02916753],
    [1, 0.99829602, 0.04131448],
    [249, 0.67543209, 0.69320542],
    [499, 0.27766943, 1.61288702],
    [749, 0.05662345, 4.08173084],
    [999, 0.0046601, 14.61464691],
  ])("has diffusers' values at t = %i", (t, alpha, sigma) => {
    const alphas = alphasCumprod(read(stableDiffusion));
    expect(alphas[t]).toBeCloseTo(alpha, 7);
    expect(trainingSigmas(alphas)[t]! / sigma).toBeCloseTo(1, 6);
    expect(signalToNoise(alphas, [t])[0]! * sigma ** 2).toBeCloseTo(1, 5);
  });

  it('reaches zero terminal SNR and keeps the first value', () => {
    const alphas = alphasCumprod(read({ ...stableDiffusion, rescale_betas_zero_snr: true }));
    expect(alphas[999]).toBe(0);
    expect(alphas[998]! / 1.97e-7).toBeCloseTo(1, 2);
    expect(alphas[0]).toBeCloseTo(0.99915, 5);
  });

  it('takes trained betas as they are', () => {
    expect([...alphasCumprod(read({ trained_betas: [0.5, 0.5, 0], num_train_timesteps: 3 }))]).toEqual([
      0.5, 0.25, 0.25,
    ]);
  });

  it.each([
    ['beta_schedule', { beta_schedule: 'sigmoid' }],
    ['prediction_type', { prediction_type: 'flow_prediction' }],
    ['trained_betas', { trained_betas: 'none' }],
    ['num_train_timesteps', { num_train_timesteps: 0 }],
  ])('refuses another %s by name', (field, config) => {
    expect(() => read(config)).toThrow(field);
    expect(() => read(config)).toThrow(expect.objectContaining({ name: 'UnsupportedConfig' }));
  });

  it('noises every sample at its own timestep, and says where one is outside', () => {
    const alphas = Float32Array.of(1, 0.36);
    const noisy = addNoise(alphas, Float32Array.of(1, 2, 1, 2), Float32Array.of(10, 10, 10, 10), [0, 1]);
    expect([...noisy].map((v) => Math.round(v * 1e5) / 1e5)).toEqual([1, 2, 8.6, 9.2]);
    expect(() => addNoise(alphas, new Float32Array(2), new Float32Array(2), [2])).toThrow('timestep 2');
  });
});

describe('prediction types', () => {
  const x0 = Float32Array.of(0.7, -1.2);
  const noise = Float32Array.of(-0.3, 0.4);
  it.each(predictionTypes)('%s: the target gives x_0 and the noise back', (type) => {
    const alphas = Float32Array.of(0.4);
    const noisy = addNoise(alphas, x0, noise, [0]);
    const target = trainingTarget(type, alphas, x0, noise, [0]);
    const [alpha, sigma] = [Math.sqrt(alphas[0]!), Math.sqrt(1 - alphas[0]!)];
    for (const [coefficients, truth] of [
      [denoisedCoefficients, x0],
      [noiseCoefficients, noise],
    ] as const) {
      const { ofSample, ofOutput } = coefficients(type, alpha, sigma);
      truth.forEach((value, i) => expect(ofSample * noisy[i]! + ofOutput * target[i]!).toBeCloseTo(value, 6));
    }
  });
});

describe('numpy rules', () => {
  it('rounds halves to even', () => {
    expect([0.5, 1.5, 2.5, 2.4999, 2.5001].map(roundHalfEven)).toEqual([0, 2, 2, 2, 3]);
  });
  it('spaces as numpy does, for one point too', () => {
    expect([...linspace(0, 1, 3)]).toEqual([0, 0.5, 1]);
    expect([...linspace(0, 9, 1)]).toEqual([0]);
  });
});

describe('scheduler config', () => {
  it("reads Python's infinities", () => {
    expect(parseSchedulerConfig('{"lambda_min_clipped": -Infinity, "x": Infinity, "name": "to Infinity"}')).toEqual({
      lambda_min_clipped: -Infinity,
      x: Infinity,
      name: 'to Infinity',
    });
    expect(() => parseSchedulerConfig('[]')).toThrow('not an object');
  });
  it("gives fields that were only defaults the reading class's default", () => {
    const config = new SchedulerConfigReader(
      { steps_offset: 7, _use_default_values: ['steps_offset'] },
      'DDIMScheduler',
    );
    expect(config.int('steps_offset', 0)).toBe(0);
    const said = withOptions(
      { steps_offset: 7, clip_sample: true, _use_default_values: ['steps_offset', 'clip_sample'] },
      { steps_offset: 2 },
    );
    const reader = new SchedulerConfigReader(said, 'DDIMScheduler');
    expect([reader.int('steps_offset', 0), reader.flag('clip_sample', false)]).toEqual([2, false]);
  });
});
