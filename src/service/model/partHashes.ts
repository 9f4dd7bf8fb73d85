/** What a model is, part by part and by content: for whoever must notice that one has changed and say which. */
import type { Environment, FolderReader } from '../environment.ts';
import type { ResolvedModel } from './modelPool.ts';
import { optional } from './weightFiles.ts';

type Hashing = Pick<Environment, 'sha256'>;

/** Files beside a part's weights that decide what it computes. The `.onnx` ones run instead of the weights (sampling/suppliedOnnx.ts). */
const small = ['config.json'];
const supplied = ['model.onnx', 'model.onnx_data', 'model.onnx.data', 'weights.pb'];
const tokenizer = ['tokenizer.json', 'vocab.json', 'merges.txt', 'tokenizer_config.json', 'special_tokens_map.json'];

/** SHA-256 of each part, hex: `unet`, `vae`, `text_encoder`, `tokenizer`, `scheduler` (of SDXL `text_encoder_2` and `tokenizer_2` too),
 *  `pipeline`, and `adapters` on top with their strengths. Of configs what they say, not how it is written. */
export async function partHashes(
  { folder, changes }: Pick<ResolvedModel, 'folder' | 'changes'>,
  env: Hashing,
): Promise<Record<string, string>> {
  const { reader, weightFiles, pipeline, scheduler } = folder;
  const hashes: Record<string, string> = {
    pipeline: await hashOfJson(pipeline, env),
    scheduler: await hashOfJson(scheduler, env),
    adapters: await hashOfJson(
      changes.map(({ hash, strength }) => [hash, strength]),
      env,
    ),
  };
  for (const [part, weights] of Object.entries(weightFiles)) {
    const onnx = part === 'vae' ? ['vae_decoder', 'vae_encoder'] : part === 'unet' ? [] : [part];
    hashes[part] = await hashOfJson(
      [
        await weightsHash(weights, reader, env),
        await present(
          small.map((name) => `${part}/${name}`),
          (path) => smallHash(reader, path, env),
        ),
        await present(
          onnx.flatMap((place) => supplied.map((name) => `${place}/${name}`)),
          (path) => fileHash(reader, path, env),
        ),
      ],
      env,
    );
    if (!part.startsWith('text_encoder')) continue;
    const beside = part.replace('text_encoder', 'tokenizer');
    hashes[beside] = await hashOfJson(
      await present(
        tokenizer.map((name) => `${beside}/${name}`),
        (path) => smallHash(reader, path, env),
      ),
      env,
    );
  }
  return hashes;
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

/** The name that a model's weights had in records of before its other parts were named: of the UNet's files and what is on top of them. */
export async function unetHash(
  { folder, changes }: Pick<ResolvedModel, 'folder' | 'changes'>,
  env: Hashing,
): Promise<string> {
  const base = await weightsHash(folder.weightFiles['unet']!, folder.reader, env);
  const parts = changes.map(({ hash, strength }) => `${hash}*${strength}`);
  return parts.length === 0 ? base : env.sha256(new TextEncoder().encode([base, ...parts].join('+')));
}

/** Names weights by their bytes: a file's SHA-256; of several, one over theirs. */
export async function weightsHash(files: readonly string[], reader: FolderReader, env: Hashing): Promise<string> {
  const hashes: string[] = [];
  for (const file of files) hashes.push(await fileHash(reader, file, env));
  return hashes.length === 1 ? hashes[0]! : env.sha256(new TextEncoder().encode(hashes.join('+')));
}

/** Of a reader's files, which stay as they are while it is open: a large one is hashed once. */
const known = new WeakMap<FolderReader, Map<string, Promise<string>>>();

function fileHash(reader: FolderReader, path: string, env: Hashing): Promise<string> {
  const ofReader = known.get(reader) ?? new Map<string, Promise<string>>();
  known.set(reader, ofReader);
  const hash = ofReader.get(path) ?? hashFile(reader, path, env);
  ofReader.set(path, hash);
  hash.catch(() => ofReader.delete(path));
  return hash;
}

async function hashFile(reader: FolderReader, path: string, env: Hashing): Promise<string> {
  const file = await reader.open(path);
  return (await reader.sha256?.(path)) ?? env.sha256(await file.read(0, file.size));
}

/** A config by what it says: JSON whatever its layout, without the names of who wrote it. Anything else by its bytes. */
async function smallHash(reader: FolderReader, path: string, env: Hashing): Promise<string> {
  const bytes = await reader.read(path);
  try {
    return await hashOfJson(JSON.parse(new TextDecoder().decode(bytes)), env);
  } catch {
    return env.sha256(bytes);
  }
}

const written = new Set(['_diffusers_version', '_name_or_path', 'transformers_version']);

/** Keys in one order. */
function hashOfJson(value: unknown, env: Hashing): Promise<string> {
  const sorted = (_: string, held: unknown): unknown =>
    typeof held === 'object' && held !== null && !Array.isArray(held)
      ? Object.fromEntries(
          Object.entries(held)
            .filter(([key]) => !written.has(key))
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        )
      : typeof held === 'number' && !Number.isFinite(held)
        ? String(held)
        : held;
  return env.sha256(new TextEncoder().encode(JSON.stringify(value, sorted)));
}

/** The hashes of those files that there are, by path. */
async function present(
  paths: readonly string[],
  hashOf: (path: string) => Promise<string>,
): Promise<[path: string, hash: string][]> {
  const found: [string, string][] = [];
  for (const path of paths) {
    const hash = await optional(hashOf(path));
    if (hash !== undefined) found.push([path, hash]);
  }
  return found;
}
