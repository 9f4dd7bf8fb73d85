/** Kinds `scheduler` and `add_noise`. */
import { SchedulerConfigReader } from '../../diffusion/schedulerConfig.ts';
import { samplerFromConfig, samplerTakesStrength } from '../../diffusion/samplers/fromConfig.ts';
import { initialState, startIndex } from '../../diffusion/samplers/sampler.ts';
import { addNoise, alphasCumprod, readNoiseSchedule, trainingTarget } from '../../diffusion/schedule.ts';
import { field, type GoldenCase, optionalNumber } from './caseFile.ts';
import { type CaseResult, compareCase } from './compare.ts';

export async function verifyScheduler(golden: GoldenCase): Promise<CaseResult> {
  const steps = field(golden, 'steps', 'number');
  const className = field(golden, 'class', 'string');
  const strength = optionalNumber(golden, 'strength');
  // Image to image is StableDiffusionImg2ImgPipeline's unless the case names another.
  const takesStrength = strength !== undefined && samplerTakesStrength(String(golden.fields.pipeline ?? ''), className);
  const sampler = samplerFromConfig(field(golden, 'config', 'object'), {
    steps,
    className,
    eta: optionalNumber(golden, 'eta') ?? 0,
    ...(takesStrength && { strength }),
  });
  const begin = strength === undefined || takesStrength ? 0 : startIndex(steps, strength);

  const outputs = new Map<string, ArrayLike<number>>([['timesteps', sampler.timesteps.subarray(begin)]]);
  let x: Float32Array = (await golden.inputs.read('sample')).map((z) => z * sampler.initNoiseSigma);
  let state = initialState;
  for (let i = begin; i < sampler.timesteps.length; i++) {
    const shift = 0.2 * Math.sin(0.01 * sampler.timesteps[i]!);
    const modelOutput = sampler.scaleModelInput(x, i).map((value) => 0.3 * value + shift);
    const noise = sampler.needsNoise(i) ? await golden.inputs.read(`noise.${i - begin}`) : undefined;
    ({ x, state } = sampler.step(modelOutput, i, x, state, noise));
    outputs.set(`sample.${i - begin}`, x);
  }
  return compareCase(golden, outputs, { backend: 'samplers' });
}

export async function verifyAddNoise(golden: GoldenCase): Promise<CaseResult> {
  const config = readNoiseSchedule(new SchedulerConfigReader(field(golden, 'config', 'object'), 'DDPMScheduler'));
  const alphas = alphasCumprod(config);
  const [latents, noise, timestep] = [
    await golden.inputs.read('latents'),
    await golden.inputs.read('noise'),
    await golden.inputs.readInt32('timestep'),
  ];
  const outputs = new Map([
    ['noisy', addNoise(alphas, latents, noise, timestep)],
    ['target', trainingTarget(config.prediction_type, alphas, latents, noise, timestep)],
  ]);
  return compareCase(golden, outputs, { backend: 'noise schedule' });
}
