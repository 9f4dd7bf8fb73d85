/** Products by subgroups where the cases do not lead: turned with a bias of what were its columns and added up from slices, and on grids that are folded. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openNodeDevice, type NodeDevice } from '../../cli/device.ts';
import { Graph, type Value } from '../../graph/graph.ts';
import { evaluate } from '../../oracle/run.ts';
import { sizeOf } from '../../shared/shape.ts';
import { SIZE_FEATURE } from '../../shared/subgroupMatrices.ts';
import { createGpuExecutor } from '../executor.ts';
import { type PlannedDispatch, planGraph } from '../plan.ts';
import { moduleOf } from '../specialize.ts';
import { compiledOn, nullAdapter } from '../testNullDevice.ts';
import { chooseVariant } from '../variants.ts';

let engine: NodeDevice;
beforeAll(async () => {
  engine = await openNodeDevice();
});
afterAll(() => engine?.destroy());

/** On a device that says it takes so many workgroups along a dimension. */
async function bySubgroups(graph: Graph, most: number): Promise<readonly PlannedDispatch['dispatch'][]> {
  const { device } = engine;
  const limits = new Proxy(device.limits, {
    get: (of, key) => (key === 'maxComputeWorkgroupsPerDimension' ? most : Reflect.get(of, key, of)),
  });
  const small = new Proxy(device, {
    get(of, key) {
      if (key === 'limits') return limits;
      const member: unknown = Reflect.get(of, key, of);
      return typeof member === 'function' ? member.bind(of) : member;
    },
  });
  const seen = new Proxy(engine, { get: (of, key) => (key === 'device' ? small : Reflect.get(of, key, of)) });
  using program = await createGpuExecutor(seen, { variants: { default: 'subgroup' } }).compile(graph);
  const feeds = new Map<Value, Float32Array>();
  for (const value of graph.values)
    if (value.source.kind === 'input')
      feeds.set(
        value,
        Float32Array.from({ length: sizeOf(value.shape) }, (_, i) => Math.sin(12.9898 * (i + 1))),
      );
  for (const [value, numbers] of feeds) program.write(value, numbers);
  const y = graph.outputs.get('y')!;
  const [got] = await program.runAndRead([y]);
  const want = evaluate(graph, feeds)(y);
  const largest = want.reduce((top, x) => Math.max(top, Math.abs(x)), 0);
  for (const [i, x] of want.entries())
    expect(Math.abs(got![i]! - x), `element ${i}`).toBeLessThanOrEqual(4e-6 * largest);
  return program.steps.map(({ dispatch }) => dispatch);
}

it('turns a 1x1 convolution over few pixels, and adds up its slices', async () => {
  const graph = new Graph();
  const [x, weight] = [graph.input('x', [1, 512, 4, 4]), graph.input('weight', [40, 512, 1, 1])];
  const [bias, residual] = [graph.input('bias', [40]), graph.input('residual', [1, 40, 4, 4])];
  const params = { stride: 1, padding: [0, 0, 0, 0] as const, bias: true, residual: true, scale: 0.5 };
  graph.output('y', graph.op('conv2d', params, [x, weight, bias, residual]));
  const [product, sum] = await bySubgroups(graph, 65_535);
  expect([product!.constants['ROWS'], product!.workgroups[2], sum!.kernel.name]).toEqual([16, 2, 'splitSum']);
});

function wide(): Graph {
  const graph = new Graph();
  const [x, weight] = [graph.input('x', [72, 16]), graph.input('weight', [516, 16])];
  graph.output('y', graph.op('linear', { bias: false, residual: false, scale: 1 }, [x, weight]));
  return graph;
}

it('folds a grid', async () => {
  const [product] = await bySubgroups(wide(), 7);
  expect(product!.workgroups).toEqual([7, 3, 1]);
});

/** On Dawn's null backend, which has every size: no adapter here has several. */
it.each([
  ['subgroup16', 11],
  ['subgroup32', 12],
])('asks for %s, and then has no workgroups for others', async (variant, workgroups) => {
  const [{ dispatch }] = planGraph(wide(), { variant: chooseVariant({ gemm: variant }) }).dispatches as [
    PlannedDispatch,
  ];
  expect(dispatch.workgroups).toEqual([workgroups, 1, 1]);
  const code = moduleOf(dispatch);
  const adapter = await nullAdapter();
  const device = await adapter.requestDevice({ requiredFeatures: ['subgroups', SIZE_FEATURE] as GPUFeatureName[] });
  await expect(compiledOn(device, code)).resolves.toBeDefined();
  device.pushErrorScope('validation');
  await expect(compiledOn(device, code.replace(/SUBGROUP_SIZE = \d+u/, 'SUBGROUP_SIZE = 24u'))).rejects.toThrow();
  await device.popErrorScope();
  device.destroy();
});
