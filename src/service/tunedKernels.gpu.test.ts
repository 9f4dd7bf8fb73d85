/** What was measured is kept by adapter and shapes, and what was left over is measured the next time. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type NodeDevice, openNodeDevice } from '../cli/device.ts';
import { readJson, writeJson } from '../data/files.ts';
import { Graph } from '../graph/graph.ts';
import type { EngineDevice } from '../webgpu/device.ts';
import { createGpuExecutor } from '../webgpu/executor.ts';
import type { Tuning } from '../webgpu/tune.ts';
import { heaviestTasks, type Task } from '../webgpu/workload.ts';
import { MemoryFileStore } from './memoryFiles.ts';
import { microModel } from './microModel.ts';
import { testEnvironment } from './testEnvironment.ts';
import { TunedKernels } from './tunedKernels.ts';
import { verbContext } from './verbContexts.ts';

let engine: NodeDevice;
/** Says that it is a GPU. */
let gpu: EngineDevice;
const env = testEnvironment({ files: new MemoryFileStore(), openModel: () => microModel() });

beforeAll(async () => {
  engine = await openNodeDevice();
  const adapter = { ...engine.adapter, software: false };
  gpu = new Proxy(engine, { get: (of, key) => (key === 'adapter' ? adapter : Reflect.get(of, key, of)) });
});
afterAll(() => engine?.destroy());

function products(rows: number): Task[] {
  const graph = new Graph();
  const [x, weight] = [graph.input('x', [rows, 16]), graph.input('w', [16, 16])];
  graph.output('y', graph.op('linear', { bias: false, residual: false, scale: 1 }, [x, weight]));
  return heaviestTasks(graph, engine.device.limits);
}

/** As after further starts, until nothing is left over; how many classes were measured, and what came of it. What a busy machine was slow to
 *  compile counts as asked twice already. */
async function opened(
  device: EngineDevice,
  tasks: () => readonly Task[],
): Promise<{ measured: number; tuning: Tuning }> {
  for (let measured = 0; ;) {
    const tuning = await new TunedKernels({ env, device, machine: 'this' }).of(tasks, () => measured++);
    for (const path of await tables()) {
      const kept = await readJson<Tuning>(env.files, path);
      if (kept!.slow.length > 0) await writeJson(env.files, path, { ...kept, slow: [] });
    }
    if (tuning.left.length === 0) return { measured, tuning: { ...tuning, slow: [] } };
  }
}

const tables = (): Promise<string[]> => env.files.list('settings');

it('measures shapes once, others by themselves, and what an earlier time left over', async () => {
  const first = await opened(gpu, () => products(24));
  expect(first.measured).toBe(6);
  const [path, ...none] = await tables();
  expect(none).toEqual([]);
  expect(await opened(gpu, () => products(24))).toEqual({ measured: 0, tuning: first.tuning });
  expect((await opened(gpu, () => products(28))).measured).toBe(6);
  expect(await tables()).toHaveLength(2);

  const { gemm: _, ...variants } = first.tuning.variants;
  await writeJson(env.files, path!, { ...first.tuning, variants, left: ['gemm'] });
  const later = await opened(gpu, () => products(24));
  expect(later.measured).toBe(1);
  expect(later.tuning).toMatchObject({ left: [], variants: { gemm: expect.any(String) as string } });
  expect(await readJson(env.files, path!)).toEqual(later.tuning);

  const failures = { 'gemm tile': 'it takes more than 0.50 s to compile' };
  await writeJson(env.files, path!, { ...first.tuning, failures, slow: ['gemm tile'] });
  expect((await opened(gpu, () => products(24))).measured).toBe(1);

  await env.files.write(path!, Uint8Array.of(123));
  expect((await opened(gpu, () => products(24))).measured).toBe(6);
});

it('races f16 once for what a model draws, and keeps it', async ({ skip }) => {
  if (!engine.device.features.has('shader-f16')) skip(`${engine.adapterName} does not offer shader-f16`);
  const { pool } = verbContext({ executor: createGpuExecutor(engine), reader: microModel() });
  const model = await pool.resolve({ base: 'micro', adapters: [] });
  const before = (await tables()).length;
  const standard = { executor: createGpuExecutor(gpu), variants: { default: 'tile workgroup' }, flopsPerSecond: 0 };
  let measured = 0;
  const kernels = new TunedKernels({ env, device: gpu, machine: 'half' });
  const twin = await kernels.executorFor(model, standard, 'f16', () => measured++);
  expect(await kernels.executorFor(model, standard, 'f16', () => measured++)).toBe(twin);
  expect(await kernels.executorFor(model, standard, 'f32', () => measured++)).toBe(standard.executor);
  await new TunedKernels({ env, device: gpu, machine: 'half' }).executorFor(model, standard, 'f16', () => measured++);
  expect(measured).toBe(1);
  const paths = await tables();
  expect(paths).toHaveLength(before + 1);
  const found = await Promise.all(paths.map((path) => readJson<Tuning>(env.files, path)));
  expect(found.flatMap((one) => Object.keys(one!.variants)).filter((key) => key.endsWith(' f16'))).not.toEqual([]);
});

it('asks a software adapter for no shapes', async () => {
  const refuse = (): never => {
    throw new Error('nobody needs them');
  };
  const before = (await tables()).length;
  await opened(engine, refuse);
  expect(await tables()).toHaveLength(before + 1);
});
