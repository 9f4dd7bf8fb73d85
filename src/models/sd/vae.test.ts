/** Layout and refusals. Numbers are checked against PyTorch in service/verify.test.ts. */
import { describe, expect, it } from 'vitest';
import { sizeOf } from '../../shared/shape.ts';
import type { Config } from '../config.ts';
import { withAliases } from '../weights.ts';
import {
  legacyVaeNames,
  parseVaeConfig,
  vaeDecoderGraph,
  vaeEncoderGraph,
  vaeParameters,
  vaeScaleFactor,
} from './vae.ts';

const kl: Config = {
  _class_name: 'AutoencoderKL',
  block_out_channels: [128, 256, 512, 512],
  down_block_types: Array(4).fill('DownEncoderBlock2D'),
  up_block_types: Array(4).fill('UpDecoderBlock2D'),
  layers_per_block: 2,
};

// Counts of diffusers. Stable Diffusion's middle attention is one head of 512 channels.
it.each<[string, Config, number, number]>([
  ['Stable Diffusion', kl, 83_653_863, 8],
  ['TAESD', { _class_name: 'AutoencoderTiny' }, 2_445_063, 8],
])('has the parameters of %s', (_, file, count, factor) => {
  const config = parseVaeConfig(file);
  expect(vaeParameters(config).reduce((sum, { shape }) => sum + sizeOf(shape), 0)).toBe(count);
  const encoder = vaeEncoderGraph(config, { batch: 2, height: 16, width: 16 });
  expect(encoder.outputs.get('mean')!.shape).toEqual([2, config.latent_channels, 2, 2]);
  expect([...encoder.outputs.keys()]).toEqual(config.kind === 'AutoencoderTiny' ? ['mean'] : ['mean', 'logvar']);
  const decoder = vaeDecoderGraph(config, { height: 2, width: 2 });
  expect([vaeScaleFactor(config), decoder.outputs.get('image')!.shape]).toEqual([factor, [1, 3, 16, 16]]);
});

describe('config', () => {
  const tiny: Config = { _class_name: 'AutoencoderTiny' };
  const attention = ['AttnDownEncoderBlock2D', 'DownEncoderBlock2D', 'DownEncoderBlock2D', 'DownEncoderBlock2D'];
  it.each<[string, Config, Config, RegExp?]>([
    ['_class_name', kl, { _class_name: 'VQModel' }],
    ['_class_name', kl, { _class_name: 'AsymmetricAutoencoderKL' }],
    ['down_block_types', kl, { down_block_types: attention }, /down_block_types is "AttnDownEncoderBlock2D"/],
    ['up_block_types', kl, { up_block_types: ['UpDecoderBlock2D'] }, /up_block_types is \["UpDecoderBlock2D"\]/],
    ['block_out_channels', kl, { block_out_channels: 128 }],
    ['layers_per_block', kl, { layers_per_block: [2, 2, 2, 2] }],
    ['norm_num_groups', kl, { norm_num_groups: 48 }],
    ['act_fn', kl, { act_fn: 'mish' }],
    ['latent_channels', kl, { latent_channels: 0 }],
    ['scaling_factor', kl, { scaling_factor: null }],
    ['shift_factor', kl, { shift_factor: 0.0609 }],
    ['quantization_config', kl, { quantization_config: { quant_method: 'bitsandbytes' } }],
    ['latents_mean', kl, { latents_mean: [0, 0, 0, 0] }],
    ['latents_std', kl, { latents_std: [1, 1, 1, 1] }],
    ['use_quant_conv', kl, { use_quant_conv: null }],
    ['use_post_quant_conv', kl, { use_post_quant_conv: 1 }],
    ['mid_block_add_attention', kl, { mid_block_add_attention: 'no' }],
    ['encoder_block_out_channels', tiny, { encoder_block_out_channels: [32, 64, 64, 64] }],
    ['decoder_block_out_channels', tiny, { decoder_block_out_channels: [64, 64] }],
    ['num_encoder_blocks', tiny, { num_encoder_blocks: [1, -1, 3, 3] }],
    ['num_decoder_blocks', tiny, { num_decoder_blocks: 3 }],
    ['upsample_fn', tiny, { upsample_fn: 'bilinear' }],
    ['upsampling_scaling_factor', tiny, { upsampling_scaling_factor: 1.5 }],
  ])('refuses %s of %j at %j', (field, file, change, message) => {
    const parse = (): unknown => parseVaeConfig({ ...file, ...change });
    expect(parse).toThrow(message ?? `: ${field} is ${JSON.stringify(change[field])};`);
    expect(parse).toThrow(expect.objectContaining({ name: 'UnsupportedArchitecture' }));
  });

  it.each<[string, Config, object]>([
    [
      "SDXL's, which is upcast where others run in half width",
      {
        ...kl,
        scaling_factor: 0.13025,
        force_upcast: true,
        sample_size: 1024,
        latents_mean: null,
        latents_std: null,
        shift_factor: null,
      },
      { scaling_factor: 0.13025 },
    ],
    [
      "TAESDXL's",
      { ...tiny, latent_magnitude: 3, latent_shift: 0.5, force_upcast: false, block_out_channels: [64, 64, 64, 64] },
      { scaling_factor: 1, num_decoder_blocks: [3, 3, 3, 1] },
    ],
  ])('takes %s', (_, file, expected) => expect(parseVaeConfig(file)).toMatchObject(expected));
});

it('finds attention under its old names', async () => {
  const old = new Map([
    ['encoder.mid_block.attentions.0.query.weight', 1],
    ['decoder.mid_block.attentions.0.proj_attn.bias', 2],
    ['encoder.conv_in.bias', 3],
  ]);
  const source = withAliases(
    {
      names: [...old.keys()],
      shape: (name) => (old.has(name) ? [1] : undefined),
      read: async (name) => Float32Array.of(old.get(name)!),
    },
    legacyVaeNames,
  );
  const names = [
    'encoder.mid_block.attentions.0.to_q.weight',
    'decoder.mid_block.attentions.0.to_out.0.bias',
    'encoder.conv_in.bias',
  ];
  expect(await Promise.all(names.map(async (name) => [source.shape(name), (await source.read(name))[0]]))).toEqual([
    [[1], 1],
    [[1], 2],
    [[1], 3],
  ]);
  expect(source.shape('encoder.mid_block.attentions.0.to_k.weight')).toBeUndefined();
});
