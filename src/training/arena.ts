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

/** WebGPU's default minStorageBufferOffsetAlignment, in f32 elements. */
const alignElements = 64;

/** Packs tensors in order. No arena has more than maxElements (a binding's limit), no tensor crosses an arena. */
export function layoutArenas(tensors: readonly { name: string; shape: Shape }[], maxElements: number): ArenaLayout {
  const arenas: number[] = [0];
  const entries = tensors.map(({ name, shape }) => {
    const padded = Math.ceil(sizeOf(shape) / alignElements) * alignElements;
    assert(padded <= maxElements, `${name} has ${sizeOf(shape)} elements, one binding holds ${maxElements}`);
    if (arenas.at(-1)! + padded > maxElements) arenas.push(0);
    const arena = arenas.length - 1;
    const offset = arenas[arena]!;
    arenas[arena] = offset + padded;
    return { name, shape, arena, offset };
  });
  return { arenas, entries, byName: new Map(entries.map((entry) => [entry.name, entry])) };
}
