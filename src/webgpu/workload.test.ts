/** What takes the arithmetic of real models' steps, and how it is cut to what float64 on the CPU can check. */
import { describe, expect, it } from 'vitest';
import { folderReader } from '../cli/files.ts';
import { flopsOf, graphFlops } from '../graph/flops.ts';
import { Graph } from '../graph/graph.ts';
import { denoiserGraph } from '../models/denoiser.ts';
import { openDenoiser } from '../models/families.ts';
import { parametersOf } from '../models/weights.ts';
import { nano } from '../service/layouts.ts';
import { readModelConfigs } from '../service/model/modelConfigs.ts';
import { DESKTOP_LIMITS } from '../service/planning/forecast.ts';
import { usualTasks } from '../service/planning/stepTasks.ts';
import { latentSizeOf } from '../service/sampling/latentSize.ts';
import { alone, cutOf, heaviestTasks, type Task } from './workload.ts';

const kept = { dtypeOf: () => 'f16' as const };

async function tasksOf(folder: string | null): Promise<Task[]> {
  const { unet, tokens, size, sizeMultiple } = folder
    ? await readModelConfigs(folderReader(folder), { tokenizers: 'found' })
    : { unet: openDenoiser(nano), tokens: 16, size: { width: 16, height: 16 }, sizeMultiple: 1 };
  const latents = latentSizeOf(size, sizeMultiple);
  const { graph } = denoiserGraph(unet, { batch: 1, ...latents, tokens }, () => kept);
  const shapes = new Map(parametersOf(graph).map(({ name, shape }) => [name, shape]));
  const weights = { names: [...shapes.keys()], shape: (name: string) => shapes.get(name), half: () => 'f16' as const };
  return usualTasks({ folder: { unet: { model: unet }, tokens }, weights }, latents, DESKTOP_LIMITS);
}

const layouts = {
  nano: null,
  postcard: 'public/models/postcard',
  'Stable Diffusion 1.5': 'tools/reference/configs/stable-diffusion-v1-5',
  SDXL: 'tools/reference/configs/stable-diffusion-xl-base-1.0',
};

describe.each(Object.entries(layouts))('%s', (_, folder) => {
  it('is cut to small tasks of the same kind, which are offered the same kernels', async () => {
    const tasks = await tasksOf(folder);
    expect(tasks.length).toBeGreaterThanOrEqual(10);
    for (const task of tasks) {
      const cut = cutOf(task, DESKTOP_LIMITS);
      // A tenth of a second of the oracle's.
      expect(flopsOf(cut), task.name).toBeLessThan(4e7);
      const [of] = heaviestTasks(alone(cut), DESKTOP_LIMITS);
      expect(of!.kernelClass, task.name).toBe(task.kernelClass);
      expect(of!.variants, task.name).toEqual(expect.arrayContaining([...task.variants]));
      if (task.kernelClass === 'attention') {
        const headSize = ({ inputs, params }: typeof cut): number =>
          inputs[1]!.shape[2]! / (params as { heads: number }).heads;
        expect(headSize(cut), task.name).toBe(headSize(task.node));
      }
    }
  });
});

it('names the heaviest first, and the heaviest of every class', async () => {
  const tasks = await tasksOf(layouts['Stable Diffusion 1.5']);
  const sums = tasks.map(({ count, flops }) => count * flops);
  expect(sums).toEqual(sums.toSorted((a, b) => b - a));
  expect(new Set(tasks.map(({ kernelClass }) => kernelClass))).toEqual(new Set(['gemm', 'conv2d', 'attention']));
  expect(tasks.map(({ name }) => name)).toContain('conv2d 2x320x64x64 by 320x320x3x3 f16');
  expect(new Set(tasks.map(({ name }) => name)).size).toBe(tasks.length);
});

it('counts what comes more than once, whatever is added to it', () => {
  const graph = new Graph();
  const [x, weight, bias] = [graph.input('x', [6, 4]), graph.input('w', [4, 4]), graph.input('b', [4])];
  const y = graph.op('linear', { bias: false, residual: false, scale: 1 }, [x, weight]);
  graph.output('y', graph.op('linear', { bias: true, residual: true, scale: 2 }, [y, weight, bias, x]));
  const [task, ...others] = heaviestTasks(graph, DESKTOP_LIMITS);
  expect(others).toEqual([]);
  expect(task).toMatchObject({ name: 'linear 6x4 by 4x4', count: 2, flops: graphFlops(graph) / 2 });
});
