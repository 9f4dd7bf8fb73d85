/** Nodes with values larger than a binding that a test allows, for tests of webgpu/windows.ts. */
import { generator } from '../graph/caseData.ts';
import { Graph, type Node, type Value } from '../graph/graph.ts';
import type { OpKind, OpParams } from '../graph/ops.ts';
import { sizeOf, type Shape } from '../shared/shape.ts';

export interface Cut<K extends OpKind = OpKind> {
  name: string;
  op: K;
  params: OpParams[K];
  shapes: readonly Shape[];
  /** Of the largest binding. */
  most: number;
  /** Nodes that it comes to. */
  pieces: number;
}
export const cut = <K extends OpKind>(
  name: string,
  op: K,
  params: OpParams[K],
  shapes: readonly Shape[],
  most: number,
  pieces: number,
): Cut => ({ name, op, params, shapes, most, pieces }) as unknown as Cut;

export const conv = (bias: boolean, residual: boolean): OpParams['conv2d'] => ({
  stride: 1,
  padding: [1, 1, 1, 1],
  bias,
  residual,
  scale: 0.5,
});
const linear = { bias: true, residual: true, scale: 2 };
/** A picture of 8 by 8 is 256 bytes. */
export const KIB = 1024;

export const cuts: readonly Cut[] = [
  cut('linear', 'linear', linear, [[2, 24, 8], [32, 8], [32], [2, 24, 32]], 2 * KIB, 3),
  cut('linear of one width', 'linear', linear, [[80, 16], [16, 16], [16], [80, 16]], 2 * KIB, 3),
  cut(
    'linearGradInput',
    'linearGradInput',
    { residual: true, scale: 2 },
    [
      [2, 24, 32],
      [32, 8],
      [2, 24, 8],
    ],
    2 * KIB,
    3,
  ),
  cut(
    'linearGradWeight',
    'linearGradWeight',
    { bias: false, scale: 3 },
    [
      [2, 24, 32],
      [2, 24, 8],
    ],
    2 * KIB,
    5,
  ),
  cut(
    'linearGradWeight with its bias',
    'linearGradWeight',
    { bias: true, scale: 3 },
    [
      [2, 24, 32],
      [2, 24, 8],
    ],
    2 * KIB,
    7,
  ),
  cut('geglu', 'geglu', {}, [[2, 20, 64]], 2 * KIB, 5),
  cut(
    'gegluGrad',
    'gegluGrad',
    {},
    [
      [2, 20, 32],
      [2, 20, 64],
    ],
    2 * KIB,
    5,
  ),
  cut('sumTo', 'sumTo', { shape: [1, 1, 32], factor: 2 }, [[2, 24, 32]], 2 * KIB, 5),
  cut('upsampleNearest', 'upsampleNearest', { height: 16, width: 16 }, [[2, 3, 8, 8]], 2 * KIB, 3),
  // Ten planes of one KiB: a window holds one group of two.
  cut('groupNorm', 'groupNorm', { groups: 5, eps: 1e-5, silu: true }, [[2, 10, 16, 16], [10], [10]], 2 * KIB, 27),
  cut(
    'groupNorm by pictures',
    'groupNorm',
    { groups: 32, eps: 1e-5, silu: true },
    [[3, 32, 8, 8], [32], [32]],
    8 * KIB,
    3,
  ),
  cut('conv2d by pictures', 'conv2d', conv(true, true), [[3, 4, 8, 8], [6, 4, 3, 3], [6], [3, 6, 8, 8]], 2 * KIB, 3),
  cut('conv2d by channels', 'conv2d', conv(true, true), [[2, 6, 8, 8], [5, 6, 3, 3], [5], [2, 5, 8, 8]], KIB, 10),
  cut(
    'conv2d, a channel’s residual',
    'conv2d',
    conv(true, true),
    [[2, 6, 8, 8], [5, 6, 3, 3], [5], [2, 5, 1, 1]],
    KIB,
    13,
  ),
  cut(
    'conv2d by input channels',
    'conv2d',
    conv(false, false),
    [
      [1, 7, 8, 8],
      [2, 7, 3, 3],
    ],
    KIB,
    2,
  ),
  cut(
    'conv2d of stride 2',
    'conv2d',
    { ...conv(true, false), stride: 2 },
    [[1, 8, 16, 16], [3, 8, 3, 3], [3]],
    4 * KIB,
    2,
  ),
  cut(
    'conv2d 1x1',
    'conv2d',
    { ...conv(true, true), padding: [0, 0, 0, 0] },
    [[1, 8, 8, 8], [6, 8, 1, 1], [6], [1, 6, 8, 8]],
    KIB,
    5,
  ),
];

const input = (graph: Graph, shape: Shape, i: number): Value => graph.input(`in${i}`, shape);

export function built({ op, params, shapes }: Cut): { graph: Graph; node: Node; feeds: Map<Value, Float32Array> } {
  const graph = new Graph();
  const inputs = shapes.map((shape, i) => input(graph, shape, i));
  const outputs = graph.node(op, params, inputs, 'node');
  outputs.forEach((value, i) => graph.output(`out${i}`, value));
  const next = generator(op);
  const feeds = new Map(
    inputs.map((value) => [value, Float32Array.from({ length: sizeOf(value.shape) }, () => next() - 0.5)]),
  );
  return { graph, node: graph.nodes[0]!, feeds };
}
