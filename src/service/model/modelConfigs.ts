/** What a diffusers folder says of its model in its small files, checked, and checked against one another: all that opening it does before a
 *  weight file is touched, and all that planning needs. What is not supported is refused by its field. */
import { z } from 'zod';
import { checkNoiseOf } from '../../diffusion/samplers/table.ts';
import { type NoiseScheduleConfig, readNoiseSchedule } from '../../diffusion/schedule.ts';
import {
  formatSchedulerConfig,
  parseSchedulerConfig,
  type SchedulerConfig,
  SchedulerConfigReader,
  withOptions,
} from '../../diffusion/schedulerConfig.ts';
import { tokenizerFiles } from '../../data/modelFiles.ts';
import { parseTextEncoderConfig, type TextEncoderConfig, textEncoderKinds } from '../../models/clip/textEncoder.ts';
import { ClipTokenizer, type TokenizerFiles } from '../../models/clip/tokenizer.ts';
import { type Config, ConfigReader, unsupported } from '../../models/config.ts';
import type { DenoiserModel } from '../../models/denoiser.ts';
import { openDenoiser } from '../../models/families.ts';
import { parseVaeConfig, type VaeConfig, vaeKinds, vaeScaleFactor } from '../../models/sd/vae.ts';
import { WinnowError } from '../../shared/errors.ts';
import { parseJson, parseJsonObject, shown } from '../../shared/json.ts';
import { limits } from '../../shared/limits.ts';
import type { FolderReader } from '../environment.ts';
import type { ModelInfo, PredictionType } from '../types.ts';
import { defaultSize } from './defaultSize.ts';
import { optional } from './weightFiles.ts';

/** How a pipeline of diffusers turns text into what its UNet is told. */
export interface Pipeline {
  /** model_index.json's `_class_name`. */
  className: string;
  /** xl: two encoders, the last one's pooled output, and six sizes. sd: one encoder. */
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

/** A text encoder by its folder, with the tokenizer beside it. */
export interface TextConfig {
  folder: string;
  config: TextEncoderConfig;
  tokenizer: ClipTokenizer;
}

/** Of parts: a UNet's config is enough, and what else there is must fit it. */
export interface PartConfigs {
  pipeline?: Pipeline;
  unet: DenoiserModel;
  vae?: VaeConfig;
  texts: (Omit<TextConfig, 'tokenizer'> & Partial<TextConfig>)[];
  /** Of a prompt. */
  tokens: number;
  /** Of the model's own pictures, in pixels. */
  size: { width: number; height: number };
  /** Pixels a latent, along one axis. */
  sizeMultiple: number;
}

/** Of a whole folder. */
export interface ModelConfigs extends PartConfigs {
  pipeline: Pipeline;
  /** What the folder itself says of how its pictures are made; no part of who the model is. */
  usual: Usual | null;
  vae: VaeConfig;
  /** scheduler_config.json, for the class that model_index.json opens it with, predicting what is said beside. */
  scheduler: SchedulerConfig;
  schedule: NoiseScheduleConfig;
}

/** Of a model_index.json: how its pictures are made unless somebody says otherwise, under diffusers' names. diffusers itself leaves out what begins
 *  with an underscore. */
const USUAL = '_winnow';

type Usual = Pick<ModelInfo['defaults'], 'steps' | 'guidanceScale'>;

/** Null where it says nothing, or nothing that can be. */
function readUsual(index: Config): Usual | null {
  const usual = usualSchema.safeParse(index[USUAL]);
  return usual.success ? { steps: usual.data.num_inference_steps, guidanceScale: usual.data.guidance_scale } : null;
}

const usualSchema = z.object({
  num_inference_steps: z.int().min(1).max(limits.steps),
  guidance_scale: z.number().min(0).max(limits.guidanceScale),
});

/** An index for an export: opened again, its model has the same usual settings. */
export const withUsual = (index: Config, { steps, guidanceScale }: Usual): Config => ({
  ...index,
  [USUAL]: { num_inference_steps: steps, guidance_scale: guidanceScale },
});

/** Of a whole folder with its tokenizers. */
export interface WholeConfigs extends ModelConfigs {
  texts: TextConfig[];
}

export async function readFolderJson(reader: FolderReader, path: string): Promise<Config> {
  return parseJsonObject(await reader.read(path), { file: path, remedy: 'Download the model folder again.' });
}

/** A file's bytes, or undefined if the folder does not have it. */
export const readOptional = (reader: FolderReader, path: string): Promise<Uint8Array<ArrayBuffer> | undefined> =>
  optional(reader.read(path));

/** Undefined for a folder that has no file of a tokenizer. */
async function findTokenizer(reader: FolderReader, folder: string): Promise<ClipTokenizer | undefined> {
  const files: TokenizerFiles = {};
  for (const name of tokenizerFiles) {
    const bytes = await readOptional(reader, `${folder}/${name}`);
    if (!bytes) continue;
    if (name === 'merges.txt') files[name] = new TextDecoder().decode(bytes);
    else files[name] = parseJson(bytes, { file: `${folder}/${name}`, remedy: 'Download the model folder again.' });
  }
  return Object.keys(files).length > 0 ? new ClipTokenizer(files) : undefined;
}

/** Rejects with NotFound, or BadFile. */
export async function readTokenizer(reader: FolderReader, folder = 'tokenizer'): Promise<ClipTokenizer> {
  const found = await findTokenizer(reader, folder);
  if (found) return found;
  throw new WinnowError(
    'NotFound',
    `The model folder has no ${folder}.`,
    'Choose a whole diffusers folder, with its tokenizers.',
  );
}

const textFolders = ({ conditioning }: Pick<Pipeline, 'conditioning'>): string[] =>
  conditioning === 'xl' ? ['text_encoder', 'text_encoder_2'] : ['text_encoder'];
const tokenizerFolder = (textFolder: string): string => textFolder.replace('text_encoder', 'tokenizer');

/** model_index.json: a pipeline of ours, with every part that it needs. */
function readPipeline(index: Config): Pipeline {
  const read = new ConfigReader(index, 'model_index.json');
  const className = read.oneOf('_class_name', undefined, Object.keys(pipelines));
  const conditioning = pipelines[className]!;
  const texts = textFolders({ conditioning });
  for (const part of ['unet', 'vae', 'scheduler', ...texts, ...texts.map(tokenizerFolder)]) {
    // SDXL's refiner has the second text encoder alone.
    const entry = index[part];
    if (!Array.isArray(entry) || entry.length !== 2 || typeof entry[1] !== 'string')
      throw unsupported('model_index.json', part, entry ?? null, 'models that have one');
  }
  read.only({ requires_aesthetics_score: [false, null] });
  return {
    className,
    conditioning,
    zeroForNoNegative: conditioning === 'xl' && read.flag('force_zeros_for_empty_prompt', true),
  };
}

/** The class that model_index.json opens a part with: diffusers goes by it, whatever class the part's own config names. */
function classOf<T extends string>(index: Config, part: string, known: readonly T[]): T {
  return new ConfigReader({ [part]: (index[part] as unknown[])[1] }, 'model_index.json').oneOf(part, undefined, known);
}

/** A part's config under the class that opens it. Another class's would be read with other fields and defaults, and does not fit its weights. */
function underClass(index: Config, part: string, known: readonly string[], config: Config): Config {
  const name = classOf(index, part, known);
  const own = config['_class_name'];
  if (own !== undefined && own !== name)
    throw new WinnowError(
      'UnsupportedArchitecture',
      `${part}/config.json: _class_name is ${shown(own)}, and model_index.json opens it as ${name}.`,
      'Correct the one that is wrong, or download the model folder again.',
    );
  return { ...config, _class_name: name };
}

interface ConfigOptions {
  /** Whether they must be there; those that are read must fit. */
  tokenizers: 'all' | 'found' | 'none';
  /** What the network predicts, instead of what the folder says. */
  predictionType?: PredictionType | undefined;
}

/** Reads JSON and tokenizers alone. Rejects with UnsupportedArchitecture or UnsupportedConfig, NotFound, or what is wrong with a file. */
export async function readModelConfigs(
  reader: FolderReader,
  which: ConfigOptions & { tokenizers: 'all' },
): Promise<WholeConfigs>;
export async function readModelConfigs(reader: FolderReader, which: ConfigOptions): Promise<ModelConfigs>;
export async function readModelConfigs(
  reader: FolderReader,
  { tokenizers, predictionType }: ConfigOptions,
): Promise<ModelConfigs> {
  const index = await readFolderJson(reader, 'model_index.json');
  const pipeline = readPipeline(index);
  const denoisers = ['UNet2DConditionModel'];
  const unetConfig = underClass(index, 'unet', denoisers, await readFolderJson(reader, 'unet/config.json'));
  const unet = openDenoiser(unetConfig);
  const vae = parseVaeConfig(underClass(index, 'vae', vaeKinds, await readFolderJson(reader, 'vae/config.json')));
  const texts: PartConfigs['texts'] = [];
  for (const folder of textFolders(pipeline)) {
    const kind = classOf(index, folder, textEncoderKinds);
    const config = parseTextEncoderConfig(await readFolderJson(reader, `${folder}/config.json`), kind);
    const beside = tokenizerFolder(folder);
    classOf(index, beside, ['CLIPTokenizer', 'CLIPTokenizerFast']);
    const tokenizer =
      tokenizers === 'all'
        ? await readTokenizer(reader, beside)
        : tokenizers === 'found'
          ? await findTokenizer(reader, beside)
          : undefined;
    texts.push({ folder, config, ...(tokenizer && { tokenizer }) });
  }
  const said = parseSchedulerConfig(new TextDecoder().decode(await reader.read(SCHEDULER_FILE)), SCHEDULER_FILE);
  // A config that another class wrote is read as from_config reads it (schedulerConfig.ts).
  const className = (index['scheduler'] as string[])[1]!;
  checkNoiseOf(className, said);
  const scheduler = predicting({ ...said, _class_name: className }, predictionType ?? reader.predictionType);
  const schedule = readNoiseSchedule(new SchedulerConfigReader(scheduler, className));
  const parts = { pipeline, unet, vae, texts };
  checkParts(parts);
  return { ...parts, ...sizesOf(parts, unetConfig), usual: readUsual(index), scheduler, schedule };
}

/** Of a folder without model_index.json. Rejects as readModelConfigs. */
export async function readPartConfigs(reader: FolderReader): Promise<PartConfigs> {
  const found = async (path: string): Promise<Config | undefined> =>
    (await readOptional(reader, path)) && readFolderJson(reader, path);
  const unetConfig = await readFolderJson(reader, 'unet/config.json');
  const unet = openDenoiser(unetConfig);
  const vaeConfig = await found('vae/config.json');
  const texts: PartConfigs['texts'] = [];
  for (const folder of ['text_encoder', 'text_encoder_2']) {
    const config = await found(`${folder}/config.json`);
    const tokenizer = await findTokenizer(reader, tokenizerFolder(folder));
    if (config) texts.push({ folder, config: parseTextEncoderConfig(config), ...(tokenizer && { tokenizer }) });
  }
  const parts = { unet, texts, ...(vaeConfig && { vae: parseVaeConfig(vaeConfig) }) };
  checkParts(parts);
  return { ...parts, ...sizesOf(parts, unetConfig) };
}

/** The scheduler's file as a copy of the model should have it: with what the network predicts, whoever said so. */
export async function schedulerFile(
  reader: FolderReader,
  { predictionType }: Pick<ModelInfo, 'predictionType'>,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await reader.read(SCHEDULER_FILE);
  const said = parseSchedulerConfig(new TextDecoder().decode(bytes), SCHEDULER_FILE);
  const read = new SchedulerConfigReader(said, 'DDPMScheduler').get('prediction_type', 'epsilon');
  return read === predictionType
    ? bytes
    : new TextEncoder().encode(formatSchedulerConfig(predicting(said, predictionType)));
}

export const SCHEDULER_FILE = 'scheduler/scheduler_config.json';

const predicting = (scheduler: SchedulerConfig, type: PredictionType | undefined): SchedulerConfig =>
  type === undefined ? scheduler : withOptions(scheduler, { prediction_type: type });

type Sizes = 'tokens' | 'size' | 'sizeMultiple';

function sizesOf(
  { pipeline, unet, vae, texts }: Omit<PartConfigs, Sizes>,
  unetConfig: Config,
): Pick<PartConfigs, Sizes> {
  const lengths = texts.map(
    ({ config: { max_position_embeddings: positions }, tokenizer }) =>
      tokenizer?.lengthLimit ?? (tokenizer ? Math.min(tokenizer.maxLength, positions) : positions),
  );
  const sizeMultiple = vae ? vaeScaleFactor(vae) : 8;
  return {
    sizeMultiple,
    tokens: lengths.length > 0 ? Math.min(...lengths) : 77,
    size: defaultSize({ pipeline: pipeline?.className, xl: unet.pooledWidth > 0 }, unetConfig, sizeMultiple),
  };
}

function checkParts({ pipeline, unet, vae, texts }: Omit<PartConfigs, Sizes>): void {
  const refuse = (field: string, value: unknown, wanted: string): never => {
    throw unsupported('UNet2DConditionModel', field, value, wanted);
  };
  if (unet.classLabels) refuse('class_embed_type', unet.classLabels, 'pipelines whose UNet takes no class labels');
  // Inpainting, instruction and depth models take more channels than their latents have.
  const latents = vae?.latent_channels ?? unet.predictedChannels;
  if (unet.latentChannels !== latents)
    refuse('in_channels', unet.latentChannels, `UNets that take the autoencoder's latents alone (${latents} channels)`);
  if (unet.predictedChannels !== latents)
    refuse('out_channels', unet.predictedChannels, `UNets that predict as many channels as they take (${latents})`);
  for (const field of ['in_channels', 'out_channels'] as const)
    if (vae && vae[field] !== 3) throw unsupported(vae.kind, field, vae[field], 'pictures of 3 channels');
  for (const part of texts) checkTokens(part, unet.pooledWidth > 0 && part === texts.at(-1));
  if (!pipeline) return;
  const width = texts.reduce((sum, { config: { hidden_size: hidden } }) => sum + hidden, 0);
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
  const pooled = texts.at(-1)!.config.projection_dim;
  if (unet.pooledWidth > 0 && unet.pooledWidth !== pooled)
    refuse(
      'projection_class_embeddings_input_dim',
      unet.pooledWidth,
      `room for the second text encoder's ${pooled} channels`,
    );
}

/** A tokenizer against the encoder that reads its ids: our kernels would take ids beyond the embedding for others. */
function checkTokens({ folder, config, tokenizer }: PartConfigs['texts'][number], pools: boolean): void {
  if (!tokenizer) return;
  const refuse = (what: string): never => {
    throw new WinnowError(
      'UnsupportedArchitecture',
      `${tokenizerFolder(folder)} and ${folder} do not belong together: ${what}.`,
      'Choose a model folder whose tokenizer is its own.',
    );
  };
  const { vocab_size: rows, max_position_embeddings: positions, eos_token_id: end } = config;
  if (tokenizer.largestId >= rows)
    refuse(`the tokenizer gives ids up to ${tokenizer.largestId}, the encoder has ${rows} (vocab_size)`);
  if ((tokenizer.lengthLimit ?? 0) > positions)
    refuse(
      `the tokenizer makes ${tokenizer.lengthLimit} tokens of a prompt (model_max_length), the encoder has positions for ${positions}`,
    );
  // 2 stands for the largest id (textEncoder.ts, pooledPositions).
  if (pools && end !== 2 && end !== tokenizer.eosId)
    refuse(`the tokenizer ends a prompt with ${tokenizer.eosId}, the encoder looks for ${end} (eos_token_id)`);
}
