/** Shape rules: what an op makes of its inputs' shapes, and what it refuses. One rule per op, total over OpKind. */
import { assert } from '../shared/assert.ts';
import { sameShape, type Shape, sizeOf } from '../shared/shape.ts';
import type { OpKind, OpParams } from './ops.ts';

/** Output shapes of an op; throws with both sides of what does not fit, and the module path. */
export type ShapeRule<K extends OpKind> = (params: OpParams[K], inputs: readonly Shape[], path: string) => Shape[];

const show = (shape: Shape): string => `[${shape.join(', ')}]`;

function count(inputs: readonly Shape[], expected: number, path: string): void {
  assert(inputs.length === expected, `${path}: expects ${expected} inputs, got ${inputs.length}`);
}

function same(a: Shape, b: Shape, what: string, path: string): void {
  assert(sameShape(a, b), `${path}: ${what}: ${show(a)} against ${show(b)}`);
}

function rank(shape: Shape, expected: number, what: string, path: string): void {
  assert(shape.length === expected, `${path}: ${what} should have ${expected} axes, has ${show(shape)}`);
}

/** b broadcasts to a: same rank, each axis a's or 1. */
function broadcastable(a: Shape, b: Shape, path: string): void {
  assert(
    a.length === b.length && b.every((axis, i) => axis === a[i] || axis === 1),
    `${path}: ${show(b)} does not broadcast to ${show(a)}`,
  );
}

function divides(parts: number, whole: number, what: string, path: string): void {
  assert(parts > 0 && whole % parts === 0, `${path}: ${whole} ${what} do not divide into ${parts}`);
}

const last = (shape: Shape): number => shape[shape.length - 1] ?? 0;
const withLast = (shape: Shape, axis: number): Shape => [...shape.slice(0, -1), axis];
const withAxis = (shape: Shape, axis: number, length: number): Shape => shape.map((n, i) => (i === axis ? length : n));
const rowsOf = (shape: Shape): number => sizeOf(shape.slice(0, -1));

function attention(heads: number, q: Shape, k: Shape, v: Shape, path: string): void {
  rank(q, 3, 'q', path);
  same(k, v, 'k and v differ', path);
  assert(q[0] === k[0] && q[2] === k[2], `${path}: q ${show(q)} does not match k ${show(k)}`);
  divides(heads, q[2]!, 'channels', path);
}

function elementwiseGrad(inputs: readonly Shape[], path: string): Shape[] {
  count(inputs, 2, path);
  same(inputs[0]!, inputs[1]!, 'dy and x differ', path);
  return [inputs[1]!];
}

/** Elements of a tensor (Diffusion-SDPO safeguard and the like) whose first axis holds winners, then losers. */
function pairBatch(shape: Shape, path: string): number {
  assert(shape[0]! % 2 === 0, `${path}: the first axis holds winners, then losers, so ${shape[0]} should be even`);
  return shape[0]! / 2;
}

export const shapeOf: { readonly [K in OpKind]: ShapeRule<K> } = {
  linear: ({ bias, residual }, inputs, path) => {
    count(inputs, 2 + Number(bias) + Number(residual), path);
    const [x, weight] = inputs as [Shape, Shape];
    rank(weight, 2, 'weight', path);
    assert(last(x) === weight[1], `${path}: input has ${last(x)} channels, weight expects ${weight[1]}`);
    const y = withLast(x, weight[0]!);
    if (bias) same(inputs[2]!, [weight[0]!], 'bias', path);
    if (residual) same(inputs[bias ? 3 : 2]!, y, 'residual and output differ', path);
    return [y];
  },
  conv2d: ({ stride, padding, bias, residual }, inputs, path) => {
    count(inputs, 2 + Number(bias) + Number(residual), path);
    const [x, weight] = inputs as [Shape, Shape];
    rank(x, 4, 'input', path);
    rank(weight, 4, 'weight', path);
    assert(x[1] === weight[1], `${path}: input has ${x[1]} channels, weight expects ${weight[1]}`);
    const [top, left, bottom, right] = padding;
    const height = Math.floor((x[2]! + top + bottom - weight[2]!) / stride) + 1;
    const width = Math.floor((x[3]! + left + right - weight[3]!) / stride) + 1;
    assert(height > 0 && width > 0, `${path}: kernel ${weight[2]}x${weight[3]} does not fit input ${show(x)}`);
    const y = [x[0]!, weight[0]!, height, width];
    if (bias) same(inputs[2]!, [weight[0]!], 'bias', path);
    const added = residual ? inputs[bias ? 3 : 2]! : y;
    if (sizeOf(added.slice(2)) > 1) same(added, y, 'residual and output differ', path);
    else same(added, [...y.slice(0, 2), 1, 1], 'residual and output differ', path);
    return [y];
  },
  groupNorm: ({ groups }, inputs, path) => {
    count(inputs, 3, path);
    const [x, weight, bias] = inputs as [Shape, Shape, Shape];
    divides(groups, x[1]!, 'channels', path);
    same(weight, [x[1]!], 'weight', path);
    same(bias, [x[1]!], 'bias', path);
    return [x, [x[0]!, groups, 2]];
  },
  layerNorm: (_, inputs, path) => {
    count(inputs, 3, path);
    const [x, weight, bias] = inputs as [Shape, Shape, Shape];
    same(weight, [last(x)], 'weight', path);
    same(bias, [last(x)], 'bias', path);
    return [x, [rowsOf(x), 2]];
  },
  attention: ({ heads, causal }, inputs, path) => {
    count(inputs, 3, path);
    const [q, k, v] = inputs as [Shape, Shape, Shape];
    attention(heads, q, k, v, path);
    assert(
      !causal || q[1] === k[1],
      `${path}: causal attention needs as many keys as queries, got ${k[1]} and ${q[1]}`,
    );
    return [q, [q[0]!, heads, q[1]!]];
  },
  geglu: (_, inputs, path) => {
    count(inputs, 1, path);
    divides(2, last(inputs[0]!), 'channels', path);
    return [withLast(inputs[0]!, last(inputs[0]!) / 2)];
  },
  unary: (_, inputs, path) => (count(inputs, 1, path), [inputs[0]!]),
  clamp: (_, inputs, path) => (count(inputs, 1, path), [inputs[0]!]),
  timestepEmbedding: (_, inputs, path) => {
    count(inputs, 2, path);
    rank(inputs[0]!, 1, 'timestep', path);
    rank(inputs[1]!, 1, 'freqs', path);
    return [[inputs[0]![0]!, 2 * inputs[1]![0]!]];
  },
  add: (_, inputs, path) => (count(inputs, 2, path), broadcastable(inputs[0]!, inputs[1]!, path), [inputs[0]!]),
  mul: (_, inputs, path) => (count(inputs, 2, path), broadcastable(inputs[0]!, inputs[1]!, path), [inputs[0]!]),
  affine: (_, inputs, path) => (count(inputs, 1, path), [inputs[0]!]),
  concat: ({ axis }, inputs, path) => {
    assert(inputs.length > 0, `${path}: nothing to concatenate`);
    for (const x of inputs)
      same(withAxis(x, axis, 0), withAxis(inputs[0]!, axis, 0), `inputs differ beyond axis ${axis}`, path);
    return [
      withAxis(
        inputs[0]!,
        axis,
        inputs.reduce((sum, x) => sum + x[axis]!, 0),
      ),
    ];
  },
  slice: ({ axis, start, length }, inputs, path) => {
    count(inputs, 1, path);
    assert(
      start >= 0 && length > 0 && start + length <= inputs[0]![axis]!,
      `${path}: [${start}, ${start + length}) is outside axis ${axis} of ${show(inputs[0]!)}`,
    );
    return [withAxis(inputs[0]!, axis, length)];
  },
  reshape: ({ shape }, inputs, path) => {
    count(inputs, 1, path);
    assert(
      sizeOf(shape) === sizeOf(inputs[0]!),
      `${path}: ${show(inputs[0]!)} has ${sizeOf(inputs[0]!)} elements, ${show(shape)} ${sizeOf(shape)}`,
    );
    return [shape];
  },
  transpose: ({ perm }, inputs, path) => {
    count(inputs, 1, path);
    const x = inputs[0]!;
    assert(
      perm.length === x.length && [...perm].sort((a, b) => a - b).every((axis, i) => axis === i),
      `${path}: ${show(perm)} is no permutation of the axes of ${show(x)}`,
    );
    return [perm.map((axis) => x[axis]!)];
  },
  upsampleNearest: ({ height, width }, inputs, path) => {
    count(inputs, 1, path);
    rank(inputs[0]!, 4, 'input', path);
    assert(
      height >= inputs[0]![2]! && width >= inputs[0]![3]!,
      `${path}: ${height}x${width} is smaller than ${show(inputs[0]!)}`,
    );
    return [[inputs[0]![0]!, inputs[0]![1]!, height, width]];
  },
  mean: ({ axes }, inputs, path) => (count(inputs, 1, path), [inputs[0]!.map((n, i) => (axes.includes(i) ? 1 : n))]),
  embedding: (_, inputs, path) => (
    count(inputs, 2, path),
    rank(inputs[0]!, 2, 'table', path),
    [[...inputs[1]!, inputs[0]![1]!]]
  ),
  takeToken: (_, inputs, path) => {
    count(inputs, 2, path);
    rank(inputs[0]!, 3, 'input', path);
    same(inputs[1]!, [inputs[0]![0]!], 'index', path);
    return [[inputs[0]![0]!, inputs[0]![2]!]];
  },
  meanSquaredError: (_, inputs, path) => (
    count(inputs, 2, path),
    same(inputs[0]!, inputs[1]!, 'pred and target differ', path),
    [[inputs[0]![0]!]]
  ),

  linearGradInput: ({ residual }, inputs, path) => {
    count(inputs, 2 + Number(residual), path);
    const [dy, weight] = inputs as [Shape, Shape];
    assert(last(dy) === weight[0], `${path}: dy has ${last(dy)} channels, weight makes ${weight[0]}`);
    const dx = withLast(dy, weight[1]!);
    if (residual) same(inputs[2]!, dx, 'residual and dx differ', path);
    return [dx];
  },
  linearGradWeight: ({ bias }, inputs, path) => {
    count(inputs, 2, path);
    const [dy, x] = inputs as [Shape, Shape];
    same(dy.slice(0, -1), x.slice(0, -1), 'dy and x differ in rows', path);
    return [[last(dy), last(x)], ...(bias ? [[last(dy)]] : [])];
  },
  conv2dGradInput: ({ height, width, residual }, inputs, path) => {
    count(inputs, 2 + Number(residual), path);
    const [dy, weight] = inputs as [Shape, Shape];
    assert(dy[1] === weight[0], `${path}: dy has ${dy[1]} channels, weight makes ${weight[0]}`);
    const dx = [dy[0]!, weight[1]!, height, width];
    if (residual) same(inputs[2]!, dx, 'residual and dx differ', path);
    return [dx];
  },
  conv2dGradWeight: ({ kernelHeight, kernelWidth, bias }, inputs, path) => {
    count(inputs, 2, path);
    const [dy, x] = inputs as [Shape, Shape];
    assert(dy[0] === x[0], `${path}: dy has batch ${dy[0]}, x ${x[0]}`);
    return [[dy[1]!, x[1]!, kernelHeight, kernelWidth], ...(bias ? [[dy[1]!]] : [])];
  },
  groupNormGradInput: ({ residual, weights }, inputs, path) => {
    count(inputs, 5 + Number(residual), path);
    same(inputs[0]!, inputs[1]!, 'dy and x differ', path);
    if (residual) same(inputs[5]!, inputs[1]!, 'residual and dx differ', path);
    return [inputs[1]!, ...(weights ? [inputs[2]!, inputs[3]!] : [])];
  },
  groupNormGradParams: (_, inputs, path) => (
    count(inputs, 5, path),
    same(inputs[0]!, inputs[1]!, 'dy and x differ', path),
    [inputs[2]!, inputs[3]!]
  ),
  layerNormGradInput: ({ residual, weights }, inputs, path) => {
    count(inputs, 4 + Number(residual), path);
    same(inputs[0]!, inputs[1]!, 'dy and x differ', path);
    if (residual) same(inputs[4]!, inputs[1]!, 'residual and dx differ', path);
    return [inputs[1]!, ...(weights ? [inputs[2]!, inputs[2]!] : [])];
  },
  layerNormGradParams: (_, inputs, path) => {
    count(inputs, 3, path);
    same(inputs[0]!, inputs[1]!, 'dy and x differ', path);
    return [[last(inputs[1]!)], [last(inputs[1]!)]];
  },
  attentionDelta: ({ heads }, inputs, path) => {
    count(inputs, 2, path);
    const [grad, o] = inputs as [Shape, Shape];
    same(grad, o, 'do and o differ', path);
    return [[o[0]!, heads, o[1]!]];
  },
  attentionGradQuery: ({ heads }, inputs, path) => {
    count(inputs, 6, path);
    const [grad, q, k, v, , o] = inputs as Shape[];
    attention(heads, q!, k!, v!, path);
    same(grad!, o!, 'do and o differ', path);
    return [q!, [q![0]!, heads, q![1]!]];
  },
  attentionGradKeyValue: ({ heads }, inputs, path) => {
    count(inputs, 6, path);
    attention(heads, inputs[1]!, inputs[2]!, inputs[3]!, path);
    return [inputs[2]!, inputs[3]!];
  },
  gegluGrad: (_, inputs, path) => {
    count(inputs, 2, path);
    same(withLast(inputs[0]!, 2 * last(inputs[0]!)), inputs[1]!, 'dy and x do not match', path);
    return [inputs[1]!];
  },
  unaryGrad: (_, inputs, path) => elementwiseGrad(inputs, path),
  clampGrad: (_, inputs, path) => elementwiseGrad(inputs, path),
  sumTo: ({ shape }, inputs, path) => (count(inputs, 1, path), broadcastable(inputs[0]!, shape, path), [shape]),
  broadcastTo: ({ shape }, inputs, path) => (count(inputs, 1, path), broadcastable(shape, inputs[0]!, path), [shape]),
  split: ({ axis, lengths }, inputs, path) => {
    count(inputs, 1, path);
    const whole = lengths.reduce((sum, length) => sum + length, 0);
    assert(whole === inputs[0]![axis], `${path}: parts of ${whole} in all do not make up ${inputs[0]![axis]}`);
    return lengths.map((length) => withAxis(inputs[0]!, axis, length));
  },
  padAxis: ({ axis, start, length }, inputs, path) => {
    count(inputs, 1, path);
    assert(
      start >= 0 && start + inputs[0]![axis]! <= length,
      `${path}: ${inputs[0]![axis]} from ${start} does not fit ${length}`,
    );
    return [withAxis(inputs[0]!, axis, length)];
  },
  upsampleNearestGrad: ({ height, width }, inputs, path) => (
    count(inputs, 1, path),
    [[inputs[0]![0]!, inputs[0]![1]!, height, width]]
  ),
  embeddingGrad: ({ rows }, inputs, path) => (count(inputs, 2, path), [[rows, last(inputs[0]!)]]),
  takeTokenGrad: ({ tokens }, inputs, path) => (count(inputs, 2, path), [[inputs[0]![0]!, tokens, inputs[0]![1]!]]),
  meanSquaredErrorGrad: (_, inputs, path) => {
    count(inputs, 3, path);
    same(inputs[0]!, [inputs[1]![0]!], 'dm', path);
    same(inputs[1]!, inputs[2]!, 'pred and target differ', path);
    return [inputs[1]!];
  },

  preferenceLoss: (_, inputs, path) => {
    count(inputs, 5, path);
    const pairs = pairBatch(inputs[0]!, path);
    same(inputs[0]!, inputs[1]!, 'm and r differ', path);
    same(inputs[2]!, [1], 'beta', path);
    same(inputs[3]!, [pairs], 'logitScale', path);
    same(inputs[4]!, [pairs], 'preference', path);
    return [[1], [pairs], inputs[0]!];
  },
  sdpoSafeguard: (_, inputs, path) => {
    count(inputs, 3, path);
    pairBatch(inputs[0]!, path);
    same(inputs[0]!, inputs[1]!, 'pred and target differ', path);
    same(inputs[2]!, [inputs[0]![0]!], 'dm', path);
    return [inputs[2]!];
  },
  globalNorm: (_, inputs, path) => (assert(inputs.length > 0, `${path}: no tensors`), [[1]]),
  accumulate: (_, inputs, path) => (count(inputs, 2, path), same(inputs[0]!, inputs[1]!, 'acc and x differ', path), []),
  zero: (_, inputs, path) => (count(inputs, 1, path), []),
  adamw: (_, inputs, path) => {
    count(inputs, 6, path);
    for (const x of inputs.slice(1, 4)) same(x, inputs[0]!, 'param, grad, m and v differ', path);
    same(inputs[4]!, [1], 'norm', path);
    same(inputs[5]!, [8], 'hyper', path);
    return [];
  },
  ema: (_, inputs, path) => {
    count(inputs, 3, path);
    same(inputs[1]!, inputs[0]!, 'average and param differ', path);
    same(inputs[2]!, [1], 'weight', path);
    return [];
  },
};
