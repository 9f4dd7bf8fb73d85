/** Lowerings of attention and its gradients, flash style: scores live in registers or workgroup memory only. Forward saves the log-sum-exp
 *  of each query; backward takes delta = sum of do * o, then one kernel for dq and one for dk and dv. Any head size, any number of keys.
 *
 *  Class 'attention' has two variants: 'register' (one invocation four queries or keys, no barrier) and 'workgroup' (tiles in workgroup
 *  memory, four invocations a query or key). */
import type { Node, Value } from '../../graph/graph.ts';
import { assert } from '../../shared/assert.ts';
import attentionCode from './attention.wgsl?raw';
import attentionDeltaCode from './attentionDelta.wgsl?raw';
import attentionGradKeyValueCode from './attentionGradKeyValue.wgsl?raw';
import attentionGradKeyValueWorkgroupCode from './attentionGradKeyValueWorkgroup.wgsl?raw';
import attentionGradQueryCode from './attentionGradQuery.wgsl?raw';
import attentionGradQueryWorkgroupCode from './attentionGradQueryWorkgroup.wgsl?raw';
import attentionWorkgroupCode from './attentionWorkgroup.wgsl?raw';
import { type Dispatch, grid1d, type KernelSource, type LowerContext, type LowerToWgsl } from './dispatch.ts';
import { atLanes, lanesOf } from './lanes.ts';
import { unroll } from './unroll.ts';

interface Variants {
  register: KernelSource;
  workgroup: KernelSource;
}

const attention: Variants = {
  register: { name: 'attention', code: attentionCode },
  workgroup: { name: 'attentionWorkgroup', code: attentionWorkgroupCode },
};
const attentionGradQuery: Variants = {
  register: { name: 'attentionGradQuery', code: attentionGradQueryCode },
  workgroup: { name: 'attentionGradQueryWorkgroup', code: attentionGradQueryWorkgroupCode },
};
const attentionGradKeyValue: Variants = {
  register: { name: 'attentionGradKeyValue', code: attentionGradKeyValueCode },
  workgroup: { name: 'attentionGradKeyValueWorkgroup', code: attentionGradKeyValueWorkgroupCode },
};
const attentionDelta: KernelSource = { name: 'attentionDelta', code: attentionDeltaCode };

/** Queries or keys of one invocation ('register') and of one workgroup ('workgroup'). */
const BLOCK = 4;
const ROWS = 16;
const REGISTER_GROUP = 8;
/** Loops over a head are written out up to this many turns; longer ones would only make long programs. */
const UNROLL_LIMIT = 16;

interface Sizes {
  batch: number;
  heads: number;
  queries: number;
  keys: number;
  headSize: number;
}

function sizesOf(q: Value, k: Value, heads: number): Sizes {
  const [batch, queries, channels] = q.shape as [number, number, number];
  return { batch, heads, queries, keys: k.shape[1]!, headSize: channels / heads };
}

/** One dispatch whose rows (queries or keys) are shared out. `tiledBytes`: workgroup memory for a staged row and for each of ROWS rows'
 *  parts of its products. */
function overRows(
  { register, workgroup }: Variants,
  { inputs, outputs, name }: Node,
  { batch, heads, queries, keys, headSize }: Sizes,
  { rows, causal, partBytes, gradient }: { rows: number; causal: boolean; partBytes: number; gradient: boolean },
  context: LowerContext,
): Dispatch[] {
  const lanes = lanesOf(headSize);
  const width = headSize / lanes;
  const scale = headSize ** -0.5;
  const sizes = { BATCH: batch, HEADS: heads, QUERIES: queries, KEYS: keys, WIDTH: width, CAUSAL: causal };
  const operands = { reads: inputs, writes: outputs };
  if (context.variant('attention', ['register', 'workgroup']) === 'register') {
    // The kernels' dot() of two splats counts a product four times.
    const dot = lanes === 1 ? 0.25 : 1;
    const kernel = atLanes(register, lanes);
    return [
      {
        kernel: width <= UNROLL_LIMIT ? unroll(kernel, 'WIDTH', width) : kernel,
        constants: { ...sizes, SCALE: scale * Math.LOG2E * dot, ...(gradient ? { DOT: dot, SCORE_SCALE: scale } : {}) },
        ...operands,
        workgroups: grid1d(batch * heads * Math.ceil(rows / BLOCK), REGISTER_GROUP, context.limits),
      },
    ];
  }
  const perLane = Math.ceil(width / 4);
  const bytes = (tile: number): number => tile * (2 * 4 * perLane * lanes * 4 + ROWS * 4 * partBytes);
  const tile = [16, 8, 4, 2, 1].find((rows) => bytes(rows) <= context.limits.maxComputeWorkgroupStorageSize);
  assert(tile, `${name}: a head of ${headSize} needs ${bytes(1)} bytes of workgroup memory, the device has ${context.limits.maxComputeWorkgroupStorageSize}`);
  return [
    {
      kernel: perLane <= UNROLL_LIMIT ? unroll(atLanes(workgroup, lanes), 'PER_LANE', perLane) : atLanes(workgroup, lanes),
      constants: {
        ...sizes,
        LANES: lanes,
        TILE: tile,
        PER_LANE: perLane,
        SCALE: scale * Math.LOG2E,
        ...(gradient ? { SCORE_SCALE: scale } : {}),
      },
      ...operands,
      workgroups: [Math.ceil(rows / ROWS), heads, batch],
    },
  ];
}

export const lowerAttention: LowerToWgsl<'attention'> = (node, context) => {
  const sizes = sizesOf(node.inputs[0]!, node.inputs[1]!, node.params.heads);
  return overRows(attention, node, sizes, { rows: sizes.queries, causal: node.params.causal, partBytes: 4, gradient: false }, context);
};

export const lowerAttentionGradQuery: LowerToWgsl<'attentionGradQuery'> = (node, context) => {
  const sizes = sizesOf(node.inputs[1]!, node.inputs[2]!, node.params.heads);
  return overRows(attentionGradQuery, node, sizes, { rows: sizes.queries, causal: node.params.causal, partBytes: 8, gradient: true }, context);
};

export const lowerAttentionGradKeyValue: LowerToWgsl<'attentionGradKeyValue'> = (node, context) => {
  const sizes = sizesOf(node.inputs[1]!, node.inputs[2]!, node.params.heads);
  return overRows(attentionGradKeyValue, node, sizes, { rows: sizes.keys, causal: node.params.causal, partBytes: 8, gradient: true }, context);
};

export const lowerAttentionDelta: LowerToWgsl<'attentionDelta'> = ({ inputs, outputs, params: { heads } }, context) => {
  const { batch, queries, headSize } = sizesOf(inputs[0]!, inputs[1]!, heads);
  const lanes = lanesOf(headSize);
  return [
    {
      kernel: atLanes(attentionDelta, lanes),
      constants: { LANES: lanes, BATCH: batch, HEADS: heads, QUERIES: queries, WIDTH: headSize / lanes },
      reads: inputs,
      writes: outputs,
      workgroups: grid1d(batch * heads * queries, 64, context.limits),
    },
  ];
};
