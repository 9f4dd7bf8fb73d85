/** What is known of a reader of files: which sources it is to cover, files that are right, the words of its format, and how to read. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesOf, type Files } from '../mutate.ts';

export interface Reader {
  name: string;
  /** Sources whose branches its inputs are to reach, below src/, without their ending. */
  sources: readonly string[];
  /** Inputs that are right, or whose refusal is. Each file is changed by what its name ends in (mutate.ts, binary.ts). */
  seeds(): readonly Files[];
  /** Of the format: keys, values, marks. */
  words: readonly string[];
  /** Throws a named error for what is refused, and any other (`wrong`) where what was accepted is not as it should be. */
  read(files: Files): void | Promise<void>;
  /** Of the inputs: as many as others unless it says otherwise. */
  share?: number;
}

export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`accepted, and wrong: ${what}`);
}

/** The one file of an input. */
export const only = (files: Files): Uint8Array => Object.values(files)[0] ?? new Uint8Array();

export const json = (value: unknown): Uint8Array => bytesOf(JSON.stringify(value));

const reference = 'tools/reference';
export const onDisk = (path: string): Uint8Array => new Uint8Array(readFileSync(join(reference, path)));
export const jsonOnDisk = (path: string): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(onDisk(path))) as Record<string, unknown>;

/** Finite, and none like the other. */
export const numbers = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => Math.sin(i + 1));

/** All finite, in whatever they lie. */
export function allFinite(value: unknown, path = ''): void {
  if (typeof value === 'number') check(Number.isFinite(value), `${path} is ${value}`);
  else if (Array.isArray(value)) value.forEach((entry, i) => allFinite(entry, `${path}.${i}`));
  else if (typeof value === 'object' && value !== null)
    for (const [key, entry] of Object.entries(value)) allFinite(entry, `${path}.${key}`);
}
