/** Lowerings of the ops that move elements without arithmetic: concat, slice, transpose, upsampling, look-ups; and their transposes. */
import { isHalf, type Node, type Value } from '../../graph/graph.ts';
import { assert } from '../../shared/assert.ts';
import { axes4, type Shape, sizeOf, stridesOf } from '../../shared/shape.ts';
import concatCode from './concat.wgsl?raw';
import concatOneCode from './concatOne.wgsl?raw';
import {
  type Dispatch,
  formatOf,
  grid1d,
  kernelOf,
  type KernelSource,
  type LowerContext,
  type LowerToWgsl,
  stretchOf,
  withData,
} from './dispatch.ts';
import { flat, WORKGROUP_SIZE } from './elementwise.ts';
import embeddingCode from './embedding.wgsl?raw';
import embeddingGradCode from './embeddingGrad.wgsl?raw';
import embeddingHalfCode from './embeddingHalf.wgsl?raw';
import { atLanes, lanesOf } from './lanes.ts';
import padAxisCode from './padAxis.wgsl?raw';
import sliceCode from './slice.wgsl?raw';
import splitCode from './split.wgsl?raw';
import takeTokenCode from './takeToken.wgsl?raw';
import takeTokenGradCode from './takeTokenGrad.wgsl?raw';
import transposeCode from './transpose.wgsl?raw';
import upsampleNearestCode from './upsampleNearest.wgsl?raw';
import upsampleNearestGradCode from './upsampleNearestGrad.wgsl?raw';
import zeroCode from './zero.wgsl?raw';
import firstShownCode from './shared/firstShown.wgsl?raw';
import widenedCode from './shared/widened.wgsl?raw';

const concat = withData(kernelOf('concat', concatCode), 'ROWS', 'WIDTH_A', 'WIDTH_B', 'ROW', 'START');
const concatOne = withData(kernelOf('concatOne', concatOneCode), 'ROWS', 'WIDTH', 'ROW', 'START');
const slice = withData(kernelOf('slice', sliceCode), 'ROWS', 'WIDTH', 'ROW', 'START');
const split = withData(kernelOf('split', splitCode), 'ROWS', 'WIDTH_A', 'WIDTH_B', 'ROW', 'START');
const padAxis = withData(kernelOf('padAxis', padAxisCode), 'ROWS', 'WIDTH', 'ROW', 'START');
const transpose = withData(
  kernelOf('transpose', transposeCode),
  'SIZE',
  'SIZE0',
  'SIZE1',
  'SIZE2',
  'SIZE3',
  'SIZE4',
  'STRIDE0',
  'STRIDE1',
  'STRIDE2',
  'STRIDE3',
  'STRIDE4',
  'STRIDE5',
);
const upsamplingData = ['PLANES', 'HEIGHT', 'WIDTH', 'HEIGHT_OUT', 'WIDTH_OUT'];
const upsampleNearest = withData(kernelOf('upsampleNearest', upsampleNearestCode, firstShownCode), ...upsamplingData);
const upsampleNearestGrad = withData(
  kernelOf('upsampleNearestGrad', upsampleNearestGradCode, firstShownCode),
  ...upsamplingData,
);
const embedding = kernelOf('embedding', embeddingCode);
const embeddingHalf = kernelOf('embeddingHalf', embeddingHalfCode, widenedCode);
const embeddingGrad = kernelOf('embeddingGrad', embeddingGradCode);
const takeToken = kernelOf('takeToken', takeTokenCode);
const takeTokenGrad = kernelOf('takeTokenGrad', takeTokenGradCode);
const zero = kernelOf('zero', zeroCode);

/** A tensor as rows of `axis` and all axes behind it. */
const rowsBefore = (shape: Shape, axis: number): number => sizeOf(shape.slice(0, axis));
const widthFrom = (shape: Shape, axis: number): number => sizeOf(shape.slice(axis));

/** Inputs are written two by two, each dispatch into its own columns of y. */
export const lowerConcat: LowerToWgsl<'concat'> = ({ inputs, outputs, params }, { limits }) => {
  const y = outputs[0]!;
  const rows = rowsBefore(y.shape, params.axis);
  const widths = inputs.map((x) => widthFrom(x.shape, params.axis));
  const lanes = lanesOf(...widths);
  const ROW = widthFrom(y.shape, params.axis) / lanes;
  const dispatches: Dispatch[] = [];
  for (let i = 0, start = 0; i < inputs.length;) {
    const [a, b] = [inputs[i]!, inputs[i + 1]];
    const widthA = widths[i]! / lanes;
    // A value may be bound once only, so a value beside itself is written on its own.
    const pair = b !== undefined && b !== a;
    const widthB = pair ? widths[i + 1]! / lanes : 0;
    dispatches.push({
      kernel: atLanes(pair ? concat : concatOne, lanes),
      constants: pair
        ? { ROWS: rows, WIDTH_A: widthA, WIDTH_B: widthB, ROW, START: start }
        : { ROWS: rows, WIDTH: widthA, ROW, START: start },
      reads: pair ? [a, b] : [a],
      writes: [y],
      workgroups: grid1d(rows * (widthA + widthB), WORKGROUP_SIZE, limits),
    });
    start += widthA + widthB;
    i += pair ? 2 : 1;
  }
  return dispatches;
};

export const lowerSlice: LowerToWgsl<'slice'> = ({ inputs, outputs, params: { axis, start, length } }, { limits }) => {
  const { shape } = inputs[0]!;
  const inner = widthFrom(shape, axis + 1);
  const lanes = lanesOf(shape[axis]! * inner, start * inner, length * inner);
  const rows = rowsBefore(shape, axis);
  const constants = {
    ROWS: rows,
    WIDTH: (length * inner) / lanes,
    ROW: (shape[axis]! * inner) / lanes,
    START: (start * inner) / lanes,
  };
  return [
    {
      kernel: atLanes(slice, lanes),
      constants,
      reads: inputs,
      writes: outputs,
      workgroups: grid1d(rows * constants.WIDTH, WORKGROUP_SIZE, limits),
    },
  ];
};

/** Parts are made two by two. */
export const lowerSplit: LowerToWgsl<'split'> = ({ inputs, outputs, params: { axis } }, { limits }) => {
  const { shape } = inputs[0]!;
  const rows = rowsBefore(shape, axis);
  const widths = outputs.map((part) => widthFrom(part.shape, axis));
  const lanes = lanesOf(...widths);
  const ROW = widthFrom(shape, axis) / lanes;
  const dispatches: Dispatch[] = [];
  for (let i = 0, start = 0; i < outputs.length; i += 2) {
    const pair = outputs.slice(i, i + 2);
    const [widthA, widthB] = [widths[i]! / lanes, (widths[i + 1] ?? 0) / lanes];
    dispatches.push({
      kernel: atLanes(pair.length === 2 ? split : slice, lanes),
      constants: {
        ROWS: rows,
        ...(pair.length === 2 ? { WIDTH_A: widthA, WIDTH_B: widthB } : { WIDTH: widthA }),
        ROW,
        START: start,
      },
      reads: inputs,
      writes: pair,
      workgroups: grid1d(rows * (widthA + widthB), WORKGROUP_SIZE, limits),
    });
    start += widthA + widthB;
  }
  return dispatches;
};

export const lowerPadAxis: LowerToWgsl<'padAxis'> = (
  { inputs, outputs, params: { axis, start, length } },
  { limits },
) => {
  const { shape } = inputs[0]!;
  const inner = widthFrom(shape, axis + 1);
  const lanes = lanesOf(shape[axis]! * inner, start * inner, length * inner);
  const rows = rowsBefore(shape, axis);
  const constants = {
    ROWS: rows,
    WIDTH: (shape[axis]! * inner) / lanes,
    ROW: (length * inner) / lanes,
    START: (start * inner) / lanes,
  };
  return [
    {
      kernel: atLanes(padAxis, lanes),
      constants,
      reads: inputs,
      writes: outputs,
      workgroups: grid1d(rows * constants.ROW, WORKGROUP_SIZE, limits),
    },
  ];
};

const MAX_AXES = 6;

export const lowerTranspose: LowerToWgsl<'transpose'> = (
  { inputs, outputs, params: { perm }, name },
  { limits, across },
) => {
  const [x, y] = [inputs[0]!, outputs[0]!];
  // One lies as the other does, and both are one.
  if (across?.has(x) || across?.has(y)) return [];
  const strides = stridesOf(x.shape);
  // y's axes, innermost first; neighbours that are neighbours in x as well count as one.
  const axes: { size: number; stride: number }[] = [];
  for (let i = perm.length - 1; i >= 0; i--) {
    const [size, stride] = [y.shape[i]!, strides[perm[i]!]!];
    if (size === 1) continue;
    const last = axes[axes.length - 1];
    if (last && stride === last.size * last.stride) last.size *= size;
    else axes.push({ size, stride });
  }
  if (axes.length === 0) axes.push({ size: 1, stride: 1 });
  assert(axes.length <= MAX_AXES, `${name}: a transpose of ${axes.length} axes, at most ${MAX_AXES} are written`);
  const elements = sizeOf(y.shape);
  const run = lanesOf(axes[0]!.size);
  const constants: Record<string, number> = { RUN: run, SIZE: elements };
  axes.forEach(({ size, stride }, i) => {
    if (i < MAX_AXES - 1) constants[`SIZE${i}`] = size;
    constants[`STRIDE${i}`] = stride;
  });
  return [
    {
      kernel: transpose,
      constants,
      reads: [x],
      writes: [y],
      workgroups: grid1d(elements / run, WORKGROUP_SIZE, limits),
    },
  ];
};

/** The op and its gradient share their geometry: one invocation an element of the smaller tensor. */
function upsampling(
  kernel: KernelSource,
  node: Node,
  small: Value,
  large: Value,
  { limits }: LowerContext,
): Dispatch[] {
  const [batch, channels, height, width] = axes4(small.shape);
  const [, , heightOut, widthOut] = axes4(large.shape);
  return [
    {
      kernel,
      constants: { PLANES: batch * channels, HEIGHT: height, WIDTH: width, HEIGHT_OUT: heightOut, WIDTH_OUT: widthOut },
      reads: node.inputs,
      writes: node.outputs,
      workgroups: grid1d(sizeOf(small.shape), WORKGROUP_SIZE, limits),
    },
  ];
}

export const lowerUpsampleNearest: LowerToWgsl<'upsampleNearest'> = (node, context) =>
  upsampling(upsampleNearest, node, node.inputs[0]!, node.outputs[0]!, context);

export const lowerUpsampleNearestGrad: LowerToWgsl<'upsampleNearestGrad'> = (node, context) =>
  upsampling(upsampleNearestGrad, node, node.outputs[0]!, node.inputs[0]!, context);

export const lowerEmbedding: LowerToWgsl<'embedding'> = ({ inputs, outputs }, { limits }) => {
  const [table, ids] = inputs as [Value, Value];
  const half = isHalf(table.dtype);
  const { source } = table;
  const block = source.kind === 'view' && source.rowStride !== undefined;
  const { operand, first } = stretchOf(table);
  assert(first === 0, `${table.name}: entries that begin where no binding may`);
  const lanes = half ? 1 : lanesOf(table.shape[1]!);
  const constants = {
    ROWS: sizeOf(ids.shape),
    WIDTH: table.shape[1]! / lanes,
    ...(half && { FORMAT: formatOf[table.dtype] }),
    ...(block && { FIRST: source.offset / source.rowStride!, ENTRIES: table.shape[0]! }),
  };
  return [
    {
      kernel: half ? embeddingHalf : atLanes(embedding, lanes),
      constants,
      reads: [operand, ids],
      writes: outputs,
      workgroups: grid1d(constants.ROWS * constants.WIDTH, WORKGROUP_SIZE, limits),
    },
  ];
};

export const lowerEmbeddingGrad: LowerToWgsl<'embeddingGrad'> = ({ inputs, outputs }, context) => {
  const [ids, table] = [inputs[1]!, outputs[0]!];
  const lanes = lanesOf(table.shape[1]!);
  const constants = { ROWS: sizeOf(ids.shape), WIDTH: table.shape[1]! / lanes };
  return [
    ...flat(zero, sizeOf(table.shape), [], [table], context),
    {
      kernel: atLanes(embeddingGrad, lanes),
      constants,
      reads: inputs,
      writes: [table],
      workgroups: grid1d(constants.ROWS * constants.WIDTH, WORKGROUP_SIZE, context.limits),
    },
  ];
};

/** The op and its gradient: one invocation an element written. */
function token(kernel: KernelSource, node: Node, all: Shape, { limits }: LowerContext): Dispatch[] {
  const [batch, tokens, width] = all as [number, number, number];
  const lanes = lanesOf(width);
  return [
    {
      kernel: atLanes(kernel, lanes),
      constants: { BATCH: batch, TOKENS: tokens, WIDTH: width / lanes },
      reads: node.inputs,
      writes: node.outputs,
      workgroups: grid1d(sizeOf(node.outputs[0]!.shape) / lanes, WORKGROUP_SIZE, limits),
    },
  ];
}

export const lowerTakeToken: LowerToWgsl<'takeToken'> = (node, context) =>
  token(takeToken, node, node.inputs[0]!.shape, context);

export const lowerTakeTokenGrad: LowerToWgsl<'takeTokenGrad'> = (node, context) =>
  token(takeTokenGrad, node, node.outputs[0]!.shape, context);
