/** A UNet small enough to be measured anywhere: that of the peer benchmark (bench/). */
import type { Config } from '../models/config.ts';

export const nano: Config = {
  _class_name: 'UNet2DConditionModel',
  sample_size: 16,
  in_channels: 4,
  out_channels: 4,
  block_out_channels: [32, 64],
  down_block_types: ['CrossAttnDownBlock2D', 'DownBlock2D'],
  up_block_types: ['UpBlock2D', 'CrossAttnUpBlock2D'],
  layers_per_block: 1,
  cross_attention_dim: 32,
  attention_head_dim: 4,
  norm_num_groups: 8,
};
