/** Flat storage for what is trained: tensors packed in 1-D arenas, so that the optimiser is one dispatch per arena and not one per tensor. */
import { assert } from '../shared/assert.ts';
import { type Shape, sizeOf } from '../shared/shape.ts';

export interface ArenaEntry {
  name: string;
  shape: Shape;
  arena: number;
  /** In elements from the arena's start. */
  offset: number;
}

export interface ArenaLayout {
  /** Elements of each arena, padding included. Padding stays zero: it has no gradient. */
  arenas: number[];
  entries: ArenaEntry[];
  byName: ReadonlyMap<string, ArenaEntry>;
}

/** A tensor that is to be trained. */
export interface Trained {
  name: string;
  shape: Shape;
}

/** WebGPU's default minStorageBufferOffsetAlignment, in f32 elements. */
const alignElements = 64;

const paddedSize = (shape: Shape): number => Math.ceil(sizeOf(shape) / alignElements) * alignElements;

/** Packs tensors in order. No arena has more than maxElements (a binding's limit), no tensor crosses an arena. */
export function layoutArenas(tensors: readonly Trained[], maxElements: number): ArenaLayout {
  const arenas: number[] = [0];
  const entries = tensors.map(({ name, shape }) => {
    const padded = paddedSize(shape);
    assert(padded <= maxElements, `${name} has ${sizeOf(shape)} elements, one binding holds ${maxElements}`);
    if (arenas.at(-1)! + padded > maxElements) arenas.push(0);
    const arena = arenas.length - 1;
    const offset = arenas[arena]!;
    arenas[arena] = offset + padded;
    return { name, shape, arena, offset };
  });
  return { arenas, entries, byName: new Map(entries.map((entry) => [entry.name, entry])) };
}

/** The layout of the same tensors, in the same order, whose arenas have these sizes: there is one at most, since every tensor takes room.
 *  Undefined where there is none. */
export function layoutOfSizes(tensors: readonly Trained[], sizes: readonly number[]): ArenaLayout | undefined {
  const ends = new Set<number>();
  let end = 0;
  for (const size of sizes) ends.add((end += size));
  const entries: ArenaEntry[] = [];
  let at = 0;
  let [arena, start] = [0, 0];
  for (const { name, shape } of tensors) {
    entries.push({ name, shape, arena, offset: at - start });
    at += paddedSize(shape);
    if (!ends.has(at)) continue;
    arena++;
    start = at;
  }
  return at === end && arena === ends.size && ends.size === sizes.length
    ? { arenas: [...sizes], entries, byName: new Map(entries.map((entry) => [entry.name, entry])) }
    : undefined;
}
