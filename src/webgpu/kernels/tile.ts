/** Products by large tiles, the kernels around shared/tile.wgsl: which tile a product gets, and the text of it. */
import type { KernelSource } from './dispatch.ts';
import { unroll } from './unroll.ts';

/** Invocations of a workgroup and blocks of 4 x 4 sums of each: rows = 4 * THREADS_Y * ROW_PARTS. */
const TALL = { THREADS_X: 8, THREADS_Y: 16, ROW_PARTS: 2, COLUMN_PARTS: 2 };
const SQUARE = { THREADS_X: 8, THREADS_Y: 8, ROW_PARTS: 2, COLUMN_PARTS: 2 };

/** What is narrower keeps few of a tile's columns busy. */
export const isTileable = (rows: number, columns: number): boolean => Math.min(rows, columns) >= 32;

export interface Tiles {
  constants: typeof TALL & { SPLIT_DEPTH: number };
  workgroups: [number, number, number];
  splits: number;
}

/** How tiles cover a product of `rows` x `columns` x `depth`. A GPU wants a hundred and more workgroups to be busy: first smaller tiles, then
 *  slices of the depth. */
export function tilesOf(rows: number, columns: number, depth: number): Tiles {
  const grid = (tile: typeof TALL): [number, number] => [
    Math.ceil(columns / (4 * tile.THREADS_X * tile.COLUMN_PARTS)),
    Math.ceil(rows / (4 * tile.THREADS_Y * tile.ROW_PARTS)),
  ];
  const count = ([x, y]: [number, number]): number => x * y;
  const tile = count(grid(TALL)) >= 128 ? TALL : SQUARE;
  const wanted = Math.min(Math.ceil(96 / count(grid(tile))), Math.floor(depth / 256), 32);
  const splitDepth = Math.ceil(depth / Math.max(1, wanted) / 16) * 16;
  const splits = Math.ceil(depth / splitDepth);
  return { constants: { ...tile, SPLIT_DEPTH: splitDepth }, workgroups: [...grid(tile), splits], splits };
}

/** The text that reads an operand in fours, of halves: two words instead of four (shared/fours.wgsl). */
export function inHalves(code: string, operand: 'a' | 'b' | 'weight', half: boolean): string {
  if (!half) return code;
  const words = `alias ${operand.charAt(0).toUpperCase()}${operand.slice(1)}Words = `;
  return code.replace(`${words}vec4u;`, `${words}vec2u;`).replace(`wholes(${operand}[`, `halves(${operand}[`);
}

const written = new Map<KernelSource, KernelSource>();

/** With all its short loops written out; every tile has the same number of parts. */
export function writtenOut(kernel: KernelSource): KernelSource {
  let found = written.get(kernel);
  if (!found) {
    found = [
      ['FOUR', 4],
      ['ROW_PARTS', TALL.ROW_PARTS],
      ['COLUMN_PARTS', TALL.COLUMN_PARTS],
      ['K_WRITTEN', 4],
    ].reduce((source, [name, count]) => unroll(source, name as string, count as number), kernel);
    written.set(kernel, found);
  }
  return found;
}
