/** Products by large tiles, the kernels around shared/tile.wgsl: which tile a product gets, and the text of it. */
import type { Arithmetic } from '../../shared/arithmetic.ts';
import type { KernelSource } from './dispatch.ts';
import { inArithmetic } from './half.ts';
import blocksCode from './shared/blocks.wgsl?raw';
import sharedTileCode from './shared/tile.wgsl?raw';
import tileHalfCode from './shared/tileHalf.wgsl?raw';
import { unroll } from './unroll.ts';

/** What a kernel by tiles has beside what it says of its own operands. */
export const tileCodes = [sharedTileCode, blocksCode] as const;

/** Invocations of a workgroup and blocks of 4 x 4 sums of each: rows = 4 * THREADS_Y * ROW_PARTS. */
export type Tile = Record<'THREADS_X' | 'THREADS_Y' | 'ROW_PARTS' | 'COLUMN_PARTS', number>;

/** Variants by large tiles, and how many steps of a tile each keeps in workgroup memory. Two of 128 x 64, 8 deep, take 12,800 bytes; two that are 16 deep
 *  do not fit into what every device has, not even of 64 x 64 (17,408 bytes). The bits are the same: depths are added up in the same order.
 *  `half` is `tile` in f16, which has one buffer: it must know a step's largest element before it writes it. */
const BUFFERS = { tile: 1, tile2: 2, half: 1 } as const;
export type TileVariant = keyof typeof BUFFERS;
/** Of a product in f32. */
export const tileVariants = ['tile', 'tile2'] as const satisfies TileVariant[];
export const arithmeticBy = (variant: TileVariant): Arithmetic => (variant === 'half' ? 'f16' : 'f32');
export const isTileVariant = (variant: string): variant is TileVariant => variant in BUFFERS;

const TALL: Tile = { THREADS_X: 8, THREADS_Y: 16, ROW_PARTS: 2, COLUMN_PARTS: 2 };
const SQUARE: Tile = { THREADS_X: 8, THREADS_Y: 8, ROW_PARTS: 2, COLUMN_PARTS: 2 };
/** Of what is as narrow as a LoRA's rank, one way or the other: 128 by 16. */
const NARROW: Tile = { THREADS_X: 4, THREADS_Y: 32, ROW_PARTS: 1, COLUMN_PARTS: 1 };
const LOW: Tile = { THREADS_X: 32, THREADS_Y: 4, ROW_PARTS: 1, COLUMN_PARTS: 1 };
const NARROWEST = 16;

/** Small both ways, it is not worth a tile. */
export const isTileable = (rows: number, columns: number): boolean => Math.max(rows, columns) >= 32;

/** Of one of `products` that run beside one another. */
function tileOf(rows: number, columns: number, products = 1): Tile {
  if (rows <= NARROWEST) return LOW;
  if (columns <= NARROWEST) return NARROW;
  return products * countOf(gridOf(TALL, rows, columns)) >= 128 ? TALL : SQUARE;
}

const gridOf = (tile: Tile, rows: number, columns: number): [number, number] => [
  Math.ceil(columns / (4 * tile.THREADS_X * tile.COLUMN_PARTS)),
  Math.ceil(rows / (4 * tile.THREADS_Y * tile.ROW_PARTS)),
];
const countOf = ([x, y]: [number, number]): number => x * y;

export interface Tiles {
  constants: Tile & { BUFFERS: number; SPLIT_DEPTH: number };
  workgroups: [number, number, number];
  splits: number;
}

/** How tiles cover a product of `rows` x `columns` x `depth`. A GPU wants a hundred and more workgroups to be busy: first smaller tiles, then
 *  slices of the depth. */
export function tilesOf(variant: TileVariant, rows: number, columns: number, depth: number): Tiles {
  const tile = tileOf(rows, columns);
  const grid = gridOf(tile, rows, columns);
  const { splits, splitDepth } = slicesOf(countOf(grid), depth);
  const constants = { ...tile, BUFFERS: BUFFERS[variant], SPLIT_DEPTH: splitDepth };
  return { constants, workgroups: [...grid, splits], splits };
}

/** Slices of a depth for workgroups of 128 invocations, of which there are so many. */
export function slicesOf(workgroups: number, depth: number): { splits: number; splitDepth: number } {
  const wanted = Math.min(Math.ceil(96 / workgroups), Math.floor(depth / 256), 32);
  const splitDepth = Math.ceil(depth / Math.max(1, wanted) / 16) * 16;
  return { splits: Math.ceil(depth / splitDepth), splitDepth };
}

/** How they cover `products` of the same size, each a slice of the depth of one long product. */
export function tilesOfEach(products: number, rows: number, columns: number, depth: number): Omit<Tiles, 'splits'> {
  const tile = tileOf(rows, columns, products);
  return {
    constants: { ...tile, BUFFERS: BUFFERS.tile, SPLIT_DEPTH: depth },
    workgroups: [...gridOf(tile, rows, columns), products],
  };
}

/** The text that reads an operand in fours, of halves: two words instead of four (shared/fours.wgsl). */
export function inHalves(code: string, operand: 'a' | 'b' | 'weight', half: boolean): string {
  if (!half) return code;
  const words = `alias ${operand.charAt(0).toUpperCase()}${operand.slice(1)}Words = `;
  return code.replace(`${words}vec4u;`, `${words}vec2u;`).replace(`wholes(${operand}[`, `halves(${operand}[`);
}

/** A kernel around shared/tile.wgsl that holds its tiles and multiplies in `arithmetic`; sums are f32 in either. */
export const heldAs = (arithmetic: Arithmetic, kernel: KernelSource): KernelSource =>
  inArithmetic(arithmetic, kernel, tileHalfCode);

const written = new Map<KernelSource, Map<string, KernelSource>>();

/** For a tile, with all its short loops written out. */
export function writtenOut(
  kernel: KernelSource,
  { BUFFERS: buffers, ROW_PARTS, COLUMN_PARTS }: Tiles['constants'],
): KernelSource {
  let tiles = written.get(kernel);
  if (!tiles) written.set(kernel, (tiles = new Map()));
  const key = `${buffers} ${ROW_PARTS} ${COLUMN_PARTS}`;
  let found = tiles.get(key);
  if (!found) {
    const loops = { FOUR: 4, ROW_PARTS, COLUMN_PARTS, K_WRITTEN: 4 };
    const unrolled = Object.entries(loops).reduce((source, [name, count]) => unroll(source, name, count), kernel);
    // Named by its variant.
    found = buffers > 1 ? { ...unrolled, name: `${kernel.name}${buffers}` } : unrolled;
    tiles.set(key, found);
  }
  return found;
}
