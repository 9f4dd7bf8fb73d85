/** What every forward op is in ONNX (operator set 17), total over ForwardOp, so that an op without a lowering does not compile.
 *
 *  Only operators that onnxruntime's wasm and native WebGPU providers both have are used, each in the form whose f32 rounding is
 *  known to be good on both. Weights keep the layout and the name they have in the checkpoint; onnxruntime folds what is done to them.
 *  Second outputs (norm statistics, log-sum-exp) exist for the backward pass only and are not lowered. */
import { type Shape, sizeOf } from '../shared/shape.ts';
import type { Node } from '../graph/graph.ts';
import type { ForwardOp, UnaryFn } from '../graph/ops.ts';
import type { OnnxBuilder } from './builder.ts';

export const opset = 17;

/** Adds the ONNX nodes of one graph node whose inputs are called `inputs`; returns the name of its first output. */
export type LowerToOnnx<K extends ForwardOp> = (node: Node<K>, inputs: readonly string[], onnx: OnnxBuilder) => string;

const shapeOfInput = (node: Node<ForwardOp>, i: number): Shape => node.inputs[i]!.shape;

/** factor * x + shift, without what does nothing. */
function affine(onnx: OnnxBuilder, x: string, factor: number, shift: number): string {
  const scaled = factor === 1 ? x : onnx.op('Mul', [x, onnx.scalar(factor)]);
  return shift === 0 ? scaled : onnx.op('Add', [scaled, onnx.scalar(shift)]);
}

/** x / 2 (1 + erf(x / sqrt 2)). onnxruntime fuses these five into one. */
function gelu(onnx: OnnxBuilder, x: string): string {
  const erf = onnx.op('Erf', [onnx.op('Div', [x, onnx.scalar(Math.SQRT2)])]);
  const twice = onnx.op('Mul', [x, onnx.op('Add', [erf, onnx.scalar(1)])]);
  return onnx.op('Mul', [twice, onnx.scalar(0.5)]);
}

const unaryFn: { readonly [F in UnaryFn]: (onnx: OnnxBuilder, x: string) => string } = {
  silu: (onnx, x) => onnx.op('Mul', [x, onnx.op('Sigmoid', [x])]),
  gelu,
  quickGelu: (onnx, x) => onnx.op('Mul', [x, onnx.op('Sigmoid', [onnx.op('Mul', [x, onnx.scalar(1.702)])])]),
  relu: (onnx, x) => onnx.op('Relu', [x]),
  tanh: (onnx, x) => onnx.op('Tanh', [x]),
  sigmoid: (onnx, x) => onnx.op('Sigmoid', [x]),
};

const reshape = (onnx: OnnxBuilder, x: string, shape: Shape): string => onnx.op('Reshape', [x, onnx.i64(shape)]);

/** x - mean over the last axis. Makes one-pass variances exact enough: onnxruntime takes E[x²] - E[x]² in LayerNormalization
 *  (cpu/nn/layer_norm_impl.cc, webgpu/nn/layer_norm.cc) and in WebGPU's InstanceNormalization (webgpu/nn/instance_norm.cc). */
function centred(onnx: OnnxBuilder, x: string): string {
  return onnx.op('Sub', [x, onnx.op('ReduceMean', [x], { axes: { ints: [-1] }, keepdims: { i: 1 } })]);
}

function slice(onnx: OnnxBuilder, x: string, axis: number, start: number, length: number): string {
  return onnx.op('Slice', [x, onnx.i64([start]), onnx.i64([start + length]), onnx.i64([axis])]);
}

/** [N, T, D] → [N, heads, T, D/heads], or with `transposed` [N, heads, D/heads, T]. */
function splitHeads(onnx: OnnxBuilder, x: string, shape: Shape, heads: number, transposed: boolean): string {
  const [batch, tokens, width] = shape as [number, number, number];
  const split = reshape(onnx, x, [batch, tokens, heads, width / heads]);
  return onnx.op('Transpose', [split], { perm: { ints: transposed ? [0, 2, 3, 1] : [0, 2, 1, 3] } });
}

/** The source index of every output index of nearest upsampling, in exact integers. */
const nearest = (from: number, to: number): number[] =>
  Array.from({ length: to }, (_, i) => Math.floor((i * from) / to));

const isPowerOfTwo = (n: number): boolean => Number.isInteger(Math.log2(n));

export const lower: { readonly [K in ForwardOp]: LowerToOnnx<K> } = {
  linear: ({ params }, inputs, onnx) => {
    const [x, weight] = inputs as [string, string];
    let y = onnx.op('MatMul', [x, onnx.op('Transpose', [weight], { perm: { ints: [1, 0] } })]);
    if (params.bias) y = onnx.op('Add', [y, inputs[2]!]);
    y = affine(onnx, y, params.scale, 0);
    return params.residual ? onnx.op('Add', [y, inputs[params.bias ? 3 : 2]!]) : y;
  },
  conv2d: (node, inputs, onnx) => {
    const { stride, padding, bias, residual, scale } = node.params;
    // ONNX pads are [top, left, bottom, right], as ours.
    let y = onnx.op('Conv', inputs.slice(0, bias ? 3 : 2), {
      kernel_shape: { ints: shapeOfInput(node, 1).slice(2) },
      strides: { ints: [stride, stride] },
      pads: { ints: padding },
    });
    y = affine(onnx, y, scale, 0);
    return residual ? onnx.op('Add', [y, inputs[bias ? 3 : 2]!]) : y;
  },
  groupNorm: (node, inputs, onnx) => {
    const { groups, eps, silu } = node.params;
    const [x, weight, bias] = inputs as [string, string, string];
    const shape = shapeOfInput(node, 0);
    const perChannel = [shape[1]!, ...shape.slice(2).map(() => 1)];
    const grouped = reshape(onnx, x, [shape[0]!, groups, sizeOf(shape.slice(1)) / groups]);
    const normed = onnx.op(
      'InstanceNormalization',
      [centred(onnx, grouped), onnx.filled(groups, 1), onnx.filled(groups, 0)],
      { epsilon: { f: eps } },
    );
    const scaled = onnx.op('Mul', [reshape(onnx, normed, shape), reshape(onnx, weight, perChannel)]);
    const y = onnx.op('Add', [scaled, reshape(onnx, bias, perChannel)]);
    return silu ? unaryFn.silu(onnx, y) : y;
  },
  layerNorm: ({ params }, inputs, onnx) => {
    const [x, weight, bias] = inputs as [string, string, string];
    return onnx.op('LayerNormalization', [centred(onnx, x), weight, bias], {
      axis: { i: -1 },
      epsilon: { f: params.eps },
    });
  },
  attention: (node, inputs, onnx) => {
    const { heads, causal } = node.params;
    const shapeQ = shapeOfInput(node, 0);
    const shapeK = shapeOfInput(node, 1);
    const scaledQ = affine(onnx, inputs[0]!, (shapeQ[2]! / heads) ** -0.5, 0);
    const q = splitHeads(onnx, scaledQ, shapeQ, heads, false);
    const k = splitHeads(onnx, inputs[1]!, shapeK, heads, true);
    const v = splitHeads(onnx, inputs[2]!, shapeK, heads, false);
    let scores = onnx.op('MatMul', [q, k]);
    if (causal) scores = onnx.op('Add', [scores, causalMask(onnx, shapeQ[1]!)]);
    const o = onnx.op('MatMul', [onnx.op('Softmax', [scores], { axis: { i: -1 } }), v]);
    return reshape(onnx, onnx.op('Transpose', [o], { perm: { ints: [0, 2, 1, 3] } }), shapeQ);
  },
  geglu: (node, inputs, onnx) => {
    const shape = shapeOfInput(node, 0);
    const axis = shape.length - 1;
    const width = shape[axis]! / 2;
    const gate = gelu(onnx, slice(onnx, inputs[0]!, axis, width, width));
    return onnx.op('Mul', [slice(onnx, inputs[0]!, axis, 0, width), gate]);
  },
  unary: ({ params }, inputs, onnx) => unaryFn[params.fn](onnx, inputs[0]!),
  clamp: ({ params }, inputs, onnx) => onnx.op('Clip', [inputs[0]!, onnx.scalar(params.min), onnx.scalar(params.max)]),
  timestepEmbedding: (node, inputs, onnx) => {
    // On the CPU: WGSL promises 2^-11 for cos within [-pi, pi] and nothing beyond (WGSL, accuracy of built-in functions), and angles
    // reach 1000. onnxruntime's builds with WebGPU have no f64 kernels, which would have the same effect.
    const column = onnx.cpuOp('Reshape', [inputs[0]!, onnx.i64([shapeOfInput(node, 0)[0]!, 1])]);
    const angle = onnx.cpuOp('Mul', [column, inputs[1]!]);
    const sin = onnx.cpuOp('Sin', [angle]);
    const cos = onnx.cpuOp('Cos', [angle]);
    return onnx.cpuOp('Concat', node.params.flipSinToCos ? [cos, sin] : [sin, cos], { axis: { i: 1 } });
  },
  add: (_, inputs, onnx) => onnx.op('Add', inputs),
  mul: (_, inputs, onnx) => onnx.op('Mul', inputs),
  affine: ({ params }, inputs, onnx) => affine(onnx, inputs[0]!, params.factor, params.shift),
  concat: ({ params }, inputs, onnx) => onnx.op('Concat', inputs, { axis: { i: params.axis } }),
  slice: ({ params }, inputs, onnx) => slice(onnx, inputs[0]!, params.axis, params.start, params.length),
  reshape: ({ params }, inputs, onnx) => reshape(onnx, inputs[0]!, params.shape),
  transpose: ({ params }, inputs, onnx) => onnx.op('Transpose', [inputs[0]!], { perm: { ints: params.perm } }),
  upsampleNearest: (node, inputs, onnx) => {
    const { height, width } = node.params;
    const [batch, channels, fromHeight, fromWidth] = shapeOfInput(node, 0) as [number, number, number, number];
    if (isPowerOfTwo(height / fromHeight) && isPowerOfTwo(width / fromWidth))
      return onnx.op('Resize', [inputs[0]!, '', '', onnx.i64([batch, channels, height, width])], {
        mode: { s: 'nearest' },
        coordinate_transformation_mode: { s: 'asymmetric' },
        nearest_mode: { s: 'floor' },
      });
    // Resize divides by the scale in f32, which is exact for powers of two only; elsewhere it may land below an integer.
    const rows = onnx.op('Gather', [inputs[0]!, onnx.i32(nearest(fromHeight, height))], { axis: { i: 2 } });
    return onnx.op('Gather', [rows, onnx.i32(nearest(fromWidth, width))], { axis: { i: 3 } });
  },
  mean: ({ params }, inputs, onnx) => {
    // Without axes ReduceMean means all of them.
    if (params.axes.length === 0) return onnx.op('Identity', inputs);
    return onnx.op('ReduceMean', inputs, { axes: { ints: params.axes }, keepdims: { i: 1 } });
  },
  embedding: (_, inputs, onnx) => onnx.op('Gather', inputs, { axis: { i: 0 } }),
  takeToken: (node, inputs, onnx) => {
    const [batch, tokens, width] = shapeOfInput(node, 0) as [number, number, number];
    const firstRows = onnx.i32(Array.from({ length: batch }, (_, b) => b * tokens));
    const rows = reshape(onnx, inputs[0]!, [batch * tokens, width]);
    return onnx.op('Gather', [rows, onnx.op('Add', [inputs[1]!, firstRows])], { axis: { i: 0 } });
  },
  meanSquaredError: (node, inputs, onnx) => {
    const difference = onnx.op('Sub', inputs);
    let mean = onnx.op('Mul', [difference, difference]);
    // Axis by axis, the last first: onnxruntime sums in a row, and short f32 sums round less (relative error 5e-7 in one sum of 1152, 4e-8 so).
    for (let axis = shapeOfInput(node, 0).length - 1; axis > 0; axis--)
      mean = onnx.op('ReduceMean', [mean], { axes: { ints: [axis] }, keepdims: { i: 0 } });
    return mean;
  },
};

/** [T, T]: 0 where key s <= query t, else so low that its exponential is exactly 0. Finite, because shaders may assume no infinities. */
function causalMask(onnx: OnnxBuilder, tokens: number): string {
  const mask = new Float32Array(tokens * tokens);
  for (let t = 0; t < tokens; t++) mask.fill(-1e30, t * tokens + t + 1, (t + 1) * tokens);
  return onnx.f32(`causalMask${tokens}`, [tokens, tokens], mask);
}
