/** Lowerings of the ops of a training step: preference losses, gradient norm, accumulation, AdamW. */
import type { Value } from '../../graph/graph.ts';
import type { LossName, OpParams } from '../../graph/ops.ts';
import { sizeOf } from '../../shared/shape.ts';
import accumulateCode from './accumulate.wgsl?raw';
import adamwCode from './adamw.wgsl?raw';
import { type Dispatch, grid1d, type KernelSource, type LowerToWgsl, type Scratch } from './dispatch.ts';
import { flat } from './elementwise.ts';
import globalNormCode from './globalNorm.register.wgsl?raw';
import globalNormFinishCode from './globalNormFinish.wgsl?raw';
import globalNormWorkgroupCode from './globalNorm.workgroup.wgsl?raw';
import { atLanes, lanesOf } from './lanes.ts';
import dmpoCode from './losses/dmpo.wgsl?raw';
import hingeCode from './losses/hinge.wgsl?raw';
import ipoCode from './losses/ipo.wgsl?raw';
import ktoCode from './losses/kto.wgsl?raw';
import mapoCode from './losses/mapo.wgsl?raw';
import robustCode from './losses/robust.wgsl?raw';
import sigmoidCode from './losses/sigmoid.wgsl?raw';
import softCode from './losses/soft.wgsl?raw';
import sdpoSafeguardCode from './sdpoSafeguard.wgsl?raw';
import sdpoSafeguardPartialCode from './sdpoSafeguardPartial.wgsl?raw';
import zeroCode from './zero.wgsl?raw';

const accumulate: KernelSource = { name: 'accumulate', code: accumulateCode };
const zero: KernelSource = { name: 'zero', code: zeroCode };
const adamw: KernelSource = { name: 'adamw', code: adamwCode };
const globalNorm: KernelSource = { name: 'globalNorm.register', code: globalNormCode };
const globalNormWorkgroup: KernelSource = { name: 'globalNorm.workgroup', code: globalNormWorkgroupCode };
const globalNormFinish: KernelSource = { name: 'globalNormFinish', code: globalNormFinishCode };
const sdpoSafeguardPartial: KernelSource = { name: 'sdpoSafeguardPartial', code: sdpoSafeguardPartialCode };
const sdpoSafeguard: KernelSource = { name: 'sdpoSafeguard', code: sdpoSafeguardCode };

interface Loss {
  kernel: KernelSource;
  constants(params: OpParams['preferenceLoss']): Dispatch['constants'];
  /** How many of m, r, beta, logitScale, preference the kernel binds. */
  inputs: number;
}

const loss = (name: LossName, code: string, constants: Loss['constants'] = () => ({}), inputs = 4): Loss => ({
  kernel: { name: `losses/${name}`, code },
  constants,
  inputs,
});

const losses: { readonly [L in LossName]: Loss } = {
  sigmoid: loss('sigmoid', sigmoidCode, ({ labelSmoothing }) => ({ LABEL_SMOOTHING: labelSmoothing })),
  robust: loss('robust', robustCode, ({ labelSmoothing }) => ({ LABEL_SMOOTHING: labelSmoothing })),
  soft: loss('soft', softCode, undefined, 5),
  ipo: loss('ipo', ipoCode),
  hinge: loss('hinge', hingeCode),
  kto: loss('kto', ktoCode),
  mapo: loss('mapo', mapoCode, ({ mapoBeta, mapoT, mapoK }) => ({ MAPO_BETA: mapoBeta, MAPO_T: mapoT, MAPO_K: mapoK })),
  dmpo: loss('dmpo', dmpoCode, ({ alpha }) => ({
    LOG_ONE_MINUS_ALPHA: Math.log1p(-alpha),
    LOG_ALPHA: Math.log(alpha),
  })),
};

export const lowerPreferenceLoss: LowerToWgsl<'preferenceLoss'> = ({ inputs, outputs, params }) => {
  const { kernel, constants, inputs: count } = losses[params.loss];
  return [
    {
      kernel,
      constants: { PAIRS: outputs[1]!.shape[0]!, ...constants(params) },
      reads: inputs.slice(0, count),
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
