/** BLIP's text encoder that reads a picture's tokens, too: BERT without token types, with cross-attention in every layer, as a graph under published
 *  checkpoints' keys. Axes: T tokens, D hidden_size, S and E the picture's tokens and their width.
 *  https://github.com/salesforce/BLIP, models/med.py */
import { Graph, type Value } from '../../graph/graph.ts';
import type { UnaryFn } from '../../graph/ops.ts';
import { readActivation } from '../clip/layer.ts';
import { type Config, ConfigReader, limits, unsupported } from '../config.ts';
import { type LayerOptions, Layers } from '../layers.ts';
import type { TensorSource } from '../weights.ts';

export interface BlipTextConfig {
  vocab_size: number;
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  max_position_embeddings: number;
  hidden_act: UnaryFn;
  layer_norm_eps: number;
}

/** Behind which its keys stand. */
export const BLIP_TEXT = 'blip.text_encoder';

/** Rows of it are what ids stand for. */
export const BLIP_WORDS = `${BLIP_TEXT}.embeddings.word_embeddings.weight`;

/** Reads med_config.json, where there is one; what it leaves out is what the shapes of the file say, and else what ImageReward has. Throws
 *  UnsupportedArchitecture with the field and its value. */
export function blipTextConfig(source: Pick<TensorSource, 'shape'>, config: Config = {}): BlipTextConfig {
  const size = (name: string, axis: number): number => source.shape(`${BLIP_TEXT}.${name}`)?.[axis] ?? 0;
  const read = new ConfigReader(config, 'BLIP text encoder');
  read.only({ position_embedding_type: ['absolute', null], add_cross_attention: [true], quantization_config: [null] });
  let layers = 0;
  while (layers < limits.textLayers && size(`encoder.layer.${layers}.output.dense.weight`, 0)) layers++;
  const hidden = read.int('hidden_size', size('embeddings.word_embeddings.weight', 1));
  const heads = read.int('num_attention_heads', Math.max(1, Math.trunc(hidden / 64)));
  if (hidden % heads !== 0)
    throw unsupported('BLIP text encoder', 'num_attention_heads', heads, `a divisor of hidden_size (${hidden})`);
  return {
    vocab_size: read.int('vocab_size', size('embeddings.word_embeddings.weight', 0), limits.rows),
    hidden_size: hidden,
    intermediate_size: read.int('intermediate_size', size('encoder.layer.0.intermediate.dense.weight', 0)),
    num_hidden_layers: read.int('num_hidden_layers', layers, limits.textLayers),
    num_attention_heads: heads,
    max_position_embeddings: read.int(
      'max_position_embeddings',
      size('embeddings.position_embeddings.weight', 0),
      limits.tokens,
    ),
    hidden_act: readActivation(read, 'gelu'),
    layer_norm_eps: read.number('layer_norm_eps', 1e-12, { min: 0, max: 1 }),
  };
}

/** Channels by which a head is made wider for its mask: a head's width stays a multiple of four. */
const EXTRA = 4;
/** What BERT adds to the score of a token that is not to be seen, whose share is then 0 in f32. */
const HIDDEN = -10_000;

/** Inputs of a text of `count` tokens among `tokens`: [1, T, heads, EXTRA]. */
export function textMask({ num_attention_heads: heads }: BlipTextConfig, tokens: number, count: number): Float32Array {
  const mask = new Float32Array(tokens * heads * EXTRA);
  for (let i = count * heads * EXTRA; i < mask.length; i += EXTRA) mask[i] = HIDDEN;
  return mask;
}

/** `inputs_embeds` [1, T, D] (rows of BLIP_WORDS), `mask` (textMask) and `image_tokens` [1, S, E] → `features` [1, D], the last state of the first
 *  token. */
export function blipTextGraph(
  config: BlipTextConfig,
  { tokens, image }: { tokens: number; image: { tokens: number; width: number } },
  options: LayerOptions = {},
): Graph {
  const { hidden_size: width, num_attention_heads: heads, layer_norm_eps: eps } = config;
  const graph = new Graph();
  const layers = new Layers(graph, options);
  const words = graph.input('inputs_embeds', [1, tokens, width]);
  const masked = maskedAttention(graph, heads, graph.input('mask', [1, tokens, heads, EXTRA]));
  const picture = graph.input('image_tokens', [1, image.tokens, image.width]);

  const at = `${BLIP_TEXT}.embeddings`;
  const table = layers.tensor(`${at}.position_embeddings.weight`, [config.max_position_embeddings, width]);
  const positions = graph.op('slice', { axis: 0, start: 0, length: tokens }, [table], `${at}.position_embeddings`);
  const placed = graph.op('add', {}, [words, layers.reshape(`${at}.positions`, positions, [1, tokens, width])], at);
  let hidden = layers.layerNorm(`${at}.LayerNorm`, placed, eps);

  /** [...] → [..., D], added to `residual` and normalised. */
  const out = (path: string, x: Value, residual: Value): Value =>
    layers.layerNorm(`${path}.LayerNorm`, layers.linear(`${path}.dense`, x, width, { residual }), eps);
  const projected = (path: string, from: Value, of: Value): [Value, Value, Value] => [
    layers.linear(`${path}.query`, from, width),
    layers.linear(`${path}.key`, of, width),
    layers.linear(`${path}.value`, of, width),
  ];
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const path = `${BLIP_TEXT}.encoder.layer.${i}`;
    const own = masked(`${path}.attention.self`, projected(`${path}.attention.self`, hidden, hidden));
    hidden = out(`${path}.attention.output`, own, hidden);
    const cross = graph.op(
      'attention',
      { heads, causal: false },
      projected(`${path}.crossattention.self`, hidden, picture),
      `${path}.crossattention.self`,
    );
    hidden = out(`${path}.crossattention.output`, cross, hidden);
    const inner = layers.linear(`${path}.intermediate.dense`, hidden, config.intermediate_size);
    hidden = out(`${path}.output`, layers.unary(`${path}.intermediate.act`, inner, config.hidden_act), hidden);
  }
  const first = graph.op('slice', { axis: 1, start: 0, length: 1 }, [hidden], `${BLIP_TEXT}.first`);
  graph.output('features', layers.reshape(`${BLIP_TEXT}.features`, first, [1, width]));
  return graph;
}

/** Attention of padded texts by the op that has no mask: each head gets further channels, in which queries hold 1 and keys the mask, so that their
 *  product is a score's sum with it. */
function maskedAttention(
  graph: Graph,
  heads: number,
  mask: Value,
): (path: string, qkv: readonly [Value, Value, Value]) => Value {
  const tokens = mask.shape[1]!;
  const shape = [1, tokens, heads, EXTRA];
  const constant = (name: string, first: number): Value =>
    graph.constant(
      `${BLIP_TEXT}.${name}`,
      shape,
      Float32Array.from({ length: tokens * heads * EXTRA }, (_, i) => (i % EXTRA === 0 ? first : 0)),
    );
  let ones: Value | undefined;
  let zeros: Value | undefined;
  return (path, [q, k, v]) => {
    const width = q.shape[2]!;
    const head = width / heads;
    const wide = head + EXTRA;
    const widened = (name: string, x: Value, beside: Value): Value => {
      const apart = graph.op('reshape', { shape: [1, tokens, heads, head] }, [x], `${path}.${name}.heads`);
      const both = graph.op('concat', { axis: 3 }, [apart, beside], `${path}.${name}.masked`);
      return graph.op('reshape', { shape: [1, tokens, heads * wide] }, [both], `${path}.${name}.wide`);
    };
    // The op divides by the root of the wider head.
    const scaled = graph.op('affine', { factor: Math.sqrt(wide / head), shift: 0 }, [q], `${path}.q.scaled`);
    const attended = graph.op(
      'attention',
      { heads, causal: false },
      [
        widened('q', scaled, (ones ??= constant('ones', Math.sqrt(wide)))),
        widened('k', k, mask),
        widened('v', v, (zeros ??= constant('zeros', 0))),
      ],
      path,
    );
    const apart = graph.op('reshape', { shape: [1, tokens, heads, wide] }, [attended], `${path}.heads`);
    const own = graph.op('slice', { axis: 3, start: 0, length: head }, [apart], `${path}.own`);
    return graph.op('reshape', { shape: [1, tokens, width] }, [own], `${path}.attended`);
  };
}
