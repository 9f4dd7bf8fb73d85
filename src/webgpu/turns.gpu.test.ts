/** A grid in turns gives the bits that it gives at once, in every kernel that knows turns. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openNodeDevice, type NodeDevice } from '../cli/device.ts';
import { Graph, type Value } from '../graph/graph.ts';
import '../shared/disposable.ts';
import { sizeOf } from '../shared/shape.ts';
import { createGpuExecutor, type GpuExecutor } from './executor.ts';

let engine: NodeDevice;
beforeAll(async () => {
  engine = await openNodeDevice();
});
afterAll(() => engine?.destroy());

/** On an adapter that says it is a GPU of this rate. */
function executorOf(variant: string, flopsPerSecond: number): GpuExecutor {
  const adapter = { ...engine.adapter, software: false };
  const seen = new Proxy(engine, { get: (of, key) => (key === 'adapter' ? adapter : Reflect.get(of, key, of)) });
  return createGpuExecutor(seen, { variants: { default: variant }, flopsPerSecond });
}

/** Attention with gradients, a product, and a convolution with both. */
function heavy(): Graph {
  const graph = new Graph();
  const input = (name: string, ...shape: number[]): Value => graph.input(name, shape);
  const attention = { heads: 3, causal: false };
  const [q, k, v, dout] = ['q', 'k', 'v', 'dout'].map((name) => input(name, 2, 40, 24)) as [Value, Value, Value, Value];
  const [o, lse] = graph.node('attention', attention, [q, k, v]);
  graph.output('o', o!);
  const [dq, delta] = graph.node('attentionGradQuery', attention, [dout, q, k, v, lse!, o!]);
  graph.output('dq', dq!);
  graph.output('delta', delta!);
  graph
    .node('attentionGradKeyValue', attention, [dout, q, k, v, lse!, delta!])
    .forEach((x, i) => graph.output(`d${i}`, x));
  const [x, w] = [input('x', 130, 72), input('w', 90, 72)];
  graph.output('product', graph.op('linear', { bias: false, residual: false, scale: 1 }, [x, w]));
  const conv = { stride: 2, padding: [1, 1, 1, 1] as const, scale: 1 };
  const [image, filter] = [input('image', 2, 9, 20, 20), input('filter', 40, 9, 3, 3)];
  const y = graph.op('conv2d', { ...conv, bias: false, residual: false }, [image, filter]);
  graph.output('y', y);
  const back = { ...conv, height: 20, width: 20, residual: false };
  graph.output('dx', graph.op('conv2dGradInput', back, [y, filter]));
  graph
    .node('conv2dGradWeight', { ...conv, kernelHeight: 3, kernelWidth: 3, bias: true }, [y, image])
    .forEach((dw, i) => graph.output(`dw${i}`, dw));
  return graph;
}

/** The products of a convolution by Winograd, between dispatches that have no turns. */
function threes(): Graph {
  const graph = new Graph();
  const params = { stride: 1, padding: [1, 1, 1, 1] as const, bias: false, residual: false, scale: 1 };
  graph.output('y', graph.op('conv2d', params, [graph.input('x', [2, 40, 10, 10]), graph.input('w', [36, 40, 3, 3])]));
  return graph;
}

it.each([
  ['workgroup', heavy, 1.6e6, 11],
  ['quad', heavy, 1.6e6, 11],
  ['tile', heavy, 1.6e6, 11],
  ['tile2', heavy, 1.6e6, 11],
  ['subgroup', heavy, 1.6e6, 11],
  ['winograd', threes, 2e7, 1],
] as const)('%s', async (variant, build, slowRate, more) => {
  const graph = build();
  const run = async (flopsPerSecond: number): Promise<{ dispatches: number; results: Float32Array[] }> => {
    using program = await executorOf(variant, flopsPerSecond).compile(graph);
    for (const value of graph.values)
      if (value.source.kind === 'input')
        program.write(
          value,
          Float32Array.from({ length: sizeOf(value.shape) }, (_, i) => Math.sin(12.9898 * (i + 1))),
        );
    return { results: await program.runAndRead([...graph.outputs.values()]), dispatches: program.dispatchCount };
  };
  const [fast, slow] = [await run(1e13), await run(slowRate)];
  expect(slow.dispatches).toBeGreaterThanOrEqual(fast.dispatches + more);
  expect(slow.results).toEqual(fast.results);
  for (const numbers of fast.results) expect(numbers.some((x) => x !== 0)).toBe(true);
});
