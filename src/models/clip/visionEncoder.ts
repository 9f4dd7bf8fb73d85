/** CLIP's vision tower with its projection (transformers CLIPVisionModelWithProjection) as a graph, under published checkpoints' keys.
 *  Axes: S image_size, T tokens (one a patch, and the class token before them), D hidden_size. */
import { Graph, type Value } from '../../graph/graph.ts';
import type { UnaryFn } from '../../graph/ops.ts';
import { type Config, ConfigReader, limits, unsupported } from '../config.ts';
import { type LayerOptions, Layers } from '../layers.ts';
import { parametersOf } from '../weights.ts';
import { readActivation, transformerLayer } from './layer.ts';

export interface VisionEncoderConfig {
  hidden_size: number;
  intermediate_size: number;
  projection_dim: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  image_size: number;
  patch_size: number;
  hidden_act: UnaryFn;
  layer_norm_eps: number;
}

const MODEL = 'CLIPVisionModel';

/** Reads a vision config; defaults as transformers' CLIPVisionConfig, which are those of ViT-B/32. Throws UnsupportedArchitecture with the
 *  field and its value. */
export function parseVisionEncoderConfig(config: Config): VisionEncoderConfig {
  const read = new ConfigReader(config, MODEL);
  read.only({ model_type: ['clip_vision_model', null], num_channels: [3], quantization_config: [null] });
  const hidden = read.int('hidden_size', 768);
  const heads = read.int('num_attention_heads', 12);
  if (hidden % heads !== 0)
    throw unsupported(MODEL, 'num_attention_heads', heads, `a divisor of hidden_size (${hidden})`);
  const [side, patch] = [read.int('image_size', 224, limits.imageSide), read.int('patch_size', 32)];
  if (side % patch !== 0 || (side / patch) ** 2 >= limits.tokens)
    throw unsupported(
      MODEL,
      'patch_size',
      patch,
      `a divisor of image_size (${side}), for fewer than ${limits.tokens} patches`,
    );
  return {
    hidden_size: hidden,
    intermediate_size: read.int('intermediate_size', 3072),
    projection_dim: read.int('projection_dim', 512),
    num_hidden_layers: read.int('num_hidden_layers', 12, limits.textLayers),
    num_attention_heads: heads,
    image_size: side,
    patch_size: patch,
    hidden_act: readActivation(read),
    layer_norm_eps: read.number('layer_norm_eps', 1e-5, { min: 0, max: 1 }),
  };
}

/** `pixel_values` [1, 3, S, S] → `image_embeds` [1, projection_dim], not normalised. */
export function visionEncoderGraph(config: VisionEncoderConfig, options: LayerOptions = {}): Graph {
  const { image_size: side, patch_size: patch, hidden_size: width, layer_norm_eps: eps } = config;
  const graph = new Graph();
  const layers = new Layers(graph, options);
  const pixels = graph.input('pixel_values', [1, 3, side, side]);
  const at = 'vision_model.embeddings';
  const patches = layers.toTokens(
    `${at}.patch_embedding`,
    layers.conv(`${at}.patch_embedding`, pixels, width, { kernel: patch, stride: patch, padding: 0, bias: false }),
  );
  const token = layers.reshape(`${at}.class`, layers.tensor(`${at}.class_embedding`, [width]), [1, 1, width]);
  const count = (side / patch) ** 2 + 1;
  const table = layers.tensor(`${at}.position_embedding.weight`, [count, width]);
  const tokens = graph.op('concat', { axis: 1 }, [token, patches], `${at}.tokens`);
  const placed = graph.op(
    'add',
    {},
    [tokens, layers.reshape(`${at}.positions`, table, [1, count, width])],
    `${at}.position_embedding`,
  );
  let hidden: Value = layers.layerNorm('vision_model.pre_layrnorm', placed, eps);
  for (let i = 0; i < config.num_hidden_layers; i++)
    hidden = transformerLayer(layers, `vision_model.encoder.layers.${i}`, hidden, { ...config, causal: false });
  const first = graph.op('slice', { axis: 1, start: 0, length: 1 }, [hidden], 'vision_model.pooled');
  const pooled = layers.layerNorm(
    'vision_model.post_layernorm',
    layers.reshape('vision_model.pooled.flat', first, [1, width]),
    eps,
  );
  graph.output('image_embeds', layers.linear('visual_projection', pooled, config.projection_dim, { bias: false }));
  return graph;
}

/** Its tensors, by their names and shapes, in the order it was built. */
export const visionEncoderParameters = (config: VisionEncoderConfig): Value[] =>
  parametersOf(visionEncoderGraph(config));
