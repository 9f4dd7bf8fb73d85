/** What takes the arithmetic of real models' steps, and how it is cut to what float64 on the CPU can check. */
import { describe, expect, it } from 'vitest';
import { folderReader } from '../cli/files.ts';
import { flopsOf, graphFlops } from '../graph/flops.ts';
import { Graph } from '../graph/graph.ts';
import { type Layout, layouts, layoutTasks } from '../service/layouts.ts';
import { DESKTOP_LIMITS } from '../service/planning/forecast.ts';
import { alone, cutOf, heaviestTasks, type Task } from './workload.ts';

const tasksOf = (layout: Layout): Promise<Task[]> => layoutTasks(layout, folderReader, DESKTOP_LIMITS);

describe.each(layouts)('$name', (layout) => {
  it('is cut to small tasks of the same kind, which are offered the same kernels', async () => {
    const tasks = await tasksOf(layout);
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
  const tasks = await tasksOf(layouts[2]!);
  const sums = tasks.map(({ count, flops }) => count * flops);
  expect(sums).toEqual(sums.toSorted((a, b) => b - a));
  expect(new Set(tasks.map(({ kernelClass }) => kernelClass))).toEqual(
    new Set(['gemm', 'conv2d', 'attention', 'norm']),
  );
  const names = tasks.map(({ name }) => name);
  expect(names).toContain('conv2d 2x320x64x64 by 320x320x3x3 f16');
  // Behind them what is bound by memory.
  expect(names.filter((_, i) => sums[i] === 0)).toEqual(names.slice(-3));
  expect(names.slice(-3).join('; ')).toMatch(/groupNorm/);
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
