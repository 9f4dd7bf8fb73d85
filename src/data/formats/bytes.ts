/** Bytes read by range, wherever they lie: memory, a Blob (a dropped file, a fetch, Node's openAsBlob), an OPFS handle. */
import { WinnowError } from '../../shared/errors.ts';

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
      read: (start, end) => readBlob(source.slice(start, end), source instanceof File ? source.name : undefined),
      blob: source,
    };
  }
  return source;
}

/** A file that a person chose may be moved, changed or deleted before it is read: rejects with NotFound. */
export async function readBlob(
  blob: Blob,
  name = blob instanceof File ? blob.name : 'The file',
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    throw new WinnowError(
      'NotFound',
      `${name} cannot be read any more: it was moved, changed or deleted.`,
      'Choose it again.',
    );
  }
}
