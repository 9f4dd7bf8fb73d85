/** Convolutions by Winograd on the GPU beside the float64 oracle: where the op suite (kernels.gpu.test.ts) has no case of their kind. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openNodeDevice, type NodeDevice } from '../../cli/device.ts';
import { generator } from '../../graph/caseData.ts';
import { Graph, type ParameterDtype, type Value } from '../../graph/graph.ts';
import type { Padding } from '../../graph/ops.ts';
import { evaluate } from '../../oracle/run.ts';
import '../../shared/disposable.ts';
import { sizeOf } from '../../shared/shape.ts';
import { createGpuExecutor } from '../executor.ts';

let engine: NodeDevice;
beforeAll(async () => {
  engine = await openNodeDevice();
});
afterAll(() => engine?.destroy());

interface Asked {
  op: 'conv2d' | 'conv2dGradInput';
  x: readonly [number, number, number, number];
  out: number;
  padding?: Padding;
  weights?: ParameterDtype;
}

/** A convolution of x, or its gradient by an x of this shape. */
function graphOf({ op, x, out, padding = [1, 1, 1, 1], weights = 'f32' }: Asked): Graph {
  const graph = new Graph();
  const [batch, channels, height, width] = x;
  const made = [batch, out, height + padding[0] + padding[2] - 2, width + padding[1] + padding[3] - 2];
  const weight = graph.parameter('weight', [out, channels, 3, 3], weights);
  const params = { stride: 1, padding, residual: false, scale: 1 };
  const y =
    op === 'conv2d'
      ? graph.op(op, { ...params, bias: false }, [graph.input('x', x), weight])
      : graph.op(op, { ...params, height, width }, [graph.input('dy', made), weight]);
  graph.output('y', y);
  return graph;
}

function feedsOf(graph: Graph): Map<Value, Float32Array> {
  const next = generator('winograd');
  return new Map(
    graph.values
      .filter(({ source }) => source.kind !== 'node')
      .map((value) => [
        value,
        Float32Array.from({ length: sizeOf(value.shape) }, () =>
          // Sixteenths are the same numbers in every width.
          value.dtype === 'f32' ? next() - 0.5 : Math.round(16 * next()) / 16 - 0.5,
        ),
      ]),
  );
}

/** The largest error, of the largest result. */
async function errorOf(on: NodeDevice, graph: Graph, variant: string, kernels: readonly string[]): Promise<number> {
  const feeds = feedsOf(graph);
  using program = await createGpuExecutor(on, { variants: { default: variant } }).compile(graph);
  expect(program.steps.map(({ dispatch }) => dispatch.kernel.name)).toEqual(kernels);
  for (const [value, data] of feeds) program.write(value, data);
  const [y] = [...graph.outputs.values()] as [Value];
  const [got] = await program.runAndRead([y]);
  const want = evaluate(graph, feeds)(y);
  const largest = want.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return want.reduce((most, x, i) => Math.max(most, Math.abs(got![i]! - x)), 0) / largest;
}

const weights = 'conv2dWeights.winograd';
const piece = ['conv2dTiles.winograd', 'gemm.tile', 'conv2d.winograd'];

it.each<Asked>([
  { op: 'conv2d', x: [1, 64, 16, 16], out: 64 },
  { op: 'conv2dGradInput', x: [2, 160, 8, 8], out: 160 },
  { op: 'conv2d', x: [1, 33, 5, 8], out: 34, padding: [0, 1, 2, 3] },
  { op: 'conv2dGradInput', x: [1, 33, 5, 8], out: 34, padding: [0, 1, 2, 3] },
])('is about as exact as the direct way: $op $x to $out', async (asked) => {
  const graph = graphOf(asked);
  const direct = await errorOf(engine, graph, 'quad', ['conv2d.quad']);
  const error = await errorOf(engine, graph, 'winograd', [weights, ...piece]);
  expect(error).toBeLessThan(1e-6);
  expect(error).toBeLessThan(1.5 * direct);
});

it('goes in pieces of rows and tiles where its scratch fits no binding, and adds up windows of a picture that fits none', async () => {
  const limits = new Proxy(engine.device.limits, {
    get: (of, key) => (key === 'maxStorageBufferBindingSize' ? 4096 * 64 : Reflect.get(of, key, of)),
  });
  const device = new Proxy(engine.device, {
    get(of, key) {
      if (key === 'limits') return limits;
      const member: unknown = Reflect.get(of, key, of);
      return typeof member === 'function' ? member.bind(of) : member;
    },
  });
  const narrow = new Proxy(engine, { get: (of, key) => (key === 'device' ? device : Reflect.get(of, key, of)) });
  // Two windows of 64 channels, each in two pieces of 64 of 72 rows, by three of 64 of 192 tiles.
  const picture = graphOf({ op: 'conv2d', x: [1, 128, 47, 16], out: 72, weights: 'f16' });
  const rows = [weights, ...piece, ...piece, ...piece];
  expect(await errorOf(narrow, picture, 'winograd', [...rows, ...rows, ...rows, ...rows])).toBeLessThan(1e-6);
  // Tiles are one piece here, whose pixels are transformed once.
  const gradient = graphOf({ op: 'conv2dGradInput', x: [1, 128, 15, 16], out: 64, weights: 'f16' });
  expect(await errorOf(narrow, gradient, 'winograd', [weights, ...piece, weights, ...piece.slice(1)])).toBeLessThan(
    1e-6,
  );
});
