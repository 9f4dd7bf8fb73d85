/** Products whose operands can be read in fours, and the kernels that read them so. */
import { sizeOf } from '../../shared/shape.ts';
import { formatOf } from './dispatch.ts';
import { lanesOf } from './lanes.ts';
import type { Product } from './product.ts';
import foursCode from './shared/fours.wgsl?raw';
import gemmBlocksCode from './shared/gemmBlocks.wgsl?raw';
import gemmStoreCode from './shared/gemmStore.wgsl?raw';
import transposedCode from './shared/transposed.wgsl?raw';
import widenedCode from './shared/widened.wgsl?raw';
import { inHalves, isTileable } from './tile.ts';

/** What they call. */
export const readInFours = [foursCode, transposedCode, gemmStoreCode, widenedCode] as const;
/** Of those that carry them in blocks. */
export const readInBlocks = (reading: (code: string) => string): string[] => [reading(gemmBlocksCode), ...readInFours];

/** Whether a and b are halves → the kernel that reads them so. */
export const byReads = <T>(kernelReading: (code: (own: string) => string) => T): T[][] =>
  [false, true].map((a) => [false, true].map((b) => kernelReading((own) => inHalves(inHalves(own, 'a', a), 'b', b))));
/** The one that reads a product's operands as they are kept. */
export const forReads = <T>({ a, b }: Pick<Product, 'a' | 'b'>, kernels: T[][]): T =>
  kernels[Number(formatOf[a.value.dtype] > 0)]![Number(formatOf[b.value.dtype] > 0)]!;

/** Whether a product is large enough for large tiles, and each of its operands can be read in fours: along one axis they are neighbours, and every
 *  four begins at a multiple of four. */
export function isInFours({ rows, columns, columnsInner, depth, a, b }: Product): boolean {
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
