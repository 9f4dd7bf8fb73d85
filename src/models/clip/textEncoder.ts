/** CLIP's text encoder (transformers CLIPTextModel and CLIPTextModelWithProjection) as a graph, under published checkpoints' keys.
 *  Axes: B batch, T tokens, D hidden_size. */
import { Graph, type Value } from '../../graph/graph.ts';
import type { UnaryFn } from '../../graph/ops.ts';
import { assert } from '../../shared/assert.ts';
import type { Shape } from '../../shared/shape.ts';
import { type Config, ConfigReader, limits, unsupported } from '../config.ts';
import { type LayerOptions, Layers } from '../layers.ts';
import { parametersOf } from '../weights.ts';
import { readActivation, transformerLayer } from './layer.ts';

export interface TextEncoderConfig {
  kind: (typeof textEncoderKinds)[number];
  vocab_size: number;
  hidden_size: number;
  intermediate_size: number;
  projection_dim: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  max_position_embeddings: number;
  hidden_act: UnaryFn;
  layer_norm_eps: number;
  eos_token_id: number;
}

export const textEncoderKinds = ['CLIPTextModel', 'CLIPTextModelWithProjection'] as const;

/** Reads config.json; defaults as transformers' CLIPTextConfig. Throws UnsupportedArchitecture with the field and its value. `as`: the class
 *  that a pipeline opens it with, whichever of the two the file names. */
export function parseTextEncoderConfig(config: Config, as?: TextEncoderConfig['kind']): TextEncoderConfig {
  // Null where the config was made by itself, not saved with a model.
  const architectures = new ConfigReader(config, 'text encoder').get('architectures', null) ?? ['CLIPTextModel'];
  const name: unknown = Array.isArray(architectures) && architectures.length === 1 ? architectures[0] : architectures;
  const named = textEncoderKinds.find((known) => known === name);
  if (!named) throw unsupported('text encoder', 'architectures', architectures, textEncoderKinds.join(' or '));
  const kind = as ?? named;
  const read = new ConfigReader(config, kind);
  // A whole CLIPModel's file ("clip") has these fields one level down. use_attention_mask would hide the padding.
  read.only({ model_type: ['clip_text_model', null], use_attention_mask: [false, null], quantization_config: [null] });
  const hidden = read.int('hidden_size', 512);
  const heads = read.int('num_attention_heads', 8);
  if (hidden % heads !== 0)
    throw unsupported(kind, 'num_attention_heads', heads, `a divisor of hidden_size (${hidden})`);
  return {
    kind,
    vocab_size: read.int('vocab_size', 49408, limits.rows),
    hidden_size: hidden,
    intermediate_size: read.int('intermediate_size', 2048),
    projection_dim: kind === 'CLIPTextModel' ? 0 : read.int('projection_dim', 512),
    num_hidden_layers: read.int('num_hidden_layers', 12, limits.textLayers),
    num_attention_heads: heads,
    max_position_embeddings: read.int('max_position_embeddings', 77, limits.tokens),
    hidden_act: readActivation(read),
    layer_norm_eps: read.number('layer_norm_eps', 1e-5, { min: 0, max: 1 }),
    eos_token_id: read.number('eos_token_id', 49407, { min: 0, max: limits.rows }),
  };
}

/** What of an encoder a model attends to, [B, T, D]: the last layer's states after the final norm, or those of the last layer but one, which
 *  is not normalised (hidden_states[-2]). */
export type TextStates = 'last_hidden_state' | 'penultimate';

/** Rows of it are what `input_ids` stand for. */
export const TOKEN_TABLE = 'text_model.embeddings.token_embedding.weight';

/** The encoder as a graph of its own: `input_ids` i32 [B, T] and `eos_index` i32 [B] (pooledPositions) → the states that are asked for, under
 *  their names, and `pooled`: the last states at the end token [B, D], projected to [B, projection_dim] WithProjection.
 *  @param embedded it takes `inputs_embeds` [B, T, D] instead, the rows of TOKEN_TABLE: a table of 50,000 words need not be on the device. */
export function textEncoderGraph(
  config: TextEncoderConfig,
  {
    batch = 1,
    tokens,
    states,
    embedded = false,
  }: { batch?: number; tokens: number; states: readonly TextStates[]; embedded?: boolean },
  options: LayerOptions = {},
): Graph {
  const graph = new Graph();
  const words = embedded
    ? graph.input('inputs_embeds', [batch, tokens, config.hidden_size])
    : new Layers(graph, options).embedding(
        TOKEN_TABLE.replace(/\.weight$/, ''),
        graph.input('input_ids', [batch, tokens], 'i32'),
        config.vocab_size,
        config.hidden_size,
      );
  const encoded = buildTextEncoder(graph, config, words, graph.input('eos_index', [batch], 'i32'), options);
  for (const name of states) graph.output(name, encoded[name]);
  graph.output('pooled', encoded.pooled);
  return graph;
}

/** Its tensors, by their names and shapes, in the order it was built. */
export const textEncoderParameters = (config: TextEncoderConfig): Value[] =>
  parametersOf(textEncoderGraph(config, { tokens: 1, states: [] }));

/** Where the end token stands in each row of ids [rows, tokens]: its first place, or 0 if there is none; the largest id's place where the
 *  config says eos_token_id 2, as configs did before transformers PR 24773. */
export function pooledPositions(config: TextEncoderConfig, ids: Int32Array, tokens: number): Int32Array {
  return Int32Array.from({ length: ids.length / tokens }, (_, row) => {
    const line = ids.subarray(row * tokens, (row + 1) * tokens);
    return Math.max(
      0,
      line.indexOf(config.eos_token_id === 2 ? line.reduce((a, b) => Math.max(a, b)) : config.eos_token_id),
    );
  });
}

function buildTextEncoder(
  graph: Graph,
  config: TextEncoderConfig,
  words: Value,
  eosIndex: Value,
  options: LayerOptions,
): Record<TextStates | 'pooled', Value> {
  const layers = new Layers(graph, options);
  const [, tokens] = words.shape as [number, number, number];
  assert(
    tokens <= config.max_position_embeddings,
    `${tokens} tokens, max_position_embeddings is ${config.max_position_embeddings}`,
  );
  const width = config.hidden_size;
  const eps = config.layer_norm_eps;

  const at = 'text_model.embeddings';
  const table = layers.tensor(`${at}.position_embedding.weight`, [config.max_position_embeddings, width]);
  const positions = layers.graph.op(
    'slice',
    { axis: 0, start: 0, length: tokens },
    [table],
    `${at}.position_embedding`,
  );
  let hidden = graph.op('add', {}, [words, layers.reshape(`${at}.positions`, positions, [1, tokens, width])], at);

  let penultimate = hidden;
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const path = `text_model.encoder.layers.${i}`;
    penultimate = hidden;
    hidden = transformerLayer(layers, path, hidden, { ...config, causal: true });
  }
  const lastHiddenState = layers.layerNorm('text_model.final_layer_norm', hidden, eps);
  const atEnd = graph.op('takeToken', {}, [lastHiddenState, eosIndex], 'pooler_output');
  const pooled =
    config.kind === 'CLIPTextModel'
      ? atEnd
      : layers.linear('text_projection', atEnd, config.projection_dim, { bias: false });
  return { last_hidden_state: lastHiddenState, penultimate, pooled };
}

/** Layers that an adapter may sit on: every linear one, in the order the encoder runs them. */
export function textLoraTargets(config: TextEncoderConfig): { path: string; weightShape: Shape }[] {
  const targets: { path: string; weightShape: Shape }[] = [];
  textEncoderGraph(
    config,
    { tokens: 1, states: [] },
    { lora: (path, _, weightShape) => void targets.push({ path, weightShape }) },
  );
  return targets;
}

/** Names of the same tensor in files of transformers 5, which drops the prefix. For weights.ts withAliases. */
export function unprefixedTextNames(name: string): string[] {
  return name.startsWith('text_model.') ? [name.slice('text_model.'.length)] : [];
}
