/** The models that kernels are measured on, by their configs alone: from one that runs anywhere to the largest. */
import type { Config } from '../models/config.ts';
import { denoiserGraph } from '../models/denoiser.ts';
import { openDenoiser } from '../models/families.ts';
import { parametersOf } from '../models/weights.ts';
import type { PlanLimits } from '../webgpu/plan.ts';
import type { Task } from '../webgpu/workload.ts';
import type { FolderReader } from './environment.ts';
import { readModelConfigs } from './model/modelConfigs.ts';
import { usualTasks } from './planning/stepTasks.ts';
import { latentSizeOf } from './sampling/latentSize.ts';

/** The UNet of the peer benchmark (bench/). */
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

export interface Layout {
  name: string;
  /** Of its configs, in the product's own folder; null for nano. */
  folder: string | null;
}

export const layouts: readonly Layout[] = [
  { name: 'nano', folder: null },
  { name: 'postcard', folder: 'public/models/postcard' },
  { name: 'Stable Diffusion 1.5, 512 px', folder: 'tools/reference/configs/stable-diffusion-v1-5' },
  { name: 'SDXL, 1024 px', folder: 'tools/reference/configs/stable-diffusion-xl-base-1.0' },
];

/** The heaviest shapes of a training step of it; of a large one with weights in f16, as they are published. */
export async function layoutTasks(
  { folder }: Layout,
  open: (folder: string) => FolderReader,
  limits: PlanLimits,
): Promise<Task[]> {
  const { unet, tokens, size, sizeMultiple } = folder
    ? await readModelConfigs(open(folder), { tokenizers: 'found' })
    : { unet: openDenoiser(nano), tokens: 16, size: { width: 16, height: 16 }, sizeMultiple: 1 };
  const latentSize = latentSizeOf(size, sizeMultiple);
  const { graph } = denoiserGraph(unet, { batch: 1, ...latentSize, tokens });
  const shapes = new Map(parametersOf(graph).map(({ name, shape }) => [name, shape]));
  const weights = { names: [...shapes.keys()], shape: (name: string) => shapes.get(name), half: () => 'f16' as const };
  return usualTasks({ folder: { unet: { model: unet }, tokens }, weights }, latentSize, limits);
}
