/** UNet2DConditionModel (Stable Diffusion 1, 2, XL and their distillations) as a graph. Module paths and parameter keys are diffusers'.
 *  Axes: B batch, C channels, H and W height and width, T text tokens, D text width. */
import { Graph, type Value } from '../../graph/graph.ts';
import { assert } from '../../shared/assert.ts';
import type { Shape } from '../../shared/shape.ts';
import { type LayerKind, type LayerOptions, Layers } from '../layers.ts';
import type { DenoiserSize } from '../denoiser.ts';
import { parametersOf } from '../weights.ts';
import { resnetBlock } from './blocks.ts';
import type { UNetConfig } from './config.ts';
import { UNET_PREFIX, unetPlaces } from './singleFileKeys.ts';

/** Under diffusers' names. */
export type UNetInputs = {
  /** Noisy latents [B, in_channels, H, W]. */
  sample: Value;
  /** [B], in training steps (0..999); may be fractional. */
  timestep: Value;
  /** [B, T, cross_attention_dim]. */
  encoder_hidden_states: Value;
  /** SDXL: pooled text [B, P] and (original height, width, crop top, left, target height, width) [B, 6]. */
  text_embeds?: Value;
  time_ids?: Value;
  /** LCM: the embedded guidance scale [B, time_cond_proj_dim]; left out, the UNet runs without it. */
  timestep_cond?: Value;
  /** [B] i32 ids (`embedding`), [B] timesteps, [B, projection_class_embeddings_input_dim] or [B, time embedding] (`identity`). */
  class_labels?: Value;
};

/** Channels of the pooled text that SDXL's `add_embedding` takes beside its six sizes; 0 where there is none. */
export function textEmbedsWidth(config: UNetConfig): number {
  return config.addition_embed_type
    ? config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
    : 0;
}

/** Input values of a UNet over one batch. */
export function unetInputs(
  graph: Graph,
  config: UNetConfig,
  { batch, height, width, tokens, guidance = false }: DenoiserSize,
): UNetInputs {
  const inputs: UNetInputs = {
    sample: graph.input('sample', [batch, config.in_channels, height, width]),
    timestep: graph.input('timestep', [batch]),
    encoder_hidden_states: graph.input('encoder_hidden_states', [batch, tokens, config.cross_attention_dim]),
  };
  const labels = classLabelsShape(config, batch);
  return {
    ...inputs,
    ...(guidance &&
      config.time_cond_proj_dim > 0 && {
        timestep_cond: graph.input('timestep_cond', [batch, config.time_cond_proj_dim]),
      }),
    ...(labels && { class_labels: graph.input('class_labels', labels.shape, labels.dtype) }),
    ...(config.addition_embed_type && {
      text_embeds: graph.input('text_embeds', [batch, textEmbedsWidth(config)]),
      time_ids: graph.input('time_ids', [batch, 6]),
    }),
  };
}

/** What a UNet with class embeddings takes as `class_labels`. */
function classLabelsShape(config: UNetConfig, batch: number): { shape: Shape; dtype: 'f32' | 'i32' } | undefined {
  switch (config.class_embed_type) {
    case null:
      return undefined;
    case 'embedding':
      return { shape: [batch], dtype: 'i32' };
    case 'timestep':
      return { shape: [batch], dtype: 'f32' };
    case 'identity':
      return { shape: [batch, config.time_embedding_dim], dtype: 'f32' };
    case 'projection':
    case 'simple_projection':
      return { shape: [batch, config.projection_class_embeddings_input_dim], dtype: 'f32' };
    default:
      throw new Error(`no class labels for ${config.class_embed_type satisfies never}`);
  }
}

/** Frequencies of the sinusoidal embedding, rounded to f32 where PyTorch does: exp(-ln(10000) k / (half - freq_shift)).
 *  diffusers embeddings.py, get_timestep_embedding. */
export function timestepFrequencies(width: number, freqShift: number): Float32Array {
  const half = width >> 1;
  const negativeLog = Math.fround(-Math.log(10000));
  return Float32Array.from({ length: half }, (_, k) =>
    Math.exp(Math.fround(Math.fround(negativeLog * k) / (half - freqShift))),
  );
}

/** Builds the noise prediction [B, out_channels, H, W] of the noisy `sample`. */
export function buildUNet(graph: Graph, config: UNetConfig, inputs: UNetInputs, options: LayerOptions = {}): Value {
  return new UNetBuilder(graph, config, inputs, options).build();
}

class UNetBuilder {
  private readonly graph: Graph;
  private readonly config: UNetConfig;
  private readonly inputs: UNetInputs;
  private readonly layers: Layers;
  /** silu(temb) [B, E], which every resnet projects. */
  private readonly temb: Value;
  private readonly norm: { groups: number; eps: number };

  constructor(graph: Graph, config: UNetConfig, inputs: UNetInputs, options: LayerOptions) {
    this.graph = graph;
    this.config = config;
    this.inputs = inputs;
    this.layers = new Layers(graph, options);
    this.norm = { groups: config.norm_num_groups, eps: config.norm_eps };
    this.temb = this.timeEmbedding();
  }

  build(): Value {
    const { config, layers } = this;
    let sample = this.inputs.sample;
    assert(
      sample.shape[1] === config.in_channels,
      `sample has ${sample.shape[1]} channels, in_channels is ${config.in_channels}`,
    );
    if (config.center_input_sample)
      sample = this.graph.op('affine', { factor: 2, shift: -1 }, [sample], 'center_input_sample');

    let hidden = layers.conv('conv_in', sample, config.block_out_channels[0]!, { kernel: config.conv_in_kernel });
    const skips = [hidden];
    const last = config.block_out_channels.length - 1;
    config.down_block_types.forEach((type, i) => {
      const path = `down_blocks.${i}`;
      const out = config.block_out_channels[i]!;
      for (let j = 0; j < config.layers_per_block[i]!; j++) {
        hidden = this.resnet(`${path}.resnets.${j}`, hidden, out);
        if (type === 'CrossAttnDownBlock2D')
          hidden = this.transformer(
            `${path}.attentions.${j}`,
            hidden,
            i,
            config.transformer_layers_per_block[i]![j]!,
            config.only_cross_attention[i]!,
          );
        skips.push(hidden);
      }
      if (i === last) return;
      // Padding 0 means one row and column at the bottom and right (downsampling.py, Downsample2D).
      const padding = config.downsample_padding === 0 ? ([0, 0, 1, 1] as const) : config.downsample_padding;
      hidden = layers.conv(`${path}.downsamplers.0.conv`, hidden, out, { stride: 2, padding });
      skips.push(hidden);
    });

    if (config.mid_block_type) {
      hidden = this.resnet(
        'mid_block.resnets.0',
        hidden,
        config.block_out_channels[last]!,
        config.mid_block_scale_factor,
      );
      if (config.mid_block_type === 'UNetMidBlock2DCrossAttn') {
        hidden = this.transformer('mid_block.attentions.0', hidden, last, config.mid_transformer_layers, false);
        hidden = this.resnet(
          'mid_block.resnets.1',
          hidden,
          config.block_out_channels[last]!,
          config.mid_block_scale_factor,
        );
      }
    }

    config.up_block_types.forEach((type, i) => {
      const path = `up_blocks.${i}`;
      const level = last - i;
      const out = config.block_out_channels[level]!;
      for (let j = 0; j < config.layers_per_block[level]! + 1; j++) {
        const skip = skips.pop();
        assert(skip, `${path}.resnets.${j}: no skip connection is left`);
        hidden = this.graph.op('concat', { axis: 1 }, [hidden, skip], `${path}.resnets.${j}.skip`);
        hidden = this.resnet(`${path}.resnets.${j}`, hidden, out);
        if (type === 'CrossAttnUpBlock2D')
          hidden = this.transformer(
            `${path}.attentions.${j}`,
            hidden,
            level,
            config.up_transformer_layers_per_block[i]![j]!,
            config.only_cross_attention[level]!,
          );
      }
      if (i === last) return;
      // To the next skip's size: twice this one, or one less where the way down rounded up (forward_upsample_size).
      const [, , height, width] = skips.at(-1)!.shape as [number, number, number, number];
      hidden = this.graph.op('upsampleNearest', { height, width }, [hidden], `${path}.upsamplers.0`);
      hidden = layers.conv(`${path}.upsamplers.0.conv`, hidden, out);
    });
    assert(skips.length === 0, `${skips.length} skip connections are left over`);

    hidden = layers.groupNorm('conv_norm_out', hidden, { ...this.norm, act: config.act_fn });
    return layers.conv('conv_out', hidden, config.out_channels, { kernel: config.conv_out_kernel });
  }

  /** Sinusoid of `values` [n] → [n, width] (embeddings.py, Timesteps). */
  private sinusoid(path: string, values: Value, width: number): Value {
    const { graph, config } = this;
    const freqs = timestepFrequencies(width, config.freq_shift);
    const frequencies = graph.constant(`${path}.freqs`, [freqs.length], freqs);
    const embedded = graph.op(
      'timestepEmbedding',
      { flipSinToCos: config.flip_sin_to_cos },
      [values, frequencies],
      path,
    );
    if (width % 2 === 0) return embedded;
    const rows = values.shape[0]!;
    return graph.op(
      'concat',
      { axis: 1 },
      [embedded, graph.constant(`${path}.pad`, [rows, 1], new Float32Array(rows))],
      `${path}.padded`,
    );
  }

  /** diffusers TimestepEmbedding: linear, activation, linear. */
  private embeddingMlp(path: string, x: Value, act: UNetConfig['act_fn']): Value {
    const width = this.config.time_embedding_dim;
    const hidden = this.layers.unary(`${path}.act`, this.layers.linear(`${path}.linear_1`, x, width), act);
    return this.layers.linear(`${path}.linear_2`, hidden, width);
  }

  private timeEmbedding(): Value {
    const { graph, config, layers, inputs } = this;
    const batch = inputs.sample.shape[0]!;
    let projected = this.sinusoid('time_proj', inputs.timestep, config.block_out_channels[0]!);
    if (inputs.timestep_cond) {
      const cond = layers.linear('time_embedding.cond_proj', inputs.timestep_cond, config.block_out_channels[0]!, {
        bias: false,
      });
      projected = graph.op('add', {}, [projected, cond], 'time_embedding.add_cond');
    }
    let emb = this.embeddingMlp('time_embedding', projected, config.act_fn);
    if (config.class_embed_type)
      emb = graph.op('add', {}, [emb, this.classEmbedding(config.class_embed_type)], 'add_class_embedding');
    if (config.addition_embed_type) {
      assert(inputs.text_embeds && inputs.time_ids, 'addition_embed_type text_time needs text_embeds and time_ids');
      const flat = layers.reshape('add_time_proj.flat', inputs.time_ids, [batch * inputs.time_ids.shape[1]!]);
      const sizes = this.sinusoid('add_time_proj', flat, config.addition_time_embed_dim);
      const rows = layers.reshape('add_time_proj.rows', sizes, [
        batch,
        inputs.time_ids.shape[1]! * config.addition_time_embed_dim,
      ]);
      const added = graph.op('concat', { axis: 1 }, [inputs.text_embeds, rows], 'add_embedding.input');
      emb = graph.op('add', {}, [emb, this.embeddingMlp('add_embedding', added, 'silu')], 'add_embedding');
    }
    return layers.unary('temb_act', emb, config.act_fn);
  }

  /** UNet2DConditionModel.get_class_embed. */
  private classEmbedding(type: NonNullable<UNetConfig['class_embed_type']>): Value {
    const { config, layers, inputs } = this;
    const { class_labels: labels } = inputs;
    assert(labels, `class_embed_type ${type} needs class_labels`);
    switch (type) {
      case 'embedding':
        return layers.embedding('class_embedding', labels, config.num_class_embeds, config.time_embedding_dim);
      case 'timestep':
        return this.embeddingMlp(
          'class_embedding',
          this.sinusoid('class_time_proj', labels, config.block_out_channels[0]!),
          config.act_fn,
        );
      case 'identity':
        return labels;
      case 'projection':
        return this.embeddingMlp('class_embedding', labels, 'silu');
      case 'simple_projection':
        return layers.linear('class_embedding', labels, config.time_embedding_dim);
      default:
        throw new Error(`no class embedding ${type satisfies never}`);
    }
  }

  private resnet(path: string, x: Value, out: number, outputScaleFactor = 1): Value {
    return resnetBlock(this.layers, path, x, {
      ...this.norm,
      act: this.config.act_fn,
      out,
      temb: this.temb,
      outputScaleFactor,
    });
  }

  /** diffusers Transformer2DModel over the pixels of x as tokens, row-major. */
  private transformer(path: string, x: Value, level: number, depth: number, onlyCrossAttention: boolean): Value {
    const { graph, layers, config } = this;
    const [, channels, height, width] = x.shape as [number, number, number, number];
    const normed = layers.groupNorm(`${path}.norm`, x, { groups: config.norm_num_groups, eps: 1e-6 });
    let hidden = config.use_linear_projection
      ? layers.linear(`${path}.proj_in`, layers.toTokens(path, normed), channels)
      : layers.toTokens(path, layers.conv(`${path}.proj_in`, normed, channels, { kernel: 1 }));
    for (let i = 0; i < depth; i++)
      hidden = this.transformerBlock(`${path}.transformer_blocks.${i}`, hidden, level, onlyCrossAttention);
    if (!config.use_linear_projection)
      return layers.conv(`${path}.proj_out`, layers.toImage(path, hidden, height, width), channels, {
        kernel: 1,
        residual: x,
      });
    const projected = layers.toImage(path, layers.linear(`${path}.proj_out`, hidden, channels), height, width);
    return graph.op('add', {}, [projected, x], `${path}.residual`);
  }

  /** diffusers BasicTransformerBlock. x [B, tokens, channels]. */
  private transformerBlock(path: string, x: Value, level: number, onlyCrossAttention: boolean): Value {
    const { graph, layers } = this;
    const channels = x.shape[2]!;
    const context = this.inputs.encoder_hidden_states;
    const normed = layers.layerNorm(`${path}.norm1`, x, 1e-5);
    let hidden = this.attention(`${path}.attn1`, normed, onlyCrossAttention ? context : normed, x, level);
    hidden = this.attention(`${path}.attn2`, layers.layerNorm(`${path}.norm2`, hidden, 1e-5), context, hidden, level);
    const projected = layers.linear(
      `${path}.ff.net.0.proj`,
      layers.layerNorm(`${path}.norm3`, hidden, 1e-5),
      8 * channels,
    );
    return layers.linear(`${path}.ff.net.2`, graph.op('geglu', {}, [projected], `${path}.ff.net.0`), channels, {
      residual: hidden,
    });
  }

  private attention(path: string, x: Value, context: Value, residual: Value, level: number): Value {
    const { layers } = this;
    const channels = x.shape[2]!;
    const q = layers.linear(`${path}.to_q`, x, channels, { bias: false });
    const k = layers.linear(`${path}.to_k`, context, channels, { bias: false });
    const v = layers.linear(`${path}.to_v`, context, channels, { bias: false });
    const heads = this.config.num_attention_heads[level]!;
    const o = this.graph.op('attention', { heads, causal: false }, [q, k, v], path);
    return layers.linear(`${path}.to_out.0`, o, channels, { residual });
  }
}

export interface LoraTarget {
  /** Module path, `down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q`. */
  path: string;
  kind: LayerKind;
  /** Of the base weight: [out, in] or [out, in, kh, kw]. */
  weightShape: Shape;
  /** Module path in the original layout, `input_blocks.4.1.transformer_blocks.0.attn1.to_q`, where that has a place for it. */
  original?: string;
}

/** Layers that an adapter may sit on. attention: to_q, to_k, to_v, to_out.0, as diffusers' scripts train; all: every linear layer and
 *  convolution. In the order the UNet runs them. */
export function loraTargets(config: UNetConfig, which: 'attention' | 'all'): LoraTarget[] {
  const targets: LoraTarget[] = [];
  const places = unetPlaces(config);
  const original = (path: string): Pick<LoraTarget, 'original'> => {
    const key = places(`${path}.weight`)?.key;
    return key === undefined ? {} : { original: key.slice(UNET_PREFIX.length, -'.weight'.length) };
  };
  smallest(config, {
    lora: (path, kind, weightShape) => {
      if (which === 'all' || /\.(to_q|to_k|to_v|to_out\.0)$/.test(path))
        targets.push({ path, kind, weightShape, ...original(path) });
      return undefined;
    },
  });
  return targets;
}

/** Its tensors, by their names and shapes, in the order it is built. */
export const unetParameters = (config: UNetConfig): Value[] => parametersOf(smallest(config));

/** With every input, at the smallest size that survives every downsampling: shapes of weights do not depend on it. */
function smallest(config: UNetConfig, options: LayerOptions = {}): Graph {
  const graph = new Graph();
  const side = 2 ** (config.block_out_channels.length - 1);
  const inputs = unetInputs(graph, config, { batch: 1, height: side, width: side, tokens: 1, guidance: true });
  buildUNet(graph, config, inputs, options);
  return graph;
}
