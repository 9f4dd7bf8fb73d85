/** CLIP whole: what its config and its files say of both towers, in every layout that they come in. */
import { WinnowError } from '../../shared/errors.ts';
import { isRecord } from '../../shared/json.ts';
import { type Config, ConfigReader, limits, unsupported } from '../config.ts';
import type { TensorSource } from '../weights.ts';
import { parseTextEncoderConfig, type TextEncoderConfig, TOKEN_TABLE } from './textEncoder.ts';
import { parseVisionEncoderConfig, type VisionEncoderConfig } from './visionEncoder.ts';

export interface ClipConfig {
  /** Left out of a file that has the vision tower alone. */
  text?: TextEncoderConfig;
  vision: VisionEncoderConfig;
}

const MODEL = 'CLIPModel';
const WITH_PROJECTION = 'CLIPTextModelWithProjection';

/** Reads transformers' config.json: of a CLIPModel, or of a vision tower by itself (model_type clip_vision_model). Fields that are left out are
 *  those of ViT-B/32 with quick_gelu, whatever the weights are; `projection_dim` of the whole counts, not that of its parts; where there are
 *  `text_config_dict` and `vision_config_dict` (of 2022), they replace `text_config` and `vision_config`, defaults and all.
 *  Throws UnsupportedArchitecture with the field and its value. */
export function parseClipConfig(config: Config): ClipConfig {
  const read = new ConfigReader(config, MODEL);
  if (read.get('model_type', null) === 'clip_vision_model') return { vision: parseVisionEncoderConfig(config) };
  read.only({ model_type: ['clip', null], quantization_config: [null] });
  const projection_dim = read.int('projection_dim', 512);
  const part = (name: string): Config => {
    const own = read.get(`${name}_dict`, null) ?? read.get(name, null) ?? {};
    if (!isRecord(own)) throw unsupported(MODEL, name, own, 'an object');
    return { ...own, projection_dim };
  };
  const text = { ...part('text_config'), architectures: [WITH_PROJECTION] };
  return { text: parseTextEncoderConfig(text), vision: parseVisionEncoderConfig(part('vision_config')) };
}

/** Reads `model_cfg` of open_clip's open_clip_config.json. Throws UnsupportedArchitecture with the field and its value. */
export function parseOpenClipConfig(config: Config): ClipConfig {
  const model = 'open_clip';
  const read = new ConfigReader(config, model);
  const part = (name: string): ConfigReader => {
    const own = read.get(name, undefined);
    if (!isRecord(own)) throw unsupported(model, name, own, 'an object');
    return new ConfigReader(own, `${model} ${name}`);
  };
  const projection_dim = read.int('embed_dim');
  const hidden_act = read.flag('quick_gelu', false) ? 'quick_gelu' : 'gelu';
  const [vision, text] = [part('vision_cfg'), part('text_cfg')];
  vision.only({ timm_model_name: [null], attentional_pool: [false], global_average_pool: [false] });
  text.only({ hf_model_name: [null], embed_cls: [false], no_causal_mask: [false] });
  const inner = (of: ConfigReader, width: number): number =>
    Math.trunc(width * of.number('mlp_ratio', 4, { min: 0.01, max: 100 }));
  const [width, textWidth] = [vision.int('width', 768), text.int('width', 512)];
  const headWidth = vision.int('head_width', 64);
  if (width % headWidth !== 0) throw unsupported(model, 'head_width', headWidth, `a divisor of width (${width})`);
  return {
    vision: parseVisionEncoderConfig({
      hidden_size: width,
      intermediate_size: inner(vision, width),
      num_hidden_layers: vision.int('layers', 12, limits.textLayers),
      num_attention_heads: width / headWidth,
      image_size: vision.int('image_size', 224),
      patch_size: vision.int('patch_size', 16),
      hidden_act,
      projection_dim,
    }),
    text: parseTextEncoderConfig({
      architectures: [WITH_PROJECTION],
      vocab_size: text.int('vocab_size', 49408, limits.rows),
      hidden_size: textWidth,
      intermediate_size: inner(text, textWidth),
      num_hidden_layers: text.int('layers', 12, limits.textLayers),
      num_attention_heads: text.int('heads', 8),
      max_position_embeddings: text.int('context_length', 77, limits.tokens),
      hidden_act,
      projection_dim,
    }),
  };
}

/** By the width of the vision tower, for files that come without a config: heads, and the activation where only one is in use. Shapes tell
 *  neither, and a wrong one computes nonsense. */
const published: Readonly<Record<number, { heads: number; act?: 'gelu' }>> = {
  // ViT-B and L are OpenAI's with quick_gelu and LAION's with gelu.
  768: { heads: 12 },
  1024: { heads: 16 },
  1280: { heads: 16, act: 'gelu' },
  1664: { heads: 16, act: 'gelu' },
};

/** What the shapes of a file say (under Hugging Face's names), with what is known of published models.
 *  @param act where the caller knows it. Throws UnsupportedArchitecture where heads or activation cannot be known. */
export function clipConfigOfShapes(source: TensorSource, act?: 'gelu' | 'quick_gelu'): ClipConfig {
  const size = (name: string, axis: number): number => source.shape(name)?.[axis] ?? 0;
  const layers = (tower: string): number => {
    let count = 0;
    while (source.shape(`${tower}.encoder.layers.${count}.layer_norm1.weight`)) count++;
    return count;
  };
  const patchTable = 'vision_model.embeddings.patch_embedding.weight';
  const [width, patch] = [size(patchTable, 0), size(patchTable, 2)];
  const known = Object.hasOwn(published, width) ? published[width] : undefined;
  const hidden_act = act ?? known?.act;
  if (!known || !hidden_act)
    throw new WinnowError(
      'UnsupportedArchitecture',
      `The weights come without a config, and a vision tower ${width} wide says neither its heads nor its activation.`,
      'Put the config.json of the model (or its open_clip_config.json) beside them.',
    );
  const tokens = size('vision_model.embeddings.position_embedding.weight', 0);
  const textWidth = size(TOKEN_TABLE, 1);
  const projection_dim = size('visual_projection.weight', 0);
  return {
    vision: parseVisionEncoderConfig({
      hidden_size: width,
      intermediate_size: size('vision_model.encoder.layers.0.mlp.fc1.weight', 0),
      num_hidden_layers: layers('vision_model'),
      num_attention_heads: known.heads,
      image_size: patch * Math.round(Math.sqrt(tokens - 1)),
      patch_size: patch,
      hidden_act,
      projection_dim,
    }),
    ...(textWidth > 0 && {
      text: parseTextEncoderConfig({
        architectures: [WITH_PROJECTION],
        vocab_size: size(TOKEN_TABLE, 0),
        hidden_size: textWidth,
        intermediate_size: size('text_model.encoder.layers.0.mlp.fc1.weight', 0),
        num_hidden_layers: layers('text_model'),
        num_attention_heads: Math.max(1, textWidth / 64),
        max_position_embeddings: size('text_model.embeddings.position_embedding.weight', 0),
        hidden_act,
        projection_dim,
      }),
    }),
  };
}

/** Where a tensor of Hugging Face's names lies in a file of open_clip's. */
interface Place {
  name: string;
  /** Stored as [in, out]. */
  transposed?: boolean;
  /** Third of its rows: q, k, v. */
  third?: 0 | 1 | 2;
}

const outside: Readonly<Record<string, Place>> = {
  [TOKEN_TABLE]: { name: 'token_embedding.weight' },
  'text_model.embeddings.position_embedding.weight': { name: 'positional_embedding' },
  'text_model.final_layer_norm.weight': { name: 'ln_final.weight' },
  'text_model.final_layer_norm.bias': { name: 'ln_final.bias' },
  'text_projection.weight': { name: 'text_projection', transposed: true },
  'visual_projection.weight': { name: 'visual.proj', transposed: true },
  'vision_model.embeddings.class_embedding': { name: 'visual.class_embedding' },
  'vision_model.embeddings.patch_embedding.weight': { name: 'visual.conv1.weight' },
  'vision_model.embeddings.position_embedding.weight': { name: 'visual.positional_embedding' },
  'vision_model.pre_layrnorm.weight': { name: 'visual.ln_pre.weight' },
  'vision_model.pre_layrnorm.bias': { name: 'visual.ln_pre.bias' },
  'vision_model.post_layernorm.weight': { name: 'visual.ln_post.weight' },
  'vision_model.post_layernorm.bias': { name: 'visual.ln_post.bias' },
};

const inside: Readonly<Record<string, string>> = {
  layer_norm1: 'ln_1',
  layer_norm2: 'ln_2',
  'self_attn.out_proj': 'attn.out_proj',
  'mlp.fc1': 'mlp.c_fc',
  'mlp.fc2': 'mlp.c_proj',
};

function openClipPlace(name: string): Place {
  if (Object.hasOwn(outside, name)) return outside[name]!;
  const [, tower, layer, path, kind] =
    /^(text|vision)_model\.encoder\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name) ?? [];
  if (tower === undefined) return { name };
  const at = `${tower === 'vision' ? 'visual.' : ''}transformer.resblocks.${layer}`;
  const third = ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'].indexOf(path!);
  if (third >= 0) return { name: `${at}.attn.in_proj_${kind}`, third: third as 0 | 1 | 2 };
  return { name: `${at}.${inside[path!] ?? path}.${kind}` };
}

const outsideOf = new Map(Object.entries(outside).map(([ours, { name }]) => [name, ours]));
const insideOf = new Map<string, string[]>([
  ...Object.entries(inside).map(([ours, path]): [string, string[]] => [path, [ours]]),
  ['attn.in_proj', ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj']],
]);

/** What Hugging Face calls what lies under one of open_clip's names; its own name, of what has none there. */
function fromOpenClip(stored: string): string[] {
  const [, visual, layer, path, kind] =
    /^(visual\.)?transformer\.resblocks\.(\d+)\.(.+)[._](weight|bias)$/.exec(stored) ?? [];
  if (layer === undefined) return [outsideOf.get(stored) ?? stored];
  const at = `${visual ? 'vision' : 'text'}_model.encoder.layers.${layer}`;
  return (insideOf.get(path!) ?? [path!]).map((ours) => `${at}.${ours}.${kind}`);
}

/** Keys that are in every file with a vision tower, by layout. */
const marks = {
  huggingFace: 'vision_model.embeddings.patch_embedding.weight',
  openClip: 'visual.conv1.weight',
} as const;

/** The tensors of a file under Hugging Face's names, in its own numbers: of either layout, whatever stands before its keys (`module.`, `model.`,
 *  `clip.`). Throws MissingTensor for a file without a vision tower. */
export function clipTensors(source: TensorSource, file: string): TensorSource {
  const find = (mark: string): string | undefined =>
    source.names.find((name) => name === mark || name.endsWith(`.${mark}`))?.slice(0, -mark.length);
  const plain = find(marks.huggingFace);
  const prefix = plain ?? find(marks.openClip);
  if (prefix === undefined)
    throw new WinnowError(
      'MissingTensor',
      `${file} has no vision tower of CLIP (neither ${marks.huggingFace} nor ${marks.openClip}).`,
      'Take the whole model, with both towers.',
    );
  const places = new Map<string, Place>();
  const place = (name: string): Place => {
    let found = places.get(name);
    if (!found) {
      const own = plain === undefined ? openClipPlace(name) : { name };
      places.set(name, (found = { ...own, name: prefix + own.name }));
    }
    return found;
  };
  const part = async <T extends Float32Array | Uint16Array>(
    name: string,
    all: (stored: string) => Promise<T>,
  ): Promise<T> => {
    const { name: stored, transposed, third } = place(name);
    const data = await all(stored);
    if (third !== undefined) return data.slice((data.length / 3) * third, (data.length / 3) * (third + 1)) as T;
    return transposed ? transpose(data, source.shape(stored)!) : data;
  };
  const { half, readHalf } = source;
  const own = source.names.flatMap((name) => (name.startsWith(prefix) ? name.slice(prefix.length) : []));
  return {
    names: plain === undefined ? own.flatMap(fromOpenClip) : own,
    shape: (name) => {
      const { name: stored, transposed, third } = place(name);
      const shape = source.shape(stored);
      if (!shape) return undefined;
      if (third !== undefined) return [shape[0]! / 3, ...shape.slice(1)];
      return transposed ? shape.toReversed() : shape;
    },
    read: (name) => part(name, (stored) => source.read(stored)),
    ...(half &&
      readHalf && {
        half: (name: string) => half.call(source, place(name).name),
        readHalf: (name: string) => part(name, (stored) => readHalf.call(source, stored)),
      }),
    ...(source.readRows && {
      readRows: (name: string, begin: number, end: number) => source.readRows!(place(name).name, begin, end),
    }),
  };
}

function transpose<T extends Float32Array | Uint16Array>(data: T, shape: readonly number[]): T {
  const [rows, columns] = shape as [number, number];
  const out = data.slice() as T;
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j]!;
  return out;
}
