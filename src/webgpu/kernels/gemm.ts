/** Lowerings to matrix products by strides: linear, its two gradients, and 1x1 convolutions (which are products over channels). */
import type { Value } from '../../graph/graph.ts';
import type { Arithmetic } from '../../shared/arithmetic.ts';
import { assert } from '../../shared/assert.ts';
import { sizeOf } from '../../shared/shape.ts';
import {
  type Dispatch,
  formatOf,
  grid1d,
  type KernelSource,
  kernelOf,
  type LowerContext,
  type LowerToWgsl,
  type Operand,
  type Scratch,
  withData,
  withLines,
} from './dispatch.ts';
import { kindFor, kindsOf } from './anyShape.ts';
import quadCode from './gemm.quad.wgsl?raw';
import subgroupCode from './gemm.subgroup.wgsl?raw';
import tileCode from './gemm.tile.wgsl?raw';
import workgroupCode from './gemm.workgroup.wgsl?raw';
import { lanesOf } from './lanes.ts';
import {
  heldAs,
  inHalves,
  isTileable,
  slicesOf,
  tilesOf,
  tilesOfEach,
  type TileVariant,
  tileVariants,
  writtenOut,
} from './tile.ts';
import { unroll } from './unroll.ts';
import splitSumCode from './splitSum.wgsl?raw';
import foursCode from './shared/fours.wgsl?raw';
import gemmLoadsCode from './shared/gemmLoads.wgsl?raw';
import gemmStoreCode from './shared/gemmStore.wgsl?raw';
import sharedTileCode from './shared/tile.wgsl?raw';
import transposedCode from './shared/transposed.wgsl?raw';
import widenedCode from './shared/widened.wgsl?raw';

/** What a subgroup covers: so many rows, and so many columns of each of its invocations. */
const [SUBGROUP_ROWS, SUBGROUP_COLUMNS] = [8, 4];
const SUBGROUP_WORKGROUP_SIZE = 128;
/** What WebGPU lets an adapter have. */
const SUBGROUP_SIZES = [4, 8, 16, 32, 64, 128];

/** Slices of the depth. */
export const splitData = ['SPLIT_DEPTH', 'C_SPLIT'];
const shapeData = [
  'ROWS',
  'COLUMNS',
  'COLUMNS_INNER',
  'DEPTH_OUTER',
  'DEPTH_INNER',
  'A_FIRST',
  'A_ROW',
  'A_DEPTH',
  'A_DEPTH_OUTER',
  'B_FIRST',
  'B_COLUMN',
  'B_COLUMN_OUTER',
  'B_DEPTH',
  'B_DEPTH_OUTER',
  'C_ROW',
  'C_COLUMN',
  'C_COLUMN_OUTER',
  'SCALE',
];
const lengths = ['A_LENGTH', 'B_LENGTH', 'C_LENGTH'];

/** A kernel alone, and with the lines of its text that begin with "sums": it then adds up the rows of A, too. */
export interface Summing<T> {
  plain: T;
  sums: T;
}
export const summing = <T>(kernel: KernelSource, made: (kernel: KernelSource) => T): Summing<T> => ({
  plain: made(withLines(kernel, 'sums', false)),
  sums: made(withLines(kernel, 'sums', true)),
});
export const summingFor = <T>({ plain, sums }: Summing<T>, rowSums: Value | undefined): T => (rowSums ? sums : plain);

const quad = summing(kernelOf('gemm.quad', quadCode, gemmLoadsCode, widenedCode), (kernel) =>
  kindsOf(kernel, [...shapeData, ...lengths]),
);
const workgroup = summing(
  kernelOf('gemm.workgroup', workgroupCode, gemmLoadsCode, gemmStoreCode, widenedCode),
  (kernel) => kindsOf(kernel, [...shapeData, ...splitData]),
);
const readInFours = [foursCode, transposedCode, gemmStoreCode, widenedCode] as const;
/** Whether a and b are halves → the kernel that reads them so. */
const byReads = <T>(kernelReading: (code: (own: string) => string) => T): T[][] =>
  [false, true].map((a) => [false, true].map((b) => kernelReading((own) => inHalves(inHalves(own, 'a', a), 'b', b))));
const tilesHeldAs = (arithmetic: Arithmetic): Summing<KernelSource>[][] =>
  byReads((reading) =>
    summing(kernelOf('gemm.tile', reading(tileCode), sharedTileCode, ...readInFours), (kernel) =>
      heldAs(arithmetic, kernel),
    ),
  );
const tile: Readonly<Record<Arithmetic, Summing<KernelSource>[][]>> = {
  f32: tilesHeldAs('f32'),
  f16: tilesHeldAs('f16'),
};
const subgroup = byReads((reading) => {
  const loops = { FOUR: 4, EIGHT: SUBGROUP_ROWS, HELD: 2 };
  const kernel = kernelOf('gemm.subgroup', reading(subgroupCode), ...readInFours);
  return Object.entries(loops).reduce((source, [name, count]) => unroll(source, name, count), kernel);
});
const splitSum = summing(kernelOf('splitSum', splitSumCode), (kernel) =>
  withData(kernel, 'SIZE', 'SPLITS', 'SCALE', 'BIAS_STRIDE', 'BIAS_LENGTH'),
);

/** The ways a product can run: `workgroup` stages tiles in workgroup memory, for GPUs; `tile` does so with larger ones, and only what is large enough
 *  and lies so that it can be read in fours, `tile2` with two of them, one written while the other is multiplied; `winograd` takes 3x3 convolutions
 *  another way (winograd.ts); `quad` shares loads by quad swaps and has no barriers, for adapters that run on the CPU, where a barrier costs more than
 *  the arithmetic; `subgroup` shares them among all of a subgroup, of what `tile` takes, unless rows are summed, for GPUs (both need the feature
 *  `subgroups`). In f16 there is `tile` alone, which must know a step's largest element before it writes it: what is too small for it stays in f32. */
export type ProductVariant = 'workgroup' | 'quad' | 'subgroup' | 'winograd' | TileVariant;

/** @param also what this product can run by beside those that all can. */
export const productVariant = <Also extends 'subgroup' | 'winograd' = never>(
  context: LowerContext,
  kernelClass: 'gemm' | 'conv2d' | 'conv2dGradWeight',
  tileable: boolean,
  also: readonly Also[] = [],
): Exclude<ProductVariant, 'subgroup' | 'winograd'> | Also => {
  if (tileable && context.arithmetic === 'f16') return 'tile';
  const offered = ['workgroup', 'quad', ...(tileable ? tileVariants : []), ...also] as const;
  const chosen = context.variant(kernelClass, offered);
  return offered.find((name) => name === chosen) ?? 'workgroup';
};

/** C[m, n] = scale * (sum over k of A[m, k] B[n, k] + bias) + residual, by strides in elements. */
export interface Product {
  rows: number;
  columns: number;
  /** k = outer * depth[1] + inner. */
  depth: readonly [outer: number, inner: number];
  /** first: element that the matrix begins with. */
  a: { value: Value; first?: number; row: number; depth: readonly [outer: number, inner: number] };
  /** n = outer * columnsInner + inner, in B and C alike. */
  b: {
    value: Value;
    first?: number;
    column: readonly [outer: number, inner: number];
    depth: readonly [outer: number, inner: number];
  };
  c: { value: Value; row: number; column: readonly [outer: number, inner: number] };
  columnsInner: number;
  scale: number;
  bias?: Value | undefined;
  /** Whether the bias belongs to C's rows rather than its columns. */
  biasByRow?: boolean;
  /** C itself: the product is added to what C is. */
  residual?: Value | undefined;
  /** [rows], where the sums over k of A[m, k] are wanted, too, times scale. */
  rowSums?: Value | undefined;
}

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

/** Columns below which they had better be the rows of subgroups. */
const NARROW = 64;

/** How subgroups cover a product of `rows` x `columns` x `depth`. How many columns one takes is for its adapter to say: there are workgroups for the most
 *  wasteful size, and the others leave what they have no use for. */
function subgroupsOf(
  rows: number,
  columns: number,
  depth: number,
  { limits }: LowerContext,
): { constants: Record<'GRID_X' | 'SPLIT_DEPTH', number>; workgroups: [number, number, number]; splits: number } {
  const counts = SUBGROUP_SIZES.map((size) => {
    const subgroups = Math.ceil(rows / SUBGROUP_ROWS) * Math.ceil(columns / (SUBGROUP_COLUMNS * size));
    return Math.ceil((subgroups * size) / SUBGROUP_WORKGROUP_SIZE);
  });
  const { splits, splitDepth } = slicesOf(Math.min(...counts), depth);
  const [x, y] = grid1d(Math.max(...counts), 1, limits);
  return { constants: { GRID_X: x, SPLIT_DEPTH: splitDepth }, workgroups: [x, y, splits], splits };
}

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

/** How a product's kernel adds `residual` to what it writes: from a binding, or in place where it is the output itself. */
export function addedTo(
  y: Value,
  residual: Value | undefined,
): { read: Value | undefined; constants: Record<string, boolean> } {
  return residual === y
    ? { read: undefined, constants: { RESIDUAL: false, IN_PLACE: true } }
    : { read: residual, constants: { RESIDUAL: residual !== undefined } };
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
    biasStride: number;
    residual?: Value | undefined;
    /** Sums of rows, in place of a bias. */
    sums?: { partials: Operand; y: Value } | undefined;
  },
  context: LowerContext,
): Dispatch {
  const size = sizeOf(y.shape);
  const added = addedTo(y, residual);
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
      ...added.constants,
    },
    reads: [partials, sums?.partials ?? bias ?? partials, added.read ?? partials],
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
  const variant = productVariant(context, 'gemm', inFours, inFours && !rowSums ? ['subgroup'] : []);
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

  if (variant === 'subgroup' && columns <= NARROW && columns < rows && columns === columnsInner)
    return lowerProduct(transposed(product), context);

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

/** Products of the same size beside one another, in f32: C[i] = A[i] B[i]. `a` by strides, of which that of its rows or its depth is 1; b: [count, depth,
 *  columns], c: [count, rows, columns]. `depth`, `columns` and the other strides are multiples of four. */
export function tileProducts({
  count,
  rows,
  columns,
  depth,
  a,
  b,
  c,
}: {
  count: number;
  rows: number;
  columns: number;
  depth: number;
  a: { read: Scratch; one: number; row: number; depth: number };
  b: Scratch;
  c: Scratch;
}): Dispatch {
  const { constants: tiles, workgroups } = tilesOfEach(count, rows, columns, depth);
  return {
    kernel: writtenOut(tile.f32[0]![0]!.plain, tiles),
    constants: {
      ROWS: rows,
      COLUMNS: columns,
      DEPTH_OUTER: count,
      DEPTH_INNER: depth,
      A_ROW: a.row,
      A_DEPTH: a.depth,
      A_DEPTH_OUTER: a.one,
      B_COLUMN: 1,
      B_DEPTH: columns,
      B_DEPTH_OUTER: depth * columns,
      C_ROW: columns,
      C_COLUMN: 1,
      COLUMNS_INNER: columns,
      C_SPLIT: rows * columns,
      ...tiles,
    },
    // What is absent is bound to A, and not read.
    reads: [a.read, b, a.read, a.read],
    writes: [c],
    workgroups,
    flops: 2 * count * rows * columns * depth,
  };
}

/** How a kernel other than `quad` covers a product: with the constants that say so. */
function coverOf(
  variant: Exclude<ProductVariant, 'quad' | 'winograd'>,
  { rows, columns, depth: [outer, inner], a, b, rowSums }: Product,
  context: LowerContext,
): Pick<Dispatch, 'kernel' | 'constants' | 'workgroups'> & { splits: number } {
  const depth = outer * inner;
  const heldBy = <T>(kernels: T[][]): T =>
    kernels[Number(formatOf[a.value.dtype] > 0)]![Number(formatOf[b.value.dtype] > 0)]!;
  switch (variant) {
    case 'workgroup':
      return {
        kernel: kindFor(summingFor(workgroup, rowSums), 'workgroup', 2 * rows * columns * depth),
        ...smallTilesOf(rows, columns, depth),
      };
    case 'subgroup':
      return { kernel: heldBy(subgroup), ...subgroupsOf(rows, columns, depth, context) };
    default: {
      const tiles = tilesOf(variant, rows, columns, depth);
      return {
        ...tiles,
        kernel: writtenOut(summingFor(heldBy(tile[context.arithmetic ?? 'f32']), rowSums), tiles.constants),
      };
    }
  }
}

/** Whether B is kept in halves, and both of every word belong to one column, one behind the other in depth. */
const hasPairs = ({ b, depth }: Product): boolean =>
  formatOf[b.value.dtype] > 0 &&
  b.depth[1] === 1 &&
  [b.first ?? 0, depth[1], b.depth[0], ...b.column].every((stride) => stride % 2 === 0);

/** Whether a product is large enough for large tiles, and each of its operands can be read in fours: along one axis they are neighbours, and every
 *  four begins at a multiple of four. */
function isInFours({ rows, columns, columnsInner, depth, a, b }: Product): boolean {
  const [, inner] = depth;
  const aligned = (a.depth[1] === 1 && lanesOf(inner, a.row) === 4) || (a.row === 1 && lanesOf(rows, a.depth[1]) === 4);
  const alignedToo =
    (b.depth[1] === 1 && lanesOf(inner, ...b.column) === 4) ||
    (b.column[1] === 1 && lanesOf(columnsInner, b.column[0], b.depth[1]) === 4);
  const starts = lanesOf(
    a.first ?? 0,
    a.depth[0],
    b.first ?? 0,
    b.depth[0],
    sizeOf(a.value.shape),
    sizeOf(b.value.shape),
  );
  return isTileable(rows, columns) && aligned && alignedToo && starts === 4;
}

/** The same product as Cᵀ = B Aᵀ. */
function transposed({ rows, columns, a, b, c, biasByRow = false, ...rest }: Product): Product {
  return {
    ...rest,
    rows: columns,
    columns: rows,
    a: { value: b.value, ...(b.first && { first: b.first }), row: b.column[1], depth: b.depth },
    b: { value: a.value, ...(a.first && { first: a.first }), column: [0, a.row], depth: a.depth },
    c: { value: c.value, row: c.column[1], column: [0, c.row] },
    columnsInner: rows,
    biasByRow: !biasByRow,
  };
}

const last = (value: Value): number => value.shape.at(-1)!;
const rowsOf = (value: Value): number => sizeOf(value.shape) / last(value);

export const lowerLinear: LowerToWgsl<'linear'> = ({ inputs, outputs, params: { bias, residual, scale } }, context) => {
  const [x, weight] = inputs as [Value, Value];
  const [y] = outputs as [Value];
  const [out, into] = [weight.shape[0]!, weight.shape[1]!];
  const product: Product = {
    rows: rowsOf(x),
    columns: out,
    depth: [1, into],
    a: { value: x, row: into, depth: [0, 1] },
    b: { value: weight, column: [0, into], depth: [0, 1] },
    c: { value: y, row: out, column: [0, 1] },
    columnsInner: out,
    scale,
    bias: bias ? inputs[2] : undefined,
    residual: residual ? inputs[bias ? 3 : 2] : undefined,
  };
  return lowerProduct(product, context);
};

export const lowerLinearGradInput: LowerToWgsl<'linearGradInput'> = (
  { inputs, outputs, params: { residual, scale } },
  context,
) => {
  const [dy, weight] = inputs as [Value, Value];
  const [out, into] = [weight.shape[0]!, weight.shape[1]!];
  const product: Product = {
    rows: rowsOf(dy),
    columns: into,
    depth: [1, out],
    a: { value: dy, row: out, depth: [0, 1] },
    b: { value: weight, column: [0, 1], depth: [0, into] },
    c: { value: outputs[0]!, row: into, column: [0, 1] },
    columnsInner: into,
    scale,
    residual: residual ? inputs[2] : undefined,
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
  const product: Product = {
    rows: out,
    columns: into,
    depth: [1, rowsOf(x)],
    a: { value: dy, row: 1, depth: [0, out] },
    b: { value: x, column: [0, 1], depth: [0, into] },
    c: { value: outputs[0]!, row: into, column: [0, 1] },
    columnsInner: into,
    scale,
    rowSums: outputs[1],
  };
  return lowerProduct(product, context);
};
