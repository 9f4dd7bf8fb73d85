/** Matrix products by subgroups, of what can be read in fours: how many there are to a product, and the text of one. */
import { type Dispatch, grid1d, type KernelSource, kernelOf, type LowerContext, withLines } from './dispatch.ts';
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

/** Variants that ask for subgroups of a size, where an adapter has several and lets it be said: as many columns to each, and registers of another
 *  length, which decides how many work at once. Intel has them from 8 to 32, AMD 32 and 64. */
const sizedSubgroups = { subgroup16: 16, subgroup32: 32 } as const;
export type SizedSubgroup = keyof typeof sizedSubgroups;
export const sizedSubgroupNames = Object.keys(sizedSubgroups) as SizedSubgroup[];

const kernels = (sized: boolean): KernelSource[][] =>
  byReads((reading) => {
    const loops = { FOUR: 4, EIGHT: ROWS, HELD: 2 };
    const kernel = withLines(kernelOf('gemm.subgroup', reading(subgroupCode), ...readInFours), 'sized', sized);
    return Object.entries(loops).reduce((source, [name, count]) => unroll(source, name, count), kernel);
  });
const [anySize, sized] = [kernels(false), kernels(true)];

/** Columns up to which they had better be the rows of subgroups. */
const NARROW = 64;

/** Whether a product had better be turned (product.ts) before subgroups cover it. */
export const isForRows = ({ rows, columns, columnsInner }: Product): boolean =>
  columns <= NARROW && columns < rows && columns === columnsInner;

/** How subgroups cover a product: with the kernel and the constants that say so. How many columns one takes is for its adapter to say where no size is asked
 *  for: there are workgroups for the most wasteful size, and the others leave what they have no use for. */
export function coverBySubgroups(
  variant: 'subgroup' | SizedSubgroup,
  product: Product,
  { limits }: Pick<LowerContext, 'limits'>,
): Pick<Dispatch, 'kernel' | 'constants' | 'workgroups'> & { splits: number } {
  const { rows, columns, depth } = product;
  const size = variant === 'subgroup' ? null : sizedSubgroups[variant];
  const counts = (size ? [size] : SIZES).map((size) => {
    const subgroups = Math.ceil(rows / ROWS) * Math.ceil(columns / (COLUMNS * size));
    return Math.ceil((subgroups * size) / WORKGROUP_SIZE);
  });
  const { splits, splitDepth } = slicesOf(Math.min(...counts), depth[0] * depth[1]);
  const [x, y] = grid1d(Math.max(...counts), 1, limits);
  return {
    kernel: forReads(product, size ? sized : anySize),
    constants: { GRID_X: x, SPLIT_DEPTH: splitDepth, ...(size && { SUBGROUP_SIZE: size }) },
    workgroups: [x, y, splits],
    splits,
  };
}
