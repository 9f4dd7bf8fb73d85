/** Attention by large tiles, the kernels around shared/attentionTile.wgsl: which tile a head gets, and the text of it. */
import type { KernelSource } from './dispatch.ts';
import { unroll } from './unroll.ts';

/** Rows that a workgroup owns: 4 * THREADS_Y * ROW_PARTS. Of invocations there are 8 * THREADS_Y. */
type Shape = Record<'THREADS_Y' | 'ROW_PARTS', number>;

/** Eight rows an invocation: the fewest reads a product. */
const TALL: Shape = { THREADS_Y: 8, ROW_PARTS: 2 };
/** As many rows, half the registers. */
const WIDE: Shape = { THREADS_Y: 16, ROW_PARTS: 1 };
/** Half the rows, where there would be few workgroups. */
const LOW: Shape = { THREADS_Y: 8, ROW_PARTS: 1 };

/** What an invocation may keep of sums and scores, before its rows are shared among twice as many. */
const MOST_KEPT = 96;
/** The same of four rows, before two sums are made apart. */
const MOST_KEPT_OF_FOUR = 128;
/** As in shared/attentionTile.wgsl. */
const OTHERS = 32;
const PITCH = 5;
const THREADS_X = 8;

/** What a kernel keeps of every score and of every column of a row, in numbers. */
export interface Kept {
  scores: number;
  sums: number;
}

/** Whether attention half fills the smallest tile, and a head can be read in fours and leaves an invocation registers enough. */
export const isAttentionTileable = (queries: number, keys: number, headSize: number): boolean =>
  Math.min(queries, keys) >= 16 && headSize % 4 === 0 && headSize <= 256;

/** What an invocation keeps of each of its rows. */
const keptOfRow = (headSize: number, { scores, sums }: Kept): number => 4 * scores + (headSize / THREADS_X) * sums;

/** Whether a workgroup makes only one of two sums. */
export const areApart = (headSize: number, kept: Kept): boolean =>
  kept.sums > 1 && 4 * keptOfRow(headSize, kept) > MOST_KEPT_OF_FOUR;

function shapeOf(rows: number, beside: number, headSize: number, kept: Kept): Shape {
  const low = Math.ceil(rows / 32);
  const high = Math.ceil(rows / 64);
  if (high * beside < 128 || 2 * high > 1.1 * low) return LOW;
  return 8 * keptOfRow(headSize, kept) <= MOST_KEPT ? TALL : WIDE;
}

/** What shared/attentionTile.wgsl is told of `rows` rows of a head, `beside` as many of them (heads and samples), and the rows of a workgroup. */
export function attentionTile(
  rows: number,
  beside: number,
  headSize: number,
  kept: Kept,
): { own: number; constants: Readonly<Record<string, number>> } {
  const shape = shapeOf(rows, beside, headSize, kept);
  const own = 4 * shape.THREADS_Y * shape.ROW_PARTS;
  const threads = THREADS_X * shape.THREADS_Y;
  const width = headSize / 4;
  const chunks = Math.ceil(width / PITCH);
  const chunk = Math.ceil(width / chunks);
  const valueRows = [32, 16, 8, 4].find((count) => count * width <= (own + OTHERS) * PITCH)!;
  return {
    own,
    constants: {
      ...shape,
      WIDTH: width,
      CHUNK: chunk,
      CHUNKS: chunks,
      OWN_COPIES: Math.floor(own / Math.floor(threads / chunk)),
      OTHER_COPIES: Math.floor(OTHERS / Math.floor(threads / chunk)),
      FOURS: Math.floor(width / 8),
      ONES: Math.ceil((width % 8) / 2),
      VALUE_ROWS: valueRows,
      VALUE_COPIES: Math.floor(valueRows / Math.floor(threads / width)),
    },
  };
}

/** How the other side is split so that a GPU is busy where own rows are few: how many parts, and rows of each. */
export function splitsOf(workgroups: number, others: number): { splits: number; split: number } {
  const wanted = Math.max(1, Math.min(Math.ceil(256 / workgroups), Math.floor(others / 128)));
  const split = Math.ceil(others / wanted / OTHERS) * OTHERS;
  return { splits: Math.ceil(others / split), split };
}

const WRITTEN = ['OWN_COPIES', 'OTHER_COPIES', 'VALUE_COPIES', 'ROW_PARTS', 'FOURS', 'ONES'];

const written = new Map<KernelSource, Map<string, KernelSource>>();

/** For a tile, with all its short loops written out. */
export function attentionWrittenOut(kernel: KernelSource, constants: Readonly<Record<string, number>>): KernelSource {
  let tiles = written.get(kernel);
  if (!tiles) written.set(kernel, (tiles = new Map()));
  const loops = { FOUR: 4, K_WRITTEN: 4, THREADS_X, EACH: 4 * constants['ROW_PARTS']! };
  const counts = { ...loops, ...Object.fromEntries(WRITTEN.map((name) => [name, constants[name]!])) };
  const key = JSON.stringify(counts);
  let found = tiles.get(key);
  if (!found) {
    found = Object.entries(counts).reduce((source, [name, count]) => unroll(source, name, count), kernel);
    tiles.set(key, found);
  }
  return found;
}
