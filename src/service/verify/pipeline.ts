/** Kind `pipeline`: a diffusers folder from prompt and seed to picture. Text encoders and the VAE run where the denoiser runs. */
import '../../shared/disposable.ts';
import type { DenoiserSize } from '../../models/denoiser.ts';
import { conditioningOf } from '../sampling/conditioning.ts';
import type { FolderReader } from '../environment.ts';
import { FrozenParts } from '../sampling/frozenParts.ts';
import { ModelCache } from '../model/modelCache.ts';
import { type ModelFolder, openModelFolder } from '../model/modelFolder.ts';
import type { NoisePredictor } from '../sampling/noisePredictor.ts';
import type { PartRunner } from '../sampling/partRunner.ts';
import type { SuppliedOnnx } from '../sampling/suppliedOnnx.ts';
import { sampleLatents } from '../sampling/sampling.ts';
import { badCase, field, type GoldenCase, optionalNumber } from './caseFile.ts';
import { type CaseResult, compareCase } from './compare.ts';

export interface PipelineHost {
  runner: PartRunner;
  /** What the folder itself brings as ONNX. */
  supplied(folder: ModelFolder): SuppliedOnnx;
  predictor(folder: ModelFolder, size: DenoiserSize): Promise<NoisePredictor>;
}

const within = (reader: FolderReader, folder: string): FolderReader => ({
  read: (path) => reader.read(`${folder}/${path}`),
  open: (path) => reader.open(`${folder}/${path}`),
});

/** [H, W, 3] in [0, 1] → [3, H, W] in [-1, 1]. */
function planar(image: Float32Array): Float32Array {
  const pixels = image.length / 3;
  return Float32Array.from(image, (_, i) => 2 * image[3 * (i % pixels) + Math.floor(i / pixels)]! - 1);
}

/** [3, H, W] about [-1, 1] → [H, W, 3] in [0, 1]. */
function interleaved(image: Float32Array): Float32Array {
  const pixels = image.length / 3;
  return Float32Array.from(image, (_, i) =>
    Math.min(1, Math.max(0, image[(i % 3) * pixels + Math.floor(i / 3)]! / 2 + 0.5)),
  );
}

export async function verifyPipeline(
  golden: GoldenCase,
  { runner, supplied, predictor }: PipelineHost,
): Promise<CaseResult> {
  const folder = await openModelFolder('pipeline', {
    openModel: () => within(golden.reader, 'pipeline'),
    sha256: async () => '',
  });
  await using cache = new ModelCache();
  const parts = new FrozenParts(folder, runner, supplied(folder), cache);
  const { model: unet } = folder.unet;
  const factor = folder.info.sizeMultiple;
  const guidanceScale = field(golden, 'guidance_scale', 'number');
  const strength = optionalNumber(golden, 'strength');
  const hasImage = golden.inputs.has('image');
  if (hasImage !== (strength !== undefined))
    throw badCase('an image in inputs.safetensors and a strength in case.json belong together');
  // diffusers takes image-to-image's size from the image.
  const [imageHeight, imageWidth] = hasImage
    ? (golden.inputs.shape('image') as [number, number])
    : [field(golden, 'height', 'number'), field(golden, 'width', 'number')];
  const [height, width] = [Math.floor(imageHeight / factor), Math.floor(imageWidth / factor)];
  const negative = golden.fields.negative_prompt ?? null;
  const told = await conditioningOf(unet, (prompt) => parts.encodeText(prompt), {
    prompt: field(golden, 'prompt', 'string'),
    negativePrompt: negative === null ? null : String(negative),
    guidanceScale,
    width: width * factor,
    height: height * factor,
  });
  const image = hasImage ? await golden.inputs.read('image') : undefined;
  await using noisePredictor = await predictor(folder, {
    batch: told.batch,
    height,
    width,
    tokens: folder.tokens,
    guidance: unet.guidanceInput,
  });
  const { latents, initialLatents } = await sampleLatents(noisePredictor, {
    seed: field(golden, 'seed', 'number'),
    steps: field(golden, 'steps', 'number'),
    guidanceScale,
    guidanceRescale: optionalNumber(golden, 'guidance_rescale') ?? 0,
    eta: optionalNumber(golden, 'eta') ?? 0,
    pipelineClass: folder.pipeline.className,
    scheduler: typeof golden.fields.scheduler === 'string' ? golden.fields.scheduler : folder.info.scheduler,
    schedulerConfig: folder.scheduler,
    latentShape: [folder.vae.config.latent_channels, height, width],
    ...told,
    init: image && {
      strength: strength!,
      encode: (generator) => parts.encode(planar(image), imageHeight, imageWidth, generator),
    },
  });
  const outputs = new Map([
    ['initial_latents', initialLatents],
    ['latents', latents],
    ['image', interleaved(await parts.decode(latents, height, width))],
  ]);
  return await compareCase(golden, outputs, { backend: runner.name });
}
