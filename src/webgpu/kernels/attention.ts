/** Lowerings of attention and its gradients, flash style: scores live in registers or workgroup memory only. Forward saves the log-sum-exp
 *  of each query; backward takes delta = sum of do * o, then one kernel for dq and one for dk and dv. Any head size, any number of keys.
 *
 *  Class 'attention' has two variants: 'workgroup' (tiles in workgroup memory, four invocations a query or key) and 'quad' (four queries or
 *  keys an invocation, reads shared by quad broadcasts, no barrier; for adapters that run on the CPU, needs the feature `subgroups`). */
import type { Node, Value } from '../../graph/graph.ts';
import { assert } from '../../shared/assert.ts';
import attentionQuadCode from './attention.quad.wgsl?raw';
import attentionWorkgroupCode from './attention.workgroup.wgsl?raw';
import attentionDeltaCode from './attentionDelta.wgsl?raw';
import attentionGradKeyValueQuadCode from './attentionGradKeyValue.quad.wgsl?raw';
import attentionGradKeyValueWorkgroupCode from './attentionGradKeyValue.workgroup.wgsl?raw';
import attentionGradQueryQuadCode from './attentionGradQuery.quad.wgsl?raw';
import attentionGradQueryWorkgroupCode from './attentionGradQuery.workgroup.wgsl?raw';
import { type Dispatch, grid1d, kernelOf, type KernelSource, type LowerContext, type LowerToWgsl } from './dispatch.ts';
import { atLanes, lanesOf } from './lanes.ts';
import { unroll } from './unroll.ts';
import innerCode from './shared/inner.wgsl?raw';
import totalCode from './shared/total.wgsl?raw';
import visibleKeysCode from './shared/visibleKeys.wgsl?raw';

interface Variants {
  quad: KernelSource;
  workgroup: KernelSource;
}

const attention: Variants = {
  quad: kernelOf('attention.quad', attentionQuadCode, innerCode, visibleKeysCode),
  workgroup: kernelOf('attention.workgroup', attentionWorkgroupCode, totalCode),
};
const attentionGradQuery: Variants = {
  quad: kernelOf('attentionGradQuery.quad', attentionGradQueryQuadCode, innerCode, visibleKeysCode),
  workgroup: kernelOf('attentionGradQuery.workgroup', attentionGradQueryWorkgroupCode, totalCode),
};
const attentionGradKeyValue: Variants = {
  quad: kernelOf('attentionGradKeyValue.quad', attentionGradKeyValueQuadCode, innerCode),
  workgroup: kernelOf('attentionGradKeyValue.workgroup', attentionGradKeyValueWorkgroupCode, totalCode),
};
const attentionDelta = kernelOf('attentionDelta', attentionDeltaCode);

/** Queries or keys of one workgroup, in both variants. */
const ROWS = 16;
/** Loops over a head are written out up to this many turns; longer ones would only make long programs. */
const UNROLL_LIMIT = 16;
/** Writing out the loops of a quad kernel halves its time, but on SwiftShader adds 0.2 s to its compilation at 6 turns and 2 s at 16, about
 *  with the square: worth it from so many products a squared turn (0.25 million at 6 turns pays for itself within some thirty steps). */
const UNROLL_PRODUCTS = 7000;

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

/** One dispatch, a workgroup for each ROWS queries or keys of a head. `partBytes`: what the workgroup kernel keeps of a score at a time. */
function overRows(
  { quad, workgroup }: Variants,
  { inputs, outputs, name }: Node,
  { batch, heads, queries, keys, headSize }: Sizes,
  { rows, causal, partBytes, gradient }: { rows: number; causal: boolean; partBytes: number; gradient: boolean },
  context: LowerContext,
): Dispatch[] {
  const lanes = lanesOf(headSize);
  const width = headSize / lanes;
  const scale = headSize ** -0.5;
  const sizes = { BATCH: batch, HEADS: heads, QUERIES: queries, KEYS: keys, WIDTH: width, CAUSAL: causal };
  const placed = { reads: inputs, writes: outputs, workgroups: [Math.ceil(rows / ROWS), heads, batch] } as const;
  if (context.variant('attention', ['workgroup', 'quad']) === 'quad') {
    // The kernels' dot() of two splats counts a product four times.
    const dot = lanes === 1 ? 0.25 : 1;
    const kernel = atLanes(quad, lanes);
    const long = batch * heads * queries * keys * headSize >= UNROLL_PRODUCTS * width ** 2;
    return [
      {
        kernel: long && width <= UNROLL_LIMIT ? unroll(kernel, 'WIDTH', width) : kernel,
        constants: { ...sizes, SCALE: scale * Math.LOG2E * dot, ...(gradient ? { DOT: dot, SCORE_SCALE: scale } : {}) },
        ...placed,
      },
    ];
  }
  const perLane = Math.ceil(width / 4);
  const bytes = (tile: number): number => tile * (2 * 4 * perLane * lanes * 4 + ROWS * 4 * partBytes);
  const tile = [16, 8, 4, 2, 1].find((rows) => bytes(rows) <= context.limits.maxComputeWorkgroupStorageSize);
  assert(
    tile,
    `${name}: a head of ${headSize} needs ${bytes(1)} bytes of workgroup memory, the device has ${context.limits.maxComputeWorkgroupStorageSize}`,
  );
  const kernel = atLanes(workgroup, lanes);
  return [
    {
      kernel: perLane <= UNROLL_LIMIT ? unroll(kernel, 'PER_LANE', perLane) : kernel,
      constants: {
        ...sizes,
        LANES: lanes,
        TILE: tile,
        PER_LANE: perLane,
        SCALE: scale * Math.LOG2E,
        ...(gradient ? { SCORE_SCALE: scale } : {}),
      },
      ...placed,
    },
  ];
}

export const lowerAttention: LowerToWgsl<'attention'> = (node, context) => {
  const sizes = sizesOf(node.inputs[0]!, node.inputs[1]!, node.params.heads);
  return overRows(
    attention,
    node,
    sizes,
    { rows: sizes.queries, causal: node.params.causal, partBytes: 4, gradient: false },
    context,
  );
};

export const lowerAttentionGradQuery: LowerToWgsl<'attentionGradQuery'> = (node, context) => {
  const sizes = sizesOf(node.inputs[1]!, node.inputs[2]!, node.params.heads);
  return overRows(
    attentionGradQuery,
    node,
    sizes,
    { rows: sizes.queries, causal: node.params.causal, partBytes: 8, gradient: true },
    context,
  );
};

export const lowerAttentionGradKeyValue: LowerToWgsl<'attentionGradKeyValue'> = (node, context) => {
  const sizes = sizesOf(node.inputs[1]!, node.inputs[2]!, node.params.heads);
  return overRows(
    attentionGradKeyValue,
    node,
    sizes,
    { rows: sizes.keys, causal: node.params.causal, partBytes: 8, gradient: true },
    context,
  );
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
