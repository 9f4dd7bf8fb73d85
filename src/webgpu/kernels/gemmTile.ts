/** Matrix products by large tiles (tile.ts), of what can be read in fours. */
import type { Arithmetic } from '../../shared/arithmetic.ts';
import { type Dispatch, type KernelSource, kernelOf, type Scratch } from './dispatch.ts';
import { type Kinds, kindFor, kindsOf } from './anyShape.ts';
import tileCode from './gemm.tile.wgsl?raw';
import { byReads, forReads, readInBlocks } from './inFours.ts';
import { type Product, productData, splitData } from './product.ts';
import { type Summing, summing, summingFor } from './summing.ts';
import {
  arithmeticBy,
  heldAs,
  tileCodes,
  type Tiles,
  tilesOf,
  tilesOfEach,
  type TileVariant,
  writtenOut,
} from './tile.ts';

const tilesHeldAs = (arithmetic: Arithmetic): Summing<Kinds>[][] =>
  byReads((reading) =>
    summing(kernelOf('gemm.tile', reading(tileCode), ...tileCodes, ...readInBlocks(reading)), (kernel) =>
      kindsOf(heldAs(arithmetic, kernel), [...productData, ...splitData]),
    ),
  );
const tile: Readonly<Record<Arithmetic, Summing<Kinds>[][]>> = {
  f32: tilesHeldAs('f32'),
  f16: tilesHeldAs('f16'),
};

/** How tiles cover a product: with the kernel and the constants that say so. */
export function coverByTiles(
  variant: TileVariant,
  product: Product,
): Pick<Tiles, 'workgroups' | 'splits'> & { kernel: KernelSource; constants: Dispatch['constants'] } {
  const { rows, columns, depth, a, b, rowSums } = product;
  const inAll = depth[0] * depth[1];
  const tiles = tilesOf(variant, rows, columns, inAll);
  const kind = kindFor(
    summingFor(forReads(product, tile[arithmeticBy(variant)]), rowSums),
    'tile',
    2 * rows * columns * inAll,
  );
  return {
    ...tiles,
    constants: { ...tiles.constants, A_ALONG_DEPTH: a.depth[1] === 1, B_ALONG_DEPTH: b.depth[1] === 1 },
    kernel: writtenOut(kind, tiles.constants),
  };
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
  const flops = 2 * count * rows * columns * depth;
  return {
    kernel: writtenOut(kindFor(tile.f32[0]![0]!.plain, 'tile', flops), tiles),
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
      A_ALONG_DEPTH: a.depth === 1,
      B_ALONG_DEPTH: false,
      ...tiles,
    },
    // What is absent is bound to A, and not read.
    reads: [a.read, b, a.read, a.read],
    writes: [c],
    workgroups,
    flops,
  };
}
