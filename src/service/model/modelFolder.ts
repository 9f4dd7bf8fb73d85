/** A diffusers folder, or a checkpoint in one file seen as one, opened: configs parsed, weight files mapped, tokenizers ready. Where its files
 *  lie is the reader's business. What is not supported is refused by its field before any weight file is opened. */
import { type TextEncoderConfig, unprefixedTextNames } from '../../models/clip/textEncoder.ts';
import type { ClipTokenizer } from '../../models/clip/tokenizer.ts';
import type { DenoiserModel } from '../../models/denoiser.ts';
import { legacyVaeNames, type VaeConfig } from '../../models/sd/vae.ts';
import type { SchedulerConfig } from '../../diffusion/schedulerConfig.ts';
import { type TensorSource, withAliases } from '../../models/weights.ts';
import type { Environment, FolderReader } from '../environment.ts';
import { type PartConfigs, type Pipeline, readModelConfigs } from './modelConfigs.ts';
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
  /** Of UNet and text encoders, paths in the folder. */
  weightFiles: readonly string[];
  /** By content (identity.ts). */
  parts: Identity['parts'];
}

export interface OpenOptions {
  /** What the network predicts, instead of what the files say. */
  predictionType?: PredictionType | undefined;
  /** Of weight files in several precisions, which is read first (data/modelFiles.ts weightVariants). */
  variants?: readonly string[] | undefined;
}

/** Parts with weights, by their folders: the file's name before `.safetensors`, and what older and newer files call a tensor. */
const parts: Readonly<Record<string, { stem: string; alias: (name: string) => readonly string[] }>> = {
  unet: { stem: 'diffusion_pytorch_model', alias: () => [] },
  vae: { stem: 'diffusion_pytorch_model', alias: legacyVaeNames },
  text_encoder: { stem: 'model', alias: unprefixedTextNames },
  text_encoder_2: { stem: 'model', alias: unprefixedTextNames },
};

/** A folder's configs, and the headers of its weight files: all of opening it that reads no weight. */
export interface FolderHeaders<C extends PartConfigs> {
  reader: FolderReader;
  configs: C;
  /** A part's files, and its tensors under the names that its graph has for them. Rejects as openComponentWeights. */
  open(folder: string): Promise<{ files: ComponentWeights; weights: TensorSource }>;
}

/** Opening a folder and planning it (planning/folderPlan.ts) both begin here. Rejects as reading the configs does, or where there is no model.
 *  @param what the folder, in messages */
export async function openHeaders<C extends PartConfigs>(
  source: FolderReader,
  readConfigs: (reader: FolderReader) => Promise<C>,
  { variants, what }: { variants?: readonly string[] | undefined; what?: string | undefined } = {},
): Promise<FolderHeaders<C>> {
  const reader = await asDiffusersFolder(source, what);
  return {
    reader,
    configs: await readConfigs(reader),
    async open(folder) {
      const { stem, alias } = parts[folder]!;
      const files = await openComponentWeights(reader, folder, stem, variants);
      return { files, weights: withAliases(files, alias) };
    },
  };
}

/** Opens a folder by its id. Rejects with UnsupportedArchitecture (before any weight file is opened), NotFound, or what is wrong with a file. */
export async function openModelFolder(
  id: string,
  env: Pick<Environment, 'openModel' | 'sha256'>,
  { predictionType, variants }: OpenOptions = {},
): Promise<ModelFolder> {
  const { reader, configs, open } = await openHeaders(
    env.openModel(id),
    (folder) => readModelConfigs(folder, { tokenizers: 'all', predictionType }),
    { variants, what: id },
  );
  const { pipeline, scheduler, tokens } = configs;
  const [unet, vae] = [await open('unet'), await open('vae')];
  const texts: Awaited<ReturnType<typeof open>>[] = [];
  for (const { folder } of configs.texts) texts.push(await open(folder));
  const files = { unet: unet.files, vae: vae.files, texts: texts.map((text) => text.files) };
  const { parts: hashed, ...hashes } = await identityOf(reader, env, configs, files);
  return {
    info: { ...(await modelInfo(id, reader, configs, files)), ...hashes },
    pipeline,
    unet: { model: configs.unet, weights: unet.weights },
    vae: { config: configs.vae, weights: vae.weights },
    textEncoders: configs.texts.map(({ config, tokenizer }, i) => ({ config, weights: texts[i]!.weights, tokenizer })),
    tokens,
    scheduler,
    reader,
    weightFiles: [unet, ...texts].flatMap((part) => part.files.files),
    parts: hashed,
  };
}

/** Whether a folder's configs are ones we run, without its weights and tokenizers: for what is about to be downloaded. Rejects as
 *  openModelFolder. */
export async function checkModelConfigs(reader: FolderReader): Promise<void> {
  await openHeaders(reader, (folder) => readModelConfigs(folder, { tokenizers: 'none' }));
}
