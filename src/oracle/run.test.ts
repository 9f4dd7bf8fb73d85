/** The CPU executor's contract: storage shared, viewed, placed and mutated; strictness; nothing left over between runs. */
import { describe, expect, test } from 'vitest';
import { Graph } from '../graph/graph.ts';
import { cpuExecutor, evaluate } from './run.ts';
import { matmul, matrix, transposed } from './tensor.ts';

describe('cpuExecutor', () => {
  test('a half-width storage holds the numbers of its bits, whichever way it is written', async () => {
    const storage = cpuExecutor().storage('weight', 3, 'bf16');
    storage.write(Float32Array.of(1, 1 + 2 ** -8, 1 + 3 * 2 ** -8)); // ties go to even
    expect(await storage.read()).toEqual(Float32Array.of(1, 1, 1 + 4 * 2 ** -8));
    storage.write(Uint16Array.of(0x3f81), 2);
    expect(await storage.read()).toEqual(Float32Array.of(1, 1, 1 + 2 ** -7));
    expect(() => cpuExecutor().storage('w', 1).write(Uint16Array.of(0))).toThrow('w is f32, got Uint16Array');
  });

  test('two programs share a bound storage; views and placed outputs are ranges of it', async () => {
    const executor = cpuExecutor();
    const storage = executor.storage('arena', 8);
    const writer = new Graph();
    const arena = writer.state('arena', [8]);
    const x = writer.input('x', [2, 2]);
    const doubled = writer.op('affine', { factor: 2, shift: 0 }, [x]);
    writer.place(writer.op('reshape', { shape: [4] }, [doubled]), arena, 3);
    const first = await executor.compile(writer, { bindings: new Map([[arena, storage]]) });
    first.write(x, Float32Array.of(1, 2, 3, 4));
    await first.run();
    expect(await storage.read()).toEqual(Float32Array.of(0, 0, 0, 2, 4, 6, 8, 0));

    const reader = new Graph();
    const other = reader.state('params', [8]);
    const view = reader.view('w', other, 4, [3]);
    const sum = reader.op('sumTo', { shape: [1], factor: 1 }, [view]);
    reader.output('sum', sum);
    const second = await executor.compile(reader, { bindings: new Map([[other, storage]]) });
    await second.run();
    expect(await second.read(sum)).toEqual(Float32Array.of(18));
    expect(await second.read(view)).toEqual(Float32Array.of(4, 6, 8));
    storage.write(Float32Array.of(100), 4);
    await second.run();
    expect(await second.read(sum)).toEqual(Float32Array.of(114));
  });

  test('step ops change states from run to run', async () => {
    const graph = new Graph();
    const acc = graph.state('acc', [2]);
    const x = graph.input('x', [2]);
    graph.node('accumulate', { factor: 0.5 }, [acc, x]);
    const program = await cpuExecutor().compile(graph);
    program.write(x, Float32Array.of(2, 4));
    await program.run();
    await program.run();
    expect(await program.read(acc)).toEqual(Float32Array.of(2, 4));
  });

  test('reports the bytes it holds', async () => {
    const graph = new Graph();
    const y = graph.op('add', {}, [graph.input('x', [3]), graph.parameter('w', [3])]);
    graph.op('reshape', { shape: [3, 1] }, [y]);
    const { memory } = await cpuExecutor().compile(graph);
    expect(memory.plannedBytes).toEqual({ parameters: 24, state: 0, inputs: 24, activations: 24, total: 72 });
    expect(memory.allocatedBytes).toBe(72);
  });

  test('refuses what the GPU would refuse', async () => {
    const graph = new Graph();
    const x = graph.input('x', [2]);
    const ids = graph.input('ids', [2], 'i32');
    const inner = graph.op('unary', { fn: 'silu' }, [x], 'inner');
    graph.output('y', graph.op('unary', { fn: 'tanh' }, [inner]));
    const program = await cpuExecutor().compile(graph);
    expect(() => program.write(x, new Float32Array(3))).toThrow('x: 3 numbers for shape [2]');
    expect(() => program.write(ids, new Float32Array(2))).toThrow('ids: is i32, data is Float32Array');
    expect(() => program.write(inner, new Float32Array(2))).toThrow('inner: a node cannot be written');
    expect(() => program.read(inner)).toThrow('inner is not an output, parameter, state or view');
    await expect(
      cpuExecutor().compile(graph, { bindings: new Map([[x, cpuExecutor().storage('s', 3)]]) }),
    ).rejects.toThrow('x: has 2 elements, its storage s 3');
  });
});

test('globalNorm neither overflows nor underflows, and shows a NaN', () => {
  const norm = (...data: number[]): number => {
    const graph = new Graph();
    const x = graph.input('x', [data.length]);
    const y = graph.op('globalNorm', {}, [x]);
    return evaluate(graph, new Map([[x, Float64Array.from(data)]]))(y)[0]!;
  };
  expect(norm(3e-200, 4e-200) / 5e-200).toBeCloseTo(1, 14);
  expect(norm(3e200, 4e200) / 5e200).toBeCloseTo(1, 14);
  expect(norm(0, 0)).toBe(0);
  expect(norm(1, NaN)).toBeNaN();
  expect(norm(1, Infinity)).toBeNaN();
});

test('matmul agrees with three plain loops on sizes around its tile, with transposes, factor and add', () => {
  for (const [M, N, K] of [
    [1, 1, 1],
    [2, 4, 3],
    [3, 5, 2],
    [5, 7, 4],
    [1, 6, 0],
  ] as const) {
    const a = Float64Array.from({ length: M * K }, (_, i) => Math.sin(i + 1));
    const b = Float64Array.from({ length: N * K }, (_, i) => Math.cos(i + 2));
    const start = Float64Array.from({ length: M * N }, (_, i) => i);
    const c = Float64Array.from(start);
    // b is stored [N, K].
    matmul(M, N, K, matrix(a, K), transposed(matrix(b, K)), matrix(c, N), { factor: -2, add: true });
    for (let i = 0; i < M; i++)
      for (let j = 0; j < N; j++) {
        let sum = 0;
        for (let k = 0; k < K; k++) sum += a[i * K + k]! * b[j * K + k]!;
        expect(c[i * N + j]).toBeCloseTo(start[i * N + j]! - 2 * sum, 12);
      }
  }
});
