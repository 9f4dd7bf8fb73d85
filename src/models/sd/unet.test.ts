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
  ['Stable Diffusion 2.1', { cross_attention_dim: 1024, attention_head_dim: [5, 10, 20, 20], use_linear_projection: true, upcast_attention: true }, 865_910_724, 686, 1_659_904],
  ['SDXL', xl, 2_567_463_684, 1680, 11_612_160],
  ['SSD-1B', { ...xl, ...mid, transformer_layers_per_block: [1, [2, 2], [4, 4]], reverse_transformer_layers_per_block: [[4, 4, 10], [2, 1, 1], 1] }, 1_331_334_404, 944, 5_414_912],
  ['Vega', { ...xl, ...mid, transformer_layers_per_block: [1, [1, 1], [2, 2]], reverse_transformer_layers_per_block: [[2, 2, 2], [1, 1, 1], 1] }, 745_225_604, 564, 2_283_520],
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
    expect(loraTargets(config, 'attention').reduce((sum, { weightShape: [out, width] }) => sum + 8 * (out! + width!), 0)).toBe(rank8);
  });
});

const small: Config = { block_out_channels: [8, 8], down_block_types: [CROSS_DOWN, 'DownBlock2D'], up_block_types: ['UpBlock2D', CROSS_UP], norm_num_groups: 4, attention_head_dim: 2, cross_attention_dim: 6, layers_per_block: 1 };

describe('config', () => {
  it.each<[string, Config, RegExp]>([
    ['another class', { _class_name: 'UNet2DModel' }, /_class_name is "UNet2DModel"/],
    ['blocks of other models', { down_block_types: ['SimpleCrossAttnDownBlock2D', 'DownBlock2D'] }, /down_block_types is "SimpleCrossAttnDownBlock2D"/],
    ['other middles', { mid_block_type: 'UNetMidBlock2DSimpleCrossAttn' }, /mid_block_type is "UNetMidBlock2DSimpleCrossAttn"/],
    ['class labels of another kind', { class_embed_type: 'text' }, /class_embed_type is "text"/],
    ['projected classes of no width', { class_embed_type: 'projection' }, /projection_class_embeddings_input_dim/],
    ['classes beside the time', { class_embeddings_concat: true }, /class_embeddings_concat is true/],
    ['image conditions', { addition_embed_type: 'image' }, /addition_embed_type is "image"/],
    ['a guidance embedding of no width', { time_cond_proj_dim: -1 }, /time_cond_proj_dim is -1/],
    ['scale and shift', { resnet_time_scale_shift: 'scale_shift' }, /resnet_time_scale_shift is "scale_shift"/],
    ['mish', { act_fn: 'mish' }, /act_fn is "mish"/],
    ['no norm', { norm_num_groups: null }, /norm_num_groups is null/],
    ['groups that do not fit', { norm_num_groups: 3 }, /norm_num_groups is 3/],
    ['heads that do not fit', { attention_head_dim: 3 }, /attention_head_dim is \[3,3\]/],
    ['lists of the wrong length', { layers_per_block: [1, 2, 3] }, /layers_per_block is \[1,2,3\]/],
    ['depths by layer without the way up', { transformer_layers_per_block: [[1], 1] }, /reverse_transformer_layers_per_block/],
    ['GLIGEN', { attention_type: 'gated' }, /attention_type is "gated"/],
  ])('refuses %s by name', (_, change, message) => {
    const parse = (): unknown => parseUNetConfig({ ...small, ...change });
    expect(parse).toThrow(message);
    expect(parse).toThrow(expect.objectContaining({ name: 'UnsupportedArchitecture' }));
  });

  it('takes what changes nothing, and what it does not know', () => {
    expect(parseUNetConfig({ ...small, upcast_attention: true, _diffusers_version: '0.1', center_input_sample: true, of_the_future: 1 }).center_input_sample).toBe(true);
  });
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
    const wave = (seed: number, n: number): Float32Array => Float32Array.from({ length: n }, (__, i) => Math.sin(seed + 1.7 * i) / 2);
    const feeds = new Map(
      [...parametersOf(graph), inputs.sample, inputs.encoderHiddenStates, inputs.timestep].map((value) => {
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
  expect(() => checkParameters(parametersOf(graph), source(() => {}))).not.toThrow();
  expect(() => checkParameters(parametersOf(graph), source((names) => names.delete('conv_out.bias')))).toThrow(expect.objectContaining({ name: 'MissingTensor', message: expect.stringContaining('conv_out.bias') }));
  expect(() => checkParameters(parametersOf(graph), source((names) => names.set('conv_in.weight', [8, 4, 1, 1])))).toThrow(
    expect.objectContaining({ name: 'WrongShape', message: expect.stringMatching(/conv_in\.weight.*\[8, 4, 1, 1\].*\[8, 4, 3, 3\]/) }),
  );
});
