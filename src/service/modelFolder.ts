/** A diffusers folder opened: configs parsed, weight files mapped, tokenizer ready. Where its files lie is the reader's business. */
import { samplingDefaults } from '../data/embeddedModels.ts';
import { openSafetensors } from '../data/formats/safetensors.ts';
import { parseTextEncoderConfig, type TextEncoderConfig, unprefixedTextNames } from '../models/clip/textEncoder.ts';
import { ClipTokenizer, type TokenizerFiles } from '../models/clip/tokenizer.ts';
import type { Config } from '../models/config.ts';
import { type DenoiserModel, openDenoiser } from '../models/families.ts';
import { legacyVaeNames, parseVaeConfig, type VaeConfig, vaeScaleFactor } from '../models/sd/vae.ts';
import { parseSchedulerConfig, type SchedulerConfig } from '../diffusion/schedulerConfig.ts';
import { sizeOf } from '../shared/shape.ts';
import { type TensorSource, withAliases } from '../models/weights.ts';
import { isWinnowError, WinnowError } from '../shared/errors.ts';
import type { Environment, FolderReader } from './environment.ts';
import type { ModelInfo } from './types.ts';

export interface ModelFolder {
  info: ModelInfo;
  unet: { model: DenoiserModel; weights: TensorSource };
  vae: { config: VaeConfig; weights: TensorSource };
  textEncoder: { config: TextEncoderConfig; weights: TensorSource };
  tokenizer: ClipTokenizer;
  /** scheduler_config.json as it stands. */
  scheduler: SchedulerConfig;
  reader: FolderReader;
}

const parameterCount = (weights: TensorSource): number => weights.names.reduce((sum, name) => sum + sizeOf(weights.shape(name)!), 0);

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

export async function readFolderJson(reader: FolderReader, path: string): Promise<Config> {
  const bytes = await reader.read(path);
  try {
    return JSON.parse(text(bytes)) as Config;
  } catch {
    throw new WinnowError('BadFile', `${path} is not valid JSON.`, 'Download the model folder again.');
  }
}

/** `models/little-scenes/` → Little scenes. */
function titleOf(id: string): string {
  const words = id.split('/').filter(Boolean).at(-1)!.replaceAll(/[-_]/g, ' ');
  return words[0]!.toUpperCase() + words.slice(1);
}

/** A file's bytes, or undefined if the folder does not have it. */
export async function readOptional(reader: FolderReader, path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return await reader.read(path);
  } catch (error) {
    if (isWinnowError(error, 'NotFound')) return undefined;
    throw error;
  }
}

/** First of several file names that the folder has. */
async function readFirst(reader: FolderReader, paths: readonly string[]): Promise<{ path: string; bytes: Uint8Array<ArrayBuffer> }> {
  for (const path of paths) {
    const bytes = await readOptional(reader, path);
    if (bytes) return { path, bytes };
  }
  throw new WinnowError('NotFound', `The model folder has no ${paths[0]}.`, 'Choose a whole diffusers folder with safetensors weights.');
}

export async function readTokenizer(reader: FolderReader): Promise<ClipTokenizer> {
  const files: Record<string, unknown> = {};
  for (const name of ['tokenizer.json', 'vocab.json', 'merges.txt', 'tokenizer_config.json', 'special_tokens_map.json'] satisfies (keyof TokenizerFiles)[]) {
    const bytes = await readOptional(reader, `tokenizer/${name}`);
    if (bytes) files[name] = name.endsWith('.json') ? (JSON.parse(text(bytes)) as unknown) : text(bytes);
  }
  return new ClipTokenizer(files as TokenizerFiles);
}

/** Opens a folder whose model_index.json says StableDiffusionPipeline. Rejects with UnsupportedArchitecture, NotFound, or what is wrong with a file. */
export async function openModelFolder(id: string, env: Pick<Environment, 'openModel' | 'sha256'>): Promise<ModelFolder> {
  const reader = env.openModel(id);
  const index = await readFolderJson(reader, 'model_index.json');
  if (index['_class_name'] !== 'StableDiffusionPipeline') {
    throw new WinnowError('UnsupportedArchitecture', `model_index.json: _class_name is ${JSON.stringify(index['_class_name'])}.`, 'Choose a StableDiffusionPipeline folder.');
  }
  const [unetConfig, vaeConfig, textConfig] = await Promise.all(['unet/config.json', 'vae/config.json', 'text_encoder/config.json'].map((path) => readFolderJson(reader, path)));
  const scheduler = parseSchedulerConfig(text(await reader.read('scheduler/scheduler_config.json')));
  const weightFile = (folder: string, stem: string): Promise<{ path: string; bytes: Uint8Array<ArrayBuffer> }> =>
    readFirst(reader, [`${folder}/${stem}.safetensors`, `${folder}/${stem}.fp16.safetensors`]);
  const [unetFile, vaeFile, textFile, tokenizer] = await Promise.all([
    weightFile('unet', 'diffusion_pytorch_model'),
    weightFile('vae', 'diffusion_pytorch_model'),
    weightFile('text_encoder', 'model'),
    readTokenizer(reader),
  ]);
  const [unetWeights, vaeWeights, textWeights] = await Promise.all([unetFile, vaeFile, textFile].map((file) => openSafetensors(file.bytes, file.path)));
  const unet = { model: openDenoiser(unetConfig!), weights: unetWeights! };
  const vae = { config: parseVaeConfig(vaeConfig!), weights: withAliases(vaeWeights!, legacyVaeNames) };
  const textEncoder = { config: parseTextEncoderConfig(textConfig!), weights: withAliases(textWeights!, unprefixedTextNames) };

  const scorers: string[] = [];
  for (const name of ['a', 'b']) if (await readOptional(reader, `scorers/${name}/config.json`)) scorers.push(name);
  const factor = vaeScaleFactor(vae.config);
  const info: ModelInfo = {
    id,
    title: titleOf(id),
    hash: await env.sha256(unetFile.bytes),
    parameters: { unet: parameterCount(unet.weights), vae: parameterCount(vae.weights), textEncoder: parameterCount(textEncoder.weights) },
    source: 'embedded',
    family: 'Stable Diffusion',
    pipeline: String(index['_class_name']),
    precision: 'f32',
    weightBytes: unetFile.bytes.byteLength + vaeFile.bytes.byteLength + textFile.bytes.byteLength,
    defaults: samplingDefaults,
    notTrainable: null,
    predictionType: (scheduler['prediction_type'] as ModelInfo['predictionType'] | undefined) ?? 'epsilon',
    scheduler: String(scheduler['_class_name']),
    defaultSize: Number(unetConfig!['sample_size'] ?? 64) * factor,
    sizeMultiple: factor,
    maxTokens: tokenizer.maxLength,
    scorers,
  };
  return { info, unet, vae, textEncoder, tokenizer, scheduler, reader };
}
