/** Matrix products by subgroup matrices, of what can be read in fours: which tile a product gets, and the text of it. WGSL has them by experiment, in
 *  Chromium alone (gpuweb's proposal "subgroup matrix"). */
import type { Arithmetic } from '../../shared/arithmetic.ts';
import { type HalfMatrix, type HalfMatrixShape, halfMatrices, wholeMatrix } from '../../shared/subgroupMatrices.ts';
import { type Dispatch, type KernelSource, kernelOf, withLines } from './dispatch.ts';
import matrixCode from './gemm.matrix.wgsl?raw';
import { byReads, forReads, readInBlocks } from './inFours.ts';
import type { Product } from './product.ts';
import blocksCode from './shared/blocks.wgsl?raw';
import { heldAs, slicesOf } from './tile.ts';
import { unroll } from './unroll.ts';

/** Subgroups of a workgroup side by side, and what each covers. */
interface Tile {
  across: number;
  down: number;
  rows: number;
  columns: number;
}

/** 64 by 64. */
const SQUARE: Tile = { across: 2, down: 2, rows: 32, columns: 32 };
/** Of what is as narrow as a LoRA's rank, one way or the other: 128 by 16. */
const NARROW: Tile = { across: 1, down: 4, rows: 32, columns: 16 };
const LOW: Tile = { across: 4, down: 1, rows: 16, columns: 32 };
const NARROWEST = 16;

const held = (arithmetic: Arithmetic, sized: boolean): KernelSource[][] =>
  byReads((reading) => {
    const kernel = kernelOf('gemm.matrix', reading(matrixCode), blocksCode, ...readInBlocks(reading));
    return unroll(heldAs(arithmetic, withLines(kernel, 'sized', sized)), 'FOUR', 4);
  });
const whole = held('f32', false);
const half = { anySize: held('f16', false), sized: held('f16', true) };

/** How they cover a product: with the kernel and the constants that say so. */
export function coverByMatrices(
  variant: 'matrix' | HalfMatrix,
  product: Product,
): Pick<Dispatch, 'kernel' | 'constants' | 'workgroups'> & { splits: number } {
  const { M, N, K, sized = false }: HalfMatrixShape = variant === 'matrix' ? wholeMatrix : halfMatrices[variant];
  const kernels = variant === 'matrix' ? whole : sized ? half.sized : half.anySize;
  const { rows, columns, depth } = product;
  const tile = rows <= NARROWEST ? LOW : columns <= NARROWEST ? NARROW : SQUARE;
  const x = Math.ceil(columns / (tile.columns * tile.across));
  const y = Math.ceil(rows / (tile.rows * tile.down));
  const { splits, splitDepth } = slicesOf(x * y, depth[0] * depth[1]);
  const parts = { ROW_PARTS: tile.rows / M, COLUMN_PARTS: tile.columns / N };
  return {
    // An array of matrices is not to be indexed by what is known only as it runs.
    kernel: Object.entries(parts).reduce(
      (source, [name, count]) => unroll(source, name, count),
      forReads(product, kernels),
    ),
    constants: { M, N, K, ...parts, SUBGROUPS_X: tile.across, SUBGROUPS_Y: tile.down, SPLIT_DEPTH: splitDepth },
    workgroups: [x, y, splits],
    splits,
  };
}
