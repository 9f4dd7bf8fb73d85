/** A checkpoint in one `.safetensors` file, in the original Stable Diffusion layout, seen as the diffusers folder that it stands for: its configs
 *  are made from its shapes (or are the ones that our own export put beside them), its tensors are read where they lie, under diffusers' names.
 *  Nothing is held: opening reads the header. */
import { EMBEDDING, isAdapter, otherMethod } from '../../data/formats/loraKinds.ts';
import { type CheckpointYaml, parseCheckpointYaml, yamlNames } from '../../data/formats/checkpointYaml.ts';
import { openSafetensors, type SafetensorsFile } from '../../data/formats/safetensors.ts';
import { checkpointOf } from '../../data/modelFiles.ts';
import type { Value } from '../../graph/graph.ts';
import { CLIP_VOCAB_SIZE, type ClipPadding, clipTokenizerFile } from '../../models/clip/vocabulary/vocabulary.ts';
import { parseTextEncoderConfig, textEncoderParameters } from '../../models/clip/textEncoder.ts';
import type { Config } from '../../models/config.ts';
import { parseUNetConfig } from '../../models/sd/config.ts';
import {
  singleFileConfigs,
  type SingleFileFacts,
  type SingleFileLayout,
  singleFileLayout,
} from '../../models/sd/singleFileConfig.ts';
import {
  clipPlaces,
  openClipPlaces,
  type Place,
  type Places,
  storedShape,
  transposed,
  UNET_PREFIX,
  unetPlaces,
  vaePlaces,
} from '../../models/sd/singleFileKeys.ts';
import { unetParameters } from '../../models/sd/unet.ts';
import { parseVaeConfig, vaeParameters } from '../../models/sd/vae.ts';
import { WinnowError } from '../../shared/errors.ts';
import { parseJsonObject } from '../../shared/json.ts';
import { sameShape, type Shape, sizeOf } from '../../shared/shape.ts';
import type { FolderReader } from '../environment.ts';
import { type ComponentWeights, optional } from './weightFiles.ts';

/** Where our own export keeps what the layout has no place for: the folder's small files by their paths, as JSON. */
export const FOLDER_METADATA = 'winnow.folder';

/** Reads a model wherever it lies as a diffusers folder. Rejects with what openSingleFile says of a checkpoint, and with what a folder lacks that holds
 *  none, or holds several.
 *  @param what the folder, in messages */
export async function asDiffusersFolder(reader: FolderReader, what = 'The folder'): Promise<FolderReader> {
  const paths = await reader.list?.();
  if (!paths || paths.includes('model_index.json')) return reader;
  return openSingleFile(
    reader,
    checkpointOf(
      paths.map((path) => ({ path })),
      what,
    ).path,
  );
}

/** Rejects with UnsupportedArchitecture for what is no checkpoint of Stable Diffusion 1, 2 or XL, by its name; with MissingTensor where it lacks a
 *  part; with WrongShape, or with what is wrong with the file. */
async function openSingleFile(reader: FolderReader, path: string): Promise<FolderReader> {
  const name = path.split('/').at(-1)!;
  const file = await openSafetensors(await reader.open(path), name);
  if (isAdapter(file)) throw noModel(name, otherMethod(file));
  const layout = singleFileLayout(file, name);
  const beside = await yamlBeside(reader, path);
  const files = writtenFolder(file, name) ?? (await inferredFolder(file, layout, name, beside));
  const config = (folder: string): Config =>
    parseJsonObject(textOf(files, `${folder}/config.json`, name), {
      file: `${folder}/config.json of ${name}`,
      remedy: 'Export it again.',
    });
  const texts = layout.texts.map((_, i) => `text_encoder${i === 0 ? '' : '_2'}`);
  const components: Record<string, ComponentWeights> = {};
  const used = new Set<string>();
  const add = (folder: string, parameters: readonly Value[], places: Places): void =>
    void (components[folder] = component(file, path, name, parameters, places, used));
  const unet = parseUNetConfig(config('unet'));
  add('unet', unetParameters(unet), unetPlaces(unet));
  // What only some UNets have (motion, references, gates) would otherwise be left out without a word.
  const stray = file.names.find((key) => key.startsWith(UNET_PREFIX) && !used.has(key));
  if (stray !== undefined)
    throw new WinnowError(
      'UnsupportedArchitecture',
      `${name} has a UNet with more in it than Stable Diffusion's (${stray}).`,
      'Choose a model of the Stable Diffusion 1, 2 or XL kind.',
    );
  const vae = parseVaeConfig(config('vae'));
  add('vae', vaeParameters(vae), vaePlaces(vae, layout.vaePrefix));
  layout.texts.forEach(({ kind, prefix }, i) => {
    const text = parseTextEncoderConfig(config(texts[i]!));
    add(texts[i]!, textEncoderParameters(text), kind === 'clip' ? clipPlaces(prefix) : openClipPlaces(prefix));
  });
  const tokenizers = new Map(
    layout.texts.map(({ kind }, i): [string, ClipPadding] => [
      texts[i]!.replace('text_encoder', 'tokenizer'),
      kind === 'clip' ? '<|endoftext|>' : '!',
    ]),
  );
  for (const [i, folder] of [...tokenizers.keys()].entries()) {
    const size = Number(config(texts[i]!)['vocab_size']);
    if (
      size < CLIP_VOCAB_SIZE &&
      files[`${folder}/vocab.json`] === undefined &&
      files[`${folder}/tokenizer.json`] === undefined
    ) {
      throw new WinnowError(
        'UnsupportedArchitecture',
        `${name} has a text encoder for ${size} tokens, and brings no vocabulary; CLIP's has ${CLIP_VOCAB_SIZE}.`,
        'Choose a diffusers folder of this model, with its tokenizer.',
      );
    }
  }
  const missing = (wanted: string): WinnowError =>
    new WinnowError('NotFound', `${name} stands for a folder without ${wanted}.`, 'Check the path.');
  return {
    async read(wanted) {
      const [folder, file] = wanted.split('/') as [string, string | undefined];
      const written = files[wanted];
      if (written !== undefined) return new TextEncoder().encode(written);
      const pad = tokenizers.get(folder);
      const own = (name: string): boolean => files[`${folder}/${name}`] !== undefined;
      // A vocabulary that is not CLIP's is there, with all of its small files; small files without one go with CLIP's.
      const lacks =
        file === 'vocab.json' || file === 'merges.txt'
          ? !own('vocab.json') && !own('tokenizer.json')
          : !Object.keys(files).some((path) => path.startsWith(`${folder}/`));
      const found = pad && lacks ? clipTokenizerFile(await clipMerges(), pad, file ?? '') : undefined;
      if (found === undefined) throw missing(wanted);
      return new TextEncoder().encode(found);
    },
    folders: async () => [],
    open: async (wanted) => {
      if (wanted !== path) throw missing(wanted);
      return reader.open(path);
    },
    ...(reader.sha256 && { sha256: (wanted: string) => reader.sha256!(wanted) }),
    predictionType: reader.predictionType ?? beside.predictionType,
    origin: {
      source: 'disk',
      ...reader.origin,
      title: reader.origin?.title ?? file.metadata['modelspec.title'] ?? name.replace(/\.safetensors$/i, ''),
    },
    component(folder) {
      const found = components[folder];
      if (!found) throw missing(folder);
      return found;
    },
  };
}

function noModel(name: string, other: ReturnType<typeof otherMethod>): WinnowError {
  const what = !other ? 'a LoRA' : other.what === EMBEDDING ? EMBEDDING : `a LoRA of another kind (${other.what})`;
  return new WinnowError(
    'UnsupportedArchitecture',
    `${name} is ${what}, not a model.`,
    'Add it to the model it was trained on.',
  );
}

async function yamlBeside(reader: FolderReader, path: string): Promise<CheckpointYaml> {
  for (const name of yamlNames(path)) {
    const bytes = await optional(reader.read(name));
    if (bytes) return parseCheckpointYaml(bytes, name);
  }
  return {};
}

/** Half a megabyte: only for those who need it. */
export const clipMerges = async (): Promise<string> =>
  (await import('../../models/clip/vocabulary/merges.txt?raw')).default;

function textOf(files: Readonly<Record<string, string>>, path: string, name: string): string {
  const text = files[path];
  if (text === undefined)
    throw new WinnowError('BadFile', `${name} says that it holds a folder, which lacks ${path}.`, 'Export it again.');
  return text;
}

function writtenFolder(file: SafetensorsFile, name: string): Record<string, string> | undefined {
  const text = file.metadata[FOLDER_METADATA];
  if (text === undefined) return undefined;
  const value = parseJsonObject(text, { file: `${FOLDER_METADATA} of ${name}`, remedy: 'Export it again.' });
  if (!Object.values(value).every((entry) => typeof entry === 'string'))
    throw new WinnowError('BadFile', `${FOLDER_METADATA} of ${name} holds more than texts.`, 'Export it again.');
  return value as Record<string, string>;
}

async function inferredFolder(
  file: SafetensorsFile,
  layout: SingleFileLayout,
  name: string,
  beside: CheckpointYaml,
): Promise<Record<string, string>> {
  const facts = { ...(await factsOf(file, layout, beside)), ...beside };
  const configs = singleFileConfigs(file, layout, facts, name);
  return Object.fromEntries(
    Object.entries(configs).map(([path, config]) => [path, `${JSON.stringify(config, null, 2)}\n`]),
  );
}

/** What the network predicts, by the first of: a YAML beside the file, the file's metadata (Stability's model spec), the marks that v models carry for ComfyUI, the step
 *  count by which diffusers tells Stable Diffusion 2's base from its 768 px model, and ComfyUI's look at one of its biases. Without any, Stable
 *  Diffusion 2 predicts v, as diffusers has it, and all others noise. */
async function factsOf(
  file: SafetensorsFile,
  { family }: SingleFileLayout,
  beside: CheckpointYaml,
): Promise<SingleFileFacts> {
  const said = beside.predictionType ?? file.metadata['modelspec.prediction_type'];
  const [width, height] = (/^(\d{2,5})x(\d{2,5})$/.exec(file.metadata['modelspec.resolution'] ?? '') ?? [])
    .slice(1)
    .map(Number);
  const facts = (predictionType: SingleFileFacts['predictionType']): SingleFileFacts => ({
    predictionType,
    zeroTerminalSnr: file.shape('ztsnr') !== undefined,
    ...(width && height && { size: { width, height } }),
  });
  if (said === 'epsilon' || said === 'sample') return facts(said);
  if (said === 'v' || said === 'v_prediction' || file.shape('v_pred')) return facts('v_prediction');
  if (family !== 'sd2') return facts('epsilon');
  const steps = file.shape('global_step') ? (await file.readInt32('global_step'))[0] : undefined;
  if (steps !== undefined) return facts(steps === 875000 ? 'epsilon' : 'v_prediction');
  // comfy/supported_models.py, SD20: this bias spreads wider in the models that predict v.
  const bias = `${UNET_PREFIX}output_blocks.11.1.transformer_blocks.0.norm1.bias`;
  return facts(!file.shape(bias) || deviation(await file.read(bias)) > 0.09 ? 'v_prediction' : 'epsilon');
}

function deviation(values: Float32Array): number {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  return Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length);
}

/** How the file may have a tensor of this shape: a kernel over one pixel has been flattened by some. */
const storedShapes = (place: Place, shape: Shape): Shape[] => [
  storedShape(place, shape),
  ...(place.form === 'kernel' ? [[...shape, 1], shape] : []),
];

function component(
  file: SafetensorsFile,
  path: string,
  name: string,
  parameters: readonly Value[],
  places: Places,
  used: Set<string>,
): ComponentWeights {
  const homes = new Map<string, { place: Place; shape: Shape }>();
  const counts = { f32: 0, f16: 0, bf16: 0 };
  let totalBytes = 0;
  for (const parameter of parameters) {
    const place = places(parameter.name);
    const stored = place && file.shape(place.key);
    if (!place || !stored)
      throw new WinnowError(
        'MissingTensor',
        `${name} has no ${place?.key ?? parameter.name}.`,
        'Choose a whole checkpoint, or a diffusers folder.',
      );
    const wanted = storedShapes(place, parameter.shape);
    if (!wanted.some((shape) => sameShape(shape, stored))) {
      throw new WinnowError(
        'WrongShape',
        `${name}: ${place.key} has shape [${stored.join(', ')}], a model like this has [${wanted[0]!.join(', ')}].`,
        'Choose a model of the Stable Diffusion 1, 2 or XL kind.',
      );
    }
    used.add(place.key);
    homes.set(parameter.name, { place, shape: parameter.shape });
    const { begin, end } = file.info(place.key)!;
    totalBytes += (end - begin) / (place.third === undefined ? 1 : 3);
    counts[file.half(place.key) ?? 'f32'] += sizeOf(parameter.shape);
  }
  const read = async <T extends Float32Array | Uint16Array>(
    tensor: string,
    from: (key: string, rows?: readonly [number, number]) => Promise<T>,
  ): Promise<T> => {
    const home = homes.get(tensor);
    if (!home)
      throw new WinnowError(
        'MissingTensor',
        `${name} has no ${tensor}.`,
        'Use weights that belong to this config.json.',
      );
    const { place, shape } = home;
    const rows = shape[0]!;
    const data = await from(
      place.key,
      place.third === undefined ? undefined : [place.third * rows, (place.third + 1) * rows],
    );
    return place.form === 'transposed' ? transposed(data, shape[1]!) : data;
  };
  return {
    files: [path],
    totalBytes,
    precision: (['f32', 'f16', 'bf16'] as const).reduce((most, next) => (counts[next] > counts[most] ? next : most)),
    parameters: counts.f32 + counts.f16 + counts.bf16,
    names: [...homes.keys()],
    shape: (tensor) => homes.get(tensor)?.shape,
    read: (tensor) => read(tensor, file.read),
    half: (tensor) => file.half(homes.get(tensor)?.place.key ?? ''),
    readHalf: (tensor) => read(tensor, file.readHalf),
  };
}
