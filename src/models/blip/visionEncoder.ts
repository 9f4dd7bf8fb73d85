/** BLIP's vision tower, a ViT in timm's layout with its norm on every token, as a graph under published checkpoints' keys.
 *  Axes: S image_size, T tokens (one a patch, and the class token before them), D hidden_size.
 *  https://github.com/salesforce/BLIP, models/vit.py */
import { Graph, type Value } from '../../graph/graph.ts';
import { type LayerOptions, Layers } from '../layers.ts';
import type { TensorSource } from '../weights.ts';
import { limits, unsupported } from '../config.ts';

export interface BlipVisionConfig {
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  image_size: number;
  patch_size: number;
  layer_norm_eps: number;
}

/** Behind which its keys stand. */
export const BLIP_VISION = 'blip.visual_encoder';

/** No file says its heads: both sizes that BLIP has ('base' 768, 'large' 1024 wide) have heads of 64. */
const HEAD = 64;

/** What the shapes of a file say. Throws UnsupportedArchitecture where they are none of a ViT of BLIP's. */
export function blipVisionConfig(source: Pick<TensorSource, 'shape'>): BlipVisionConfig {
  const size = (name: string, axis: number): number => source.shape(`${BLIP_VISION}.${name}`)?.[axis] ?? 0;
  const [width, patch] = [size('patch_embed.proj.weight', 0), size('patch_embed.proj.weight', 2)];
  if (width === 0 || width % HEAD !== 0)
    throw unsupported('BLIP', 'the width of its vision tower', width, `a multiple of ${HEAD}`);
  let layers = 0;
  while (layers < limits.textLayers && size(`blocks.${layers}.norm1.weight`, 0)) layers++;
  const side = Math.round(Math.sqrt(size('pos_embed', 1) - 1));
  if (patch < 1 || layers < 1 || !(side >= 1) || side ** 2 >= limits.tokens || side * patch > limits.imageSide)
    throw unsupported('BLIP', 'its vision tower', `${layers} layers of ${side} by ${side} patches`, 'those of a ViT');
  return {
    hidden_size: width,
    intermediate_size: size('blocks.0.mlp.fc1.weight', 0),
    num_hidden_layers: layers,
    num_attention_heads: width / HEAD,
    image_size: patch * side,
    patch_size: patch,
    layer_norm_eps: 1e-6,
  };
}

/** `pixel_values` [1, 3, S, S] → `image_tokens` [1, T, D]. */
export function blipVisionGraph(config: BlipVisionConfig, options: LayerOptions = {}): Graph {
  const { image_size: side, patch_size: patch, hidden_size: width, layer_norm_eps: eps } = config;
  const graph = new Graph();
  const layers = new Layers(graph, options);
  const pixels = graph.input('pixel_values', [1, 3, side, side]);
  const at = BLIP_VISION;
  const patches = layers.toTokens(
    `${at}.patch_embed.proj`,
    layers.conv(`${at}.patch_embed.proj`, pixels, width, { kernel: patch, stride: patch, padding: 0 }),
  );
  const count = (side / patch) ** 2 + 1;
  const tokens = graph.op(
    'concat',
    { axis: 1 },
    [layers.tensor(`${at}.cls_token`, [1, 1, width]), patches],
    `${at}.tokens`,
  );
  const table = layers.tensor(`${at}.pos_embed`, [1, count, width]);
  let hidden: Value = graph.op('add', {}, [tokens, table], `${at}.positions`);
  for (let i = 0; i < config.num_hidden_layers; i++) hidden = block(layers, `${at}.blocks.${i}`, hidden, config);
  graph.output('image_tokens', layers.layerNorm(`${at}.norm`, hidden, eps));
  return graph;
}

function block(
  layers: Layers,
  path: string,
  hidden: Value,
  { num_attention_heads: heads, intermediate_size, hidden_size: width, layer_norm_eps: eps }: BlipVisionConfig,
): Value {
  const { graph } = layers;
  const qkv = layers.linear(`${path}.attn.qkv`, layers.layerNorm(`${path}.norm1`, hidden, eps), 3 * width);
  const third = (name: string, i: number): Value =>
    graph.op('slice', { axis: 2, start: i * width, length: width }, [qkv], `${path}.attn.${name}`);
  const attended = graph.op(
    'attention',
    { heads, causal: false },
    [third('q', 0), third('k', 1), third('v', 2)],
    `${path}.attn`,
  );
  const between = layers.linear(`${path}.attn.proj`, attended, width, { residual: hidden });
  const inner = layers.linear(`${path}.mlp.fc1`, layers.layerNorm(`${path}.norm2`, between, eps), intermediate_size);
  return layers.linear(`${path}.mlp.fc2`, layers.unary(`${path}.mlp.act`, inner, 'gelu'), width, { residual: between });
}
