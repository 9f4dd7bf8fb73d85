/** The figures that people send: every variant that the adapter has, on tiny shapes, as the document says that reads them. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { gpuMarkdown, gpuText } from '../cli/gpuTables.ts';
import { type NodeDevice, openNodeDevice } from '../cli/device.ts';
import { Graph } from '../graph/graph.ts';
import { heaviestTasks, type Task } from '../webgpu/workload.ts';
import { benchGpu, type GpuBench, gpuBenchSchema } from './gpuBench.ts';

let engine: NodeDevice;
beforeAll(async () => {
  engine = await openNodeDevice();
});
afterAll(() => engine?.destroy());

function tasks(): Task[] {
  const graph = new Graph();
  const [x, weight] = [graph.input('x', [24, 16]), graph.parameter('w', [16, 16], 'f16')];
  graph.output('p', graph.op('linear', { bias: false, residual: false, scale: 1 }, [x, weight]));
  const scale = graph.input('scale', [16]);
  const norm = { groups: 8, eps: 1e-5, silu: true };
  graph.output('n', graph.op('groupNorm', norm, [graph.input('n', [1, 16, 4, 4]), scale, scale]));
  // Far too much for an adapter that runs shaders on the CPU.
  const [q, k] = [graph.input('q', [2, 4096, 320]), graph.input('k', [2, 4096, 320])];
  graph.output('a', graph.op('attention', { heads: 8, causal: false }, [q, k, k]));
  return heaviestTasks(graph, engine.device.limits);
}

const about = { product: '0', date: new Date(0).toISOString(), runtime: 'a test' };
const bench = (minutes: number): Promise<GpuBench> =>
  benchGpu(engine, { layouts: [{ name: 'tiny', tasks: tasks() }], about, minutes });

it('has a row for every shape and variant, and says what it left out', async () => {
  const figures = await bench(60);
  expect(gpuBenchSchema.parse(JSON.parse(JSON.stringify(figures)))).toEqual(figures);
  expect(figures.adapter.software).toBe(true);
  const product = figures.rows.filter(({ task }) => task === 'linear 24x16 by 16x16 f16');
  expect(product.map(({ variant }) => variant).toSorted()).toEqual(['quad', 'workgroup']);
  for (const { measured, note, flops } of product) {
    expect(note).toBeNull();
    expect(measured!.gflops).toBeCloseTo(flops / measured!.ms / 1e6, 9);
    expect(measured!.gbPerSecond).toBeCloseTo((4 * 24 * 16 * 2 + 2 * 16 * 16) / measured!.ms / 1e6, 9);
    expect(measured!.ofPeakFlops).toBeCloseTo(measured!.gflops / figures.peak.gflops, 9);
  }
  for (const { measured, flops } of figures.rows.filter(({ kernelClass }) => kernelClass === 'norm')) {
    expect([flops, measured!.gflops]).toEqual([0, 0]);
    expect(measured!.ofPeakBandwidth).toBeCloseTo(measured!.gbPerSecond / figures.peak.gbPerSecond, 9);
  }
  const attention = figures.rows.filter(({ kernelClass }) => kernelClass === 'attention');
  expect(attention.length).toBeGreaterThan(1);
  for (const { measured, note } of attention)
    expect([measured, note]).toEqual([null, expect.stringMatching(/too long/)]);
  expect(gpuText(figures)).toMatch(/says nothing about a GPU[^]*\d+: left out: it would take too long/);
  expect(gpuMarkdown(figures)).toMatch(/\| linear 24x16 by 16x16 f16 \|( [\d.]+ \([\d.]+ %\) \|){2}/);
  expect(gpuMarkdown(figures)).toMatch(/\| groupNorm 1x16x4x4 by 16 \|.* GB\/s \(/);
});

it('begins no row when the time is over', async () => {
  const { rows } = await bench(0);
  expect(rows.map(({ measured }) => measured)).toEqual(rows.map(() => null));
  expect(rows.at(-1)!.note).toBe('left out: the time was over');
});
