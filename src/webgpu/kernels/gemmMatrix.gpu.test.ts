/** Products by subgroup matrices: every module through Tint, which Dawn's null backend has with all features; and a few run where there are no such
 *  matrices, spread by hand (testMatrices.ts), against the float64 oracle. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { create } from 'webgpu';
import { openNodeDevice, type NodeDevice } from '../../cli/device.ts';
import { buildCase, weightDtypes } from '../../graph/caseData.ts';
import { cases } from '../../graph/cases.ts';
import { Graph, type ParameterDtype, type Value } from '../../graph/graph.ts';
import { evaluate } from '../../oracle/run.ts';
import { sizeOf } from '../../shared/shape.ts';
import { MATRIX_FEATURE } from '../../shared/subgroupMatrices.ts';
import { createGpuExecutor } from '../executor.ts';
import { planGraph } from '../plan.ts';
import { moduleOf } from '../specialize.ts';
import { rewriting, spreadByHand } from '../testMatrices.ts';
import { chooseVariant } from '../variants.ts';
import type { Dispatch } from './dispatch.ts';

const variants = { default: 'matrix workgroup' };

let engine: NodeDevice;
beforeAll(async () => {
  engine = await openNodeDevice();
});
afterAll(() => engine?.destroy());

it('compiles, and keeps to the least that WebGPU offers', async () => {
  const gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
  const adapter = await gpu.requestAdapter();
  expect(adapter!.info.subgroupMaxSize, 'the most there is').toBe(128);
  const device = await adapter!.requestDevice({ requiredFeatures: ['subgroups', MATRIX_FEATURE as GPUFeatureName] });
  const modules = new Map<string, string>();
  for (const op of ['linear', 'linearGradInput', 'linearGradWeight', 'conv2d', 'conv2dGradInput'] as const)
    for (const testCase of cases[op])
      for (const weights of weightDtypes(op)) {
        const { graph } = buildCase(op, testCase as never, 1, weights);
        for (const { dispatch } of planGraph(graph, { variant: chooseVariant(variants) }).dispatches)
          if (dispatch.kernel.name === 'gemm.matrix') modules.set(moduleOf(dispatch), `${op}, ${testCase.name}`);
      }
  expect(modules.size).toBeGreaterThan(20);
  const compiled = (code: string): Promise<GPUComputePipeline> =>
    device.createComputePipelineAsync({
      layout: 'auto',
      compute: { module: device.createShaderModule({ code }) },
    });
  for (const [code, name] of modules) await expect(compiled(code), name).resolves.toBeDefined();
  // It is strict about what could not work.
  device.pushErrorScope('validation');
  const [code] = modules.keys();
  await expect(compiled(code!.replace('B_PITCH);\n', 'index);\n'))).rejects.toThrow();
  expect((await device.popErrorScope())?.message).toContain('uniform');
  device.destroy();
});

/** By matrices, on this device; what ran. */
async function byMatrices(graph: Graph): Promise<readonly Dispatch[]> {
  const { subgroupMinSize, subgroupMaxSize } = engine.device.adapterInfo;
  expect(subgroupMinSize).toBe(subgroupMaxSize);
  let rewritten = 0;
  const device = rewriting(engine, (code) => {
    rewritten++;
    return spreadByHand(code, subgroupMaxSize!);
  });
  using program = await createGpuExecutor(device, { variants }).compile(graph);
  const feeds = new Map<Value, Float32Array>();
  for (const [i, value] of graph.values.entries())
    if (value.source.kind === 'input' || value.source.kind === 'parameter')
      // Numbers that f16 has.
      feeds.set(
        value,
        Float32Array.from(
          { length: sizeOf(value.shape) },
          (_, k) => Math.round(512 * Math.sin(12.9898 * (k + i + 1))) / 512,
        ),
      );
  for (const [value, numbers] of feeds) program.write(value, numbers);
  const y = graph.outputs.get('y')!;
  const [got] = await program.runAndRead([y]);
  const want = evaluate(graph, feeds)(y);
  const largest = want.reduce((top, x) => Math.max(top, Math.abs(x)), 0);
  for (const [i, x] of want.entries())
    expect(Math.abs(got![i]! - x), `element ${i}`).toBeLessThanOrEqual(4e-6 * largest);
  expect(rewritten).toBe(1);
  return program.steps.map(({ dispatch }) => dispatch);
}

it('multiplies past the edges of several tiles, with a bias and what it is added to', async () => {
  const graph = new Graph();
  const [x, weight] = [graph.input('x', [71, 44]), graph.input('weight', [67, 44])];
  const [bias, residual] = [graph.input('bias', [67]), graph.input('residual', [71, 67])];
  graph.output('y', graph.op('linear', { bias: true, residual: true, scale: 0.5 }, [x, weight, bias, residual]));
  const [product] = await byMatrices(graph);
  expect(product!.workgroups).toEqual([2, 2, 1]);
});

it('reads neither operand along the depth, and adds up slices of it', async () => {
  const graph = new Graph();
  const [dy, x] = [graph.input('dy', [515, 20]), graph.input('x', [515, 36])];
  graph.output('y', graph.op('linearGradWeight', { bias: false, scale: 0.25 }, [dy, x]));
  const [product, sum] = await byMatrices(graph);
  expect([product!.workgroups, sum!.kernel.name]).toEqual([[1, 1, 2], 'splitSum']);
});

it.each([
  ['low', [8, 32], [132, 32], [2, 1, 1], 'f32'],
  ['narrow', [132, 32], [8, 32], [1, 2, 1], 'f16'],
] as const)('has a tile for what is %s', async (_, left, right, workgroups, dtype: ParameterDtype) => {
  const graph = new Graph();
  const [x, weight] = [graph.input('x', left), graph.parameter('weight', right, dtype)];
  graph.output('y', graph.op('linear', { bias: false, residual: false, scale: 1 }, [x, weight]));
  const [product] = await byMatrices(graph);
  expect(product!.workgroups).toEqual(workgroups);
});

it('takes 1x1 convolutions of several pictures', async () => {
  const graph = new Graph();
  const [x, weight] = [graph.input('x', [3, 20, 4, 6]), graph.input('weight', [36, 20, 1, 1])];
  const [bias, residual] = [graph.input('bias', [36]), graph.input('residual', [3, 36, 4, 6])];
  const params = { stride: 1, padding: [0, 0, 0, 0] as const, bias: true, residual: true, scale: 2 };
  graph.output('y', graph.op('conv2d', params, [x, weight, bias, residual]));
  const [product] = await byMatrices(graph);
  expect(product!.workgroups).toEqual([2, 1, 1]);
});
