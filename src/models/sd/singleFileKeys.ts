/** Where diffusers' tensors lie in a checkpoint of one file, in the original Stable Diffusion layout (CompVis, Stability AI): the way there, which
 *  an export takes, and by looking names up, the way back. Keys follow from the config, not from one model: diffusers
 *  loaders/single_file_utils.py (convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint, convert_open_clip_checkpoint). */
import type { Shape } from '../../shared/shape.ts';
import type { UNetConfig } from './config.ts';
import type { VaeConfig } from './vae.ts';

export interface Place {
  /** In the file. */
  key: string;
  /** OpenCLIP keeps q, k and v one below the other: which third of the rows. */
  third?: 0 | 1 | 2;
  /** How the file has the matrix: transposed, or as the kernel of a convolution over one pixel. */
  form?: 'transposed' | 'kernel';
}

/** The shape under which the file has a tensor of diffusers' `shape`. */
export function storedShape({ third, form }: Place, shape: Shape): Shape {
  if (third !== undefined) return [3 * shape[0]!, ...shape.slice(1)];
  if (form === 'transposed') return shape.toReversed();
  return form === 'kernel' ? [...shape, 1, 1] : shape;
}

/** Undefined for a tensor that the layout has no place for. */
export type Places = (name: string) => Place | undefined;

export const UNET_PREFIX = 'model.diffusion_model.';
export const VAE_PREFIX = 'first_stage_model.';

/** Replaces the first name of the table that a path begins with: `conv1.weight` → `in_layers.2.weight`. */
function renamed(path: string, table: Readonly<Record<string, string>>): string {
  const found = Object.keys(table).find((from) => path.startsWith(`${from}.`));
  return found === undefined ? path : table[found]! + path.slice(found.length);
}

const unetTop = {
  'time_embedding.linear_1': 'time_embed.0',
  'time_embedding.linear_2': 'time_embed.2',
  'add_embedding.linear_1': 'label_emb.0.0',
  'add_embedding.linear_2': 'label_emb.0.2',
  conv_in: 'input_blocks.0.0',
  conv_norm_out: 'out.0',
  conv_out: 'out.2',
};

const unetLayers: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  resnets: {
    norm1: 'in_layers.0',
    conv1: 'in_layers.2',
    time_emb_proj: 'emb_layers.1',
    norm2: 'out_layers.0',
    conv2: 'out_layers.3',
    conv_shortcut: 'skip_connection',
  },
  attentions: {},
  downsamplers: { conv: 'op' },
  upsamplers: {},
};

/** Blocks are numbered through, input and output each: a resnet with its attention is one, a downsampler is one of its own, an upsampler
 *  belongs to the block before it. */
function unetModules(config: UNetConfig): Map<string, string> {
  const modules = new Map<string, string>();
  const last = config.block_out_channels.length - 1;
  let n = 1;
  config.down_block_types.forEach((_, i) => {
    for (let j = 0; j < config.layers_per_block[i]!; j++, n++) {
      modules.set(`down_blocks.${i}.resnets.${j}`, `input_blocks.${n}.0`);
      modules.set(`down_blocks.${i}.attentions.${j}`, `input_blocks.${n}.1`);
    }
    if (i < last) modules.set(`down_blocks.${i}.downsamplers.0`, `input_blocks.${n++}.0`);
  });
  modules.set('mid_block.resnets.0', 'middle_block.0');
  modules.set('mid_block.attentions.0', 'middle_block.1');
  modules.set('mid_block.resnets.1', 'middle_block.2');
  n = 0;
  config.up_block_types.forEach((type, i) => {
    const layers = config.layers_per_block[last - i]! + 1;
    for (let j = 0; j < layers; j++, n++) {
      modules.set(`up_blocks.${i}.resnets.${j}`, `output_blocks.${n}.0`);
      modules.set(`up_blocks.${i}.attentions.${j}`, `output_blocks.${n}.1`);
    }
    if (i < last)
      modules.set(`up_blocks.${i}.upsamplers.0`, `output_blocks.${n - 1}.${type === 'CrossAttnUpBlock2D' ? 2 : 1}`);
  });
  return modules;
}

export function unetPlaces(config: UNetConfig): Places {
  const modules = unetModules(config);
  return (name) => {
    const top = renamed(name, unetTop);
    if (top !== name) return { key: UNET_PREFIX + top };
    const match = /^((?:down_blocks|up_blocks)\.\d+|mid_block)\.(\w+)\.(\d+)\.(.+)$/.exec(name);
    if (!match) return undefined;
    const [, block, kind, index, rest] = match as unknown as [string, string, string, string, string];
    const module = modules.get(`${block}.${kind}.${index}`);
    return module === undefined ? undefined : { key: `${UNET_PREFIX}${module}.${renamed(rest, unetLayers[kind]!)}` };
  };
}

const vaeAttention = { group_norm: 'norm', to_q: 'q', to_k: 'k', to_v: 'v', 'to_out.0': 'proj_out' };

/** @param prefix `first_stage_model.`, or `vae.` in files that other tools wrote. An AutoencoderTiny has no place in the original layout; it is
 *  kept as ComfyUI keeps it, under the layer numbers of https://github.com/madebyollin/taesd, whose decoder begins with a clamp. */
export function vaePlaces(config: VaeConfig, prefix = VAE_PREFIX): Places {
  if (config.kind === 'AutoencoderTiny') {
    return (name) => {
      const match = /^(encoder|decoder)\.layers\.(\d+)\.(.+)$/.exec(name);
      return match
        ? { key: `${prefix}taesd_${match[1]}.${Number(match[2]) + (match[1] === 'decoder' ? 1 : 0)}.${match[3]}` }
        : undefined;
    };
  }
  const last = config.block_out_channels.length - 1;
  return (name) => {
    if (name.startsWith('quant_conv.') || name.startsWith('post_quant_conv.')) return { key: prefix + name };
    const match = /^(encoder|decoder)\.(.+)$/.exec(name);
    if (!match) return undefined;
    const [, side, path] = match as unknown as [string, string, string];
    const place = (key: string, form?: Place['form']): Place => ({
      key: `${prefix}${side}.${key}`,
      ...(form && { form }),
    });
    if (/^conv_(in|out|norm_out)\./.test(path)) return place(renamed(path, { conv_norm_out: 'norm_out' }));
    const mid = /^mid_block\.(resnets|attentions)\.(\d+)\.(.+)$/.exec(path);
    if (mid?.[1] === 'resnets') return place(`mid.block_${Number(mid[2]) + 1}.${mid[3]}`);
    // Attention over pixels was written with convolutions.
    if (mid)
      return place(
        `mid.attn_1.${renamed(mid[3]!, vaeAttention)}`,
        /^to_.*weight$/.test(mid[3]!) ? 'kernel' : undefined,
      );
    const block = /^(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.+)$/.exec(path);
    if (!block) return undefined;
    const [, way, i, kind, j, rest] = block as unknown as [string, 'down' | 'up', string, string, string, string];
    // Both ways count from the full size on.
    const level = way === 'down' ? Number(i) : last - Number(i);
    if (kind === 'resnets')
      return place(`${way}.${level}.block.${j}.${renamed(rest, { conv_shortcut: 'nin_shortcut' })}`);
    return kind === `${way}samplers` ? place(`${way}.${level}.${way}sample.${rest}`) : undefined;
  };
}

/** @param prefix what stands before `text_model.` or, in older files, in its place. */
export const clipPlaces =
  (prefix: string): Places =>
  (name) =>
    name.startsWith('text_model.') ? { key: prefix + name.slice('text_model.'.length) } : undefined;

const openClipTop: Readonly<Record<string, string>> = {
  'text_model.embeddings.token_embedding.weight': 'token_embedding.weight',
  'text_model.embeddings.position_embedding.weight': 'positional_embedding',
  'text_model.final_layer_norm.weight': 'ln_final.weight',
  'text_model.final_layer_norm.bias': 'ln_final.bias',
};

const openClipLayer = {
  layer_norm1: 'ln_1',
  layer_norm2: 'ln_2',
  'mlp.fc1': 'mlp.c_fc',
  'mlp.fc2': 'mlp.c_proj',
  'self_attn.out_proj': 'attn.out_proj',
};

/** An encoder of OpenCLIP, of Stable Diffusion 2 and SDXL's second. */
export const openClipPlaces =
  (prefix: string): Places =>
  (name) => {
    if (name === 'text_projection.weight') return { key: `${prefix}text_projection`, form: 'transposed' };
    const top = openClipTop[name];
    if (top) return { key: prefix + top };
    const match = /^text_model\.encoder\.layers\.(\d+)\.(.+)$/.exec(name);
    if (!match) return undefined;
    const [, layer, rest] = match as unknown as [string, string, string];
    const at = `${prefix}transformer.resblocks.${layer}.`;
    const projection = /^self_attn\.([qkv])_proj\.(weight|bias)$/.exec(rest);
    if (projection)
      return { key: `${at}attn.in_proj_${projection[2]}`, third: 'qkv'.indexOf(projection[1]!) as 0 | 1 | 2 };
    const key = renamed(rest, openClipLayer);
    return key === rest ? undefined : { key: at + key };
  };

/** A matrix of so many rows, by columns. */
export function transposed<T extends Float32Array | Uint16Array>(matrix: T, rows: number): T {
  const columns = matrix.length / rows;
  const out = matrix.slice() as T;
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = matrix[i * columns + j]!;
  return out;
}
