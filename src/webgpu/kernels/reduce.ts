/** Lowerings of sums over axes, their transpose, and the squared error. Class 'reduce' has two variants: 'register' (one invocation a
 *  result, serial, no barrier) and 'workgroup' (a workgroup a result or a few, sums in workgroup memory). All orders are fixed. */
import { sizeOf, type Shape } from '../../shared/shape.ts';
import { assert } from '../../shared/assert.ts';
import broadcastToCode from './broadcastTo.wgsl?raw';
import {
  type Dispatch,
  grid1d,
  kernelOf,
  type LowerContext,
  type LowerToWgsl,
  type Operand,
  type Scratch,
  withData,
} from './dispatch.ts';
import { broadcastData, mergedAxes, WORKGROUP_SIZE } from './elementwise.ts';
import { atLanes, lanesOf, scalar } from './lanes.ts';
import meanSquaredErrorCode from './meanSquaredError.register.wgsl?raw';
import meanSquaredErrorGradCode from './meanSquaredErrorGrad.wgsl?raw';
import meanSquaredErrorWorkgroupCode from './meanSquaredError.workgroup.wgsl?raw';
import sumCode from './sum.register.wgsl?raw';
import sumWorkgroupCode from './sum.workgroup.wgsl?raw';
import broadcastIndexCode from './shared/broadcastIndex.wgsl?raw';
import storeCode from './shared/store.wgsl?raw';
import totalCode from './shared/total.wgsl?raw';

const sumData = [
  'SPLITS',
  'FACTOR',
  'KEPT',
  'KEPT0',
  'SUMMED0',
  'SUMMED1',
  'STRIDE_KEPT0',
  'STRIDE_KEPT1',
  'STRIDE_SUMMED0',
  'STRIDE_SUMMED1',
];
const sum = withData(kernelOf('sum.register', sumCode, storeCode), ...sumData);
const sumWorkgroup = withData(kernelOf('sum.workgroup', sumWorkgroupCode, storeCode), ...sumData);
const broadcastTo = withData(kernelOf('broadcastTo', broadcastToCode, broadcastIndexCode), 'FACTOR', ...broadcastData);
const meanSquaredError = kernelOf('meanSquaredError.register', meanSquaredErrorCode, totalCode);
const meanSquaredErrorWorkgroup = kernelOf('meanSquaredError.workgroup', meanSquaredErrorWorkgroupCode, totalCode);
const meanSquaredErrorGrad = kernelOf('meanSquaredErrorGrad', meanSquaredErrorGradCode);

const REGISTER_GROUP = 8;
/** A serial sum longer than this is worth a second dispatch, as long as fewer results than RESULTS_ENOUGH are computed side by side. */
const SERIAL_LIMIT = 8192;
const RESULTS_ENOUGH = 32;

interface Axis {
  size: number;
  stride: number;
}

const isRegister = (context: LowerContext): boolean =>
  context.variant('reduce', ['register', 'workgroup']) === 'register';

/** y = factor * the sum of x over the axes where `to` is 1 and `from` is not. */
function sumAxes(
  x: Operand,
  from: Shape,
  y: Operand,
  to: Shape,
  factor: number,
  name: string,
  context: LowerContext,
): Dispatch[] {
  const kept: Axis[] = [];
  const summed: Axis[] = [];
  let stride = 1;
  for (const { size, stride: step } of mergedAxes(from, to)) {
    (step > 0 ? kept : summed).push({ size, stride });
    stride *= size;
  }
  assert(
    kept.length <= 2 && summed.length <= 2,
    `${name}: the sum of [${from.join(', ')}] to [${to.join(', ')}] alternates between kept and summed axes too often`,
  );
  const innerSummed = summed[0]?.stride === 1;
  const lanes = lanesOf((innerSummed ? summed : kept)[0]!.size);
  // Everything is counted in what the kernel binds; the innermost run is the one that gets shorter.
  const inLanes = ({ size, stride }: Axis): Axis =>
    stride === 1 ? { size: size / lanes, stride: 1 } : { size, stride: stride / lanes };
  const [kept0 = { size: 1, stride: 0 }, kept1 = { size: 1, stride: 0 }] = kept.map(inLanes);
  let [summed0 = { size: 1, stride: 0 }, summed1 = { size: 1, stride: 0 }] = summed.map(inLanes);
  // Invocations share the longer run, unless the innermost is summed, which neighbours should read side by side.
  if (!innerSummed && summed1.size > summed0.size) [summed0, summed1] = [summed1, summed0];

  const results = kept0.size * kept1.size;
  const length = summed0.size * summed1.size;
  const register = isRegister(context);
  // Columns of y that a workgroup sums: as many neighbours as make a wide read, but one where the read runs along the sum.
  const columns = innerSummed ? 1 : Math.min(16, 2 ** Math.floor(Math.log2(kept0.size)));
  const workgroupSize = length > 1024 ? 256 : 64;
  const sideBySide = register ? results : Math.ceil(results / columns);
  const serial = register ? length : length / (workgroupSize / columns);
  const splits =
    sideBySide < RESULTS_ENOUGH && serial > (register ? SERIAL_LIMIT : SERIAL_LIMIT / 64)
      ? Math.min(64, summed0.size, Math.ceil((2 * RESULTS_ENOUGH) / sideBySide))
      : 1;
  const elements = sizeOf(to);
  const partials: Scratch = { scratch: `${name} partial sums`, elements: splits * elements };
  const constants = {
    LANES: lanes,
    SPLITS: splits,
    FACTOR: splits > 1 ? 1 : factor,
    INNER_SUMMED: innerSummed,
    KEPT: results,
    KEPT0: kept0.size,
    SUMMED0: summed0.size,
    SUMMED1: summed1.size,
    STRIDE_KEPT0: kept0.stride,
    STRIDE_KEPT1: kept1.stride,
    STRIDE_SUMMED0: summed0.stride,
    STRIDE_SUMMED1: summed1.stride,
  };
  const operands = { reads: [x], writes: [splits > 1 ? partials : y] };
  const [groupsX, groupsY] = grid1d(results, columns, context.limits);
  const dispatch: Dispatch = register
    ? {
        kernel: atLanes(sum, lanes),
        constants,
        ...operands,
        workgroups: grid1d(results * splits, REGISTER_GROUP, context.limits),
      }
    : {
        kernel: atLanes(sumWorkgroup, lanes),
        constants: { ...constants, COLUMNS: columns, WORKGROUP_SIZE: workgroupSize },
        ...operands,
        workgroups: [groupsX, groupsY, splits],
      };
  return splits > 1
    ? [dispatch, ...sumAxes(partials, [splits, elements], y, [1, elements], factor, name, context)]
    : [dispatch];
}

export const lowerSumTo: LowerToWgsl<'sumTo'> = ({ inputs, outputs, params: { shape, factor }, name }, context) =>
  sumAxes(inputs[0]!, inputs[0]!.shape, outputs[0]!, shape, factor, name, context);

export const lowerMean: LowerToWgsl<'mean'> = ({ inputs, outputs, name }, context) => {
  const [x, y] = [inputs[0]!, outputs[0]!];
  return sumAxes(x, x.shape, y, y.shape, sizeOf(y.shape) / sizeOf(x.shape), name, context);
};

const MAX_AXES = 4;

export const lowerBroadcastTo: LowerToWgsl<'broadcastTo'> = (
  { inputs, outputs, params: { factor }, name },
  { limits },
) => {
  const [x, y] = [inputs[0]!, outputs[0]!];
  const axes = mergedAxes(y.shape, x.shape);
  assert(
    axes.length <= MAX_AXES,
    `${name}: [${x.shape.join(', ')}] broadcasts to [${y.shape.join(', ')}] over more than ${MAX_AXES} runs of axes`,
  );
  const [inner, ...outer] = axes as [Axis];
  const lanes = lanesOf(inner.size);
  const step = inner.stride > 0 ? lanes : 1;
  const elements = sizeOf(y.shape) / lanes;
  const constants: Record<string, number> = {
    FACTOR: factor,
    SIZE: elements,
    SIZE0: inner.size / lanes,
    STRIDE0: inner.stride,
  };
  outer.forEach(({ size, stride }, i) => {
    if (i + 1 < MAX_AXES - 1) constants[`SIZE${i + 1}`] = size;
    constants[`STRIDE${i + 1}`] = stride / step;
  });
  return [
    {
      kernel: lanes === 1 ? scalar(broadcastTo) : step === 1 ? scalar(broadcastTo, 'Source') : broadcastTo,
      constants,
      reads: inputs,
      writes: outputs,
      workgroups: grid1d(elements, WORKGROUP_SIZE, limits),
    },
  ];
};

const MSE_REGISTER_GROUP = 4;

export const lowerMeanSquaredError: LowerToWgsl<'meanSquaredError'> = ({ inputs, outputs, name }, context) => {
  const { shape } = inputs[0]!;
  const [batch, elements] = [shape[0]!, sizeOf(shape.slice(1))];
  const lanes = lanesOf(elements);
  const sizes = { LANES: lanes, BATCH: batch, SIZE: elements / lanes };
  if (!isRegister(context)) {
    return [
      {
        kernel: atLanes(meanSquaredErrorWorkgroup, lanes),
        constants: { ...sizes, FACTOR: 1 / elements },
        reads: inputs,
        writes: outputs,
        workgroups: [batch, 1, 1],
      },
    ];
  }
  const parts = sizes.SIZE > SERIAL_LIMIT ? Math.ceil(RESULTS_ENOUGH / batch) : 1;
  const partials: Scratch = { scratch: `${name} partial sums`, elements: parts * batch };
  const dispatch: Dispatch = {
    kernel: atLanes(meanSquaredError, lanes),
    constants: { ...sizes, PARTS: parts, FACTOR: parts > 1 ? 1 : 1 / elements },
    reads: inputs,
    writes: parts > 1 ? [partials] : outputs,
    workgroups: grid1d(batch * parts, MSE_REGISTER_GROUP, context.limits),
  };
  return parts > 1
    ? [dispatch, ...sumAxes(partials, [parts, batch], outputs[0]!, [1, batch], 1 / elements, name, context)]
    : [dispatch];
};

export const lowerMeanSquaredErrorGrad: LowerToWgsl<'meanSquaredErrorGrad'> = ({ inputs, outputs }, { limits }) => {
  const { shape } = outputs[0]!;
  const [batch, elements] = [shape[0]!, sizeOf(shape.slice(1))];
  const lanes = lanesOf(elements);
  return [
    {
      kernel: atLanes(meanSquaredErrorGrad, lanes),
      constants: { BATCH: batch, SIZE: elements / lanes, FACTOR: 2 / elements },
      reads: inputs,
      writes: outputs,
      workgroups: grid1d((batch * elements) / lanes, WORKGROUP_SIZE, limits),
    },
  ];
};
