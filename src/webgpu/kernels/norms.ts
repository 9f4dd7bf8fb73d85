/** Lowerings of groupNorm and layerNorm and their gradients. Statistics take two passes, mean and then variance, and are saved for the
 *  backward kernels. Class 'norm' has two variants: 'register' (one invocation a group, row or channel, no barrier) and 'workgroup' (one
 *  workgroup for each, sums in workgroup memory). One dispatch each. */
import { type Shape, sizeOf } from '../../shared/shape.ts';
import { type Dispatch, grid1d, kernelOf, type KernelSource, type LowerContext, type LowerToWgsl } from './dispatch.ts';
import groupNormCode from './groupNorm.register.wgsl?raw';
import groupNormGradInputCode from './groupNormGradInput.register.wgsl?raw';
import groupNormGradInputWorkgroupCode from './groupNormGradInput.workgroup.wgsl?raw';
import groupNormGradParamsCode from './groupNormGradParams.register.wgsl?raw';
import groupNormGradParamsWorkgroupCode from './groupNormGradParams.workgroup.wgsl?raw';
import groupNormWorkgroupCode from './groupNorm.workgroup.wgsl?raw';
import { atLanes, lanesOf } from './lanes.ts';
import layerNormCode from './layerNorm.register.wgsl?raw';
import layerNormGradInputCode from './layerNormGradInput.register.wgsl?raw';
import layerNormGradInputWorkgroupCode from './layerNormGradInput.workgroup.wgsl?raw';
import layerNormGradParamsCode from './layerNormGradParams.register.wgsl?raw';
import layerNormGradParamsWorkgroupCode from './layerNormGradParams.workgroup.wgsl?raw';
import layerNormWorkgroupCode from './layerNorm.workgroup.wgsl?raw';
import sigmoidCode from './shared/sigmoid.wgsl?raw';
import siluCode from './shared/silu.wgsl?raw';
import siluSlopeCode from './shared/siluSlope.wgsl?raw';
import sumAllCode from './shared/sumAll.wgsl?raw';
import totalCode from './shared/total.wgsl?raw';

interface Variants {
  register: KernelSource;
  workgroup: KernelSource;
}

const groupNorm: Variants = {
  register: kernelOf('groupNorm.register', groupNormCode, totalCode, sigmoidCode, siluCode),
  workgroup: kernelOf('groupNorm.workgroup', groupNormWorkgroupCode, totalCode, sigmoidCode, siluCode, sumAllCode),
};
const groupNormGradInput: Variants = {
  register: kernelOf('groupNormGradInput.register', groupNormGradInputCode, totalCode, sigmoidCode, siluSlopeCode),
  workgroup: kernelOf(
    'groupNormGradInput.workgroup',
    groupNormGradInputWorkgroupCode,
    totalCode,
    sigmoidCode,
    siluSlopeCode,
    sumAllCode,
  ),
};
const groupNormGradParams: Variants = {
  register: kernelOf('groupNormGradParams.register', groupNormGradParamsCode, totalCode, sigmoidCode, siluSlopeCode),
  workgroup: kernelOf(
    'groupNormGradParams.workgroup',
    groupNormGradParamsWorkgroupCode,
    totalCode,
    sigmoidCode,
    siluSlopeCode,
    sumAllCode,
  ),
};
const layerNorm: Variants = {
  register: kernelOf('layerNorm.register', layerNormCode, totalCode),
  workgroup: kernelOf('layerNorm.workgroup', layerNormWorkgroupCode, totalCode, sumAllCode),
};
const layerNormGradInput: Variants = {
  register: kernelOf('layerNormGradInput.register', layerNormGradInputCode, totalCode),
  workgroup: kernelOf('layerNormGradInput.workgroup', layerNormGradInputWorkgroupCode, totalCode, sumAllCode),
};
const layerNormGradParams: Variants = {
  register: kernelOf('layerNormGradParams.register', layerNormGradParamsCode),
  workgroup: kernelOf('layerNormGradParams.workgroup', layerNormGradParamsWorkgroupCode),
};

/** Invocations of the 'register' variants that make a workgroup: few, so that even a handful of groups spreads over all cores. */
const REGISTER_GROUP = 4;
const REGISTER_ROWS = 16;
const COLUMNS = 8;

const isRegister = (context: LowerContext): boolean =>
  context.variant('norm', ['register', 'workgroup']) === 'register';

/** Invocations for a serial length: a wave, or four for long ones. */
const workgroupFor = (length: number): number => (length > 1024 ? 256 : 64);

function groupSizes(
  shape: Shape,
  groups: number,
): { constants: Record<string, number>; lanes: 1 | 4; batch: number; channels: number; groupLength: number } {
  const [batch, channels, ...plane] = shape as [number, number, ...number[]];
  const lanes = lanesOf(sizeOf(plane));
  const planeLength = sizeOf(plane) / lanes;
  const constants = {
    LANES: lanes,
    BATCH: batch,
    GROUPS: groups,
    CHANNELS_PER_GROUP: channels / groups,
    PLANE: planeLength,
  };
  return { constants, lanes, batch, channels, groupLength: (channels / groups) * planeLength };
}

/** groupNorm and its input gradient: an invocation or a workgroup for each (batch, group). */
function overGroups(
  { register, workgroup }: Variants,
  shape: Shape,
  groups: number,
  constants: Record<string, number | boolean>,
  operands: Pick<Dispatch, 'reads' | 'writes'>,
  context: LowerContext,
): Dispatch[] {
  const { constants: sizes, lanes, batch, groupLength } = groupSizes(shape, groups);
  return isRegister(context)
    ? [
        {
          kernel: atLanes(register, lanes),
          constants: { ...sizes, ...constants },
          ...operands,
          workgroups: grid1d(batch * groups, REGISTER_GROUP, context.limits),
        },
      ]
    : [
        {
          kernel: atLanes(workgroup, lanes),
          constants: { ...sizes, ...constants, WORKGROUP_SIZE: workgroupFor(groupLength) },
          ...operands,
          workgroups: [groups, batch, 1],
        },
      ];
}

export const lowerGroupNorm: LowerToWgsl<'groupNorm'> = ({ inputs, outputs, params: { groups, eps, silu } }, context) =>
  overGroups(
    groupNorm,
    inputs[0]!.shape,
    groups,
    { SILU: silu, EPS: eps },
    { reads: inputs, writes: outputs },
    context,
  );

export const lowerGroupNormGradInput: LowerToWgsl<'groupNormGradInput'> = (
  { inputs, outputs, params: { groups, silu } },
  context,
) =>
  overGroups(groupNormGradInput, inputs[1]!.shape, groups, { SILU: silu }, { reads: inputs, writes: outputs }, context);

export const lowerGroupNormGradParams: LowerToWgsl<'groupNormGradParams'> = (
  { inputs, outputs, params: { groups, silu } },
  context,
) => {
  const { constants, lanes, batch, channels } = groupSizes(inputs[1]!.shape, groups);
  const { register, workgroup } = groupNormGradParams;
  const operands = { reads: inputs, writes: outputs };
  return isRegister(context)
    ? [
        {
          kernel: atLanes(register, lanes),
          constants: { ...constants, SILU: silu },
          ...operands,
          workgroups: grid1d(channels, REGISTER_GROUP, context.limits),
        },
      ]
    : [
        {
          kernel: atLanes(workgroup, lanes),
          constants: { ...constants, SILU: silu, WORKGROUP_SIZE: workgroupFor(batch * constants['PLANE']!) },
          ...operands,
          workgroups: [channels, 1, 1],
        },
      ];
};

/** layerNorm and its input gradient: an invocation or a workgroup for each row. */
function overRows(
  { register, workgroup }: Variants,
  shape: Shape,
  constants: Record<string, number>,
  operands: Pick<Dispatch, 'reads' | 'writes'>,
  context: LowerContext,
): Dispatch[] {
  const width = shape[shape.length - 1]!;
  const rows = sizeOf(shape) / width;
  const lanes = lanesOf(width);
  const sizes = { LANES: lanes, ROWS: rows, WIDTH: width / lanes, ...constants };
  return isRegister(context)
    ? [
        {
          kernel: atLanes(register, lanes),
          constants: sizes,
          ...operands,
          workgroups: grid1d(rows, REGISTER_ROWS, context.limits),
        },
      ]
    : [
        {
          kernel: atLanes(workgroup, lanes),
          constants: sizes,
          ...operands,
          workgroups: grid1d(rows, 1, context.limits),
        },
      ];
}

export const lowerLayerNorm: LowerToWgsl<'layerNorm'> = ({ inputs, outputs, params: { eps } }, context) =>
  overRows(layerNorm, inputs[0]!.shape, { EPS: eps }, { reads: inputs, writes: outputs }, context);

export const lowerLayerNormGradInput: LowerToWgsl<'layerNormGradInput'> = ({ inputs, outputs }, context) =>
  overRows(layerNormGradInput, inputs[1]!.shape, {}, { reads: inputs, writes: outputs }, context);

export const lowerLayerNormGradParams: LowerToWgsl<'layerNormGradParams'> = ({ inputs, outputs }, context) => {
  const { shape } = inputs[1]!;
  const width = shape[shape.length - 1]!;
  const lanes = lanesOf(width);
  const sizes = { ROWS: sizeOf(shape) / width, WIDTH: width / lanes };
  const operands = { reads: inputs, writes: outputs };
  const { register, workgroup } = layerNormGradParams;
  return isRegister(context)
    ? [
        {
          kernel: atLanes(register, lanes),
          constants: sizes,
          ...operands,
          workgroups: grid1d(sizes.WIDTH, REGISTER_GROUP, context.limits),
        },
      ]
    : [
        {
          kernel: atLanes(workgroup, lanes),
          constants: { ...sizes, COLUMNS },
          ...operands,
          workgroups: [Math.ceil(sizes.WIDTH / COLUMNS), 1, 1],
        },
      ];
};
