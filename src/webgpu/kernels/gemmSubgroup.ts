/** Matrix products by subgroups, of what can be read in fours: how many there are to a product, and the text of one. */
import { type Dispatch, grid1d, kernelOf, type LowerContext } from './dispatch.ts';
import subgroupCode from './gemm.subgroup.wgsl?raw';
import { byReads, forReads, readInFours } from './inFours.ts';
import type { Product } from './product.ts';
import { slicesOf } from './tile.ts';
import { unroll } from './unroll.ts';

/** What a subgroup covers: so many rows, and so many columns of each of its invocations. */
const [ROWS, COLUMNS] = [8, 4];
const WORKGROUP_SIZE = 128;
/** What WebGPU lets an adapter have. */
const SIZES = [4, 8, 16, 32, 64, 128];

const subgroup = byReads((reading) => {
  const loops = { FOUR: 4, EIGHT: ROWS, HELD: 2 };
  const kernel = kernelOf('gemm.subgroup', reading(subgroupCode), ...readInFours);
  return Object.entries(loops).reduce((source, [name, count]) => unroll(source, name, count), kernel);
});

/** Columns up to which they had better be the rows of subgroups. */
const NARROW = 64;

/** Whether a product had better be turned (product.ts) before subgroups cover it. */
export const isForRows = ({ rows, columns, columnsInner }: Product): boolean =>
  columns <= NARROW && columns < rows && columns === columnsInner;

/** How subgroups cover a product: with the kernel and the constants that say so. How many columns one takes is for its adapter to say: there are workgroups for the most
 *  wasteful size, and the others leave what they have no use for. */
export function coverBySubgroups(
  product: Product,
  { limits }: Pick<LowerContext, 'limits'>,
): Pick<Dispatch, 'kernel' | 'constants' | 'workgroups'> & { splits: number } {
  const { rows, columns, depth } = product;
  const counts = SIZES.map((size) => {
    const subgroups = Math.ceil(rows / ROWS) * Math.ceil(columns / (COLUMNS * size));
    return Math.ceil((subgroups * size) / WORKGROUP_SIZE);
  });
  const { splits, splitDepth } = slicesOf(Math.min(...counts), depth[0] * depth[1]);
  const [x, y] = grid1d(Math.max(...counts), 1, limits);
  return {
    kernel: forReads(product, subgroup),
    constants: { GRID_X: x, SPLIT_DEPTH: splitDepth },
    workgroups: [x, y, splits],
    splits,
  };
}
