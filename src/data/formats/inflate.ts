/** zlib data of others, inflated to a bound: a few kilobytes can stand for gigabytes. */
import { Unzlib } from 'fflate';

/** Fed at a time: deflate makes at most 1032 bytes of one, so that little more than the bound is ever in memory. */
const PIECE_BYTES = 4096;

/** The first `most` bytes, and whether there were more, which are not inflated. Throws where the data is damaged or cut off. */
export function inflate(data: Uint8Array, most: number): { bytes: Uint8Array; more: boolean } {
  const parts: Uint8Array[] = [];
  let length = 0;
  const stream = new Unzlib((part) => {
    parts.push(part);
    length += part.length;
  });
  for (let at = 0; at === 0 || at < data.length; at += PIECE_BYTES) {
    stream.push(data.subarray(at, at + PIECE_BYTES), at + PIECE_BYTES >= data.length);
    if (length > most) break;
  }
  const bytes = new Uint8Array(Math.min(length, most));
  let filled = 0;
  for (const part of parts) {
    bytes.set(part.subarray(0, bytes.length - filled), filled);
    filled += Math.min(part.length, bytes.length - filled);
  }
  return { bytes, more: length > most };
}
