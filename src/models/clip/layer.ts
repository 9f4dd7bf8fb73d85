/** What both of CLIP's towers are made of (transformers CLIPEncoderLayer): pre-norm attention and MLP. Axes: B batch, T tokens, D hidden_size. */
import type { Value } from '../../graph/graph.ts';
import type { UnaryFn } from '../../graph/ops.ts';
import type { ConfigReader } from '../config.ts';
import type { Layers } from '../layers.ts';

const activations: Readonly<Record<string, UnaryFn>> = {
  quick_gelu: 'quickGelu',
  gelu: 'gelu',
  relu: 'relu',
  silu: 'silu',
  swish: 'silu',
};

/** `hidden_act`, quick_gelu where CLIP's config leaves it out, as transformers does. */
export const readActivation = (read: ConfigReader, fallback = 'quick_gelu'): UnaryFn =>
  activations[read.oneOf('hidden_act', fallback, Object.keys(activations))]!;

export interface TransformerLayer {
  num_attention_heads: number;
  intermediate_size: number;
  hidden_act: UnaryFn;
  layer_norm_eps: number;
  causal: boolean;
}

/** The layer at `path`: hidden [B, T, D] → [B, T, D]. */
export function transformerLayer(
  layers: Layers,
  path: string,
  hidden: Value,
  { num_attention_heads: heads, intermediate_size, hidden_act, layer_norm_eps: eps, causal }: TransformerLayer,
): Value {
  const width = hidden.shape[2]!;
  const normed = layers.layerNorm(`${path}.layer_norm1`, hidden, eps);
  const [q, k, v] = ['q_proj', 'k_proj', 'v_proj'].map((name) =>
    layers.linear(`${path}.self_attn.${name}`, normed, width),
  ) as [Value, Value, Value];
  const attended = layers.graph.op('attention', { heads, causal }, [q, k, v], `${path}.self_attn`);
  const between = layers.linear(`${path}.self_attn.out_proj`, attended, width, { residual: hidden });
  const inner = layers.linear(
    `${path}.mlp.fc1`,
    layers.layerNorm(`${path}.layer_norm2`, between, eps),
    intermediate_size,
  );
  return layers.linear(`${path}.mlp.fc2`, layers.unary(`${path}.mlp.act`, inner, hidden_act), width, {
    residual: between,
  });
}
