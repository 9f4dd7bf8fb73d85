/** Both towers of published models, by their configs: parameters, what they take of a GPU, and what their configs leave out. Numbers are checked
 *  against transformers in service/verify/judges.test.ts. */
import { describe, expect, it } from 'vitest';
import { sizeOf } from '../../shared/shape.ts';
import { planGraph } from '../../webgpu/plan.ts';
import { parametersOf, type TensorSource } from '../weights.ts';
import { clipConfigOfShapes, clipTensors, parseClipConfig, parseOpenClipConfig } from './clip.ts';
import { textEncoderGraph, textEncoderParameters } from './textEncoder.ts';
import { visionEncoderGraph, visionEncoderParameters } from './visionEncoder.ts';

const openClip = {
  'ViT-B-32': {
    embed_dim: 512,
    quick_gelu: true,
    vision_cfg: { image_size: 224, layers: 12, width: 768, patch_size: 32 },
    text_cfg: { context_length: 77, vocab_size: 49408, width: 512, heads: 8, layers: 12 },
  },
  'ViT-L-14': {
    embed_dim: 768,
    vision_cfg: { image_size: 224, layers: 24, width: 1024, patch_size: 14 },
    text_cfg: { context_length: 77, vocab_size: 49408, width: 768, heads: 12, layers: 12 },
  },
  'ViT-H-14': {
    embed_dim: 1024,
    vision_cfg: { image_size: 224, layers: 32, width: 1280, head_width: 80, patch_size: 14 },
    text_cfg: { context_length: 77, vocab_size: 49408, width: 1024, heads: 16, layers: 24 },
  },
  'ViT-bigG-14': {
    embed_dim: 1280,
    vision_cfg: { image_size: 224, layers: 48, width: 1664, head_width: 104, mlp_ratio: 4.9231, patch_size: 14 },
    text_cfg: { context_length: 77, vocab_size: 49408, width: 1280, heads: 20, layers: 32 },
  },
} as const;

// open_clip's docs/openclip_results.csv, in millions, with logit_scale.
it.each([
  ['ViT-B-32', 151.28, 64],
  ['ViT-L-14', 427.62, 64],
  ['ViT-H-14', 986.11, 80],
  ['ViT-bigG-14', 2539.57, 104],
] as const)('%s has %d million parameters, and heads of %d', (name, millions, head) => {
  const { text, vision } = parseOpenClipConfig(openClip[name]);
  const all = [...textEncoderParameters(text!), ...visionEncoderParameters(vision)];
  const count = all.reduce((sum, { shape }) => sum + sizeOf(shape), 1);
  expect(count / 1e6).toBeCloseTo(millions, 2);
  expect(vision.hidden_size / vision.num_attention_heads).toBe(head);
  expect(text!.hidden_size / text!.num_attention_heads).toBe(64);
});

it('each tower of PickScore, HPS and bigG fits in the bindings that every adapter has', () => {
  const taken = (name: keyof typeof openClip): { vision: number; text: number } => {
    const { text, vision } = parseOpenClipConfig(openClip[name]);
    const dtypeOf = (): 'f16' => 'f16';
    const plan = (graph: ReturnType<typeof visionEncoderGraph>): number => planGraph(graph).bytes.total;
    return {
      vision: plan(visionEncoderGraph(vision, { dtypeOf })),
      text: plan(textEncoderGraph(text!, { tokens: 77, states: [], embedded: true }, { dtypeOf })),
    };
  };
  const h = taken('ViT-H-14');
  // Of the files' 1.97 GB: 1.26 GB in the vision tower, 0.61 GB in the text tower beside its table of words, which stays where it is.
  expect([h.vision / 1e9, h.text / 1e9].map((gb) => Number(gb.toFixed(2)))).toEqual([1.28, 0.61]);
  expect(taken('ViT-bigG-14').vision / 1e9).toBeLessThan(3.8);
});

describe('a config of Hugging Face', () => {
  it('that says nothing is ViT-B/32 of OpenAI', () => {
    const { text, vision } = parseClipConfig({ model_type: 'clip' });
    expect(vision).toMatchObject({ hidden_size: 768, patch_size: 32, hidden_act: 'quickGelu', projection_dim: 512 });
    expect(text).toMatchObject({
      hidden_size: 512,
      num_attention_heads: 8,
      hidden_act: 'quickGelu',
      projection_dim: 512,
    });
  });

  it('goes by its own projection_dim, and by the parts that older versions wrote', () => {
    const { text, vision } = parseClipConfig({
      model_type: 'clip',
      projection_dim: 1024,
      text_config: { hidden_size: 1024, num_attention_heads: 16, projection_dim: 512, hidden_act: 'gelu' },
      vision_config: { hidden_size: 999 },
      vision_config_dict: { hidden_size: 1280, num_attention_heads: 16, hidden_act: 'gelu', patch_size: 14 },
    });
    expect(text).toMatchObject({ projection_dim: 1024, hidden_act: 'gelu' });
    expect(vision).toMatchObject({ hidden_size: 1280, projection_dim: 1024, hidden_act: 'gelu' });
  });

  it.each([
    ['num_attention_heads', { hidden_size: 1280 }],
    ['patch_size', { patch_size: 15 }],
    ['image_size', { image_size: 0 }],
    ['num_channels', { num_channels: 4 }],
    ['hidden_act', { hidden_act: 'gelu_new' }],
  ])('is refused by its %s', (field, vision_config) => {
    expect(() => parseClipConfig({ model_type: 'clip', vision_config })).toThrow(`: ${field} is `);
  });
});

describe('weights without a config', () => {
  /** The shapes of a model, in open_clip's layout. */
  function shapes(width: number): TensorSource {
    const tensors: Record<string, number[]> = {
      'model.visual.conv1.weight': [width, 3, 14, 14],
      'model.visual.positional_embedding': [257, width],
      'model.visual.proj': [width, 1024],
      'model.visual.transformer.resblocks.0.ln_1.weight': [width],
      'model.visual.transformer.resblocks.0.mlp.c_fc.weight': [4 * width, width],
      'model.token_embedding.weight': [49408, 1024],
      'model.positional_embedding': [77, 1024],
      'model.transformer.resblocks.0.ln_1.weight': [1024],
      'model.transformer.resblocks.0.mlp.c_fc.weight': [4096, 1024],
    };
    return {
      names: Object.keys(tensors),
      shape: (name) => tensors[name],
      read: () => Promise.reject(new Error('only shapes are read')),
    };
  }

  it('are known by their shapes where only one model has them', () => {
    const { vision, text } = clipConfigOfShapes(clipTensors(shapes(1280), 'hps.safetensors'));
    expect(vision).toMatchObject({
      num_attention_heads: 16,
      hidden_act: 'gelu',
      image_size: 224,
      projection_dim: 1024,
    });
    expect(text).toMatchObject({ num_attention_heads: 16, hidden_act: 'gelu', max_position_embeddings: 77 });
  });

  it('are all known by the names that they are read by', () => {
    const weights = clipTensors(shapes(1280), 'hps.safetensors');
    expect(weights.names.map((name) => [name, weights.shape(name)])).toContainEqual([
      'vision_model.encoder.layers.0.mlp.fc1.weight',
      [5120, 1280],
    ]);
    expect(weights.names.filter((name) => !weights.shape(name))).toEqual([]);
  });

  it('are refused where nobody can know the activation', () => {
    expect(() => clipConfigOfShapes(clipTensors(shapes(1024), 'x.safetensors'))).toThrow('without a config');
    expect(
      parametersOf(visionEncoderGraph(clipConfigOfShapes(clipTensors(shapes(1024), 'x'), 'quick_gelu').vision)).length,
    ).toBeGreaterThan(0);
  });
});
