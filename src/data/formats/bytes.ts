/** Bytes read by range, wherever they lie: memory, a Blob (a dropped file, a fetch, Node's openAsBlob), an OPFS handle. */

export interface ByteRanges {
  readonly size: number;
  /** Bytes [start, end). */
  read(start: number, end: number): Promise<Uint8Array>;
  /** The file itself, where it is one that the platform keeps: to be saved or put together without being read. */
  readonly blob?: Blob;
}

export type ByteSource = Uint8Array | Blob | ByteRanges;

export function byteRanges(source: ByteSource): ByteRanges {
  if (source instanceof Uint8Array) {
    return { size: source.byteLength, read: (start, end) => Promise.resolve(source.subarray(start, end)) };
  }
  if (source instanceof Blob) {
    return {
      size: source.size,
      read: async (start, end) => new Uint8Array(await source.slice(start, end).arrayBuffer()),
      blob: source,
    };
  }
  return source;
}
