/** Matrix products by subgroup matrices, of what can be read in fours: which tile a product gets, and the text of it. WGSL has them by experiment, in
 *  Chromium alone (gpuweb's proposal "subgroup matrix"); f32 in 8 x 8 is what Metal has. */
import { type Dispatch, kernelOf } from './dispatch.ts';
import matrixCode from './gemm.matrix.wgsl?raw';
import { byReads, forReads, readInBlocks } from './inFours.ts';
import type { Product } from './product.ts';
import blocksCode from './shared/blocks.wgsl?raw';
import { slicesOf } from './tile.ts';
import { unroll } from './unroll.ts';

type Tile = Record<'SUBGROUPS_X' | 'SUBGROUPS_Y' | 'ROW_PARTS' | 'COLUMN_PARTS', number>;

/** 64 by 64. */
const SQUARE: Tile = { SUBGROUPS_X: 2, SUBGROUPS_Y: 2, ROW_PARTS: 4, COLUMN_PARTS: 4 };
/** Of what is as narrow as a LoRA's rank, one way or the other: 128 by 16. */
const NARROW: Tile = { SUBGROUPS_X: 1, SUBGROUPS_Y: 4, ROW_PARTS: 4, COLUMN_PARTS: 2 };
const LOW: Tile = { SUBGROUPS_X: 4, SUBGROUPS_Y: 1, ROW_PARTS: 2, COLUMN_PARTS: 4 };
const NARROWEST = 16;
/** Of a matrix. */
const SIDE = 8;

const written = new Map<Tile, ReturnType<typeof writtenOut>>();

/** A tile's kernels, by how they read, with the loops over matrices written out: an array of them is not to be indexed by what is known only as it runs. */
function writtenOut({ ROW_PARTS, COLUMN_PARTS }: Tile): ReturnType<typeof byReads<Dispatch['kernel']>> {
  return byReads((reading) => {
    const loops = { FOUR: 4, ROW_PARTS, COLUMN_PARTS };
    const kernel = kernelOf('gemm.matrix', reading(matrixCode), blocksCode, ...readInBlocks(reading));
    return Object.entries(loops).reduce((source, [name, count]) => unroll(source, name, count), kernel);
  });
}

/** How they cover a product: with the kernel and the constants that say so. */
export function coverByMatrices(
  product: Product,
): Pick<Dispatch, 'kernel' | 'constants' | 'workgroups'> & { splits: number } {
  const { rows, columns, depth } = product;
  const tile = rows <= NARROWEST ? LOW : columns <= NARROWEST ? NARROW : SQUARE;
  const x = Math.ceil(columns / (SIDE * tile.COLUMN_PARTS * tile.SUBGROUPS_X));
  const y = Math.ceil(rows / (SIDE * tile.ROW_PARTS * tile.SUBGROUPS_Y));
  const { splits, splitDepth } = slicesOf(x * y, depth[0] * depth[1]);
  let kernels = written.get(tile);
  if (!kernels) written.set(tile, (kernels = writtenOut(tile)));
  return {
    kernel: forReads(product, kernels),
    constants: { ...tile, SPLIT_DEPTH: splitDepth },
    workgroups: [x, y, splits],
    splits,
  };
}
