/** Lowerings of the ops of a training step: preference losses, gradient norm, accumulation, AdamW, average of weights. */
import type { Value } from '../../graph/graph.ts';
import { losses } from '../../losses/table.ts';
import { sizeOf } from '../../shared/shape.ts';
import accumulateCode from './accumulate.wgsl?raw';
import adamwCode from './adamw.wgsl?raw';
import { type Dispatch, grid1d, kernelOf, type LowerToWgsl, type Scratch } from './dispatch.ts';
import { flat } from './elementwise.ts';
import emaCode from './ema.wgsl?raw';
import globalNormCode from './globalNorm.register.wgsl?raw';
import globalNormFinishCode from './globalNormFinish.wgsl?raw';
import globalNormWorkgroupCode from './globalNorm.workgroup.wgsl?raw';
import { atLanes, lanesOf } from './lanes.ts';
import sdpoSafeguardCode from './sdpoSafeguard.wgsl?raw';
import sdpoSafeguardPartialCode from './sdpoSafeguardPartial.wgsl?raw';
import zeroCode from './zero.wgsl?raw';
import totalCode from './shared/total.wgsl?raw';

const accumulate = kernelOf('accumulate', accumulateCode);
const zero = kernelOf('zero', zeroCode);
const adamw = kernelOf('adamw', adamwCode);
const ema = kernelOf('ema', emaCode);
const globalNorm = kernelOf('globalNorm.register', globalNormCode, totalCode);
const globalNormWorkgroup = kernelOf('globalNorm.workgroup', globalNormWorkgroupCode, totalCode);
const globalNormFinish = kernelOf('globalNormFinish', globalNormFinishCode);
const sdpoSafeguardPartial = kernelOf('sdpoSafeguardPartial', sdpoSafeguardPartialCode, totalCode);
const sdpoSafeguard = kernelOf('sdpoSafeguard', sdpoSafeguardCode);

/** labelSmoothing → LABEL_SMOOTHING. */
const constantName = (field: string): string => field.replace(/[A-Z]/g, '_$&').toUpperCase();

export const lowerPreferenceLoss: LowerToWgsl<'preferenceLoss'> = ({ inputs, outputs, params: { loss, params } }) => {
  const { wgsl, constants } = losses[loss];
  const numbers =
    constants?.(params) ??
    Object.fromEntries(Object.entries(params).map(([field, value]) => [constantName(field), value]));
  return [
    {
      kernel: { name: `losses/${loss}`, code: wgsl },
      constants: { PAIRS: outputs[1]!.shape[0]!, ...numbers },
      reads: inputs,
      writes: outputs,
      workgroups: [1, 1, 1],
    },
  ];
};

const CHUNKS = 256;
const REGISTER_GROUP = 8;

export const lowerSdpoSafeguard: LowerToWgsl<'sdpoSafeguard'> = (
  { inputs, outputs, params: { mu }, name },
  { limits },
): Dispatch[] => {
  const [pred, target, dm] = inputs as [Value, Value, Value];
  const half = sizeOf(pred.shape) / 2;
  const lanes = lanesOf(half);
  const chunk = Math.max(64, Math.ceil(half / lanes / CHUNKS));
  const chunks = Math.ceil(half / lanes / chunk);
  const partials: Scratch = { scratch: `${name} partial sums`, elements: 2 * chunks };
  return [
    {
      kernel: atLanes(sdpoSafeguardPartial, lanes),
      constants: { LANES: lanes, SIZE: half / lanes, CHUNK: chunk },
      reads: [pred, target],
      writes: [partials],
      workgroups: grid1d(chunks, REGISTER_GROUP, limits),
    },
    {
      kernel: sdpoSafeguard,
      constants: { PAIRS: dm.shape[0]! / 2, CHUNKS: chunks, ONE_MINUS_MU: 1 - mu },
      reads: [dm, partials],
      writes: outputs,
      workgroups: [1, 1, 1],
    },
  ];
};

/** Class 'reduce': 'register' gives an invocation a stretch of its own, 'workgroup' strides. One dispatch a tensor and one to finish. */
export const lowerGlobalNorm: LowerToWgsl<'globalNorm'> = ({ inputs, outputs, name }, context) => {
  const register = context.variant('reduce', ['register', 'workgroup']) === 'register';
  const tensors = inputs.map((x) => {
    const lanes = lanesOf(sizeOf(x.shape));
    const size = sizeOf(x.shape) / lanes;
    // A chunk is a multiple of the 16 that the kernel sums at a time.
    const chunk = register ? 16 * Math.max(4, Math.ceil(size / CHUNKS / 16)) : 1024;
    return {
      x,
      lanes,
      size,
      chunk,
      count: register ? Math.ceil(size / chunk) : Math.min(CHUNKS, Math.ceil(size / chunk)),
    };
  });
  const total = tensors.reduce((sum, { count }) => sum + count, 0);
  const partials: Scratch = { scratch: `${name} partial sums`, elements: 4 * total };
  let first = 0;
  const dispatches = tensors.map(({ x, lanes, size, chunk, count }): Dispatch => {
    const constants = { LANES: lanes, SIZE: size, FIRST: first };
    first += count;
    const operands = { reads: [x], writes: [partials] };
    return register
      ? {
          kernel: atLanes(globalNorm, lanes),
          constants: { ...constants, CHUNK: chunk },
          ...operands,
          workgroups: grid1d(count, REGISTER_GROUP, context.limits),
        }
      : {
          kernel: atLanes(globalNormWorkgroup, lanes),
          constants: { ...constants, GROUPS: count },
          ...operands,
          workgroups: [count, 1, 1],
        };
  });
  return [
    ...dispatches,
    {
      kernel: globalNormFinish,
      constants: { COUNT: total },
      reads: [partials],
      writes: outputs,
      workgroups: [1, 1, 1],
    },
  ];
};

export const lowerAccumulate: LowerToWgsl<'accumulate'> = ({ inputs, params: { factor } }, context) => {
  const [acc, x] = inputs as [Value, Value];
  return flat(accumulate, sizeOf(acc.shape), [x], [acc], context, { FACTOR: factor });
};

export const lowerZero: LowerToWgsl<'zero'> = ({ inputs }, context) =>
  flat(zero, sizeOf(inputs[0]!.shape), [], inputs, context);

export const lowerAdamw: LowerToWgsl<'adamw'> = ({ inputs }, context) => {
  const [param, grad, m, v, norm, hyper] = inputs as [Value, Value, Value, Value, Value, Value];
  return flat(adamw, sizeOf(param.shape), [grad, norm, hyper], [param, m, v], context);
};

export const lowerEma: LowerToWgsl<'ema'> = ({ inputs }, context) => {
  const [average, param, weight] = inputs as [Value, Value, Value];
  return flat(ema, sizeOf(average.shape), [param, weight], [average], context);
};
