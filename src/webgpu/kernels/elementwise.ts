/** Lowerings of the ops that compute each element on its own: activations, sums and products with broadcasting, embeddings of time. */
import type { Value } from '../../graph/graph.ts';
import type { UnaryFn } from '../../graph/ops.ts';
import { assert } from '../../shared/assert.ts';
import { sizeOf, type Shape } from '../../shared/shape.ts';
import addCode from './add.wgsl?raw';
import affineCode from './affine.wgsl?raw';
import clampCode from './clamp.wgsl?raw';
import clampGradCode from './clampGrad.wgsl?raw';
import {
  type Dispatch,
  grid1d,
  kernelOf,
  type KernelSource,
  type LowerContext,
  type LowerToWgsl,
  type Operand,
  withData,
} from './dispatch.ts';
import gegluCode from './geglu.wgsl?raw';
import gegluGradCode from './gegluGrad.wgsl?raw';
import { atLanes, lanesOf, scalar } from './lanes.ts';
import mulCode from './mul.wgsl?raw';
import squareCode from './square.wgsl?raw';
import timestepEmbeddingCode from './timestepEmbedding.wgsl?raw';
import unaryCode from './unary.wgsl?raw';
import unaryGradCode from './unaryGrad.wgsl?raw';
import broadcastIndexCode from './shared/broadcastIndex.wgsl?raw';
import normalCode from './shared/normal.wgsl?raw';
import sigmoidCode from './shared/sigmoid.wgsl?raw';
import tanhCode from './shared/tanh.wgsl?raw';

export const WORKGROUP_SIZE = 64;

const add = kernelOf('add', addCode, broadcastIndexCode);
const mul = kernelOf('mul', mulCode, broadcastIndexCode);
/** Of shared/broadcastIndex.wgsl. */
export const broadcastData = ['SIZE', 'SIZE0', 'SIZE1', 'SIZE2', 'STRIDE0', 'STRIDE1', 'STRIDE2', 'STRIDE3'];
const addBroadcast = withData(add, ...broadcastData);
const mulBroadcast = withData(mul, ...broadcastData);
const square = kernelOf('square', squareCode);
const affine = kernelOf('affine', affineCode);
const clamp = kernelOf('clamp', clampCode);
const clampGrad = kernelOf('clampGrad', clampGradCode);
const unary = kernelOf('unary', unaryCode, sigmoidCode, tanhCode, normalCode);
const unaryGrad = kernelOf('unaryGrad', unaryGradCode, sigmoidCode, tanhCode, normalCode);
const geglu = withData(kernelOf('geglu', gegluCode, normalCode), 'SIZE', 'WIDTH');
const gegluGrad = withData(kernelOf('gegluGrad', gegluGradCode, normalCode), 'SIZE', 'WIDTH');
const timestepEmbedding = kernelOf('timestepEmbedding', timestepEmbeddingCode);

/** The functions of unary.wgsl and unaryGrad.wgsl, by their FN. */
const unaryFns: { readonly [F in UnaryFn]: number } = { silu: 0, gelu: 1, quickGelu: 2, relu: 3, tanh: 4, sigmoid: 5 };

/** One dispatch over `elements` neighbours, four at a time where that divides. Where it does, the kernel asks the buffer for its length,
 *  so one pipeline serves every shape. */
export function flat(
  kernel: KernelSource,
  elements: number,
  reads: readonly Operand[],
  writes: readonly Operand[],
  context: LowerContext,
  constants: Dispatch['constants'] = {},
): Dispatch[] {
  const lanes = lanesOf(elements);
  return [
    {
      kernel: atLanes(kernel, lanes),
      constants: lanes === 4 ? constants : { ...constants, SIZE: elements },
      reads,
      writes,
      workgroups: grid1d(elements / lanes, WORKGROUP_SIZE, context.limits),
    },
  ];
}

/** Axes of `whole`, innermost first, with neighbours merged that `part` treats alike: kept (part has the axis) or not (part has 1).
 *  Axes of length 1 vanish. Strides are part's, in elements, 0 where the axis is not kept. */
export function mergedAxes(whole: Shape, part: Shape): { size: number; stride: number }[] {
  const axes: { size: number; stride: number }[] = [];
  let stride = 1;
  for (let i = whole.length - 1; i >= 0; i--) {
    const size = whole[i]!;
    if (size === 1) continue;
    const kept = part[i] !== 1;
    const last = axes[axes.length - 1];
    if (last && kept === last.stride > 0) last.size *= size;
    else axes.push({ size, stride: kept ? stride : 0 });
    if (kept) stride *= size;
  }
  if (axes.length === 0) axes.push({ size: 1, stride: 1 });
  return axes;
}

const MAX_AXES = 4;

function binary(
  same: KernelSource,
  kernel: KernelSource,
  a: Value,
  b: Value,
  y: Value,
  name: string,
  context: LowerContext,
): Dispatch[] {
  const elements = sizeOf(a.shape);
  if (sizeOf(b.shape) === elements) return flat(same, elements, [a, b], [y], context);
  const axes = mergedAxes(a.shape, b.shape);
  assert(
    axes.length <= MAX_AXES,
    `${name}: [${b.shape.join(', ')}] broadcasts to [${a.shape.join(', ')}] over more than ${MAX_AXES} runs of axes`,
  );
  const [inner, ...outer] = axes as [{ size: number; stride: number }];
  const lanes = lanesOf(inner.size);
  // Steps of b are counted in what the kernel binds: vec4s, unless one element of b serves a whole row.
  const step = inner.stride > 0 ? lanes : 1;
  const constants: Record<string, number | boolean> = {
    SAME: false,
    SIZE: elements / lanes,
    SIZE0: inner.size / lanes,
    STRIDE0: inner.stride,
  };
  outer.forEach(({ size, stride }, i) => {
    if (i + 1 < MAX_AXES - 1) constants[`SIZE${i + 1}`] = size;
    constants[`STRIDE${i + 1}`] = stride / step;
  });
  return [
    {
      kernel: lanes === 1 ? scalar(kernel) : step === 1 ? scalar(kernel, 'Addend') : kernel,
      constants,
      reads: [a, b],
      writes: [y],
      workgroups: grid1d(elements / lanes, WORKGROUP_SIZE, context.limits),
    },
  ];
}

export const lowerAdd: LowerToWgsl<'add'> = ({ inputs, outputs, name }, context) => {
  const [a, b] = inputs as [Value, Value];
  const y = outputs[0]!;
  if (a === b) return flat(affine, sizeOf(a.shape), [a], [y], context, { FACTOR: 2 });
  return binary(add, addBroadcast, a, b, y, name, context);
};

export const lowerMul: LowerToWgsl<'mul'> = ({ inputs, outputs, name }, context) => {
  const [a, b] = inputs as [Value, Value];
  const y = outputs[0]!;
  if (a === b) return flat(square, sizeOf(a.shape), [a], [y], context);
  return binary(mul, mulBroadcast, a, b, y, name, context);
};

export const lowerAffine: LowerToWgsl<'affine'> = ({ inputs, outputs, params }, context) =>
  flat(affine, sizeOf(outputs[0]!.shape), inputs, outputs, context, { FACTOR: params.factor, SHIFT: params.shift });

export const lowerUnary: LowerToWgsl<'unary'> = ({ inputs, outputs, params }, context) =>
  flat(unary, sizeOf(outputs[0]!.shape), inputs, outputs, context, { FN: unaryFns[params.fn] });

export const lowerUnaryGrad: LowerToWgsl<'unaryGrad'> = ({ inputs, outputs, params }, context) =>
  flat(unaryGrad, sizeOf(outputs[0]!.shape), inputs, outputs, context, { FN: unaryFns[params.fn] });

export const lowerClamp: LowerToWgsl<'clamp'> = ({ inputs, outputs, params }, context) =>
  flat(clamp, sizeOf(outputs[0]!.shape), inputs, outputs, context, { MIN: params.min, MAX: params.max });

export const lowerClampGrad: LowerToWgsl<'clampGrad'> = ({ inputs, outputs, params }, context) =>
  flat(clampGrad, sizeOf(outputs[0]!.shape), inputs, outputs, context, { MIN: params.min, MAX: params.max });

/** geglu and its gradient share their geometry: one invocation an element of the half-width tensor. */
function gated(
  kernel: KernelSource,
  half: Shape,
  reads: readonly Value[],
  writes: readonly Value[],
  context: LowerContext,
): Dispatch[] {
  const width = half[half.length - 1]!;
  const lanes = lanesOf(width);
  const size = sizeOf(half) / lanes;
  return [
    {
      kernel: atLanes(kernel, lanes),
      constants: { SIZE: size, WIDTH: width / lanes },
      reads,
      writes,
      workgroups: grid1d(size, WORKGROUP_SIZE, context.limits),
    },
  ];
}

export const lowerGeglu: LowerToWgsl<'geglu'> = ({ inputs, outputs }, context) =>
  gated(geglu, outputs[0]!.shape, inputs, outputs, context);

export const lowerGegluGrad: LowerToWgsl<'gegluGrad'> = ({ inputs, outputs }, context) =>
  gated(gegluGrad, inputs[0]!.shape, inputs, outputs, context);

export const lowerTimestepEmbedding: LowerToWgsl<'timestepEmbedding'> = ({ inputs, outputs, params }, context) => {
  const [timestep, freqs] = inputs as [Value, Value];
  const [batch, half] = [timestep.shape[0]!, freqs.shape[0]!];
  return [
    {
      kernel: timestepEmbedding,
      constants: { BATCH: batch, HALF: half, COS_FIRST: params.flipSinToCos },
      reads: inputs,
      writes: outputs,
      workgroups: grid1d(batch * half, WORKGROUP_SIZE, context.limits),
    },
  ];
};
