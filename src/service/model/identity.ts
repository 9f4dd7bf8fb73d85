/** What a model is, part by part and by content: everything that changes a picture or a training step. Not where it lies, how its files are called
 *  or laid out, or what in them has no effect. */
import { onnxBeside } from '../../data/onnxBeside.ts';
import { type SchedulerConfig, withOptions } from '../../diffusion/schedulerConfig.ts';
import type { Environment, FolderReader } from '../environment.ts';
import type { PredictionType } from '../types.ts';
import type { WholeConfigs } from './modelConfigs.ts';
import type { ResolvedModel } from './modelPool.ts';
import { type ComponentWeights, optional } from './weightFiles.ts';

type Hashing = Pick<Environment, 'sha256'>;

export interface ModelWeights {
  unet: ComponentWeights;
  vae: ComponentWeights;
  texts: readonly ComponentWeights[];
}

/** SHA-256, hex. */
export interface Identity {
  /** Of what trains and is trained on: `pipeline`, `scheduler`, `unet`, `vae`, `text_encoder` and `tokenizer` (of SDXL `text_encoder_2` and
   *  `tokenizer_2` too). */
  parts: Readonly<Record<string, string>>;
  /** Over all of them, and an `unet/model.onnx` that draws instead of the UNet. */
  hash: string;
  /** Of the UNet's weight file, or of several one over theirs: by it alone earlier versions knew a model. */
  unetHash: string;
}

/** Parts in words, for people. */
export const partNames: Readonly<Record<string, string>> = {
  unet: 'UNet',
  vae: 'VAE',
  text_encoder: 'text encoder',
  text_encoder_2: 'second text encoder',
  tokenizer: 'tokenizer',
  tokenizer_2: 'second tokenizer',
  scheduler: 'scheduler',
  pipeline: 'pipeline (model_index.json)',
  adapters: 'LoRA on top',
};

/** A file is hashed where the place that keeps it does not know its hash, and once. */
export async function identityOf(
  reader: FolderReader,
  env: Hashing,
  { pipeline, unet, vae, scheduler, schedule, texts }: WholeConfigs,
  weights: ModelWeights,
): Promise<Identity> {
  const known = new Map<string, Promise<string>>();
  const fileHash = (path: string): Promise<string> => {
    const hash = known.get(path) ?? hashFile(reader, path, env);
    known.set(path, hash);
    return hash;
  };
  const hashes = async (paths: readonly string[]): Promise<string[]> => {
    const found: string[] = [];
    for (const path of paths) found.push(await fileHash(path));
    return found;
  };
  const part = async (config: object, { files }: ComponentWeights, ...onnx: string[]): Promise<string> =>
    hashOf([config, await hashes(files), await onnxHashes(reader, onnx, fileHash)], env);
  const parts: Record<string, string> = {
    pipeline: await hashOf(pipeline, env),
    scheduler: await hashOf(effective(scheduler, schedule.prediction_type), env),
    unet: await part(unet.config, weights.unet),
    vae: await part(vae, weights.vae, 'vae_decoder', 'vae_encoder'),
  };
  for (const [i, { folder, config, tokenizer }] of texts.entries()) {
    parts[folder] = await part(config, weights.texts[i]!, folder);
    parts[folder.replace('text_encoder', 'tokenizer')] = await hashOf(tokenizer.content, env);
  }
  const unetFiles = await hashes(weights.unet.files);
  return {
    parts,
    hash: await hashOf([parts, await onnxHashes(reader, ['unet'], fileHash)], env),
    unetHash: unetFiles.length === 1 ? unetFiles[0]! : await hashText(unetFiles.join('+'), env),
  };
}

/** Of a model with adapters on top: its folder's parts, and `adapters` with their strengths. */
export async function partHashes(
  { folder, changes }: Pick<ResolvedModel, 'folder' | 'changes'>,
  env: Hashing,
): Promise<Record<string, string>> {
  const adapters = changes.map(({ hash, strength }) => [hash, strength]);
  return { ...folder.parts, adapters: await hashOf(adapters, env) };
}

async function hashFile(reader: FolderReader, path: string, env: Hashing): Promise<string> {
  if (reader.sha256) return reader.sha256(path);
  const file = await reader.open(path);
  return env.sha256(await file.read(0, file.size));
}

/** Without the marks of the program that wrote it; what the network predicts is said, whoever said it. */
function effective(scheduler: SchedulerConfig, predictionType: PredictionType): SchedulerConfig {
  const { _diffusers_version: _, _name_or_path: __, ...fields } = scheduler;
  return withOptions(fields, { prediction_type: predictionType });
}

/** What runs instead of weights (sampling/suppliedOnnx.ts), by its folders. The product's own models bring none. */
async function onnxHashes(
  reader: FolderReader,
  folders: readonly string[],
  fileHash: (path: string) => Promise<string>,
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  if (reader.component || reader.origin?.source === 'embedded') return found;
  for (const folder of folders) {
    const model = `${folder}/model.onnx`;
    if (!(await optional(reader.open(model)))) continue;
    for (const path of [model, ...(await onnxBeside([model], (file) => reader.open(file)))]) {
      if (await optional(reader.open(path))) found[path] = await fileHash(path);
    }
  }
  return found;
}

const hashText = (text: string, env: Hashing): Promise<string> => env.sha256(new TextEncoder().encode(text));

/** Of JSON whose fields are in order; numbers that JSON does not have by their names. */
function hashOf(value: unknown, env: Hashing): Promise<string> {
  const ordered = (_: string, field: unknown): unknown => {
    if (typeof field === 'number' && !Number.isFinite(field)) return String(field);
    return typeof field === 'object' && field !== null && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)))
      : field;
  };
  return hashText(JSON.stringify(value, ordered), env);
}
