/** Lowerings to matrix products by strides: linear, its two gradients, and 1x1 convolutions (which are products over channels). */
import type { Value } from '../../graph/graph.ts';
import { assert } from '../../shared/assert.ts';
import { sizeOf } from '../../shared/shape.ts';
import { type HalfMatrix, halfMatrixNames } from '../../shared/subgroupMatrices.ts';
import {
  type Dispatch,
  formatOf,
  grid1d,
  kernelOf,
  type LowerContext,
  type LowerToWgsl,
  type Operand,
  type Scratch,
  withData,
} from './dispatch.ts';
import { kindFor, kindsOf } from './anyShape.ts';
import quadCode from './gemm.quad.wgsl?raw';
import workgroupCode from './gemm.workgroup.wgsl?raw';
import { coverByMatrices } from './gemmMatrix.ts';
import { coverBySubgroups, isForRows, type SizedSubgroup, sizedSubgroupNames } from './gemmSubgroup.ts';
import { coverByTiles } from './gemmTile.ts';
import { isInFours } from './inFours.ts';
import { overPixels, weightOverPixels } from './pixels.ts';
import { hasPairs, type Product, productData, splitData, transposed } from './product.ts';
import { summing, summingFor } from './summing.ts';
import { isTileVariant, type TileVariant, tileVariants } from './tile.ts';
import { unroll } from './unroll.ts';
import splitSumCode from './splitSum.wgsl?raw';
import gemmLoadsCode from './shared/gemmLoads.wgsl?raw';
import gemmStoreCode from './shared/gemmStore.wgsl?raw';
import widenedCode from './shared/widened.wgsl?raw';

const lengths = ['A_LENGTH', 'B_LENGTH', 'C_LENGTH'];

const quad = summing(kernelOf('gemm.quad', quadCode, gemmLoadsCode, widenedCode), (kernel) =>
  kindsOf(kernel, [...productData, ...lengths]),
);
const workgroup = summing(
  kernelOf('gemm.workgroup', workgroupCode, gemmLoadsCode, gemmStoreCode, widenedCode),
  (kernel) => kindsOf(kernel, [...productData, ...splitData]),
);
const splitSum = summing(kernelOf('splitSum', splitSumCode), (kernel) =>
  withData(kernel, 'SIZE', 'SPLITS', 'SCALE', 'BIAS_STRIDE', 'BIAS_LENGTH', 'RESIDUAL_STRIDE'),
);

/** The ways a product can run: `workgroup` stages tiles in workgroup memory, for GPUs; `tile` does so with larger ones, and only what is large enough
 *  and lies so that it can be read in fours, `tile2` with two of them, one written while the other is multiplied; `winograd` takes 3x3 convolutions
 *  another way (winograd.ts); `quad` shares loads by quad swaps and has no barriers, for adapters that run on the CPU, where a barrier costs more than
 *  the arithmetic; `subgroup` shares them among all of a subgroup, of what `tile` takes, unless rows are summed, for GPUs (both need the feature
 *  `subgroups`), `subgroup16` and `subgroup32` those of a size, and `matrix` multiplies the same in matrices of 8 x 8 (gemmMatrix.ts). In f16 what `tile`
 *  takes can run by `half`, too, which multiplies in it, and by matrices of f16, which are named by their shape. */
export type ProductVariant = 'workgroup' | 'quad' | Special | TileVariant;

/** What not every product can run by. */
type Special = 'subgroup' | SizedSubgroup | 'matrix' | HalfMatrix | 'winograd';

/** @param also what this product can run by beside those that all can. */
export const productVariant = <Also extends Special = never>(
  context: LowerContext,
  kernelClass: 'gemm' | 'conv2d' | 'conv2dGradWeight',
  tileable: boolean,
  also: readonly Also[] = [],
): Exclude<ProductVariant, Special> | Also => {
  const half = tileable && context.arithmetic === 'f16' ? (['half'] as const) : [];
  const offered = [...half, 'workgroup', 'quad', ...(tileable ? tileVariants : []), ...also] as const;
  const chosen = context.variant(kernelClass, offered);
  return offered.find((name) => name === chosen) ?? 'workgroup';
};

/** How a workgroup kernel covers a product of `rows` x `columns` x `depth`. `batches` other tiles run beside it. */
function tiling(
  rows: number,
  columns: number,
  depth: number,
  batches = 1,
): { threads: number; splits: number; splitDepth: number } {
  const tiles = (side: number): number => Math.ceil(rows / side) * Math.ceil(columns / side) * batches;
  // A GPU wants about a hundred workgroups to be busy: first smaller tiles, then slices of the depth.
  const threads = tiles(64) >= 64 ? 16 : 8;
  const wanted = Math.min(Math.ceil(96 / tiles(4 * threads)), Math.floor(depth / 128), 32);
  const splitDepth = Math.ceil(depth / Math.max(1, wanted) / 16) * 16;
  return { threads, splits: Math.ceil(depth / splitDepth), splitDepth };
}

/** The same as a kernel is told it; `batches` and slices share the last axis. */
export function smallTilesOf(
  rows: number,
  columns: number,
  depth: number,
  batches = 1,
): { constants: Record<'THREADS' | 'SPLIT_DEPTH', number>; workgroups: [number, number, number]; splits: number } {
  const { threads, splits, splitDepth } = tiling(rows, columns, depth, batches);
  return {
    constants: { THREADS: threads, SPLIT_DEPTH: splitDepth },
    workgroups: [Math.ceil(columns / (4 * threads)), Math.ceil(rows / (4 * threads)), batches * splits],
    splits,
  };
}

/** Rows of four that a quad keeps: sixteen rows unless most of them would lie past the edge. */
export const rowBlocksOf = (rows: number): number => (rows <= 4 ? 1 : rows <= 8 ? 2 : 4);

/** Folds the grid of a quad kernel: one invocation a lane. */
export function quadGrid(
  rows: number,
  columns: number,
  rowBlocks: number,
  context: LowerContext,
  z = 1,
): [number, number, number] {
  const quads = Math.ceil(rows / (4 * rowBlocks)) * Math.ceil(columns / 16);
  const [x, y] = grid1d(quads * 4, QUAD_WORKGROUP_SIZE, context.limits);
  return [x, y, z];
}

export const QUAD_WORKGROUP_SIZE = 16;

/** Whether a residual is one number for all pixels of a channel. */
export const isOfChannel = (residual: Value | undefined, y: Value): boolean =>
  residual !== undefined && sizeOf(residual.shape) < sizeOf(y.shape);

/** How a product's kernel adds `residual` to what it writes: from a binding, or in place where it is the output itself. */
export function addedTo(
  y: Value,
  residual: Value | undefined,
): { read: Value | undefined; constants: Record<string, boolean> } {
  if (residual === y) return { read: undefined, constants: { RESIDUAL: false, IN_PLACE: true } };
  return {
    read: residual,
    constants: isOfChannel(residual, y)
      ? { RESIDUAL: false, RESIDUAL_OF_CHANNEL: true }
      : { RESIDUAL: residual !== undefined },
  };
}

/** The dispatch that sums `splits` partial products and does what the product would have done at its end. */
export function sumSplits(
  partials: Scratch,
  splits: number,
  y: Value,
  {
    scale,
    bias,
    biasStride,
    residual,
    sums,
  }: {
    scale: number;
    bias?: Value | undefined;
    /** Elements of y that take one number of the bias, and of a residual of channels. */
    biasStride: number;
    residual?: Value | undefined;
    /** Sums of rows, in place of a bias. */
    sums?: { partials: Operand; y: Value } | undefined;
  },
  context: LowerContext,
): Dispatch {
  const size = sizeOf(y.shape);
  const added = residual === y ? undefined : residual;
  const rows = sums ? sizeOf(sums.y.shape) : 0;
  return {
    kernel: summingFor(splitSum, sums?.y),
    constants: {
      SIZE: size,
      SPLITS: splits,
      SCALE: scale,
      BIAS: bias !== undefined,
      BIAS_STRIDE: biasStride,
      BIAS_LENGTH: sums ? rows : bias ? sizeOf(bias.shape) : 1,
      RESIDUAL: added !== undefined,
      ...(residual === y && { IN_PLACE: true }),
      ...(isOfChannel(residual, y) && { RESIDUAL_STRIDE: biasStride }),
    },
    reads: [partials, sums?.partials ?? bias ?? partials, added ?? partials],
    writes: [y, ...(sums ? [sums.y] : [])],
    workgroups: grid1d(size + rows, 64, context.limits),
  };
}

/** Where the slices of a product write the sums of their rows, and what the sum of the slices makes of them. */
export function partialSums(
  rowSums: Value | undefined,
  splits: number,
): { writes: Scratch[]; sums?: { partials: Scratch; y: Value } } {
  if (!rowSums) return { writes: [] };
  const partials: Scratch = { scratch: 'partial sums of rows', elements: splits * sizeOf(rowSums.shape) };
  return { writes: [partials], sums: { partials, y: rowSums } };
}

export function lowerProduct(product: Product, context: LowerContext): Dispatch[] {
  const { rows, columns, depth, a, b, c, columnsInner, scale, bias, biasByRow = false, residual, rowSums } = product;
  const strides = {
    ROWS: rows,
    COLUMNS: columns,
    DEPTH_OUTER: depth[0],
    DEPTH_INNER: depth[1],
    A_ROW: a.row,
    A_DEPTH: a.depth[1],
    A_DEPTH_OUTER: a.depth[0],
    B_COLUMN: b.column[1],
    B_COLUMN_OUTER: b.column[0],
    B_DEPTH: b.depth[1],
    B_DEPTH_OUTER: b.depth[0],
    C_ROW: c.row,
    C_COLUMN: c.column[1],
    C_COLUMN_OUTER: c.column[0],
    COLUMNS_INNER: columnsInner,
    A_FORMAT: formatOf[a.value.dtype],
    B_FORMAT: formatOf[b.value.dtype],
    ...(a.first && { A_FIRST: a.first }),
    ...(b.first && { B_FIRST: b.first }),
  };
  const added = addedTo(c.value, residual);
  const epilogue = { SCALE: scale, BIAS: bias !== undefined, BIAS_BY_ROW: biasByRow, ...added.constants };
  // What is absent is bound to A, and not read.
  const reads: Operand[] = [a.value, b.value, bias ?? a.value, added.read ?? a.value];

  const writes = [c.value, ...(rowSums ? [rowSums] : [])];

  const flops = 2 * rows * columns * depth[0] * depth[1];
  const inFours = isInFours(product);
  const bySubgroup = ['subgroup', ...sizedSubgroupNames] as const;
  const inMatrices = context.arithmetic === 'f16' ? halfMatrixNames : (['matrix'] as const);
  const variant = productVariant(context, 'gemm', inFours, inFours && !rowSums ? [...bySubgroup, ...inMatrices] : []);
  if (variant === 'quad') {
    // A quad covers 16 columns but as few as 4 rows: what is narrow (a LoRA's rank) had better be the rows.
    if (columns <= 8 && columns < rows && columns === columnsInner && !rowSums)
      return lowerProduct(transposed(product), context);
    const rowBlocks = rowBlocksOf(rows);
    const lengths = {
      A_LENGTH: sizeOf(a.value.shape),
      B_LENGTH: sizeOf(b.value.shape),
      C_LENGTH: sizeOf(c.value.shape),
    };
    const kStep = hasPairs(product) ? 2 : 1;
    return [
      {
        kernel: unroll(kindFor(summingFor(quad, rowSums), 'quad', flops), 'K_STEP', kStep),
        constants: {
          ...strides,
          ...epilogue,
          ...lengths,
          ROW_BLOCKS: rowBlocks,
          K_STEP: kStep,
          WORKGROUP_SIZE: QUAD_WORKGROUP_SIZE,
        },
        reads,
        writes,
        workgroups: quadGrid(rows, columns, rowBlocks, context),
      },
    ];
  }

  if (variant.startsWith('subgroup') && isForRows(product)) return lowerProduct(transposed(product), context);

  const { kernel, constants: tiles, workgroups, splits } = coverOf(variant, product, context);
  if (splits === 1)
    return [{ kernel, constants: { ...strides, ...epilogue, ...tiles, C_SPLIT: 0 }, reads, writes, workgroups }];
  const size = sizeOf(c.value.shape);
  const parts = partialSums(rowSums, splits);
  const partials: Scratch = { scratch: 'partial products', elements: splits * size };
  return [
    {
      kernel,
      constants: { ...strides, SCALE: 1, BIAS: false, BIAS_BY_ROW: false, RESIDUAL: false, ...tiles, C_SPLIT: size },
      reads: [a.value, b.value, a.value, a.value],
      writes: [partials, ...parts.writes],
      workgroups,
    },
    sumSplits(
      partials,
      splits,
      c.value,
      { scale, bias, biasStride: biasByRow ? c.row : c.column[1], residual, sums: parts.sums },
      context,
    ),
  ];
}

/** How a kernel other than `quad` covers a product: with the constants that say so. */
function coverOf(
  variant: Exclude<ProductVariant, 'quad' | 'winograd'>,
  product: Product,
  context: LowerContext,
): Pick<Dispatch, 'kernel' | 'constants' | 'workgroups'> & { splits: number } {
  switch (variant) {
    case 'workgroup': {
      const { rows, columns, depth, rowSums } = product;
      const inAll = depth[0] * depth[1];
      return {
        kernel: kindFor(summingFor(workgroup, rowSums), 'workgroup', 2 * rows * columns * inAll),
        ...smallTilesOf(rows, columns, inAll),
      };
    }
    case 'subgroup':
    case 'subgroup16':
    case 'subgroup32':
      return coverBySubgroups(variant, product, context);
    case 'matrix':
      return coverByMatrices(variant, product);
    default:
      return isTileVariant(variant) ? coverByTiles(variant, product) : coverByMatrices(variant, product);
  }
}

const last = (value: Value): number => value.shape.at(-1)!;
const rowsOf = (value: Value): number => sizeOf(value.shape) / last(value);
const liesAcross = (values: readonly Value[], { across }: LowerContext): boolean =>
  values.some((value) => across?.has(value));

export const lowerLinear: LowerToWgsl<'linear'> = ({ inputs, outputs, params: { bias, residual, scale } }, context) => {
  const [x, weight] = inputs as [Value, Value];
  const [y] = outputs as [Value];
  const ends = {
    scale,
    bias: bias ? inputs[2] : undefined,
    residual: residual ? inputs[bias ? 3 : 2] : undefined,
  };
  if (liesAcross([x, y], context))
    return lowerProduct(overPixels({ weight, x, y, turned: false, ...ends }, 'tokens', context), context);
  const [out, into] = [weight.shape[0]!, weight.shape[1]!];
  const product: Product = {
    ...ends,
    rows: rowsOf(x),
    columns: out,
    depth: [1, into],
    a: { value: x, row: into, depth: [0, 1] },
    b: { value: weight, column: [0, into], depth: [0, 1] },
    c: { value: y, row: out, column: [0, 1] },
    columnsInner: out,
  };
  return lowerProduct(product, context);
};

export const lowerLinearGradInput: LowerToWgsl<'linearGradInput'> = (
  { inputs, outputs, params: { residual, scale } },
  context,
) => {
  const [dy, weight] = inputs as [Value, Value];
  const dx = outputs[0]!;
  const ends = { scale, residual: residual ? inputs[2] : undefined };
  if (liesAcross([dy, dx], context))
    return lowerProduct(overPixels({ weight, x: dy, y: dx, turned: true, ...ends }, 'tokens', context), context);
  const [out, into] = [weight.shape[0]!, weight.shape[1]!];
  const product: Product = {
    ...ends,
    rows: rowsOf(dy),
    columns: into,
    depth: [1, out],
    a: { value: dy, row: out, depth: [0, 1] },
    b: { value: weight, column: [0, 1], depth: [0, into] },
    c: { value: dx, row: into, column: [0, 1] },
    columnsInner: into,
  };
  return lowerProduct(product, context);
};

export const lowerLinearGradWeight: LowerToWgsl<'linearGradWeight'> = (
  { inputs, outputs, params: { scale } },
  context,
) => {
  const [dy, x] = inputs as [Value, Value];
  const [out, into] = [last(dy), last(x)];
  assert(rowsOf(dy) === rowsOf(x), `dy has ${rowsOf(dy)} rows, x ${rowsOf(x)}`);
  const [dw, rowSums] = outputs as [Value, Value | undefined];
  if (liesAcross([dy, x], context))
    return lowerProduct(weightOverPixels({ dy, x, dw, scale, rowSums }, 'tokens', context), context);
  const product: Product = {
    rows: out,
    columns: into,
    depth: [1, rowsOf(x)],
    a: { value: dy, row: 1, depth: [0, out] },
    b: { value: x, column: [0, 1], depth: [0, into] },
    c: { value: dw, row: into, column: [0, 1] },
    columnsInner: into,
    scale,
    rowSums,
  };
  return lowerProduct(product, context);
};
