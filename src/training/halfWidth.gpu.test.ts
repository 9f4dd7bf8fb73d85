/** A step whose frozen weights are kept in half width: the same bits as with the same numbers kept in f32, in less memory; at step 0 the logit
 *  is bitwise 0, since policy and reference read one storage. On SwiftShader in both kernel variants, and on the oracle. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type NodeDevice, openNodeDevice } from '../cli/device.ts';
import { generator } from '../graph/caseData.ts';
import type { Executor, MemoryReport } from '../graph/executor.ts';
import { Graph, type ParameterDtype } from '../graph/graph.ts';
import { openDenoiser } from '../models/families.ts';
import { ParameterStore } from '../models/parameterStore.ts';
import { storedDtypes, type TensorSource, withAliases } from '../models/weights.ts';
import { cpuExecutor } from '../oracle/run.ts';
import { decodeHalf, encodeHalf, type HalfDtype } from '../shared/float16.ts';
import { type Shape, sizeOf } from '../shared/shape.ts';
import { createGpuExecutor } from '../webgpu/executor.ts';
import { layoutArenas } from './arena.ts';
import { initialLora, loraTensors } from './lora.ts';
import { buildStepGraph, defaultLoss, type StepSpec } from './stepGraph.ts';
import { type MicroResult, Trainer } from './trainer.ts';

let engine: NodeDevice;
beforeAll(async () => {
  engine = await openNodeDevice();
});
afterAll(() => engine?.destroy());

/** Stable Diffusion's layout, narrow, with widths that no power of two divides. */
const unet = openDenoiser({
  ...(JSON.parse(readFileSync('tools/reference/configs/stable-diffusion-v1-5/unet/config.json', 'utf8')) as Record<
    string,
    unknown
  >),
  down_block_types: ['CrossAttnDownBlock2D'],
  up_block_types: ['CrossAttnUpBlock2D'],
  block_out_channels: [9],
  layers_per_block: 1,
  norm_num_groups: 3,
  attention_head_dim: 3,
  cross_attention_dim: 7,
});

const base: Omit<StepSpec, 'mode' | 'layout'> = {
  denoiser: {
    inputs: (graph, batch) => unet.inputs(graph, { batch, height: 8, width: 8, tokens: 5 }),
    build: (graph, inputs, options) => unet.build(graph, inputs, options),
  },
  pairs: 1,
  loss: defaultLoss,
  reference: 'engine',
  accumulation: 1,
};
const adapter = loraTensors(unet.loraTargets('all'), 2);
const lora: StepSpec = { ...base, mode: { kind: 'lora', scaleOf: () => 0.5 }, layout: layoutArenas(adapter, 2 ** 20) };
const weights = new Map(
  buildStepGraph(lora)
    .graph.values.filter(({ source }) => source.kind === 'parameter')
    .map(({ name, shape }): [string, Shape] => [name, shape]),
);
const full: StepSpec = {
  ...base,
  mode: { kind: 'full' },
  layout: layoutArenas(
    [...weights].map(([name, shape]) => ({ name, shape })),
    2 ** 20,
  ),
};

const specs = { lora, full };

const draw = (name: string, length: number): Float32Array => {
  const uniform = generator(name);
  return Float32Array.from({ length }, () => uniform() - 0.5);
};

/** A model whose tensors are stored in `dtype`. */
function stored(dtype: HalfDtype): TensorSource {
  const bits = (name: string): Uint16Array => encodeHalf(dtype, draw(name, sizeOf(weights.get(name)!)));
  return {
    names: [...weights.keys()],
    shape: (name) => weights.get(name),
    read: (name) => Promise.resolve(decodeHalf(dtype, bits(name))),
    half: () => dtype,
    readHalf: (name) => Promise.resolve(bits(name)),
  };
}

interface Trained {
  steps: MicroResult[];
  tensors: Map<string, Float32Array>;
  memory: MemoryReport;
}

async function train(
  executor: Executor,
  spec: StepSpec,
  source: TensorSource,
  kept: 'stored' | ParameterDtype,
): Promise<Trained> {
  const start = spec.mode.kind === 'lora' ? initialLora(adapter, 2, 5) : undefined;
  using frozen = new ParameterStore(
    executor,
    withAliases(source, (name) => (name.startsWith('reference.') ? [name.slice('reference.'.length)] : [])),
  );
  using trainer = await Trainer.create({
    executor,
    spec: { ...spec, dtypeOf: storedDtypes(source, kept) },
    frozen,
    initial: async (name) => start?.get(name) ?? source.read(name),
  });
  const numbers = ({ name, shape }: { name: string; shape: Shape }): Float32Array => draw(name, sizeOf(shape));
  const { sample, timestep: _, ...told } = spec.denoiser.inputs(new Graph(), 2);
  const batch = {
    sample: numbers(sample),
    target: numbers({ ...sample, name: 'target' }),
    timestep: Float32Array.of(301, 301),
    conditioning: Object.fromEntries(
      Object.values(told).map((value) => [value.name, { data: numbers(value), shape: value.shape }]),
    ),
    beta: 50,
  };
  const steps: MicroResult[] = [];
  for (const t of [1, 2]) {
    const { micro } = await trainer.run([batch], {
      lr: 1e-2,
      beta1: 0.9,
      beta2: 0.99,
      eps: 1e-8,
      weightDecay: 0.01,
      maxGradNorm: 1,
      t,
    });
    steps.push(...micro);
  }
  const result = { steps, tensors: await trainer.tensors(), memory: trainer.memory };
  return result;
}

const executors: Record<string, () => Executor> = {
  oracle: cpuExecutor,
  quad: () => createGpuExecutor(engine, { variants: { default: 'quad register' } }),
  workgroup: () => createGpuExecutor(engine, { variants: { default: 'workgroup' } }),
};

it.each([
  ['oracle', 'f16', 'lora'],
  ['oracle', 'bf16', 'full'],
  ['quad', 'f16', 'lora'],
  ['quad', 'bf16', 'full'],
  ['workgroup', 'bf16', 'lora'],
] as const)('%s, %s, %s', async (name, dtype, mode) => {
  const executor = executors[name]!();
  const half = await train(executor, specs[mode], stored(dtype), 'stored');
  const wide = await train(executor, specs[mode], stored(dtype), 'f32');
  expect(half.steps[0]!.logit).toEqual(Float32Array.of(0));
  expect(Math.abs(half.steps[1]!.logit[0]!)).toBeGreaterThan(1e-4);
  expect(half.steps).toEqual(wide.steps);
  expect(half.tensors).toEqual(wide.tensors);
  expect(half.memory.allocatedBytes).toBe(half.memory.plannedBytes.total);
  if (name !== 'oracle')
    expect(half.memory.plannedBytes.parameters).toBeLessThan(0.65 * wide.memory.plannedBytes.parameters);
});
