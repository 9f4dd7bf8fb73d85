/** What the planner promises, on every op's cases and on a small network: no two live values in one place, no buffer read and written in
 *  one dispatch, grids and bindings within the limits every GPU has, bytes known beforehand. No device. */
import { describe, expect, it } from 'vitest';
import { backward } from '../autodiff/backward.ts';
import { buildCase } from '../graph/caseData.ts';
import { cases } from '../graph/cases.ts';
import { Graph } from '../graph/graph.ts';
import type { OpKind } from '../graph/ops.ts';
import { ALIGNMENT } from './kernels/dispatch.ts';
import { DEFAULT_LIMITS, type Plan, planGraph, printPlan } from './plan.ts';
import { moduleOf } from './specialize.ts';
import { transformerBlock } from '../training/testTransformer.ts';

function checkPlan(plan: Plan): void {
  const { buffers, tenants, dispatches, bytes } = plan;
  for (const [i, a] of tenants.entries()) {
    for (const b of tenants.slice(i + 1)) {
      if (a.buffer === b.buffer)
        expect(a.last < b.first || b.last < a.first, `${a.name} and ${b.name} share #${a.buffer}`).toBe(true);
    }
    expect(a.bytes).toBeLessThanOrEqual(buffers[a.buffer]!.bytes);
  }
  for (const { node, dispatch, places } of dispatches) {
    const bound = dispatch.reads.length + dispatch.writes.length;
    expect(bound, `${node.name}: bindings`).toBeLessThanOrEqual(DEFAULT_LIMITS.maxStorageBuffersPerShaderStage);
    expect(places.map(({ buffer }) => buffers[buffer]!.uniforms !== undefined)).toEqual([
      ...Array.from({ length: bound }, () => false),
      ...(dispatch.kernel.data ? [true] : []),
    ]);
    for (const n of dispatch.workgroups) expect(n).toBeLessThanOrEqual(DEFAULT_LIMITS.maxComputeWorkgroupsPerDimension);
    const reads = new Set(places.slice(0, dispatch.reads.length).map((place) => place.buffer));
    for (const place of places.slice(dispatch.reads.length))
      expect(reads.has(place.buffer), `${node.name} reads and writes #${place.buffer}`).toBe(false);
    for (const place of places) {
      expect(place.offset % ALIGNMENT).toBe(0);
      expect(place.offset + place.size).toBeLessThanOrEqual(buffers[place.buffer]!.bytes);
    }
  }
  expect(bytes.total).toBe(buffers.reduce((sum, buffer) => sum + buffer.bytes, 0));
}

describe.each(['workgroup', 'quad', 'tile', 'tile2', 'subgroup', 'subgroup16', 'matrix', 'spread', 'winograd'])(
  'every case, variant %s',
  (variant) => {
    it.each(Object.keys(cases) as OpKind[])('%s', (op) => {
      for (const testCase of cases[op]) {
        const { graph } = buildCase(op, testCase as never);
        checkPlan(planGraph(graph, { variant: (_, options) => (options.includes(variant) ? variant : options[0]!) }));
      }
    });
  },
);

/** A chain of residual convolutions with a loss, and its backward pass. */
function network(): Graph {
  const graph = new Graph();
  let h = graph.input('x', [2, 8, 12, 12]);
  const parameters = Array.from({ length: 6 }, (_, i) => graph.parameter(`conv${i}.weight`, [8, 8, 3, 3]));
  for (const [i, weight] of parameters.entries()) {
    h = graph.op('unary', { fn: 'silu' }, [h], `act${i}`);
    h = graph.op(
      'conv2d',
      { stride: 1, padding: [1, 1, 1, 1], bias: false, residual: true, scale: 1 },
      [h, weight, h],
      `conv${i}`,
    );
  }
  const loss = graph.op('meanSquaredError', {}, [h, graph.input('target', [2, 8, 12, 12])], 'loss');
  graph.output('loss', loss);
  const seed = graph.constant('dloss', [2], new Float32Array([1, 1]));
  const gradients = backward(graph, [{ value: loss, grad: seed }], parameters);
  for (const [i, weight] of parameters.entries()) graph.output(`grad${i}`, gradients.get(weight)!);
  return graph;
}

it('reuses activations: a forward and backward pass stays near its live lower bound', () => {
  const plan = planGraph(network());
  checkPlan(plan);
  const lastNode = Math.max(...plan.tenants.map((tenant) => (Number.isFinite(tenant.last) ? tenant.last : 0)));
  let bound = 0;
  for (let at = 0; at <= lastNode; at++) {
    bound = Math.max(
      bound,
      plan.tenants
        .filter((tenant) => tenant.first <= at && at <= tenant.last)
        .reduce((sum, tenant) => sum + tenant.bytes, 0),
    );
  }
  expect(plan.bytes.activations).toBeLessThan(1.25 * bound);
  expect(plan.bytes.activations).toBeLessThan(0.7 * plan.tenants.reduce((sum, tenant) => sum + tenant.bytes, 0));
});

it.each(['conv', 'linear'] as const)(
  'shares storage across transposes as it does elsewhere, projections by %s',
  (projections) => {
    for (const trained of ['all', 'lora'] as const)
      checkPlan(planGraph(transformerBlock({ shape: [2, 8, 5, 3], projections, trained }).graph));
  },
);

it('packs what the host writes into few buffers', () => {
  const plan = planGraph(network());
  expect(plan.buffers.filter((buffer) => buffer.part === 'parameters')).toHaveLength(1);
  expect(plan.buffers.filter((buffer) => buffer.part === 'inputs').map(({ label }) => label)).toEqual([
    'inputs (3)',
    'shapes',
  ]);
});

it('counts two bytes an element of a half-width parameter, odd ones to the next sixteen', () => {
  const graph = new Graph();
  const linear = { bias: false, residual: false, scale: 1 };
  const [wide, odd] = [graph.parameter('wide', [64, 64], 'f16'), graph.parameter('odd', [5, 64], 'bf16')];
  graph.output('y', graph.op('linear', linear, [graph.op('linear', linear, [graph.input('x', [1, 64]), wide]), odd]));
  expect(planGraph(graph).bytes.parameters).toBe(2 * 64 * 64 + 2 * 5 * 64);
  const bound = planGraph(graph, {
    bound: new Map([
      [wide, {}],
      [odd, {}],
    ]),
  });
  expect(bound.buffers.filter(({ part }) => part === 'parameters').map(({ bytes }) => bytes)).toEqual([
    2 * 64 * 64,
    2 * 5 * 64,
  ]);
  const small = new Graph();
  small.output('y', small.op('linear', linear, [small.input('x', [1, 3]), small.parameter('w', [3, 3], 'f16')]));
  expect(planGraph(small).bytes.parameters).toBe(32);
});

it('leaves out what nothing needs', () => {
  const graph = new Graph();
  const x = graph.input('x', [4]);
  graph.op('unary', { fn: 'silu' }, [x], 'unused');
  graph.output('y', graph.op('unary', { fn: 'relu' }, [x], 'used'));
  expect(planGraph(graph).dispatches.map(({ node }) => node.name)).toEqual(['used']);
});

it('refuses a node that reads and writes one arena', () => {
  const graph = new Graph();
  const arena = graph.state('arena', [256]);
  const y = graph.op('unary', { fn: 'relu' }, [graph.view('a', arena, 0, [64])], 'relu');
  graph.place(y, arena, 64);
  expect(() => planGraph(graph)).toThrow(/relu.*writes relu and reads a, which lie in one buffer/);
});

it('refuses a view that no binding can begin at', () => {
  const graph = new Graph();
  graph.output('y', graph.op('unary', { fn: 'relu' }, [graph.view('a', graph.state('arena', [256]), 32, [64])]));
  expect(() => planGraph(graph)).toThrow(/begins at element 32 of arena, which is no multiple of 64/);
});

it('says by how much a tensor exceeds the adapter', () => {
  const graph = new Graph();
  graph.output('y', graph.op('unary', { fn: 'relu' }, [graph.parameter('huge.weight', [40 * 2 ** 20])]));
  expect(() => planGraph(graph)).toThrow(
    /huge.weight needs 160 MiB in one binding, 32 MiB more than this GPU lets a shader see at once \(128 MiB\)/,
  );
  expect(() => planGraph(graph, { limits: { ...DEFAULT_LIMITS, maxBufferSize: 128 * 2 ** 20 } })).toThrow(
    /needs a buffer of 160 MiB, 32 MiB more/,
  );
});

it('gives two shapes one module, and each its own numbers', () => {
  const graph = new Graph();
  for (const width of [8, 12])
    graph.output(`y${width}`, graph.op('slice', { axis: 1, start: 4, length: 4 }, [graph.input('x', [3, width])]));
  const { dispatches, buffers } = planGraph(graph);
  expect(new Set(dispatches.map(({ dispatch }) => moduleOf(dispatch))).size).toBe(1);
  const numbers = dispatches.map(({ places }) => {
    const { buffer, offset } = places.at(-1)!;
    return [...buffers[buffer]!.uniforms!.subarray(offset / 4, offset / 4 + 4)];
  });
  // Rows, and in fours width, row and start.
  expect(numbers).toEqual([
    [3, 1, 2, 1],
    [3, 1, 3, 1],
  ]);
});

it('prints the plan', () => {
  const graph = new Graph();
  const x = graph.input('x', [64, 32]);
  const y = graph.op('linear', { bias: false, residual: false, scale: 1 }, [x, graph.parameter('w', [16, 32])], 'proj');
  graph.output('y', graph.op('reshape', { shape: [32, 32] }, [y]));
  expect(printPlan(planGraph(graph))).toBe(
    [
      'total 0.01 MiB: parameters 0.00 MiB, state 0.00 MiB, inputs 0.01 MiB, activations 0.00 MiB (0.00 MiB without reuse)',
      '#0 parameters 2048 B  w',
      '#1 inputs 8192 B  x',
      '#2 activations 4096 B  slot 2',
      '#3 inputs 80 B  shapes',
      'gemm.workgroup [1,2,1] #1 #0 #1 #1 -> #2 #3  # proj',
    ].join('\n'),
  );
});
