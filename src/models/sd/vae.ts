/** AutoencoderKL and AutoencoderTiny as graphs: images [B, 3, H, W] in [-1, 1] to latents [B, C, h, w] and back. Module paths and keys
 *  are diffusers' (autoencoders/vae.py). Scaling by scaling_factor is the pipeline's work. */
import { Graph, type Value } from '../../graph/graph.ts';
import type { UnaryFn } from '../../graph/ops.ts';
import { type Config, ConfigReader, limits, unsupported } from '../config.ts';
import { type LayerOptions, Layers } from '../layers.ts';
import { parametersOf } from '../weights.ts';
import { resnetBlock } from './blocks.ts';

interface VaeCommon {
  in_channels: number;
  out_channels: number;
  latent_channels: number;
  /** The diffusion model sees latents * scaling_factor. */
  scaling_factor: number;
  act_fn: UnaryFn;
}

export interface AutoencoderKLConfig extends VaeCommon {
  kind: 'AutoencoderKL';
  block_out_channels: number[];
  layers_per_block: number;
  norm_num_groups: number;
  use_quant_conv: boolean;
  use_post_quant_conv: boolean;
  mid_block_add_attention: boolean;
}

export interface AutoencoderTinyConfig extends VaeCommon {
  kind: 'AutoencoderTiny';
  encoder_block_out_channels: number[];
  decoder_block_out_channels: number[];
  num_encoder_blocks: number[];
  num_decoder_blocks: number[];
  upsampling_scaling_factor: number;
}

export type VaeConfig = AutoencoderKLConfig | AutoencoderTinyConfig;

const activations: Readonly<Record<string, UnaryFn>> = { silu: 'silu', swish: 'silu', gelu: 'gelu', relu: 'relu' };

function common(read: ConfigReader, act: string, scalingFactor: number): VaeCommon {
  // A shift is Stable Diffusion 3's and Flux's: the pipelines of 1, 2 and XL would leave it out.
  read.only({ latents_mean: [null], latents_std: [null], shift_factor: [null, 0], quantization_config: [null] });
  return {
    in_channels: read.int('in_channels', 3),
    out_channels: read.int('out_channels', 3),
    latent_channels: read.int('latent_channels', 4),
    scaling_factor: read.factor('scaling_factor', scalingFactor),
    act_fn: activations[read.oneOf('act_fn', act, Object.keys(activations))]!,
  };
}

export const vaeKinds = ['AutoencoderKL', 'AutoencoderTiny'] as const;

/** Reads config.json of either class. Throws UnsupportedArchitecture with the field and its value. */
export function parseVaeConfig(config: Config): VaeConfig {
  const kind = new ConfigReader(config, 'autoencoder').oneOf('_class_name', undefined, vaeKinds);
  const read = new ConfigReader(config, kind);
  if (kind === 'AutoencoderKL') {
    const channels = read.ints('block_out_channels', [64]);
    read.strings('down_block_types', ['DownEncoderBlock2D'], ['DownEncoderBlock2D'], channels.length);
    read.strings('up_block_types', ['UpDecoderBlock2D'], ['UpDecoderBlock2D'], channels.length);
    const groups = read.int('norm_num_groups', 32);
    if (channels.some((width) => width % groups !== 0))
      throw unsupported(
        kind,
        'norm_num_groups',
        groups,
        `a divisor of every entry of block_out_channels (${channels.join(', ')})`,
      );
    return {
      kind,
      ...common(read, 'silu', 0.18215),
      block_out_channels: channels,
      layers_per_block: read.int('layers_per_block', 1, limits.blockLayers),
      norm_num_groups: groups,
      use_quant_conv: read.flag('use_quant_conv', true),
      use_post_quant_conv: read.flag('use_post_quant_conv', true),
      mid_block_add_attention: read.flag('mid_block_add_attention', true),
    };
  }
  read.only({ upsample_fn: ['nearest'] });
  const encoderBlocks = read.counts('num_encoder_blocks', [1, 3, 3, 3], limits.blockLayers);
  const decoderBlocks = read.counts('num_decoder_blocks', [3, 3, 3, 1], limits.blockLayers);
  const widths = (field: string, stages: number): number[] => {
    const value = read.ints(field, [64, 64, 64, 64]);
    // A stage's first convolution takes its own width (autoencoders/vae.py, EncoderTiny), so only equal widths fit together.
    if (value.length !== stages || value.some((width) => width !== value[0]))
      throw unsupported(kind, field, value, `${stages} equal widths, one a stage`);
    return value;
  };
  const tiny: AutoencoderTinyConfig = {
    kind,
    ...common(read, 'relu', 1),
    encoder_block_out_channels: widths('encoder_block_out_channels', encoderBlocks.length),
    decoder_block_out_channels: widths('decoder_block_out_channels', decoderBlocks.length),
    num_encoder_blocks: encoderBlocks,
    num_decoder_blocks: decoderBlocks,
    upsampling_scaling_factor: read.int('upsampling_scaling_factor', 2),
  };
  if (vaeScaleFactor(tiny) > limits.vaeFactor)
    throw unsupported(
      kind,
      'upsampling_scaling_factor',
      tiny.upsampling_scaling_factor,
      `up to ${limits.vaeFactor} pixels a latent, in ${decoderBlocks.length} stages`,
    );
  return tiny;
}

/** Image pixels per latent pixel, along one axis. */
export function vaeScaleFactor(config: VaeConfig): number {
  return config.kind === 'AutoencoderKL'
    ? 2 ** (config.block_out_channels.length - 1)
    : config.upsampling_scaling_factor ** (config.num_decoder_blocks.length - 1);
}

interface PlaneSize {
  batch?: number;
  height: number;
  width: number;
}

/** The encoder as a graph of its own: `image` [B, in_channels, H, W] in [-1, 1] → `mean` and `logvar` (clamped to [-30, 20]) of an
 *  AutoencoderKL's posterior, or the one code of an AutoencoderTiny as `mean`; all [B, latent_channels, h, w].
 *  @param size of the image. */
export function vaeEncoderGraph(
  config: VaeConfig,
  { batch = 1, height, width }: PlaneSize,
  options: LayerOptions = {},
): Graph {
  const graph = new Graph();
  const image = graph.input('image', [batch, config.in_channels, height, width]);
  const { mean, logvar } = buildVaeEncoder(graph, config, image, options);
  graph.output('mean', mean);
  if (logvar) graph.output('logvar', logvar);
  return graph;
}

/** The decoder as a graph of its own: `latents` [B, latent_channels, h, w], already divided by scaling_factor → `image` [B, 3, H, W], about
 *  [-1, 1].
 *  @param size of the latents. */
export function vaeDecoderGraph(
  config: VaeConfig,
  { batch = 1, height, width }: PlaneSize,
  options: LayerOptions = {},
): Graph {
  const graph = new Graph();
  const latents = graph.input('latents', [batch, config.latent_channels, height, width]);
  graph.output('image', buildVaeDecoder(graph, config, latents, options));
  return graph;
}

/** The tensors of both halves, by their names and shapes: the encoder's first. */
export function vaeParameters(config: VaeConfig): Value[] {
  const side = vaeScaleFactor(config);
  const halves = [
    vaeEncoderGraph(config, { height: side, width: side }),
    vaeDecoderGraph(config, { height: 1, width: 1 }),
  ];
  return halves.flatMap(parametersOf);
}

function buildVaeEncoder(
  graph: Graph,
  config: VaeConfig,
  image: Value,
  options: LayerOptions,
): { mean: Value; logvar?: Value } {
  const layers = new Layers(graph, options);
  if (config.kind === 'AutoencoderTiny') return { mean: tinyEncoder(layers, config, image) };

  const { block_out_channels: channels, latent_channels: latent } = config;
  const last = channels.length - 1;
  let hidden = layers.conv('encoder.conv_in', image, channels[0]!);
  channels.forEach((out, i) => {
    const path = `encoder.down_blocks.${i}`;
    for (let j = 0; j < config.layers_per_block; j++)
      hidden = resnet(layers, config, `${path}.resnets.${j}`, hidden, out);
    // One row and column at the bottom and right, none at the top and left (downsampling.py, padding=0).
    if (i < last)
      hidden = layers.conv(`${path}.downsamplers.0.conv`, hidden, out, { stride: 2, padding: [0, 0, 1, 1] });
  });
  hidden = midBlock(layers, config, 'encoder.mid_block', hidden);
  hidden = layers.groupNorm('encoder.conv_norm_out', hidden, {
    groups: config.norm_num_groups,
    eps: 1e-6,
    act: 'silu',
  });
  let moments = layers.conv('encoder.conv_out', hidden, 2 * latent);
  if (config.use_quant_conv) moments = layers.conv('quant_conv', moments, 2 * latent, { kernel: 1 });
  const mean = graph.op('slice', { axis: 1, start: 0, length: latent }, [moments], 'latent_dist.mean');
  const logvar = graph.op('slice', { axis: 1, start: latent, length: latent }, [moments], 'latent_dist.logvar');
  return { mean, logvar: graph.op('clamp', { min: -30, max: 20 }, [logvar], 'latent_dist.clamp') };
}

function buildVaeDecoder(graph: Graph, config: VaeConfig, latents: Value, options: LayerOptions): Value {
  const layers = new Layers(graph, options);
  if (config.kind === 'AutoencoderTiny') return tinyDecoder(layers, config, latents);

  const channels = config.block_out_channels.toReversed();
  const last = channels.length - 1;
  let hidden = config.use_post_quant_conv
    ? layers.conv('post_quant_conv', latents, config.latent_channels, { kernel: 1 })
    : latents;
  hidden = layers.conv('decoder.conv_in', hidden, channels[0]!);
  hidden = midBlock(layers, config, 'decoder.mid_block', hidden);
  channels.forEach((out, i) => {
    const path = `decoder.up_blocks.${i}`;
    for (let j = 0; j <= config.layers_per_block; j++)
      hidden = resnet(layers, config, `${path}.resnets.${j}`, hidden, out);
    if (i < last)
      hidden = layers.conv(`${path}.upsamplers.0.conv`, upsample(layers, `${path}.upsamplers.0`, hidden, 2), out);
  });
  hidden = layers.groupNorm('decoder.conv_norm_out', hidden, {
    groups: config.norm_num_groups,
    eps: 1e-6,
    act: 'silu',
  });
  return layers.conv('decoder.conv_out', hidden, config.out_channels);
}

function resnet(layers: Layers, config: AutoencoderKLConfig, path: string, x: Value, out: number): Value {
  return resnetBlock(layers, path, x, { out, groups: config.norm_num_groups, eps: 1e-6, act: config.act_fn });
}

function upsample(layers: Layers, path: string, x: Value, factor: number): Value {
  return layers.graph.op('upsampleNearest', { height: x.shape[2]! * factor, width: x.shape[3]! * factor }, [x], path);
}

/** UNetMidBlock2D: resnet, one-headed self-attention over pixels (if the config has it), resnet. */
function midBlock(layers: Layers, config: AutoencoderKLConfig, path: string, x: Value): Value {
  const [, channels, height, width] = x.shape as [number, number, number, number];
  let hidden = resnet(layers, config, `${path}.resnets.0`, x, channels);
  if (config.mid_block_add_attention) {
    const at = `${path}.attentions.0`;
    const tokens = layers.toTokens(
      at,
      layers.groupNorm(`${at}.group_norm`, hidden, { groups: config.norm_num_groups, eps: 1e-6 }),
    );
    const [q, k, v] = ['to_q', 'to_k', 'to_v'].map((name) => layers.linear(`${at}.${name}`, tokens, channels)) as [
      Value,
      Value,
      Value,
    ];
    const attended = layers.linear(
      `${at}.to_out.0`,
      layers.graph.op('attention', { heads: 1, causal: false }, [q, k, v], at),
      channels,
    );
    hidden = layers.graph.op('add', {}, [layers.toImage(at, attended, height, width), hidden], `${at}.residual`);
  }
  return resnet(layers, config, `${path}.resnets.1`, hidden, channels);
}

/** AutoencoderTinyBlock: three convolutions, the input added, ReLU. */
function tinyBlock(layers: Layers, path: string, x: Value, act: UnaryFn): Value {
  const width = x.shape[1]!;
  let hidden = layers.unary(`${path}.conv.1`, layers.conv(`${path}.conv.0`, x, width), act);
  hidden = layers.unary(`${path}.conv.3`, layers.conv(`${path}.conv.2`, hidden, width), act);
  return layers.unary(`${path}.fuse`, layers.conv(`${path}.conv.4`, hidden, width, { residual: x }), 'relu');
}

function tinyEncoder(layers: Layers, config: AutoencoderTinyConfig, image: Value): Value {
  let index = 0;
  const next = (): string => `encoder.layers.${index++}`;
  let hidden = layers.graph.op('affine', { factor: 0.5, shift: 0.5 }, [image], 'encoder.to_unit');
  config.num_encoder_blocks.forEach((blocks, i) => {
    const width = config.encoder_block_out_channels[i]!;
    hidden =
      i === 0
        ? layers.conv(next(), hidden, width)
        : layers.conv(next(), hidden, width, { stride: 2, padding: 1, bias: false });
    for (let j = 0; j < blocks; j++) hidden = tinyBlock(layers, next(), hidden, config.act_fn);
  });
  return layers.conv(next(), hidden, config.latent_channels);
}

function tinyDecoder(layers: Layers, config: AutoencoderTinyConfig, latents: Value): Value {
  const { graph } = layers;
  let index = 0;
  const next = (): string => `decoder.layers.${index++}`;
  const clamped = graph.op('affine', { factor: 1 / 3, shift: 0 }, [latents], 'decoder.third');
  let hidden = graph.op(
    'affine',
    { factor: 3, shift: 0 },
    [layers.unary('decoder.tanh', clamped, 'tanh')],
    'decoder.clamped',
  );
  hidden = layers.unary(
    'decoder.layers.1',
    layers.conv(next(), hidden, config.decoder_block_out_channels[0]!),
    config.act_fn,
  );
  next();
  config.num_decoder_blocks.forEach((blocks, i) => {
    const final = i === config.num_decoder_blocks.length - 1;
    for (let j = 0; j < blocks; j++) hidden = tinyBlock(layers, next(), hidden, config.act_fn);
    if (!final) hidden = upsample(layers, next(), hidden, config.upsampling_scaling_factor);
    hidden = layers.conv(next(), hidden, final ? config.out_channels : config.decoder_block_out_channels[i]!, {
      bias: final,
    });
  });
  return graph.op('affine', { factor: 2, shift: -1 }, [hidden], 'decoder.to_signed');
}

const legacyNames: Readonly<Record<string, string>> = {
  to_q: 'query',
  to_k: 'key',
  to_v: 'value',
  'to_out.0': 'proj_attn',
};

/** Names under which an attention tensor of an AutoencoderKL saved before diffusers 0.17 lies in its file. For weights.ts withAliases. */
export function legacyVaeNames(name: string): string[] {
  const match = /^(.*\.mid_block\.attentions\.0\.)(to_q|to_k|to_v|to_out\.0)(\.\w+)$/.exec(name);
  return match ? [`${match[1]}${legacyNames[match[2]!]}${match[3]}`] : [];
}
