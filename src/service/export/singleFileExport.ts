/** A model's tensors as a checkpoint in one file, in the original Stable Diffusion layout, which A1111 and ComfyUI read. Lazy: a tensor is read and
 *  merged when its turn to be written comes. */
import { tokenizerFiles } from '../../data/modelFiles.ts';
import { floatDtypes, type TensorToStream } from '../../data/formats/safetensors.ts';
import type { ParameterDtype, Value } from '../../graph/graph.ts';
import { textEncoderParameters } from '../../models/clip/textEncoder.ts';
import { ClipTokenizer, type TokenizerFiles } from '../../models/clip/tokenizer.ts';
import { CLIP_VOCAB_SIZE, type ClipPadding, clipTokenizerFile } from '../../models/clip/vocabulary/vocabulary.ts';
import { parseUNetConfig } from '../../models/sd/config.ts';
import { SD2_TEXT_LAYERS, type SingleFileFamily } from '../../models/sd/singleFileConfig.ts';
import {
  clipPlaces,
  openClipPlaces,
  type Place,
  type Places,
  storedShape,
  transposed,
  unetPlaces,
  vaePlaces,
} from '../../models/sd/singleFileKeys.ts';
import { unetParameters } from '../../models/sd/unet.ts';
import { vaeParameters } from '../../models/sd/vae.ts';
import { readParameter, storedDtypes, type TensorSource, type WeightPolicy } from '../../models/weights.ts';
import { WinnowError } from '../../shared/errors.ts';
import { parseJson } from '../../shared/json.ts';
import type { Shape } from '../../shared/shape.ts';
import type { FolderReader } from '../environment.ts';
import { readFolderJson, readOptional, SCHEDULER_FILE, schedulerFile, withUsual } from '../model/modelConfigs.ts';
import type { ModelFolder, TextPart } from '../model/modelFolder.ts';
import { clipMerges, FOLDER_METADATA } from '../model/singleFile.ts';

/** Of a folder's files, those that a checkpoint keeps in its metadata. */
const INDEX_FILE = 'model_index.json';
const configFiles = [
  INDEX_FILE,
  SCHEDULER_FILE,
  'unet/config.json',
  'vae/config.json',
  'text_encoder/config.json',
  'text_encoder_2/config.json',
];
function familyOf({ pipeline, textEncoders }: ModelFolder): SingleFileFamily {
  if (pipeline.conditioning === 'xl') return 'xl';
  // OpenCLIP's encoders have the exact GELU, OpenAI's the quick one; readers go by the layout.
  return textEncoders[0]!.config.hidden_act === 'gelu' ? 'sd2' : 'sd1';
}

const textPlaces: Readonly<Record<SingleFileFamily, readonly Places[]>> = {
  sd1: [clipPlaces('cond_stage_model.transformer.text_model.')],
  sd2: [openClipPlaces('cond_stage_model.model.')],
  xl: [clipPlaces('conditioner.embedders.0.transformer.text_model.'), openClipPlaces('conditioner.embedders.1.model.')],
};

/** @param unet the merged weights; `folder.unet.weights` says how the model's own file keeps each of them.
 *  @param texts the text encoders, likewise.
 *  Rejects with UnsupportedArchitecture where the layout has no place for a tensor. */
export async function singleFileTensors(
  folder: ModelFolder,
  unet: TensorSource,
  precision: WeightPolicy,
  texts: readonly TextPart[] = folder.textEncoders,
): Promise<TensorToStream[]> {
  const family = familyOf(folder);
  const unetConfig = parseUNetConfig(await readFolderJson(folder.reader, 'unet/config.json'));
  const tensors = [
    ...placed(unetParameters(unetConfig), unet, unetPlaces(unetConfig), storedDtypes(folder.unet.weights, precision)),
    ...placed(
      vaeParameters(folder.vae.config),
      folder.vae.weights,
      vaePlaces(folder.vae.config),
      storedDtypes(folder.vae.weights, precision),
    ),
  ];
  for (const [i, { weights, config: text }] of texts.entries()) {
    const own = placed(
      textEncoderParameters(text),
      weights,
      textPlaces[family][i]!,
      storedDtypes(folder.textEncoders[i]!.weights, precision),
    );
    tensors.push(...own);
    // The original holds the whole OpenCLIP encoder and takes the output of its last layer but one. The last is not here, and not used: a copy
    // of the one before keeps its place.
    if (family === 'sd2' && text.num_hidden_layers === SD2_TEXT_LAYERS)
      tensors.push(
        ...own
          .filter(({ name }) => name.includes('.resblocks.22.'))
          .map((tensor) => ({ ...tensor, name: tensor.name.replace('.resblocks.22.', '.resblocks.23.') })),
      );
  }
  // Marks by which ComfyUI knows an SDXL that predicts v, and one whose last step has no signal.
  const marks =
    family === 'xl' && folder.info.predictionType === 'v_prediction'
      ? ['v_pred', ...(folder.scheduler['rescale_betas_zero_snr'] === true ? ['ztsnr'] : [])]
      : [];
  return [
    ...tensors,
    ...marks.map((name): TensorToStream => ({ name, shape: [0], dtype: 'F32', data: async () => new Float32Array() })),
  ];
}

/** Tensors of a component at their places; those that share one are joined. */
function placed(
  parameters: readonly Value[],
  source: TensorSource,
  places: Places,
  dtypeOf: (name: string) => ParameterDtype,
): TensorToStream[] {
  const homes = new Map<string, { place: Place; names: string[]; shape: Shape }>();
  for (const { name, shape } of parameters) {
    const place = places(name);
    if (!place)
      throw new WinnowError(
        'UnsupportedArchitecture',
        `The original Stable Diffusion layout has no place for ${name}.`,
        'Export the model as a diffusers folder.',
      );
    const home = homes.get(place.key) ?? { place, names: [], shape };
    home.names[place.third ?? 0] = name;
    homes.set(place.key, home);
  }
  return [...homes.values()].map(({ place, names, shape }) => {
    const dtype = dtypeOf(names[0]!);
    return {
      name: place.key,
      shape: storedShape(place, shape),
      dtype: floatDtypes[dtype],
      async data() {
        const parts: (Float32Array | Uint16Array)[] = [];
        for (const name of names) parts.push(await readParameter(source, { name, dtype }));
        const whole = parts.length === 1 ? parts[0]! : joined(parts);
        return place.form === 'transposed' ? transposed(whole, shape[0]!) : whole;
      },
    };
  });
}

function joined(parts: readonly (Float32Array | Uint16Array)[]): Float32Array | Uint16Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const out = parts[0] instanceof Float32Array ? new Float32Array(length) : new Uint16Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** What the model is, for those who read Stability's model spec (https://github.com/Stability-AI/ModelSpec); and for ourselves, what the layout has
 *  no place for: configs, and a tokenizer that is not CLIP's. */
export async function singleFileMetadata(folder: ModelFolder, title: string): Promise<Record<string, string>> {
  const { info, reader } = folder;
  const v = info.predictionType === 'v_prediction';
  const architectures: Readonly<Record<string, string>> = {
    'Stable Diffusion 1': 'stable-diffusion-v1',
    'Stable Diffusion 2': v ? 'stable-diffusion-v2-768-v' : 'stable-diffusion-v2-512',
    'Stable Diffusion XL': 'stable-diffusion-xl-v1-base',
  };
  const architecture = architectures[info.family];
  return {
    format: 'pt',
    'modelspec.sai_model_spec': '1.0.0',
    ...(architecture && { 'modelspec.architecture': architecture }),
    'modelspec.implementation': 'https://github.com/Stability-AI/generative-models',
    'modelspec.title': title,
    'modelspec.resolution': `${info.defaultSize.width}x${info.defaultSize.height}`,
    ...(info.predictionType !== 'sample' && { 'modelspec.prediction_type': v ? 'v' : 'epsilon' }),
    [FOLDER_METADATA]: JSON.stringify(await smallFiles(reader, folder)),
  };
}

/** Configs, and what of a tokenizer is needed so that the checkpoint, read again, gives the same ids: nothing where it is the one that a
 *  checkpoint stands for anyway; its small files where its vocabulary is CLIP's; else all. */
async function smallFiles(reader: FolderReader, folder: ModelFolder): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  const add = async (path: string): Promise<void> => {
    const bytes = path === SCHEDULER_FILE ? await schedulerFile(reader, folder.info) : await readOptional(reader, path);
    if (bytes) files[path] = new TextDecoder().decode(bytes);
    if (bytes && path === INDEX_FILE)
      files[path] = JSON.stringify(withUsual(await readFolderJson(reader, path), folder.info.defaults), null, 2);
  };
  for (const path of configFiles) await add(path);
  const family = familyOf(folder);
  for (const [i, { tokenizer }] of folder.textEncoders.entries()) {
    const part = i === 0 ? 'tokenizer' : 'tokenizer_2';
    for (const name of await neededFiles(reader, part, tokenizer, family === 'sd2' || i === 1 ? '!' : '<|endoftext|>'))
      await add(`${part}/${name}`);
  }
  return files;
}

async function neededFiles(
  reader: FolderReader,
  part: string,
  tokenizer: ClipTokenizer,
  pad: ClipPadding,
): Promise<readonly string[]> {
  if (tokenizer.vocabSize < CLIP_VOCAB_SIZE) return tokenizerFiles;
  const merges = await clipMerges();
  const clip = (name: string): string => clipTokenizerFile(merges, pad, name)!;
  const vocabulary = { 'vocab.json': JSON.parse(clip('vocab.json')) as unknown, 'merges.txt': merges };
  const { content } = tokenizer;
  const known = { ...vocabulary, 'tokenizer_config.json': JSON.parse(clip('tokenizer_config.json')) as unknown };
  if (new ClipTokenizer(known).content === content) return [];
  const small: TokenizerFiles = {};
  for (const name of smallTokenizerFiles) {
    const bytes = await readOptional(reader, `${part}/${name}`);
    if (bytes) small[name] = parseJson(bytes, { file: `${part}/${name}` });
  }
  return Object.keys(small).length > 0 && new ClipTokenizer({ ...vocabulary, ...small }).content === content
    ? smallTokenizerFiles
    : tokenizerFiles;
}

const smallTokenizerFiles = ['tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json'] as const;
