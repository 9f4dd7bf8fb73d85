/** A diffusers folder, or a checkpoint in one file seen as one, opened: configs parsed, weight files mapped, tokenizers ready. Where its files
 *  lie is the reader's business. What is not supported is refused by its field before any weight file is opened. */
import type { TextEncoderConfig } from '../../models/clip/textEncoder.ts';
import { unprefixedTextNames } from '../../models/clip/textEncoder.ts';
import type { ClipTokenizer } from '../../models/clip/tokenizer.ts';
import type { DenoiserModel } from '../../models/denoiser.ts';
import { legacyVaeNames, type VaeConfig } from '../../models/sd/vae.ts';
import type { SchedulerConfig } from '../../diffusion/schedulerConfig.ts';
import { type TensorSource, withAliases } from '../../models/weights.ts';
import type { Environment, FolderReader } from '../environment.ts';
import { type Pipeline, readModelConfigs } from './modelConfigs.ts';
import { type Identity, identityOf } from './identity.ts';
import { modelInfo } from './modelInfo.ts';
import { asDiffusersFolder } from './singleFile.ts';
import type { ModelInfo, PredictionType } from '../types.ts';
import { type ComponentWeights, openComponentWeights } from './weightFiles.ts';

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
  /** By content (identity.ts). */
  parts: Identity['parts'];
}

export interface OpenOptions {
  /** What the network predicts, instead of what the files say. */
  predictionType?: PredictionType | undefined;
  /** Of weight files in several precisions, which is read first (data/modelFiles.ts weightVariants). */
  variants?: readonly string[] | undefined;
}

/** Opens a folder by its id. Rejects with UnsupportedArchitecture (before any weight file is opened), NotFound, or what is wrong with a file. */
export async function openModelFolder(
  id: string,
  env: Pick<Environment, 'openModel' | 'sha256'>,
  { predictionType, variants }: OpenOptions = {},
): Promise<ModelFolder> {
  const reader = await asDiffusersFolder(env.openModel(id));
  const configs = await readModelConfigs(reader, { tokenizers: 'all', predictionType });
  const { pipeline, unet, vae, texts, scheduler, tokens } = configs;
  const unetWeights = await openComponentWeights(reader, 'unet', 'diffusion_pytorch_model', variants);
  const vaeWeights = await openComponentWeights(reader, 'vae', 'diffusion_pytorch_model', variants);
  const textWeights: ComponentWeights[] = [];
  for (const { folder } of texts) textWeights.push(await openComponentWeights(reader, folder, 'model', variants));
  const weights = { unet: unetWeights, vae: vaeWeights, texts: textWeights };
  const { parts, ...hashes } = await identityOf(reader, env, configs, weights);
  return {
    info: { ...(await modelInfo(id, reader, configs, weights)), ...hashes },
    pipeline,
    unet: { model: unet, weights: unetWeights },
    vae: { config: vae, weights: withAliases(vaeWeights, legacyVaeNames) },
    textEncoders: texts.map(({ config, tokenizer }, i) => ({
      config,
      weights: withAliases(textWeights[i]!, unprefixedTextNames),
      tokenizer,
    })),
    tokens,
    scheduler,
    reader,
    parts,
  };
}

/** Whether a folder's configs are ones we run, without its weights and tokenizers: for what is about to be downloaded. Rejects as
 *  openModelFolder. */
export async function checkModelConfigs(reader: FolderReader): Promise<void> {
  await readModelConfigs(await asDiffusersFolder(reader), { tokenizers: 'none' });
}
