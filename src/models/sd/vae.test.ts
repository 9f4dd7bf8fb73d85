/** Layout and refusals. Numbers are checked against PyTorch in service/verify.test.ts. */
import { describe, expect, it } from 'vitest';
import { Graph } from '../../graph/graph.ts';
import { sizeOf } from '../../shared/shape.ts';
import type { Config } from '../config.ts';
import { parametersOf, withAliases } from '../weights.ts';
import { buildVaeDecoder, buildVaeEncoder, legacyVaeNames, parseVaeConfig, vaeScaleFactor } from './vae.ts';

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
  const graph = new Graph();
  buildVaeEncoder(graph, config, graph.input('image', [1, 3, 16, 16]));
  const image = buildVaeDecoder(graph, config, graph.input('latents', [1, config.latent_channels, 2, 2]));
  expect(parametersOf(graph).reduce((sum, { shape }) => sum + sizeOf(shape), 0)).toBe(count);
  expect([vaeScaleFactor(config), image.shape]).toEqual([factor, [1, 3, 16, 16]]);
});

describe('config', () => {
  it.each<[string, Config, RegExp]>([
    ['another class', { _class_name: 'VQModel' }, /_class_name is "VQModel"/],
    ['blocks with attention', { ...kl, down_block_types: ['AttnDownEncoderBlock2D', 'DownEncoderBlock2D', 'DownEncoderBlock2D', 'DownEncoderBlock2D'] }, /down_block_types/],
    ['latent statistics', { ...kl, latents_mean: [0, 0, 0, 0] }, /latents_mean is \[0,0,0,0\]/],
    ['stages of two widths', { _class_name: 'AutoencoderTiny', encoder_block_out_channels: [32, 64, 64, 64] }, /encoder_block_out_channels/],
    ['another upsampling', { _class_name: 'AutoencoderTiny', upsample_fn: 'bilinear' }, /upsample_fn is "bilinear"/],
  ])('refuses %s by name', (_, file, message) => expect(() => parseVaeConfig(file)).toThrow(message));
});

it('finds attention under its old names', async () => {
  const old = new Map([['encoder.mid_block.attentions.0.query.weight', 1], ['decoder.mid_block.attentions.0.proj_attn.bias', 2], ['encoder.conv_in.bias', 3]]);
  const source = withAliases({ names: [...old.keys()], shape: (name) => (old.has(name) ? [1] : undefined), read: async (name) => Float32Array.of(old.get(name)!) }, legacyVaeNames);
  const names = ['encoder.mid_block.attentions.0.to_q.weight', 'decoder.mid_block.attentions.0.to_out.0.bias', 'encoder.conv_in.bias'];
  expect(await Promise.all(names.map(async (name) => [source.shape(name), (await source.read(name))[0]]))).toEqual([[[1], 1], [[1], 2], [[1], 3]]);
  expect(source.shape('encoder.mid_block.attentions.0.to_k.weight')).toBeUndefined();
});
