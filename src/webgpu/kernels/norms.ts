/** Lowerings of groupNorm and layerNorm and their gradients. Statistics take two passes, mean and then variance, and are saved for the
 *  backward kernels. Class 'norm' has three variants: 'register' (one invocation a group, row or channel, no barrier), 'workgroup' (one
 *  workgroup for each, sums in workgroup memory), and, of groups that are long, 'spread' (a workgroup for each chunk of a group, two
 *  dispatches: so many groups as a GPU has cores are rare). */
import type { Value } from '../../graph/graph.ts';
import { type Shape, sizeOf } from '../../shared/shape.ts';
import {
  type Dispatch,
  grid1d,
  kernelOf,
  type KernelSource,
  type LowerContext,
  type LowerToWgsl,
  type Scratch,
  unbound,
  withData,
  withLines,
} from './dispatch.ts';
import groupNormChunksCode from './groupNormChunks.spread.wgsl?raw';
import groupNormCode from './groupNorm.register.wgsl?raw';
import groupNormGradInputChunksCode from './groupNormGradInputChunks.spread.wgsl?raw';
import groupNormGradInputCode from './groupNormGradInput.register.wgsl?raw';
import groupNormGradInputSpreadCode from './groupNormGradInput.spread.wgsl?raw';
import groupNormGradInputWorkgroupCode from './groupNormGradInput.workgroup.wgsl?raw';
import groupNormGradParamsCode from './groupNormGradParams.register.wgsl?raw';
import groupNormGradParamsWorkgroupCode from './groupNormGradParams.workgroup.wgsl?raw';
import groupNormSpreadCode from './groupNorm.spread.wgsl?raw';
import groupNormWorkgroupCode from './groupNorm.workgroup.wgsl?raw';
import { atLanes, lanesOf } from './lanes.ts';
import layerNormCode from './layerNorm.register.wgsl?raw';
import layerNormGradInputCode from './layerNormGradInput.register.wgsl?raw';
import layerNormGradInputWorkgroupCode from './layerNormGradInput.workgroup.wgsl?raw';
import layerNormGradParamsCode from './layerNormGradParams.register.wgsl?raw';
import layerNormGradParamsWorkgroupCode from './layerNormGradParams.workgroup.wgsl?raw';
import layerNormWorkgroupCode from './layerNorm.workgroup.wgsl?raw';
import groupNormWeightsCode from './shared/groupNormWeights.register.wgsl?raw';
import groupNormWeightsWorkgroupCode from './shared/groupNormWeights.workgroup.wgsl?raw';
import layerNormWeightsCode from './shared/layerNormWeights.register.wgsl?raw';
import layerNormWeightsWorkgroupCode from './shared/layerNormWeights.workgroup.wgsl?raw';
import addedCode from './shared/added.wgsl?raw';
import sigmoidCode from './shared/sigmoid.wgsl?raw';
import siluCode from './shared/silu.wgsl?raw';
import siluSlopeCode from './shared/siluSlope.wgsl?raw';
import sumAllCode from './shared/sumAll.wgsl?raw';
import totalCode from './shared/total.wgsl?raw';

interface Variants {
  register: KernelSource;
  workgroup: KernelSource;
}

/** Takes its shape as data: a network has a norm for every width. */
const groupKernel = (name: string, ...code: [string, ...string[]]): KernelSource =>
  withData(kernelOf(name, ...code), 'BATCH', 'GROUPS', 'CHANNELS_PER_GROUP', 'PLANE');
const rowKernel = (name: string, ...code: [string, ...string[]]): KernelSource =>
  withData(kernelOf(name, ...code), 'ROWS', 'WIDTH');
const chunkKernel = (name: string, ...code: [string, ...string[]]): KernelSource =>
  withData(kernelOf(name, ...code), 'GROUPS', 'CHANNELS_PER_GROUP', 'PLANE', 'CHUNKS');

const groupNorm: Variants = {
  register: withData(groupKernel('groupNorm.register', groupNormCode, totalCode, sigmoidCode, siluCode), 'EPS'),
  workgroup: withData(
    groupKernel('groupNorm.workgroup', groupNormWorkgroupCode, totalCode, sigmoidCode, siluCode, sumAllCode),
    'EPS',
  ),
};
const groupGrads = (weights: boolean): Variants => ({
  register: withLines(
    groupKernel(
      'groupNormGradInput.register',
      groupNormGradInputCode,
      totalCode,
      sigmoidCode,
      siluSlopeCode,
      addedCode,
      ...(weights ? [groupNormWeightsCode] : []),
    ),
    'weights',
    weights,
  ),
  workgroup: withLines(
    groupKernel(
      'groupNormGradInput.workgroup',
      groupNormGradInputWorkgroupCode,
      addedCode,
      totalCode,
      sigmoidCode,
      siluSlopeCode,
      sumAllCode,
      ...(weights ? [groupNormWeightsWorkgroupCode] : []),
    ),
    'weights',
    weights,
  ),
});
const without = ({ register, workgroup }: Variants, name: string): Variants => ({
  register: unbound(register, name),
  workgroup: unbound(workgroup, name),
});
const groupNormGradInput = groupGrads(false);
/** With those of the weights. All that they read and write would be nine buffers, of which a device may allow eight: each is without one that it does
 *  not read. */
const groupNormGrads = { silu: without(groupGrads(true), 'residual'), linear: without(groupGrads(true), 'bias') };
const groupNormGradParams: Variants = {
  register: groupKernel(
    'groupNormGradParams.register',
    groupNormGradParamsCode,
    groupNormWeightsCode,
    totalCode,
    sigmoidCode,
    siluSlopeCode,
  ),
  workgroup: groupKernel(
    'groupNormGradParams.workgroup',
    groupNormGradParamsWorkgroupCode,
    groupNormWeightsWorkgroupCode,
    totalCode,
    sigmoidCode,
    siluSlopeCode,
    sumAllCode,
  ),
};
const layerNorm: Variants = {
  register: rowKernel('layerNorm.register', layerNormCode, totalCode),
  workgroup: rowKernel('layerNorm.workgroup', layerNormWorkgroupCode, totalCode, sumAllCode),
};
const layerGrads = (weights: boolean): Variants => ({
  register: withLines(
    rowKernel(
      'layerNormGradInput.register',
      layerNormGradInputCode,
      totalCode,
      addedCode,
      ...(weights ? [layerNormWeightsCode] : []),
    ),
    'weights',
    weights,
  ),
  workgroup: withLines(
    rowKernel(
      'layerNormGradInput.workgroup',
      layerNormGradInputWorkgroupCode,
      totalCode,
      sumAllCode,
      addedCode,
      ...(weights ? [layerNormWeightsWorkgroupCode] : []),
    ),
    'weights',
    weights,
  ),
});
const layerNormGradInput = layerGrads(false);
const layerNormGrads = layerGrads(true);
const layerNormGradParams: Variants = {
  register: rowKernel('layerNormGradParams.register', layerNormGradParamsCode, layerNormWeightsCode),
  workgroup: rowKernel(
    'layerNormGradParams.workgroup',
    layerNormGradParamsWorkgroupCode,
    layerNormWeightsWorkgroupCode,
  ),
};

/** Of a group's chunks: what they come to, and what each does once that is known. */
const spread = {
  groupNormChunks: chunkKernel('groupNormChunks.spread', groupNormChunksCode, totalCode, sumAllCode),
  groupNorm: chunkKernel('groupNorm.spread', groupNormSpreadCode, sigmoidCode, siluCode),
  groupNormGradInputChunks: chunkKernel(
    'groupNormGradInputChunks.spread',
    groupNormGradInputChunksCode,
    totalCode,
    sigmoidCode,
    siluSlopeCode,
    sumAllCode,
  ),
  groupNormGradInput: chunkKernel('groupNormGradInput.spread', groupNormGradInputSpreadCode, addedCode),
};

/** Lanes of a chunk: four an invocation. */
const CHUNK = 1024;

/** Invocations of the 'register' variants that make a workgroup: few, so that even a handful of groups spreads over all cores. */
const REGISTER_GROUP = 4;
const REGISTER_ROWS = 16;
/** Neighbouring columns that a workgroup of layerNormGradParams sums; beside rows, in workgroups of half as many invocations, half as many. */
const COLUMNS = 8;
const COLUMNS_BESIDE_ROWS = 4;

type NormVariant = 'register' | 'workgroup' | 'spread';

const normVariant = (context: LowerContext, chunks = 1): NormVariant =>
  context.variant('norm', ['register', 'workgroup', ...(chunks > 1 ? ['spread'] : [])]) as NormVariant;

/** Invocations for a serial length: a wave, or four for long ones. */
const workgroupFor = (length: number): number => (length > 1024 ? 256 : 64);

interface GroupSizes {
  constants: Record<string, number>;
  lanes: 1 | 4;
  batch: number;
  channels: number;
  groups: number;
  groupLength: number;
  chunks: number;
}

function groupSizes(shape: Shape, groups: number): GroupSizes {
  const [batch, channels, ...plane] = shape as [number, number, ...number[]];
  const lanes = lanesOf(sizeOf(plane));
  const planeLength = sizeOf(plane) / lanes;
  const constants = { LANES: lanes, GROUPS: groups, CHANNELS_PER_GROUP: channels / groups, PLANE: planeLength };
  const groupLength = (channels / groups) * planeLength;
  return { constants, lanes, batch, channels, groups, groupLength, chunks: Math.ceil(groupLength / CHUNK) };
}

const roundUp = (count: number, to: number): number => Math.ceil(count / to) * to;

/** groupNorm and its input gradient: an invocation or a workgroup for each (batch, group), and `beside` more. */
function overGroups(
  { register, workgroup }: Variants,
  variant: Exclude<NormVariant, 'spread'>,
  { constants: sizes, lanes, batch, groups, groupLength }: GroupSizes,
  constants: Record<string, number | boolean>,
  operands: Pick<Dispatch, 'reads' | 'writes'>,
  context: LowerContext,
  beside = 0,
): Dispatch[] {
  return variant === 'register'
    ? [
        {
          kernel: atLanes(register, lanes),
          constants: { ...sizes, BATCH: batch, ...constants },
          ...operands,
          workgroups: grid1d(roundUp(batch * groups, REGISTER_GROUP) + beside, REGISTER_GROUP, context.limits),
        },
      ]
    : [
        {
          kernel: atLanes(workgroup, lanes),
          constants: { ...sizes, BATCH: batch, ...constants, WORKGROUP_SIZE: workgroupFor(groupLength) },
          ...operands,
          workgroups: beside > 0 ? [batch * groups + beside, 1, 1] : [groups, batch, 1],
        },
      ];
}

/** What both dispatches of a 'spread' variant share. */
function overChunks({ constants, batch, groups, chunks }: GroupSizes): {
  sizes: Record<string, number>;
  sums: Scratch;
  workgroups: Dispatch['workgroups'];
} {
  return {
    sizes: { ...constants, CHUNKS: chunks, CHUNK },
    sums: { scratch: 'sums of chunks', elements: 2 * batch * groups * chunks },
    workgroups: [chunks, groups, batch],
  };
}

export const lowerGroupNorm: LowerToWgsl<'groupNorm'> = (
  { inputs, outputs, params: { groups, eps, silu } },
  context,
) => {
  const own = groupSizes(inputs[0]!.shape, groups);
  const variant = normVariant(context, own.chunks);
  const constants = { SILU: silu, EPS: eps };
  if (variant !== 'spread')
    return overGroups(groupNorm, variant, own, constants, { reads: inputs, writes: outputs }, context);
  const { sizes, sums, workgroups } = overChunks(own);
  return [
    {
      kernel: atLanes(spread.groupNormChunks, own.lanes),
      constants: sizes,
      reads: [inputs[0]!],
      writes: [sums],
      workgroups,
    },
    {
      kernel: atLanes(spread.groupNorm, own.lanes),
      constants: { ...sizes, ...constants },
      reads: [...inputs, sums],
      writes: outputs,
      workgroups,
    },
  ];
};

/** What is absent is bound to dy, and not read. */
const residualOf = (inputs: readonly Value[], at: number): Value => inputs[at] ?? inputs[0]!;

export const lowerGroupNormGradInput: LowerToWgsl<'groupNormGradInput'> = (
  { inputs: all, outputs: made, params: { groups, silu, residual, weights } },
  context,
) => {
  const inputs = all.slice(0, 5);
  const added = residualOf(all, 5);
  const own = groupSizes(inputs[1]!.shape, groups);
  const variant = normVariant(context, own.chunks);
  const constants = { SILU: silu, RESIDUAL: residual };
  if (weights && variant !== 'spread' && !(silu && residual)) {
    const [dy, x, weight, bias, stats] = inputs as [Value, Value, Value, Value, Value];
    return overGroups(
      silu ? groupNormGrads.silu : groupNormGrads.linear,
      variant,
      own,
      constants,
      { reads: silu ? [dy, x, weight, bias, stats] : [dy, x, weight, stats, added], writes: made },
      context,
      own.channels,
    );
  }
  const outputs = made.slice(0, 1);
  const apart = weights ? groupWeights(inputs, made.slice(1), groups, silu, context) : [];
  if (variant !== 'spread')
    return [
      ...overGroups(
        groupNormGradInput,
        variant,
        own,
        constants,
        { reads: [...inputs, added], writes: outputs },
        context,
      ),
      ...apart,
    ];
  const { sizes, sums, workgroups } = overChunks(own);
  return [
    {
      kernel: atLanes(spread.groupNormGradInputChunks, own.lanes),
      constants: { ...sizes, SILU: silu },
      reads: inputs,
      writes: [...outputs, sums],
      workgroups,
    },
    {
      kernel: atLanes(spread.groupNormGradInput, own.lanes),
      constants: { ...sizes, RESIDUAL: residual },
      reads: [inputs[1]!, inputs[4]!, sums, added],
      writes: outputs,
      workgroups,
    },
    ...apart,
  ];
};

export const lowerGroupNormGradParams: LowerToWgsl<'groupNormGradParams'> = (
  { inputs, outputs, params: { groups, silu } },
  context,
) => groupWeights(inputs, outputs, groups, silu, context);

/** dweight and dbias alone: an invocation or a workgroup for each channel. */
function groupWeights(
  inputs: readonly Value[],
  outputs: readonly Value[],
  groups: number,
  silu: boolean,
  context: LowerContext,
): Dispatch[] {
  const { constants: sizes, lanes, batch, channels } = groupSizes(inputs[1]!.shape, groups);
  const constants = { ...sizes, BATCH: batch };
  const { register, workgroup } = groupNormGradParams;
  const operands = { reads: inputs, writes: outputs };
  return normVariant(context) === 'register'
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
          constants: { ...constants, SILU: silu, WORKGROUP_SIZE: workgroupFor(batch * sizes['PLANE']!) },
          ...operands,
          workgroups: [channels, 1, 1],
        },
      ];
}

/** layerNorm and its input gradient: an invocation or a workgroup for each row, and with weights those of the columns before them. */
function overRows(
  { register, workgroup }: Variants,
  shape: Shape,
  constants: Record<string, number | boolean>,
  operands: Pick<Dispatch, 'reads' | 'writes'>,
  context: LowerContext,
  weights = false,
): Dispatch[] {
  const width = shape[shape.length - 1]!;
  const rows = sizeOf(shape) / width;
  const lanes = lanesOf(width);
  const sizes = { LANES: lanes, ROWS: rows, WIDTH: width / lanes, ...constants };
  return normVariant(context) === 'register'
    ? [
        {
          kernel: atLanes(register, lanes),
          constants: sizes,
          ...operands,
          workgroups: grid1d((weights ? roundUp(sizes.WIDTH, REGISTER_ROWS) : 0) + rows, REGISTER_ROWS, context.limits),
        },
      ]
    : [
        {
          kernel: atLanes(workgroup, lanes),
          constants: { ...sizes, ...(weights && { COLUMNS: COLUMNS_BESIDE_ROWS }) },
          ...operands,
          workgroups: grid1d((weights ? Math.ceil(sizes.WIDTH / COLUMNS_BESIDE_ROWS) : 0) + rows, 1, context.limits),
        },
      ];
}

export const lowerLayerNorm: LowerToWgsl<'layerNorm'> = ({ inputs, outputs, params: { eps } }, context) =>
  overRows(layerNorm, inputs[0]!.shape, { EPS: eps }, { reads: inputs, writes: outputs }, context);

export const lowerLayerNormGradInput: LowerToWgsl<'layerNormGradInput'> = (
  { inputs, outputs, params: { residual, weights } },
  context,
) =>
  overRows(
    weights ? layerNormGrads : layerNormGradInput,
    inputs[1]!.shape,
    { RESIDUAL: residual },
    { reads: [...inputs.slice(0, 4), residualOf(inputs, 4)], writes: outputs },
    context,
    weights,
  );

export const lowerLayerNormGradParams: LowerToWgsl<'layerNormGradParams'> = ({ inputs, outputs }, context) => {
  const { shape } = inputs[1]!;
  const width = shape[shape.length - 1]!;
  const lanes = lanesOf(width);
  const sizes = { ROWS: sizeOf(shape) / width, WIDTH: width / lanes };
  const operands = { reads: inputs, writes: outputs };
  const { register, workgroup } = layerNormGradParams;
  return normVariant(context) === 'register'
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
