/** Layout and refusals. Numbers are checked against PyTorch in service/verify.test.ts. */
import { describe, expect, it } from 'vitest';
import { Graph } from '../../graph/graph.ts';
import { evaluate } from '../../oracle/run.ts';
import { sizeOf } from '../../shared/shape.ts';
import type { Config } from '../config.ts';
import type { LoraHook } from '../layers.ts';
import { checkParameters, parametersOf, type TensorSource } from '../weights.ts';
import { parseUNetConfig } from './config.ts';
import { buildUNet, loraTargets, timestepFrequencies, unetInputs } from './unet.ts';

const [CROSS_DOWN, CROSS_UP] = ['CrossAttnDownBlock2D', 'CrossAttnUpBlock2D'];
const xl = {
  block_out_channels: [320, 640, 1280],
  down_block_types: ['DownBlock2D', CROSS_DOWN, CROSS_DOWN],
  up_block_types: [CROSS_UP, CROSS_UP, 'UpBlock2D'],
  transformer_layers_per_block: [1, 2, 10] as unknown,
  attention_head_dim: [5, 10, 20],
  cross_attention_dim: 2048,
  use_linear_projection: true,
  addition_embed_type: 'text_time',
  addition_time_embed_dim: 256,
  projection_class_embeddings_input_dim: 2816,
};
const mid = { mid_block_type: 'UNetMidBlock2D' };

// Parameters and tensors as diffusers counts them, and those of a rank 8 adapter on the attention projections (design notes).
describe.each<[string, Config, number, number, number]>([
  ['Stable Diffusion 1.5', { cross_attention_dim: 768 }, 859_520_964, 686, 1_594_368],
  [
    'Stable Diffusion 2.1',
    {
      cross_attention_dim: 1024,
      attention_head_dim: [5, 10, 20, 20],
      use_linear_projection: true,
      upcast_attention: true,
    },
    865_910_724,
    686,
    1_659_904,
  ],
  ['SDXL', xl, 2_567_463_684, 1680, 11_612_160],
  [
    'SSD-1B',
    {
      ...xl,
      ...mid,
      transformer_layers_per_block: [1, [2, 2], [4, 4]],
      reverse_transformer_layers_per_block: [[4, 4, 10], [2, 1, 1], 1],
    },
    1_331_334_404,
    944,
    5_414_912,
  ],
  [
    'Vega',
    {
      ...xl,
      ...mid,
      transformer_layers_per_block: [1, [1, 1], [2, 2]],
      reverse_transformer_layers_per_block: [[2, 2, 2], [1, 1, 1], 1],
    },
    745_225_604,
    564,
    2_283_520,
  ],
  ['BK-SDM-Base', { cross_attention_dim: 768, layers_per_block: 1 }, 579_384_964, 442, 1_018_880],
  ['BK-SDM-Small', { cross_attention_dim: 768, layers_per_block: 1, mid_block_type: null }, 482_346_884, 396, 863_232],
  [
    'BK-SDM-Tiny',
    {
      cross_attention_dim: 768,
      layers_per_block: 1,
      mid_block_type: null,
      block_out_channels: [320, 640, 1280],
      down_block_types: [CROSS_DOWN, CROSS_DOWN, CROSS_DOWN],
      up_block_types: [CROSS_UP, CROSS_UP, CROSS_UP],
    },
    323_384_964,
    358,
    863_232,
  ],
])('%s', (_, file, parameters, tensors, rank8) => {
  const config = parseUNetConfig(file);
  it('has the parameters that diffusers has', () => {
    const graph = new Graph();
    buildUNet(graph, config, unetInputs(graph, config, { batch: 1, height: 8, width: 8, tokens: 2 }));
    const found = parametersOf(graph);
    expect(found.length).toBe(tensors);
    expect(found.reduce((sum, { shape }) => sum + sizeOf(shape), 0)).toBe(parameters);
    expect(new Set(graph.nodes.map(({ name }) => name)).size).toBe(graph.nodes.length);
  });
  it('has its attention projections as targets', () => {
    expect(
      loraTargets(config, 'attention').reduce((sum, { weightShape: [out, width] }) => sum + 8 * (out! + width!), 0),
    ).toBe(rank8);
  });
});

const small: Config = {
  block_out_channels: [8, 8],
  down_block_types: [CROSS_DOWN, 'DownBlock2D'],
  up_block_types: ['UpBlock2D', CROSS_UP],
  norm_num_groups: 4,
  attention_head_dim: 2,
  cross_attention_dim: 6,
  layers_per_block: 1,
};

describe('config', () => {
  const xlSmall = {
    addition_embed_type: 'text_time',
    addition_time_embed_dim: 4,
    projection_class_embeddings_input_dim: 30,
  };

  // Every field whose value decides what is computed, at a value that another model of diffusers has, or that fits nothing.
  it.each<[string, Config, RegExp?]>([
    ['_class_name', { _class_name: 'UNet2DModel' }],
    ['in_channels', { in_channels: 0 }],
    ['out_channels', { out_channels: '4' }],
    ['sample_size', { sample_size: [8, 8, 8] }, /sample_size is \[8,8,8\]/],
    ['center_input_sample', { center_input_sample: 'yes' }],
    ['flip_sin_to_cos', { flip_sin_to_cos: 1 }],
    ['freq_shift', { freq_shift: '1' }],
    [
      'down_block_types',
      { down_block_types: ['SimpleCrossAttnDownBlock2D', 'DownBlock2D'] },
      /down_block_types is "SimpleCrossAttnDownBlock2D"/,
    ],
    [
      'down_block_types',
      { down_block_types: ['AttnDownBlock2D', 'DownBlock2D'] },
      /down_block_types is "AttnDownBlock2D"/,
    ],
    ['mid_block_type', { mid_block_type: 'UNetMidBlock2DSimpleCrossAttn' }],
    [
      'up_block_types',
      { up_block_types: ['UpBlock2D', 'ResnetUpsampleBlock2D'] },
      /up_block_types is "ResnetUpsampleBlock2D"/,
    ],
    ['up_block_types', { up_block_types: ['UpBlock2D'] }, /up_block_types is \["UpBlock2D"\]/],
    ['only_cross_attention', { only_cross_attention: [true] }],
    ['only_cross_attention', { only_cross_attention: 1 }],
    ['block_out_channels', { block_out_channels: [8, 8, 8] }],
    ['layers_per_block', { layers_per_block: [1, 2, 3] }],
    ['downsample_padding', { downsample_padding: 2 }],
    ['mid_block_scale_factor', { mid_block_scale_factor: null }],
    ['dropout', { dropout: 0.1 }],
    ['act_fn', { act_fn: 'mish' }],
    ['norm_num_groups', { norm_num_groups: null }],
    ['norm_num_groups', { norm_num_groups: 3 }],
    ['norm_eps', { norm_eps: '1e-5' }],
    ['cross_attention_dim', { cross_attention_dim: [6] }],
    ['cross_attention_dim', { cross_attention_dim: [6, 8], up_block_types: [CROSS_UP, CROSS_UP] }],
    ['cross_attention_dim', { cross_attention_dim: null }],
    ['transformer_layers_per_block', { transformer_layers_per_block: [1, 1, 1] }],
    ['transformer_layers_per_block', { transformer_layers_per_block: 1.5 }],
    [
      'reverse_transformer_layers_per_block',
      { transformer_layers_per_block: [[1], 1] },
      /reverse_transformer_layers_per_block is null/,
    ],
    ['reverse_transformer_layers_per_block', { reverse_transformer_layers_per_block: [[1], 1] }],
    ['encoder_hid_dim', { encoder_hid_dim: 8 }],
    ['encoder_hid_dim_type', { encoder_hid_dim_type: 'image_proj' }],
    ['attention_head_dim', { attention_head_dim: 3 }, /attention_head_dim is \[3,3\]/],
    ['attention_head_dim', { attention_head_dim: null }],
    [
      'attention_head_dim',
      { attention_head_dim: 1, block_out_channels: [512, 512] },
      /attention_head_dim is \[1,1\].*256 channels/,
    ],
    ['num_attention_heads', { num_attention_heads: 2 }],
    ['dual_cross_attention', { dual_cross_attention: true }],
    ['use_linear_projection', { use_linear_projection: 'linear' }],
    ['class_embed_type', { class_embed_type: 'text' }],
    ['num_class_embeds', { num_class_embeds: 0 }],
    [
      'projection_class_embeddings_input_dim',
      { class_embed_type: 'projection' },
      /projection_class_embeddings_input_dim/,
    ],
    ['class_embeddings_concat', { class_embeddings_concat: true }],
    ['addition_embed_type', { addition_embed_type: 'image' }],
    ['addition_embed_type', { addition_embed_type: 'text' }],
    ['addition_time_embed_dim', { ...xlSmall, addition_time_embed_dim: null }],
    ['projection_class_embeddings_input_dim', { ...xlSmall, projection_class_embeddings_input_dim: 24 }],
    ['upcast_attention', { upcast_attention: 'always' }],
    ['resnet_time_scale_shift', { resnet_time_scale_shift: 'scale_shift' }],
    ['resnet_time_scale_shift', { resnet_time_scale_shift: 'ada_group' }],
    ['resnet_skip_time_act', { resnet_skip_time_act: true }],
    ['resnet_out_scale_factor', { resnet_out_scale_factor: 1.4 }],
    ['time_embedding_type', { time_embedding_type: 'fourier' }],
    ['time_embedding_dim', { time_embedding_dim: 0 }],
    ['time_embedding_act_fn', { time_embedding_act_fn: 'silu' }],
    ['timestep_post_act', { timestep_post_act: 'silu' }],
    ['time_cond_proj_dim', { time_cond_proj_dim: -1 }],
    ['conv_in_kernel', { conv_in_kernel: 0 }],
    ['conv_out_kernel', { conv_out_kernel: 2.5 }],
    ['attention_type', { attention_type: 'gated' }],
    ['mid_block_only_cross_attention', { mid_block_only_cross_attention: true }],
    ['cross_attention_norm', { cross_attention_norm: 'layer_norm' }],
    ['quantization_config', { quantization_config: { quant_method: 'bitsandbytes', load_in_4bit: true } }],
  ])('refuses %s as in %j', (field, change, message) => {
    const parse = (): unknown => parseUNetConfig({ ...small, ...change });
    expect(parse).toThrow(
      message ?? `: ${field} is ${change[field] === undefined ? 'undefined' : JSON.stringify(change[field])};`,
    );
    expect(parse).toThrow(expect.objectContaining({ name: 'UnsupportedArchitecture' }));
  });

  it.each<[string, Config]>([
    [
      'what changes nothing',
      {
        upcast_attention: null,
        dropout: 0,
        resnet_out_scale_factor: 1,
        mid_block_only_cross_attention: null,
        dual_cross_attention: null,
      },
    ],
    // The file of stable-diffusion-v1-5 as diffusers 0.17 wrote it, less its sizes.
    [
      'every field at the value that means nothing',
      {
        addition_embed_type: null,
        addition_embed_type_num_heads: 64,
        class_embed_type: null,
        class_embeddings_concat: false,
        cross_attention_norm: null,
        encoder_hid_dim: null,
        num_class_embeds: null,
        projection_class_embeddings_input_dim: null,
        resnet_skip_time_act: false,
        time_cond_proj_dim: null,
        time_embedding_act_fn: null,
        time_embedding_dim: null,
        time_embedding_type: 'positional',
        timestep_post_act: null,
        only_cross_attention: false,
        use_linear_projection: false,
      },
    ],
    ['fields of the future', { _diffusers_version: '9.0', of_the_future: 1 }],
    ['a context by block, where those that attend agree', { cross_attention_dim: [6, 99], mid_block_type: null }],
    [
      'block types with their old prefix',
      {
        down_block_types: ['UNetResCrossAttnDownBlock2D', 'UNetResDownBlock2D'],
        up_block_types: ['UNetResUpBlock2D', 'UNetResCrossAttnUpBlock2D'],
      },
    ],
    ['class numbers beside a type that needs none', { class_embed_type: 'timestep', num_class_embeds: 3 }],
  ])('takes %s', (_, change) => {
    expect(parseUNetConfig({ ...small, ...change })).toMatchObject({
      cross_attention_dim: 6,
      num_class_embeds: 0,
      block_out_channels: [8, 8],
    });
  });
});

it.each<[string, Config, boolean, string[]]>([
  [
    'takes the guidance embedding where it is asked to',
    { time_cond_proj_dim: 5 },
    true,
    ['time_embedding.cond_proj.weight'],
  ],
  ['runs without it where it is not, as diffusers does', { time_cond_proj_dim: 5 }, false, []],
])('%s', (_, change, guidance, expected) => {
  const graph = new Graph();
  const config = parseUNetConfig({ ...small, ...change });
  buildUNet(graph, config, unetInputs(graph, config, { batch: 1, height: 2, width: 2, tokens: 1, guidance }));
  expect(
    parametersOf(graph)
      .map(({ name }) => name)
      .filter((name) => name.includes('cond_proj')),
  ).toEqual(expected);
});

it('has the sinusoid of diffusers', () => {
  // get_timestep_embedding(torch.tensor([500.]), 320, flip_sin_to_cos=True, downscale_freq_shift=0). torch's vector exp is one unit off in
  // 3 of the 160 frequencies, which 500 makes 1.4e-5.
  const angles = [...timestepFrequencies(320, 0)].slice(0, 3).map((frequency) => Math.fround(500 * frequency));
  [-0.883849, 0.702759, 0.886686].forEach((cos, i) => expect(Math.cos(angles[i]!)).toBeCloseTo(cos, 4));
  [-0.467772, 0.711428, -0.462372].forEach((sin, i) => expect(Math.sin(angles[i]!)).toBeCloseTo(sin, 4));
});

describe('LoRA', () => {
  const config = parseUNetConfig(small);
  const run = (lora: boolean, up: number): Float64Array => {
    const graph = new Graph();
    const hook: LoraHook = (path, _, [out, ...rest]) => ({
      down: graph.parameter(`${path}.down`, [2, ...rest]),
      up: graph.parameter(`${path}.up`, [out!, 2, ...rest.slice(1).map(() => 1)]),
      scale: 0.7,
      rank: 2,
    });
    const inputs = unetInputs(graph, config, { batch: 1, height: 4, width: 3, tokens: 2 });
    const out = buildUNet(graph, config, inputs, lora ? { lora: hook } : {});
    const wave = (seed: number, n: number): Float32Array =>
      Float32Array.from({ length: n }, (__, i) => Math.sin(seed + 1.7 * i) / 2);
    const feeds = new Map(
      [...parametersOf(graph), inputs.sample, inputs.encoder_hidden_states, inputs.timestep].map((value) => {
        const data = wave(value.name.length, sizeOf(value.shape));
        return [value, value.name.endsWith('.up') ? data.map((x) => x * up) : data];
      }),
    );
    return evaluate(graph, feeds)(out).slice();
  };
  it('with up = 0 is the base to the last bit, else it is not', () => {
    expect(run(true, 0)).toEqual(run(false, 0));
    expect(run(true, 1)).not.toEqual(run(false, 0));
  });
});

it('names the tensor and both shapes that do not fit', () => {
  const graph = new Graph();
  const config = parseUNetConfig(small);
  buildUNet(graph, config, unetInputs(graph, config, { batch: 1, height: 2, width: 2, tokens: 1 }));
  const shapes = new Map(parametersOf(graph).map(({ name, shape }) => [name, shape]));
  const source = (change: (names: Map<string, readonly number[]>) => void): TensorSource => {
    const changed = new Map(shapes);
    change(changed);
    return { names: [...changed.keys()], shape: (name) => changed.get(name), read: async () => new Float32Array() };
  };
  expect(() =>
    checkParameters(
      parametersOf(graph),
      source(() => {}),
    ),
  ).not.toThrow();
  expect(() =>
    checkParameters(
      parametersOf(graph),
      source((names) => names.delete('conv_out.bias')),
    ),
  ).toThrow(expect.objectContaining({ name: 'MissingTensor', message: expect.stringContaining('conv_out.bias') }));
  expect(() =>
    checkParameters(
      parametersOf(graph),
      source((names) => names.set('conv_in.weight', [8, 4, 1, 1])),
    ),
  ).toThrow(
    expect.objectContaining({
      name: 'WrongShape',
      message: expect.stringMatching(/conv_in\.weight.*\[8, 4, 1, 1\].*\[8, 4, 3, 3\]/),
    }),
  );
});
