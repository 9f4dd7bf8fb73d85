/** A diffusers folder, or a checkpoint in one file seen as one, opened: configs parsed, weight files mapped, tokenizers ready. Where its files
 *  lie is the reader's business. What is not supported is refused by its field before any weight file is opened. */
import { type Config, ConfigReader, unsupported } from '../../models/config.ts';
import {
  parseTextEncoderConfig,
  type TextEncoderConfig,
  textEncoderKinds,
  unprefixedTextNames,
} from '../../models/clip/textEncoder.ts';
import { ClipTokenizer, type TokenizerFiles } from '../../models/clip/tokenizer.ts';
import { type DenoiserModel, openDenoiser } from '../../models/families.ts';
import { legacyVaeNames, parseVaeConfig, type VaeConfig } from '../../models/sd/vae.ts';
import { parseSchedulerConfig, type SchedulerConfig } from '../../diffusion/schedulerConfig.ts';
import { type TensorSource, withAliases } from '../../models/weights.ts';
import { WinnowError } from '../../shared/errors.ts';
import type { Environment, FolderReader } from '../environment.ts';
import { modelInfo } from './modelInfo.ts';
import { asDiffusersFolder } from './singleFile.ts';
import type { ModelInfo } from '../types.ts';
import { type ComponentWeights, openComponentWeights, optional } from './weightFiles.ts';

/** A text encoder with the tokenizer that belongs to it. */
export interface TextPart {
  config: TextEncoderConfig;
  weights: TensorSource;
  tokenizer: ClipTokenizer;
}

/** A model's text encoders as they are used: the folder's own, or with adapters merged. */
export interface TextEncoders {
  encoders: readonly TextPart[];
  /** Of the adapters that change them, with their strengths; '' for the folder's own. */
  key: string;
}

export interface ModelFolder {
  info: ModelInfo;
  pipeline: Pipeline;
  unet: { model: DenoiserModel; weights: TensorSource };
  vae: { config: VaeConfig; weights: TensorSource };
  /** One, or SDXL's two. */
  textEncoders: readonly TextPart[];
  /** Tokens of a prompt. */
  tokens: number;
  /** scheduler_config.json as it stands. */
  scheduler: SchedulerConfig;
  reader: FolderReader;
  /** Paths of each component's weights, by its folder: `unet`, `vae`, `text_encoder`, of SDXL `text_encoder_2`. */
  weightFiles: Readonly<Record<string, readonly string[]>>;
}

/** How a pipeline of diffusers turns text into what its UNet is told. */
export interface Pipeline {
  /** model_index.json's `_class_name`. */
  className: string;
  /** xl: penultimate states of all encoders side by side, the last one's pooled output, and six sizes. sd: the one encoder's last states. */
  conditioning: 'sd' | 'xl';
  /** xl: no negative prompt is zeros instead of the encoding of nothing. */
  zeroForNoNegative: boolean;
}

const pipelines: Readonly<Record<string, Pipeline['conditioning']>> = {
  StableDiffusionPipeline: 'sd',
  StableDiffusionImg2ImgPipeline: 'sd',
  LatentConsistencyModelPipeline: 'sd',
  LatentConsistencyModelImg2ImgPipeline: 'sd',
  StableDiffusionXLPipeline: 'xl',
  StableDiffusionXLImg2ImgPipeline: 'xl',
};

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

export async function readFolderJson(reader: FolderReader, path: string): Promise<Config> {
  const bytes = await reader.read(path);
  let value: unknown;
  try {
    value = JSON.parse(text(bytes));
  } catch {
    throw new WinnowError('BadFile', `${path} is not valid JSON.`, 'Download the model folder again.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new WinnowError('BadFile', `${path} is not a JSON object.`, 'Download the model folder again.');
  return value as Config;
}

/** A file's bytes, or undefined if the folder does not have it. */
export const readOptional = (reader: FolderReader, path: string): Promise<Uint8Array<ArrayBuffer> | undefined> =>
  optional(reader.read(path));

export async function readTokenizer(reader: FolderReader, folder = 'tokenizer'): Promise<ClipTokenizer> {
  const files: Record<string, unknown> = {};
  for (const name of [
    'tokenizer.json',
    'vocab.json',
    'merges.txt',
    'tokenizer_config.json',
    'special_tokens_map.json',
  ] satisfies (keyof TokenizerFiles)[]) {
    const bytes = await readOptional(reader, `${folder}/${name}`);
    if (bytes) files[name] = name.endsWith('.json') ? (JSON.parse(text(bytes)) as unknown) : text(bytes);
  }
  return new ClipTokenizer(files as TokenizerFiles);
}

/** model_index.json: a pipeline of ours, with every part that it needs. */
function readPipeline(index: Config): Pipeline {
  const read = new ConfigReader(index, 'model_index.json');
  const className = read.oneOf('_class_name', undefined, Object.keys(pipelines));
  const conditioning = pipelines[className]!;
  const present = (field: string): boolean => Array.isArray(index[field]) && (index[field] as unknown[])[1] !== null;
  for (const field of [
    'unet',
    'vae',
    'scheduler',
    'text_encoder',
    'tokenizer',
    ...(conditioning === 'xl' ? ['text_encoder_2', 'tokenizer_2'] : []),
  ]) {
    // SDXL's refiner has the second text encoder alone.
    if (!present(field)) throw unsupported('model_index.json', field, index[field] ?? null, 'models that have one');
  }
  read.only({ requires_aesthetics_score: [false, null] });
  return {
    className,
    conditioning,
    zeroForNoNegative: conditioning === 'xl' && read.flag('force_zeros_for_empty_prompt', true),
  };
}

/** The class that model_index.json opens a part with: diffusers goes by it, whatever class the part's own config names. */
function indexClass(index: Config, part: string): Config {
  return { [part]: (index[part] as unknown[])[1] };
}

/** The configs of a pipeline's parts, checked, and checked against one another. Reads JSON files alone. */
async function readConfigs(reader: FolderReader): Promise<{
  pipeline: Pipeline;
  unet: DenoiserModel;
  unetConfig: Config;
  vae: VaeConfig;
  texts: TextEncoderConfig[];
  scheduler: SchedulerConfig;
}> {
  const index = await readFolderJson(reader, 'model_index.json');
  const pipeline = readPipeline(index);
  const unetConfig = await readFolderJson(reader, 'unet/config.json');
  const unet = openDenoiser(unetConfig);
  const vae = parseVaeConfig(await readFolderJson(reader, 'vae/config.json'));
  const texts: TextEncoderConfig[] = [];
  for (const folder of textFolders(pipeline)) {
    const kind = new ConfigReader(indexClass(index, folder), 'model_index.json').oneOf(
      folder,
      undefined,
      textEncoderKinds,
    );
    texts.push(parseTextEncoderConfig(await readFolderJson(reader, `${folder}/config.json`), kind));
  }
  // A config that another class wrote is read as from_config reads it (schedulerConfig.ts).
  const scheduler = {
    ...parseSchedulerConfig(text(await reader.read('scheduler/scheduler_config.json'))),
    _class_name: indexClass(index, 'scheduler')['scheduler'],
  };
  checkParts(pipeline, unet, vae, texts);
  return { pipeline, unet, unetConfig, vae, texts, scheduler };
}

const textFolders = ({ conditioning }: Pipeline): string[] =>
  conditioning === 'xl' ? ['text_encoder', 'text_encoder_2'] : ['text_encoder'];

function checkParts(
  pipeline: Pipeline,
  unet: DenoiserModel,
  vae: VaeConfig,
  texts: readonly TextEncoderConfig[],
): void {
  const refuse = (field: string, value: unknown, wanted: string): never => {
    throw unsupported('UNet2DConditionModel', field, value, wanted);
  };
  if (unet.classLabels) refuse('class_embed_type', unet.classLabels, 'pipelines whose UNet takes no class labels');
  // Inpainting and depth models take more channels than their latents have.
  if (unet.latentChannels !== vae.latent_channels)
    refuse(
      'in_channels',
      unet.latentChannels,
      `UNets that take the autoencoder's latents alone (${vae.latent_channels} channels)`,
    );
  const width = texts.reduce((sum, { hidden_size: hidden }) => sum + hidden, 0);
  if (unet.contextWidth !== width)
    refuse(
      'cross_attention_dim',
      unet.contextWidth,
      `the width of its text encoder${texts.length > 1 ? 's together' : ''} (${width})`,
    );
  if ((pipeline.conditioning === 'xl') !== unet.pooledWidth > 0)
    refuse(
      'addition_embed_type',
      unet.pooledWidth > 0 ? 'text_time' : null,
      `${pipeline.conditioning === 'xl' ? '"text_time"' : 'null'} in a ${pipeline.className}`,
    );
  const pooled = texts.at(-1)!.projection_dim;
  if (unet.pooledWidth > 0 && unet.pooledWidth !== pooled)
    refuse(
      'projection_class_embeddings_input_dim',
      unet.pooledWidth,
      `room for the second text encoder's ${pooled} channels`,
    );
}

/** Opens a folder by its id. Rejects with UnsupportedArchitecture (before any weight file is opened), NotFound, or what is wrong with a file. */
export async function openModelFolder(
  id: string,
  env: Pick<Environment, 'openModel' | 'sha256'>,
): Promise<ModelFolder> {
  const reader = await asDiffusersFolder(env.openModel(id));
  const { pipeline, unet, unetConfig, vae, texts, scheduler } = await readConfigs(reader);
  const tokenizers: ClipTokenizer[] = [];
  for (const folder of textFolders(pipeline))
    tokenizers.push(await readTokenizer(reader, folder.replace('text_encoder', 'tokenizer')));
  const unetWeights = await openComponentWeights(reader, 'unet', 'diffusion_pytorch_model');
  const vaeWeights = await openComponentWeights(reader, 'vae', 'diffusion_pytorch_model');
  const textWeights: ComponentWeights[] = [];
  for (const folder of textFolders(pipeline)) textWeights.push(await openComponentWeights(reader, folder, 'model'));
  const parts = {
    pipeline,
    unet,
    unetConfig,
    vae,
    scheduler,
    tokens: Math.min(...tokenizers.map(({ maxLength }) => maxLength)),
    weights: { unet: unetWeights, vae: vaeWeights, texts: textWeights },
  };
  return {
    info: await modelInfo(id, reader, env, parts),
    pipeline,
    unet: { model: unet, weights: unetWeights },
    vae: { config: vae, weights: withAliases(vaeWeights, legacyVaeNames) },
    textEncoders: texts.map((config, i) => ({
      config,
      weights: withAliases(textWeights[i]!, unprefixedTextNames),
      tokenizer: tokenizers[i]!,
    })),
    tokens: parts.tokens,
    scheduler,
    reader,
    weightFiles: {
      unet: unetWeights.files,
      vae: vaeWeights.files,
      ...Object.fromEntries(textFolders(pipeline).map((part, i) => [part, textWeights[i]!.files])),
    },
  };
}

/** Whether a folder's configs are ones we run, without any of its weights: for what is about to be copied or downloaded. Rejects as openModelFolder. */
export async function checkModelConfigs(reader: FolderReader): Promise<void> {
  await readConfigs(await asDiffusersFolder(reader));
}
