/** UNet2DConditionModel's config.json: the fields of Stable Diffusion 1, 2 and XL (and what was distilled from them), under diffusers'
 *  names and defaults (unet_2d_condition.py). What is not implemented is refused by field and value. */
import type { UnaryFn } from '../../graph/ops.ts';
import { type Config, ConfigReader, limits, unsupported } from '../config.ts';

export type DownBlockType = 'DownBlock2D' | 'CrossAttnDownBlock2D';
export type UpBlockType = 'UpBlock2D' | 'CrossAttnUpBlock2D';
export type MidBlockType = 'UNetMidBlock2DCrossAttn' | 'UNetMidBlock2D' | null;

/** Lists by block are filled out: one entry a block, transformer layers one entry a layer of the block. */
export interface UNetConfig {
  sample_size: [number, number] | null;
  in_channels: number;
  out_channels: number;
  center_input_sample: boolean;
  flip_sin_to_cos: boolean;
  freq_shift: number;
  down_block_types: DownBlockType[];
  mid_block_type: MidBlockType;
  up_block_types: UpBlockType[];
  only_cross_attention: boolean[];
  block_out_channels: number[];
  layers_per_block: number[];
  downsample_padding: number;
  mid_block_scale_factor: number;
  act_fn: UnaryFn;
  norm_num_groups: number;
  norm_eps: number;
  /** Width of the text's tokens. The file may give one a block; every block that attends is handed the same text, so they must agree. */
  cross_attention_dim: number;
  /** Down blocks, in order. */
  transformer_layers_per_block: number[][];
  /** Up blocks, in order; they have one layer more. */
  up_transformer_layers_per_block: number[][];
  mid_transformer_layers: number;
  /** Heads by block: what the file calls attention_head_dim (diffusers issue 2011). */
  num_attention_heads: number[];
  use_linear_projection: boolean;
  /** LCM: width of the guidance scale's embedding that may be given beside the timestep; 0 if it takes none. */
  time_cond_proj_dim: number;
  /** What `class_labels` are: null for none; `embedding` (a null class_embed_type with num_class_embeds) for ids. */
  class_embed_type: 'embedding' | 'timestep' | 'identity' | 'projection' | 'simple_projection' | null;
  num_class_embeds: number;
  addition_embed_type: 'text_time' | null;
  addition_time_embed_dim: number;
  projection_class_embeddings_input_dim: number;
  time_embedding_dim: number;
  conv_in_kernel: number;
  conv_out_kernel: number;
}

const activations: Readonly<Record<string, UnaryFn>> = { silu: 'silu', swish: 'silu', gelu: 'gelu', relu: 'relu' };
const CROSS_DOWN = 'CrossAttnDownBlock2D';
const CROSS_UP = 'CrossAttnUpBlock2D';

/** One entry a block, each a number for all its layers or a list by layer. */
function transformerLayers(read: ConfigReader, field: string, value: unknown, layers: readonly number[]): number[][] {
  const wrong = unsupported(
    read.model,
    field,
    value,
    `a number up to ${limits.depth}, one a block, or one a layer of each block`,
  );
  // 0 is allowed: a block without attention ignores it, one with attention keeps its projections.
  const isInt = (n: unknown): n is number => Number.isInteger(n) && (n as number) >= 0 && (n as number) <= limits.depth;
  const blocks = Array.isArray(value) ? (value as unknown[]) : layers.map(() => value);
  if (blocks.length !== layers.length) throw wrong;
  return blocks.map((block, i) => {
    if (isInt(block)) return Array<number>(layers[i]!).fill(block);
    if (!Array.isArray(block) || !block.every(isInt) || block.length < layers[i]!) throw wrong;
    return block.slice(0, layers[i]);
  });
}

function onlyCrossAttention(read: ConfigReader, blocks: number): boolean[] {
  const value = read.get('only_cross_attention', false);
  if (typeof value === 'boolean') return Array<boolean>(blocks).fill(value);
  if (Array.isArray(value) && value.length === blocks && value.every((flag) => typeof flag === 'boolean')) return value;
  throw unsupported(read.model, 'only_cross_attention', value, 'true, false or one of them a block');
}

function sampleSize(read: ConfigReader): [number, number] | null {
  const value = read.get('sample_size', null);
  if (value === null) return null;
  const [height, width] = read.ints('sample_size', value, { length: 2 });
  return [height!, width!];
}

function kernel(read: ConfigReader, field: string): number {
  return read.oneOf(field, 3, [1, 3, 5, 7, 9, 11]);
}

/** Reads and checks a config.json. Throws UnsupportedArchitecture with the field and its value. */
export function parseUNetConfig(config: Config): UNetConfig {
  const read = new ConfigReader(config, 'UNet2DConditionModel');
  read.only({
    _class_name: ['UNet2DConditionModel'],
    dropout: [0],
    // diffusers refuses it too; the number of heads goes by the name attention_head_dim (issue 2011).
    num_attention_heads: [null],
    encoder_hid_dim: [null],
    encoder_hid_dim_type: [null],
    dual_cross_attention: [false, null],
    resnet_time_scale_shift: ['default'],
    resnet_skip_time_act: [false, null],
    resnet_out_scale_factor: [1],
    time_embedding_type: ['positional'],
    time_embedding_act_fn: [null],
    timestep_post_act: [null],
    attention_type: ['default'],
    class_embeddings_concat: [false, null],
    mid_block_only_cross_attention: [null, false],
    cross_attention_norm: [null],
    // Everything is f32 here, so upcasting changes nothing. SDXL's file says null.
    upcast_attention: [false, true, null],
    quantization_config: [null],
  });

  // Very old checkpoints prefix block types with UNetRes; diffusers drops it (get_down_block, get_up_block).
  const types = (field: string, fallback: readonly string[]): Config => {
    const value = read.get(field, fallback);
    return {
      [field]: Array.isArray(value)
        ? value.map((type: unknown) => (typeof type === 'string' ? type.replace(/^UNetRes/, '') : type))
        : value,
    };
  };
  const down = new ConfigReader(
    types('down_block_types', [CROSS_DOWN, CROSS_DOWN, CROSS_DOWN, 'DownBlock2D']),
    read.model,
  ).strings<DownBlockType>('down_block_types', [], ['DownBlock2D', CROSS_DOWN]);
  const blocks = down.length;
  const up = new ConfigReader(
    types('up_block_types', ['UpBlock2D', CROSS_UP, CROSS_UP, CROSS_UP]),
    read.model,
  ).strings<UpBlockType>('up_block_types', [], ['UpBlock2D', CROSS_UP], blocks);
  const channels = read.ints('block_out_channels', [320, 640, 1280, 1280]);
  if (channels.length !== blocks)
    throw unsupported(read.model, 'block_out_channels', channels, `${blocks} entries, one a down block`);

  const layers = read.ints('layers_per_block', 2, { length: blocks, max: limits.blockLayers });
  const depths = read.get('transformer_layers_per_block', 1);
  const reversed = read.get('reverse_transformer_layers_per_block', null);
  const downDepths = transformerLayers(read, 'transformer_layers_per_block', depths, layers);
  const upLayers = layers.toReversed().map((n) => n + 1);
  if (reversed === null && Array.isArray(depths) && depths.some(Array.isArray)) {
    throw unsupported(
      read.model,
      'reverse_transformer_layers_per_block',
      null,
      'depths by layer for the way up, where the way down has them',
    );
  }
  const upDepths =
    reversed === null
      ? transformerLayers(
          read,
          'transformer_layers_per_block',
          Array.isArray(depths) ? depths.toReversed() : depths,
          upLayers,
        )
      : transformerLayers(read, 'reverse_transformer_layers_per_block', reversed, upLayers);
  if ([...downDepths, ...upDepths].flat().reduce((sum, depth) => sum + depth, 0) > limits.depths)
    throw unsupported(
      read.model,
      'transformer_layers_per_block',
      depths,
      `at most ${limits.depths} transformer layers in all`,
    );

  const heads = read.ints('attention_head_dim', 8, { length: blocks });
  const groups = read.int('norm_num_groups', 32);
  const mid = read.oneOf<MidBlockType>('mid_block_type', 'UNetMidBlock2DCrossAttn', [
    'UNetMidBlock2DCrossAttn',
    'UNetMidBlock2D',
    null,
  ]);
  const attends = channels.map(
    (_, i) =>
      down[i] === CROSS_DOWN ||
      up[blocks - 1 - i] === CROSS_UP ||
      (i === blocks - 1 && mid === 'UNetMidBlock2DCrossAttn'),
  );
  const contexts = read.ints('cross_attention_dim', 1280, { length: blocks });
  const context = contexts.find((_, i) => attends[i]) ?? contexts[0]!;
  if (contexts.some((width, i) => attends[i] && width !== context))
    throw unsupported(
      read.model,
      'cross_attention_dim',
      contexts,
      'one width for every block that attends to the text',
    );
  channels.forEach((width, i) => {
    if (width % groups !== 0)
      throw unsupported(
        read.model,
        'norm_num_groups',
        groups,
        `a divisor of every entry of block_out_channels (${channels.join(', ')})`,
      );
    if (!attends[i]) return;
    if (width % heads[i]! !== 0)
      throw unsupported(
        read.model,
        'attention_head_dim',
        heads,
        `numbers of heads that divide block_out_channels (${channels.join(', ')})`,
      );
    if (width / heads[i]! > 256)
      throw unsupported(read.model, 'attention_head_dim', heads, 'heads of at most 256 channels');
  });
  const labels = read.oneOf('class_embed_type', null, [
    null,
    'timestep',
    'identity',
    'projection',
    'simple_projection',
  ] as const);
  // diffusers looks at the number only where there is no type.
  const classes =
    labels === null && read.get('num_class_embeds', null) !== null
      ? read.int('num_class_embeds', undefined, limits.rows)
      : 0;
  const act = read.oneOf('act_fn', 'silu', Object.keys(activations));
  const addition = read.oneOf<'text_time' | null>('addition_embed_type', null, [null, 'text_time']);
  const sizesWidth = addition ? read.int('addition_time_embed_dim') : 0;
  const projected = addition || labels?.endsWith('projection') ? read.int('projection_class_embeddings_input_dim') : 0;
  if (addition && projected <= 6 * sizesWidth)
    throw unsupported(
      read.model,
      'projection_class_embeddings_input_dim',
      projected,
      `a text embedding beside six sizes of addition_time_embed_dim (${sizesWidth}) each`,
    );

  return {
    sample_size: sampleSize(read),
    in_channels: read.int('in_channels', 4),
    out_channels: read.int('out_channels', 4),
    center_input_sample: read.flag('center_input_sample', false),
    flip_sin_to_cos: read.flag('flip_sin_to_cos', true),
    freq_shift: read.number('freq_shift', 0, { min: 0, max: 1 }),
    down_block_types: down,
    mid_block_type: mid,
    up_block_types: up,
    only_cross_attention: onlyCrossAttention(read, blocks),
    block_out_channels: channels,
    layers_per_block: layers,
    downsample_padding: read.oneOf('downsample_padding', 1, [1, 0]),
    mid_block_scale_factor: read.factor('mid_block_scale_factor', 1),
    act_fn: activations[act]!,
    norm_num_groups: groups,
    norm_eps: read.number('norm_eps', 1e-5, { min: 0, max: 1 }),
    cross_attention_dim: context,
    transformer_layers_per_block: downDepths,
    up_transformer_layers_per_block: upDepths,
    mid_transformer_layers: downDepths[blocks - 1]![0]!,
    num_attention_heads: heads,
    use_linear_projection: read.flag('use_linear_projection', false),
    time_cond_proj_dim: read.get('time_cond_proj_dim', null) === null ? 0 : read.int('time_cond_proj_dim'),
    class_embed_type: classes > 0 ? 'embedding' : labels,
    num_class_embeds: classes,
    addition_embed_type: addition,
    addition_time_embed_dim: sizesWidth,
    projection_class_embeddings_input_dim: projected,
    time_embedding_dim:
      read.get('time_embedding_dim', null) === null ? channels[0]! * 4 : read.int('time_embedding_dim'),
    conv_in_kernel: kernel(read, 'conv_in_kernel'),
    conv_out_kernel: kernel(read, 'conv_out_kernel'),
  };
}
