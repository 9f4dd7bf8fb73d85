/** One image from prompt, seed and scheduler, in the order in which diffusers' StableDiffusionPipeline and StableDiffusionImg2ImgPipeline
 *  draw their random numbers, so that the same request gives the same picture there. */
import { guide } from '../../diffusion/guidance.ts';
import { initialState, type Sampler, startIndex } from '../../diffusion/samplers/sampler.ts';
import {
  pipelineSchedulerConfig,
  samplerFromConfig,
  samplerTakesStrength,
} from '../../diffusion/samplers/fromConfig.ts';
import type { SchedulerConfig } from '../../diffusion/schedulerConfig.ts';
import type { PictureConditioning } from './conditioning.ts';
import { concatFloats } from '../../shared/arrays.ts';
import { checkFinite } from '../../shared/finite.ts';
import { TorchGenerator } from '../../shared/torchGenerator.ts';
import type { NoisePredictor } from './noisePredictor.ts';

export interface SamplingRequest extends PictureConditioning {
  seed: number;
  steps: number;
  guidanceScale: number;
  guidanceRescale?: number;
  /** DDIM's. */
  eta?: number;
  /** Class of the pipeline whose habits hold, from model_index.json. */
  pipelineClass: string;
  /** diffusers class name, and the model's own scheduler config with options on top. */
  scheduler: string;
  schedulerConfig: SchedulerConfig;
  /** [C, h, w] of the latents. */
  latentShape: readonly [number, number, number];
  /** Image-to-image: how much of the init image is replaced, and its latents, which may draw from the generator first. */
  init?: { strength: number; encode: (generator: TorchGenerator) => Promise<Float32Array> } | undefined;
}

export interface SamplingResult {
  /** [C * h * w], scaled, as the VAE's decoder takes them times 1 / scaling_factor. */
  latents: Float32Array;
  initialLatents: Float32Array;
}

export async function sampleLatents(
  predictor: NoisePredictor,
  request: SamplingRequest,
  /** `denoised`: what the picture would come to by this step's prediction. */
  onStep: (step: number, steps: number, denoised: () => Float32Array) => void = () => {},
): Promise<SamplingResult> {
  const { seed, steps, guidanceScale, guidanceRescale = 0, eta = 0, latentShape, batch, conditioning, init } = request;
  const size = latentShape[0] * latentShape[1] * latentShape[2];
  const guided = batch === 2;
  const config = pipelineSchedulerConfig(request.pipelineClass, request.schedulerConfig, request.scheduler);
  const strength =
    init && samplerTakesStrength(request.pipelineClass, request.scheduler) ? { strength: init.strength } : {};
  const sampler: Sampler = samplerFromConfig(config, { className: request.scheduler, steps, eta, ...strength });
  const generator = new TorchGenerator(seed);

  let first = 0;
  let x: Float32Array;
  if (init) {
    first = 'strength' in strength ? 0 : startIndex(steps, init.strength);
    const latents = await init.encode(generator);
    const noise = generator.randn(size);
    x = first < sampler.timesteps.length ? sampler.addNoise(latents, noise, first) : latents;
  } else {
    x = generator.randn(size).map((value) => value * sampler.initNoiseSigma);
  }
  const initialLatents = x;
  const scheduler = `Check beta_start, beta_end and trained_betas in scheduler/scheduler_config.json, or choose another scheduler than ${request.scheduler}.`;
  checkFinite(x, 'The latents that sampling starts from', scheduler);

  let state = initialState;
  for (let i = first; i < sampler.timesteps.length; i++) {
    const step = `step ${i - first + 1} of ${sampler.timesteps.length - first}`;
    const input = sampler.scaleModelInput(x, i);
    checkFinite(input, `The latents at ${step}`, scheduler);
    const output = await predictor.predict(
      guided ? concatFloats([input, input]) : input,
      sampler.timesteps[i]!,
      conditioning,
    );
    checkFinite(
      output,
      `What the UNet predicts at ${step}`,
      'A weight of it is too large (f16 overflows at 65504), or an adapter too strong: lower its strength, or take another copy of the model.',
    );
    const noisePred = guided
      ? guide({
          unconditional: output.subarray(0, size),
          conditional: output.subarray(size),
          guidanceScale,
          guidanceRescale,
        })
      : output;
    checkFinite(noisePred, `The guided prediction at ${step}`, `Lower the guidance scale (${guidanceScale}).`);
    const before = x;
    ({ x, state } = sampler.step(noisePred, i, x, state, sampler.needsNoise(i) ? generator.randn(size) : undefined));
    checkFinite(x, `The latents after ${step}`, scheduler);
    onStep(i - first + 1, sampler.timesteps.length - first, () => sampler.denoised(noisePred, i, before));
  }
  return { latents: x, initialLatents };
}
