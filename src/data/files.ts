/** A tree of files by path, wherever it lives: OPFS in the browser (data/opfs.ts), a folder under Node (cli/files.ts).
 *  Paths use `/` and are relative to the store's root. Writes are whole: a reader sees the old bytes or the new ones. What is asked of one
 *  file at once is done in order of asking: no two writes share a part.
 *
 *  A file too large for memory is appended to its part (`partOf`), which outlives a killed tab, and committed when it is whole. Where the
 *  disk is full, what was there before stays as it was. */
import { parseJson } from '../shared/json.ts';
import type { ByteRanges } from './formats/bytes.ts';

export interface FileStore {
  /** Rejects with NotFound. */
  read(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /** A file to be read by ranges. Rejects with NotFound. */
  open(path: string): Promise<ByteRanges>;
  /** In bytes; 0 for a file that does not exist. */
  size(path: string): Promise<number>;
  /** Written as `.part`, then renamed. Rejects with NoDiskSpace. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Adds to the end of a file, which is made if it does not exist. All of the bytes or none: rejects with NoDiskSpace. */
  append(path: string, bytes: Uint8Array): Promise<void>;
  /** Makes what was appended to `partOf(path)` the file. Rejects with NotFound if there is no part. */
  commit(path: string): Promise<void>;
  exists(path: string): Promise<boolean>;
  /** Paths of all files below a folder, parts left out; [] if there is none. */
  list(folder: string): Promise<string[]>;
  /** Removes a file or a whole folder; nothing happens if it does not exist. */
  remove(path: string): Promise<void>;
  /** Bytes that there is room for, as far as it is known. */
  available(): Promise<number | null>;
}

/** Where a file is before it is whole. */
export const partOf = (path: string): string => `${path}.part`;

/** A part, or what Chromium has beside one while it is written. */
export const isPart = (path: string): boolean => /\.part(\.crswap)?$/.test(path);

/** One name for a file and its part: what must not be written twice at once. */
export const placeOf = (path: string): string => path.replace(/\.part$/, '');

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export async function readText(store: FileStore, path: string): Promise<string> {
  return decoder.decode(await store.read(path));
}

/** Rejects with NotFound, or BadFile for what is no JSON. */
export async function readJson<T>(store: FileStore, path: string): Promise<T> {
  return parseJson(await store.read(path), { file: path, remedy: 'Delete it, or bring it back from a copy.' }) as T;
}

export function writeText(store: FileStore, path: string, text: string): Promise<void> {
  return store.write(path, encoder.encode(text));
}

export function writeJson(store: FileStore, path: string, value: unknown): Promise<void> {
  return writeText(store, path, `${JSON.stringify(value, null, 2)}\n`);
}
