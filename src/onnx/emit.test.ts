/** What a model file says besides arithmetic: names, inputs, outputs, constants, and what is refused. */
import { describe, expect, test } from 'vitest';
import type { Tensor } from '../graph/feed.ts';
import { Graph, type ParameterDtype } from '../graph/graph.ts';
import { decodeHalf, encodeHalf } from '../shared/float16.ts';
import { emitOnnx } from './emit.ts';
import { nodeNames } from './proto.ts';
import { createSession } from './session.ts';

const none = {};

async function run(bytes: Uint8Array, feeds: Record<string, Tensor>): Promise<Record<string, number[]>> {
  await using session = await createSession(bytes, { provider: 'wasm', threads: 1 });
  const results = await session.run(feeds);
  return Object.fromEntries(Object.entries(results).map(([name, data]) => [name, [...data]]));
}

describe('emitOnnx', () => {
  test('inputs, parameters and one value under two names can be outputs; unused inputs stay inputs', async () => {
    const graph = new Graph();
    const x = graph.input('x', [3]);
    graph.input('unused', [2]);
    const weight = graph.parameter('down_blocks.0.weight', [3]);
    const sum = graph.op('add', none, [x, weight]);
    graph.output('same', x);
    graph.output('weight', weight);
    graph.output('sum', sum);
    graph.output('again', sum);
    const bytes = emitOnnx(graph, () => Float32Array.of(10, 20, 30));
    const feeds = {
      x: { data: Float32Array.of(1, 2, 3), shape: [3] },
      unused: { data: new Float32Array(2), shape: [2] },
    };
    expect(await run(bytes, feeds)).toEqual({
      same: [1, 2, 3],
      weight: [10, 20, 30],
      sum: [11, 22, 33],
      again: [11, 22, 33],
    });
  });

  test('nodes and tensors of one name are kept apart, always in the same way', async () => {
    const build = (): Uint8Array => {
      const graph = new Graph();
      const x = graph.input('x', [2]);
      const y = graph.scope('block', () =>
        graph.op('add', none, [graph.op('mul', none, [x, x]), graph.op('mul', none, [x, graph.parameter('y', [2])])]),
      );
      graph.output(
        'y',
        graph.scope('block', () => graph.op('add', none, [y, y])),
      );
      return emitOnnx(graph, () => Float32Array.of(3, 5));
    };
    expect(nodeNames(build())).toEqual(['block.mul/Mul', 'block.mul/Mul_2', 'block.add/Add', 'block.add/Add_2', 'y']);
    expect(build()).toEqual(build());
    expect(await run(build(), { x: { data: Float32Array.of(2, -1), shape: [2] } })).toEqual({ y: [20, -8] });
  });

  test('constants of both types are stored', async () => {
    const graph = new Graph();
    const table = graph.input('table', [3, 2]);
    const rows = graph.op('embedding', none, [table, graph.constant('ids', [2], Int32Array.of(2, 0))]);
    graph.output('y', graph.op('mul', none, [rows, graph.constant('factor', [2, 1], Float32Array.of(0.5, -1))]));
    const bytes = emitOnnx(graph, () => new Float32Array());
    expect(await run(bytes, { table: { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [3, 2] } })).toEqual({
      y: [2.5, 3, -1, -2],
    });
  });

  test.each(['f16', 'bf16'] as const)(
    'a parameter in %s takes two bytes an element, given as bits or as numbers to round',
    async (dtype) => {
      const build = (kept: ParameterDtype, weight: Float32Array | Uint16Array): Uint8Array => {
        const graph = new Graph();
        graph.output(
          'y',
          graph.op('linear', { bias: false, residual: false, scale: 1 }, [
            graph.input('x', [1, 3]),
            graph.parameter('proj.weight', [500, 3], kept),
          ]),
        );
        return emitOnnx(graph, () => weight);
      };
      const numbers = Float32Array.from({ length: 1500 }, (_, i) => Math.sin(i + 1));
      const bytes = build(dtype, numbers);
      expect(build(dtype, encodeHalf(dtype, numbers))).toEqual(bytes);
      expect(build('f32', numbers).length - bytes.length).toBeGreaterThan(2 * 1500 - 100);
      const { y } = await run(bytes, { x: { data: Float32Array.of(0, 1, 0), shape: [1, 3] } });
      const rounded = decodeHalf(dtype, encodeHalf(dtype, numbers));
      expect(y).toEqual(Array.from({ length: 500 }, (_, i) => rounded[3 * i + 1]));
      expect(() => build('f32', encodeHalf(dtype, numbers))).toThrow('proj.weight is f32, got bits of half width');
    },
  );

  test('the time embedding is marked for the CPU', () => {
    const graph = new Graph();
    const embedding = graph.op(
      'timestepEmbedding',
      { flipSinToCos: true },
      [graph.input('timestep', [1]), graph.constant('freqs', [2], Float32Array.of(1, 0.1))],
      'time_proj',
    );
    graph.output('y', embedding);
    const names = nodeNames(emitOnnx(graph, () => new Float32Array()));
    expect(names.filter((name) => name.startsWith('cpu:time_proj/'))).toHaveLength(5);
  });

  test('refuses what has no counterpart', () => {
    const x = (graph: Graph) => graph.input('x', [2, 4, 1, 1]);
    const norm = (graph: Graph) =>
      graph.node(
        'groupNorm',
        { groups: 2, eps: 1e-5, silu: false },
        [x(graph), graph.parameter('weight', [4]), graph.parameter('bias', [4])],
        'norm',
      );

    const statistics = new Graph();
    statistics.output('stats', norm(statistics)[1]!);
    expect(() => emitOnnx(statistics, () => new Float32Array(4))).toThrow(
      'norm:1: output 1 of groupNorm has no counterpart in ONNX',
    );

    const gradient = new Graph();
    gradient.output(
      'dx',
      gradient.op('unaryGrad', { fn: 'silu' }, [x(gradient), gradient.input('dy', [2, 4, 1, 1])], 'act'),
    );
    expect(() => emitOnnx(gradient, () => new Float32Array())).toThrow('act: unaryGrad is not a forward op');

    const stateful = new Graph();
    stateful.output('y', stateful.op('affine', { factor: 2, shift: 0 }, [stateful.state('arena', [4])]));
    expect(() => emitOnnx(stateful, () => new Float32Array())).toThrow('arena: a state has no counterpart in ONNX');

    const wrongSize = new Graph();
    wrongSize.output('y', norm(wrongSize)[0]!);
    expect(() => emitOnnx(wrongSize, () => new Float32Array(3))).toThrow('weight: 3 numbers for shape [4]');
  });
});
