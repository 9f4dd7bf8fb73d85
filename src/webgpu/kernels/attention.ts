/** Lowerings of attention and its gradients, flash style: scores live in registers or workgroup memory only. Forward saves the log-sum-exp
 *  of each query; backward has one kernel for dq and delta = sum of do * o, then one for dk and dv. Any head size, any number of keys.
 *
 *  Class 'attention' has three variants: 'workgroup' (tiles in workgroup memory, four invocations a query or key), 'tile' (larger ones, of heads that
 *  can be read in fours; attentionTile.ts) and 'quad' (four queries or keys an invocation, reads shared by quad broadcasts, no barrier; for adapters
 *  that run on the CPU, needs the feature `subgroups`). In f16, which is for forward passes
 *  alone (plan.ts), there is 'half' beside, which is 'tile' in f16. */
import type { Node, Value } from '../../graph/graph.ts';
import { assert } from '../../shared/assert.ts';
import { sizeOf } from '../../shared/shape.ts';
import { type Kinds, kindFor, kindsOf } from './anyShape.ts';
import attentionQuadCode from './attention.quad.wgsl?raw';
import attentionTileCode from './attention.tile.wgsl?raw';
import attentionWorkgroupCode from './attention.workgroup.wgsl?raw';
import attentionDeltaCode from './attentionDelta.wgsl?raw';
import attentionGradKeyValueQuadCode from './attentionGradKeyValue.quad.wgsl?raw';
import attentionGradKeyValueTileCode from './attentionGradKeyValue.tile.wgsl?raw';
import attentionGradKeyValueWorkgroupCode from './attentionGradKeyValue.workgroup.wgsl?raw';
import attentionGradQueryQuadCode from './attentionGradQuery.quad.wgsl?raw';
import attentionGradQueryTileCode from './attentionGradQuery.tile.wgsl?raw';
import attentionGradQueryWorkgroupCode from './attentionGradQuery.workgroup.wgsl?raw';
import {
  areApart,
  attentionTile,
  attentionWrittenOut,
  isAttentionTileable,
  type Kept,
  splitsOf,
} from './attentionTile.ts';
import {
  type Dispatch,
  grid1d,
  kernelOf,
  type KernelSource,
  type LowerContext,
  type LowerToWgsl,
  type Scratch,
  withData,
} from './dispatch.ts';
import { sumSplits } from './gemm.ts';
import { inArithmetic } from './half.ts';
import { atLanes, lanesOf } from './lanes.ts';
import { unroll } from './unroll.ts';
import sharedTileCode from './shared/attentionTile.wgsl?raw';
import tileHalfCode from './shared/attentionTileHalf.wgsl?raw';
import innerCode from './shared/inner.wgsl?raw';
import largestCode from './shared/largest.wgsl?raw';
import totalCode from './shared/total.wgsl?raw';
import transposedCode from './shared/transposed.wgsl?raw';
import visibleKeysCode from './shared/visibleKeys.wgsl?raw';

type Variants = Record<'quad' | 'workgroup', KernelSource> & { tile: Kinds };

/** Of a kernel that is no tile: heads differ in their width alone. */
const attentionData = ['BATCH', 'HEADS', 'QUERIES', 'KEYS'];
/** Of one that is, and light (anyShape.ts). */
const tileData = ['HEADS', 'QUERIES', 'KEYS'];

const forwardTile = kernelOf('attention.tile', attentionTileCode, sharedTileCode, largestCode, transposedCode);
const forwardTileInHalf = kindsOf(inArithmetic('f16', forwardTile, tileHalfCode), tileData);

const attention: Variants = {
  quad: withData(
    kernelOf('attention.quad', attentionQuadCode, innerCode, largestCode, visibleKeysCode),
    ...attentionData,
  ),
  workgroup: withData(kernelOf('attention.workgroup', attentionWorkgroupCode, totalCode), ...attentionData),
  tile: kindsOf(inArithmetic('f32', forwardTile), tileData),
};
const attentionGradQuery: Variants = {
  quad: withData(
    kernelOf('attentionGradQuery.quad', attentionGradQueryQuadCode, innerCode, visibleKeysCode),
    ...attentionData,
  ),
  workgroup: withData(
    kernelOf('attentionGradQuery.workgroup', attentionGradQueryWorkgroupCode, totalCode),
    ...attentionData,
  ),
  tile: kindsOf(
    inArithmetic(
      'f32',
      kernelOf('attentionGradQuery.tile', attentionGradQueryTileCode, sharedTileCode, transposedCode),
    ),
    tileData,
  ),
};
const attentionGradKeyValue: Variants = {
  quad: withData(kernelOf('attentionGradKeyValue.quad', attentionGradKeyValueQuadCode, innerCode), ...attentionData),
  workgroup: withData(
    kernelOf('attentionGradKeyValue.workgroup', attentionGradKeyValueWorkgroupCode, totalCode),
    ...attentionData,
  ),
  tile: kindsOf(
    inArithmetic(
      'f32',
      kernelOf('attentionGradKeyValue.tile', attentionGradKeyValueTileCode, sharedTileCode, transposedCode),
    ),
    [...tileData, 'BATCH', 'SPLIT'],
  ),
};
const attentionDelta = withData(kernelOf('attentionDelta', attentionDeltaCode), 'BATCH', 'HEADS', 'QUERIES', 'WIDTH');

/** Queries or keys of one workgroup, in the variants of small tiles. */
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

/** Which side has a result, and how many numbers a kernel keeps of every score and every column of a row at a time. */
interface Asked extends Kept {
  rows: 'queries' | 'keys';
  causal: boolean;
}

function overRows(
  { quad, workgroup, tile: tiles }: Variants,
  node: Node,
  all: Sizes,
  asked: Asked,
  context: LowerContext,
): Dispatch[] {
  const { inputs, outputs, name } = node;
  const { batch, heads, queries, keys, headSize } = all;
  const { causal, scores } = asked;
  const gradient = scores > 1;
  const tileable = isAttentionTileable(queries, keys, headSize);
  const half = tileable && context.arithmetic === 'f16' ? ['half'] : [];
  const variant = context.variant('attention', [...half, 'workgroup', 'quad', ...(tileable ? ['tile'] : [])]);
  if (variant === 'half') return byTiles(forwardTileInHalf, node, all, asked, context);
  if (variant === 'tile') return byTiles(tiles, node, all, asked, context);
  const lanes = lanesOf(headSize);
  const width = headSize / lanes;
  const scale = headSize ** -0.5;
  const sizes = { BATCH: batch, HEADS: heads, QUERIES: queries, KEYS: keys, WIDTH: width, CAUSAL: causal };
  const placed = {
    reads: inputs,
    writes: outputs,
    workgroups: [Math.ceil(all[asked.rows] / ROWS), heads, batch],
  } as const;
  if (variant === 'quad') {
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
  const bytes = (tile: number): number => tile * (2 * 4 * perLane * lanes * 4 + ROWS * 4 * 4 * scores);
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

/** The dispatch of large tiles, and where a few keys leave a GPU idle the sums of parts of the queries. */
function byTiles(
  kernels: Kinds,
  { inputs, outputs }: Node,
  all: Sizes,
  { rows, causal, ...kept }: Asked,
  context: LowerContext,
): Dispatch[] {
  const { batch, heads, queries, keys, headSize } = all;
  const { own, constants } = attentionTile(all[rows], heads * batch, headSize, kept);
  const scale = headSize ** -0.5;
  const tiles = Math.ceil(all[rows] / own);
  const flops = 2 * batch * heads * queries * keys * headSize * (kept.scores + kept.sums);
  const dispatch = {
    kernel: attentionWrittenOut(kindFor(kernels, 'tile', flops), constants),
    constants: {
      ...constants,
      HEADS: heads,
      QUERIES: queries,
      KEYS: keys,
      CAUSAL: causal,
      SCALE: scale * Math.LOG2E,
      ...(kept.scores > 1 ? { SCORE_SCALE: scale } : {}),
    },
    reads: inputs,
  };
  if (rows === 'queries') return [{ ...dispatch, writes: outputs, workgroups: [tiles, heads, batch] }];
  const apart = areApart(headSize, kept);
  const { splits, split } = splitsOf(tiles * heads * batch, queries);
  const partials = outputs.map((output): Scratch => ({
    scratch: `partial sums for ${output.name}`,
    elements: splits * sizeOf(output.shape),
  }));
  return [
    {
      ...dispatch,
      constants: { ...dispatch.constants, BATCH: batch, SPLIT: split, APART: apart },
      writes: splits > 1 ? partials : outputs,
      workgroups: [splits * tiles * (apart ? 2 : 1), heads, batch],
    },
    ...(splits > 1
      ? outputs.map((output, i) => sumSplits(partials[i]!, splits, output, { scale: 1, biasStride: 1 }, context))
      : []),
  ];
}

export const lowerAttention: LowerToWgsl<'attention'> = (node, context) =>
  overRows(
    attention,
    node,
    sizesOf(node.inputs[0]!, node.inputs[1]!, node.params.heads),
    { rows: 'queries', causal: node.params.causal, scores: 1, sums: 1 },
    context,
  );

export const lowerAttentionGradQuery: LowerToWgsl<'attentionGradQuery'> = (node, context) =>
  overRows(
    attentionGradQuery,
    node,
    sizesOf(node.inputs[1]!, node.inputs[2]!, node.params.heads),
    { rows: 'queries', causal: node.params.causal, scores: 2, sums: 1 },
    context,
  );

export const lowerAttentionGradKeyValue: LowerToWgsl<'attentionGradKeyValue'> = (node, context) =>
  overRows(
    attentionGradKeyValue,
    node,
    sizesOf(node.inputs[1]!, node.inputs[2]!, node.params.heads),
    { rows: 'keys', causal: node.params.causal, scores: 2, sums: 2 },
    context,
  );

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
