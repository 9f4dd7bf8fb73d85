/** Layout, refusals and the place that is pooled. Numbers are checked against transformers in service/verify.test.ts. */
import { describe, expect, it } from 'vitest';
import { sizeOf } from '../../shared/shape.ts';
import type { Config } from '../config.ts';
import { parseTextEncoderConfig, pooledPositions, textEncoderParameters } from './textEncoder.ts';

const clipL: Config = {
  architectures: ['CLIPTextModel'],
  hidden_size: 768,
  intermediate_size: 3072,
  num_attention_heads: 12,
  num_hidden_layers: 12,
  hidden_act: 'quick_gelu',
  eos_token_id: 2,
};
const openClipH: Config = {
  ...clipL,
  hidden_size: 1024,
  intermediate_size: 4096,
  num_attention_heads: 16,
  num_hidden_layers: 23,
  hidden_act: 'gelu',
  projection_dim: 512,
};
const bigG: Config = {
  architectures: ['CLIPTextModelWithProjection'],
  hidden_size: 1280,
  intermediate_size: 5120,
  num_attention_heads: 20,
  num_hidden_layers: 32,
  hidden_act: 'gelu',
  projection_dim: 1280,
};

// Counts of transformers, which has 77 position_ids beside in older versions.
it.each<[string, Config, number]>([
  ['CLIP-L', clipL, 123_060_480],
  ['OpenCLIP-H', openClipH, 340_387_840],
  ['OpenCLIP-bigG', bigG, 694_659_840],
])('has the parameters of %s', (_, file, count) => {
  const parameters = textEncoderParameters(parseTextEncoderConfig(file));
  expect(parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0)).toBe(count);
});

describe('config', () => {
  it.each<[string, Config]>([
    ['architectures', { architectures: ['T5EncoderModel'] }],
    ['architectures', { architectures: ['CLIPTextModel', 'CLIPTextModelWithProjection'] }],
    ['vocab_size', { vocab_size: 0 }],
    ['hidden_size', { hidden_size: '768' }],
    ['intermediate_size', { intermediate_size: null }],
    ['num_hidden_layers', { num_hidden_layers: 0 }],
    ['num_attention_heads', { num_attention_heads: 7 }],
    ['max_position_embeddings', { max_position_embeddings: 77.5 }],
    ['hidden_act', { hidden_act: 'gelu_new' }],
    ['layer_norm_eps', { layer_norm_eps: null }],
    ['eos_token_id', { eos_token_id: [2, 49407] }],
    ['model_type', { model_type: 'clip' }],
    ['use_attention_mask', { use_attention_mask: true }],
    ['quantization_config', { quantization_config: {} }],
  ])('refuses %s as in %j', (field, change) => {
    expect(() => parseTextEncoderConfig({ ...clipL, ...change })).toThrow(
      `: ${field} is ${JSON.stringify(change[field])};`,
    );
  });

  it('takes one that names no architecture', () =>
    expect(parseTextEncoderConfig({ ...clipL, architectures: null }).kind).toBe('CLIPTextModel'));
});

it.each<[string, number, number[], number]>([
  ['the first end token, where it also pads', 9, [8, 3, 9, 9, 9], 2],
  ['the end token before other padding', 9, [8, 3, 9, 0, 0], 2],
  ['the largest id, where the config is of old', 2, [8, 2, 9, 0, 0], 2],
  ['the first of several largest', 2, [8, 3, 4, 9, 9], 3],
  ['the start, where there is no end', 9, [8, 3, 4, 5, 6], 0],
])('pools at %s', (_, eos, ids, place) => {
  expect([
    ...pooledPositions(
      { ...parseTextEncoderConfig(clipL), eos_token_id: eos },
      Int32Array.from([...ids, ...ids]),
      ids.length,
    ),
  ]).toEqual([place, place]);
});
