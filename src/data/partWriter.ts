/** Files larger than memory: read through and appended in pieces of a few MiB. */
import { type FileStore, partOf } from './files.ts';
import type { ByteRanges } from './formats/bytes.ts';

/** At once in memory, of a file. Large enough that opening the file for each piece costs little. */
export const CHUNK_BYTES = 4 * 2 ** 20;

/** Collects small pieces, as a network gives them, and appends them together to a file's part. */
export class PartWriter {
  private readonly files: FileStore;
  private readonly part: string;
  private readonly buffer: Uint8Array;
  private filled = 0;

  constructor(files: FileStore, path: string, chunkBytes = CHUNK_BYTES) {
    this.files = files;
    this.part = partOf(path);
    this.buffer = new Uint8Array(chunkBytes);
  }

  async add(piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length;) {
      const taken = piece.subarray(at, at + this.buffer.length - this.filled);
      this.buffer.set(taken, this.filled);
      this.filled += taken.length;
      at += taken.length;
      if (this.filled === this.buffer.length) await this.flush();
    }
  }

  async flush(): Promise<void> {
    if (this.filled === 0) return;
    const bytes = this.buffer.subarray(0, this.filled);
    this.filled = 0;
    await this.files.append(this.part, bytes);
  }

  /** Forgets what was not appended yet. */
  discard(): void {
    this.filled = 0;
  }
}

/** A file that is written piece by piece: it is there once `fill` has given all of it, and where anything fails nothing of it is. Rejects with what
 *  failed first. */
export async function writeInParts<T>(
  files: FileStore,
  path: string,
  fill: (add: (piece: Uint8Array) => Promise<void>) => Promise<T>,
): Promise<T> {
  // What a killed tab left of it.
  await files.remove(partOf(path));
  const writer = new PartWriter(files, path);
  try {
    const made = await fill((piece) => writer.add(piece));
    await writer.flush();
    await files.commit(path);
    return made;
  } catch (error) {
    await clear(files, [partOf(path)]);
    throw error;
  }
}

/** After a failure: what cannot be removed, either, does not take its place. */
export async function clear(files: FileStore, paths: readonly string[]): Promise<void> {
  await Promise.allSettled(paths.map((path) => files.remove(path)));
}

/** A file from its first byte to its last, a chunk at a time. */
export async function readThrough(
  file: ByteRanges,
  take: (bytes: Uint8Array) => Promise<void> | void,
  chunkBytes = CHUNK_BYTES,
): Promise<void> {
  for (let at = 0; at < file.size; at += chunkBytes)
    await take(await file.read(at, Math.min(file.size, at + chunkBytes)));
}
