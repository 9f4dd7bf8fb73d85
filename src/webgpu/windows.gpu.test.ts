/** Windows on the GPU, in every variant of the kernels, against the float64 oracle: a device that lets a shader see next to nothing. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNodeDevice, type NodeDevice } from '../cli/device.ts';
import { openDefaultDevice } from '../cli/testDevice.ts';
import { Graph, type ParameterDtype, type Value } from '../graph/graph.ts';
import { evaluate } from '../oracle/run.ts';
import '../shared/disposable.ts';
import { sizeOf } from '../shared/shape.ts';
import { createGpuExecutor, type GpuExecutor } from './executor.ts';
import { DEFAULT_LIMITS } from './plan.ts';
import { cuts } from './testWindows.ts';

let engine: NodeDevice;
beforeAll(async () => {
  engine = await openNodeDevice();
});
afterAll(() => engine?.destroy());

/** The device, which says that a binding takes no more than so many bytes. */
function narrow(variant: string, most: number): GpuExecutor {
  const { device } = engine;
  const limits = new Proxy(device.limits, {
    get: (of, key) => (key === 'maxStorageBufferBindingSize' ? most : Reflect.get(of, key, of)),
  });
  const small = new Proxy(device, {
    get(of, key) {
      if (key === 'limits') return limits;
      const member: unknown = Reflect.get(of, key, of);
      return typeof member === 'function' ? member.bind(of) : member;
    },
  });
  const seen = new Proxy(engine, { get: (of, key) => (key === 'device' ? small : Reflect.get(of, key, of)) });
  return createGpuExecutor(seen, { variants: { default: variant } });
}

async function same(
  executor: GpuExecutor,
  graph: Graph,
  feeds: ReadonlyMap<Value, Float32Array | Int32Array>,
): Promise<number> {
  using program = await executor.compile(graph);
  for (const [value, data] of feeds) program.write(value, data);
  await program.run();
  const want = evaluate(graph, feeds);
  for (const [name, value] of graph.outputs) {
    const got = await program.read(value);
    const numbers = want(value);
    const largest = numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const worst = got.reduce((most, x, i) => Math.max(most, Math.abs(x - numbers[i]!)), 0);
    expect(worst, name).toBeLessThanOrEqual(4e-6 * largest);
    expect(got.some(Number.isNaN)).toBe(false);
  }
  return program.dispatchCount;
}

describe.each(['workgroup', 'quad', 'tile', 'tile2', 'subgroup'])('%s', (variant) => {
  it.each(cuts)('$name', async ({ most, ...asked }) => {
    for (const weights of asked.op === 'conv2d' ? (['f32', 'f16'] as const) : (['f32'] as const)) {
      const graph = new Graph();
      const inputs = asked.shapes.map((shape, i) => tensor(graph, `in${i}`, shape, i === 1 ? weights : 'f32'));
      graph.node(asked.op, asked.params, inputs, 'node').forEach((value, i) => graph.output(`out${i}`, value));
      const feeds = new Map(inputs.map((value) => [value, wave(sizeOf(value.shape))]));
      expect(await same(narrow(variant, most), graph, feeds)).toBeGreaterThanOrEqual(asked.pieces);
    }
  });

  it.each(['f32', 'bf16'] as const)('a table of words in %s', async (weights) => {
    const graph = new Graph();
    const table = tensor(graph, 'table', [100, 32], weights);
    const ids = graph.input('ids', [3, 5], 'i32');
    graph.output('rows', graph.op('embedding', {}, [table, ids]));
    const asked = Int32Array.from({ length: 15 }, (_, i) => (i * 37) % 100);
    const dispatches = await same(
      narrow(variant, 2048),
      graph,
      new Map<Value, Float32Array | Int32Array>([
        [table, wave(3200)],
        [ids, asked],
      ]),
    );
    expect(dispatches).toBe(weights === 'f32' ? 7 : 4);
  });
});

it('looks words up in the table of a real text encoder on a device of the default limits', async () => {
  const small = await openDefaultDevice();
  using closed = new DisposableStack();
  closed.defer(() => small.destroy());
  const { maxStorageBufferBindingSize, maxBufferSize } = DEFAULT_LIMITS;
  expect(small.device.limits).toMatchObject({ maxStorageBufferBindingSize, maxBufferSize });
  // CLIP's, in f32: 145 MiB.
  const graph = new Graph();
  const table = graph.parameter('table', [49408, 768]);
  const ids = graph.input('ids', [1, 77], 'i32');
  const rows = graph.op('embedding', {}, [table, ids]);
  graph.output('rows', rows);
  using program = await createGpuExecutor(small).compile(graph);
  expect(program.dispatchCount).toBe(2);
  const asked = Int32Array.from({ length: 77 }, (_, i) => (i * 641) % 49408).fill(49407, 76);
  program.write(
    table,
    new Float32Array(49408 * 768).map((_, i) => i % 16_777_213),
  );
  program.write(ids, asked);
  await program.run();
  const got = await program.read(rows);
  expect(got).toEqual(got.map((_, i) => (asked[Math.floor(i / 768)]! * 768 + (i % 768)) % 16_777_213));
});

const tensor = (graph: Graph, name: string, shape: readonly number[], dtype: ParameterDtype): Value =>
  dtype === 'f32' ? graph.input(name, shape) : graph.parameter(name, shape, dtype);

const wave = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => Math.sin(12.9898 * (i + 1)));
