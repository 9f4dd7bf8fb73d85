/** The weight files of one component of a diffusers folder: one file, or shards behind an index; plain, or a variant (`fp16`). They are
 *  opened by range: the headers are read, tensors only when asked for. */
import { openSafetensors, type SafetensorsFile } from '../../data/formats/safetensors.ts';
import { readShardIndex } from '../../data/formats/shardedSafetensors.ts';
import { weightVariants } from '../../data/modelFiles.ts';
import { finiteTensors, type TensorSource } from '../../models/weights.ts';
import { isWinnowError, WinnowError } from '../../shared/errors.ts';
import { sizeOf } from '../../shared/shape.ts';
import type { FolderReader } from '../environment.ts';

export interface ComponentWeights extends TensorSource {
  /** Paths in the folder, shards in the index's order. */
  files: readonly string[];
  totalBytes: number;
  /** Of most of its numbers. */
  precision: 'f32' | 'f16' | 'bf16';
  parameters: number;
}

/** As the command line read folders before it read them as the studio does. */
export const plainFirst: readonly string[] = ['', '.fp16', '.bf16', '.non_ema'];

/** @param stem `diffusion_pytorch_model`, or `model` for text encoders. Rejects with NotFound, or with PickleRefused where there are only
 *  pickles; with what is wrong with a file; with BadFile for an index that does not fit its shards. */
export async function openComponentWeights(
  reader: FolderReader,
  folder: string,
  stem: string,
  variants = weightVariants,
): Promise<ComponentWeights> {
  if (reader.component) {
    const found = reader.component(folder);
    return finiteTensors(found, () => found.files[0]!);
  }
  for (const variant of variants) {
    const single = `${folder}/${stem}${variant}.safetensors`;
    const file = await openOptional(reader, single);
    if (file) return component([{ path: single, file }]);
    // `model.safetensors.index.json`, `model.safetensors.index.fp16.json`; as diffusers once wrote it, `model.safetensors.fp16.index.json`
    for (const name of new Set([`index${variant}`, `${variant}.index`.replace(/^\./, '')])) {
      const index = await optional(reader.read(`${folder}/${stem}.safetensors.${name}.json`));
      if (index) return component(await openShards(reader, folder, index));
    }
  }
  for (const pickle of [`${stem}.bin`, `${stem}.fp16.bin`, `pytorch_${stem}.bin`]) {
    if (await optional(reader.open(`${folder}/${pickle}`))) {
      throw new WinnowError(
        'PickleRefused',
        `${folder} has its weights only as a pickle (${pickle}), which can run code when it is opened.`,
        'Convert the model to safetensors (diffusers: pipe.save_pretrained(..., safe_serialization=True)).',
      );
    }
  }
  throw new WinnowError(
    'NotFound',
    `The model folder has no ${folder}/${stem}.safetensors.`,
    'Choose a whole diffusers folder with safetensors weights.',
  );
}

interface Shard {
  path: string;
  file: { tensors: SafetensorsFile; size: number };
}

async function openOptional(reader: FolderReader, path: string): Promise<Shard['file'] | undefined> {
  const bytes = await optional(reader.open(path));
  return bytes && { tensors: await openSafetensors(bytes, path), size: bytes.size };
}

async function openShards(reader: FolderReader, folder: string, indexBytes: Uint8Array): Promise<Shard[]> {
  const what = `The index of ${folder}'s weights`;
  const remedy = 'Download the model folder again.';
  const names = readShardIndex(indexBytes, { what, remedy });
  const shards: Shard[] = [];
  for (const path of new Set(names.map(([, file]) => `${folder}/${file}`))) {
    const file = await openOptional(reader, path);
    if (!file)
      throw new WinnowError(
        'NotFound',
        `The model folder has no ${path}, which its index names.`,
        'Choose the whole folder, with every shard.',
      );
    shards.push({ path, file });
  }
  const byPath = new Map(shards.map(({ path, file }) => [path, file.tensors]));
  for (const [name, file] of names)
    if (!byPath.get(`${folder}/${file}`)!.shape(name))
      throw new WinnowError('BadFile', `${what} says that ${name} is in ${file}, which does not have it.`, remedy);
  return shards;
}

function component(shards: readonly Shard[]): ComponentWeights {
  const homes = new Map<string, SafetensorsFile>();
  const paths = new Map<string, string>();
  for (const { path, file } of shards) {
    for (const name of file.tensors.names) {
      homes.set(name, file.tensors);
      paths.set(name, path);
    }
  }
  const counts = { f32: 0, f16: 0, bf16: 0 };
  for (const [name, file] of homes) counts[file.half(name) ?? 'f32'] += sizeOf(file.shape(name)!);
  const home = (name: string): SafetensorsFile => {
    const file = homes.get(name);
    if (!file)
      throw new WinnowError(
        'MissingTensor',
        `${shards[0]!.path} has no tensor ${name}.`,
        'Use weights that belong to this config.json.',
      );
    return file;
  };
  const weights: ComponentWeights = {
    files: shards.map(({ path }) => path),
    totalBytes: shards.reduce((sum, { file }) => sum + file.size, 0),
    precision: (['f32', 'f16', 'bf16'] as const).reduce((most, next) => (counts[next] > counts[most] ? next : most)),
    parameters: counts.f32 + counts.f16 + counts.bf16,
    names: [...homes.keys()],
    shape: (name) => homes.get(name)?.shape(name),
    read: (name) => home(name).read(name),
    half: (name) => homes.get(name)?.half(name),
    readHalf: (name) => home(name).readHalf(name),
  };
  return finiteTensors(weights, (name) => paths.get(name)!);
}

/** Undefined where a file does not exist. */
export async function optional<T>(file: Promise<T>): Promise<T | undefined> {
  try {
    return await file;
  } catch (error) {
    if (isWinnowError(error, 'NotFound')) return undefined;
    throw error;
  }
}
