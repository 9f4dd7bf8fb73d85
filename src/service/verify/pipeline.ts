/** Kind `pipeline`: a diffusers folder from prompt and seed to picture. The text encoder and the VAE run where the denoiser runs. */
import { usesGuidance } from '../../diffusion/guidance.ts';
import { Graph } from '../../graph/graph.ts';
import { buildTextEncoder } from '../../models/clip/textEncoder.ts';
import { buildVaeDecoder, buildVaeEncoder, vaeScaleFactor } from '../../models/sd/vae.ts';
import type { TorchGenerator } from '../../shared/torchGenerator.ts';
import type { FolderReader } from '../environment.ts';
import { type ModelFolder, openModelFolder } from '../modelFolder.ts';
import type { NoisePredictor, PredictorSize } from '../noisePredictor.ts';
import { predictorBatch, sampleLatents } from '../sampling.ts';
import type { Backend } from './backends.ts';
import { badCase, field, type GoldenCase, optionalNumber } from './caseFile.ts';
import { type CaseResult, compareCase } from './compare.ts';

export interface PipelineHost {
  backend: Backend;
  predictor(folder: ModelFolder, size: PredictorSize): Promise<NoisePredictor>;
}

const within = (reader: FolderReader, folder: string): FolderReader => ({
  read: (path) => reader.read(`${folder}/${path}`),
  open: (path) => reader.open(`${folder}/${path}`),
});

/** [T * D] */
async function encodeText({ textEncoder, tokenizer }: ModelFolder, prompt: string, backend: Backend): Promise<Float32Array> {
  const tokens = tokenizer.maxLength;
  const graph = new Graph();
  const inputIds = graph.input('input_ids', [1, tokens], 'i32');
  graph.output('hidden', buildTextEncoder(graph, textEncoder.config, { inputIds }).lastHiddenState);
  return (await backend.run(graph, [[inputIds, tokenizer.encode(prompt)]], textEncoder.weights)).get('hidden')!;
}

/** image [H, W, 3] in [0, 1] → scaled latents, the posterior sampled with the generator. */
async function encodeImage({ vae }: ModelFolder, image: Float32Array, height: number, width: number, generator: TorchGenerator, backend: Backend): Promise<Float32Array> {
  const pixels = height * width;
  const planar = Float32Array.from({ length: 3 * pixels }, (_, i) => 2 * image[3 * (i % pixels) + Math.floor(i / pixels)]! - 1);
  const graph = new Graph();
  const input = graph.input('image', [1, 3, height, width]);
  const encoded = buildVaeEncoder(graph, vae.config, input);
  if (encoded.kind === 'AutoencoderTiny') graph.output('mean', encoded.encoded);
  else {
    graph.output('mean', encoded.mean);
    graph.output('logvar', encoded.logvar);
  }
  const outputs = await backend.run(graph, [[input, planar]], vae.weights);
  const [mean, logvar] = [outputs.get('mean')!, outputs.get('logvar')];
  const noise = logvar && generator.randn(mean.length);
  return mean.map((mu, i) => ((logvar && noise ? mu + Math.exp(0.5 * logvar[i]!) * noise[i]! : mu) - vae.config.shift_factor) * vae.config.scaling_factor);
}

/** Scaled latents → image [H, W, 3] in [0, 1]. */
async function decodeImage({ vae }: ModelFolder, latents: Float32Array, shape: readonly [number, number, number], backend: Backend): Promise<Float32Array> {
  const graph = new Graph();
  const input = graph.input('latents', [1, ...shape]);
  const decoded = buildVaeDecoder(graph, vae.config, input);
  graph.output('image', decoded);
  const unscaled = latents.map((x) => x / vae.config.scaling_factor + vae.config.shift_factor);
  const image = (await backend.run(graph, [[input, unscaled]], vae.weights)).get('image')!;
  const pixels = decoded.shape[2]! * decoded.shape[3]!;
  return Float32Array.from({ length: 3 * pixels }, (_, i) => Math.min(1, Math.max(0, image[(i % 3) * pixels + Math.floor(i / 3)]! / 2 + 0.5)));
}

export async function verifyPipeline(golden: GoldenCase, { backend, predictor }: PipelineHost): Promise<CaseResult> {
  const folder = await openModelFolder('pipeline', { openModel: () => within(golden.reader, 'pipeline'), sha256: async () => '' });
  const factor = vaeScaleFactor(folder.vae.config);
  const guidanceScale = field(golden, 'guidance_scale', 'number');
  const strength = optionalNumber(golden, 'strength');
  const hasImage = golden.inputs.has('image');
  if (hasImage !== (strength !== undefined)) throw badCase('an image in inputs.safetensors and a strength in case.json belong together');
  // diffusers takes image-to-image's size from the image.
  const [imageHeight, imageWidth] = hasImage ? golden.inputs.shape('image') : [field(golden, 'height', 'number'), field(golden, 'width', 'number')];
  const [height, width] = [Math.floor(imageHeight! / factor), Math.floor(imageWidth! / factor)];
  const latentShape = [folder.vae.config.latent_channels, height, width] as const;

  const conditional = await encodeText(folder, field(golden, 'prompt', 'string'), backend);
  const negative = golden.fields.negative_prompt ?? '';
  const unconditional = usesGuidance(guidanceScale) ? await encodeText(folder, String(negative), backend) : conditional;
  const image = hasImage ? await golden.inputs.read('image') : undefined;
  const noisePredictor = await predictor(folder, { batch: predictorBatch(guidanceScale), height, width, tokens: folder.tokenizer.maxLength });
  try {
    const { latents, initialLatents } = await sampleLatents(noisePredictor, {
      seed: field(golden, 'seed', 'number'),
      steps: field(golden, 'steps', 'number'),
      guidanceScale,
      scheduler: typeof golden.fields.scheduler === 'string' ? golden.fields.scheduler : folder.info.scheduler,
      schedulerConfig: folder.scheduler,
      latentShape,
      conditional,
      unconditional,
      init: image && { strength: strength!, encode: (generator) => encodeImage(folder, image, imageHeight!, imageWidth!, generator, backend) },
    });
    const outputs = new Map([
      ['initial_latents', initialLatents],
      ['latents', latents],
      ['image', await decodeImage(folder, latents, latentShape, backend)],
    ]);
    return await compareCase(golden, outputs, { backend: backend.name });
  } finally {
    await noisePredictor.dispose();
  }
}
