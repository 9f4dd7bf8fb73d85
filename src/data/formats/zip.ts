/** A zip whose files are stored as they are: weights do not shrink. It is a Blob made of the files' own Blobs, so that a folder of many GiB takes no
 *  memory; over 4 GiB by zip64. PKWARE APPNOTE 6.3.9, sections 4.3 to 4.5. */
import { readThrough } from '../partWriter.ts';
import { byteRanges } from './bytes.ts';

const table = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

async function crc32(blob: Blob): Promise<number> {
  let crc = 0xffffffff;
  await readThrough(byteRanges(blob), (bytes) => {
    for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  });
  return ~crc >>> 0;
}

/** Little-endian numbers of 2, 4 or 8 bytes, one after the other. */
function record(...fields: readonly (readonly [value: number, bytes: 2 | 4 | 8])[]): Uint8Array<ArrayBuffer> {
  const out = new DataView(new ArrayBuffer(fields.reduce((sum, [, bytes]) => sum + bytes, 0)));
  let at = 0;
  for (const [value, bytes] of fields) {
    if (bytes === 2) out.setUint16(at, value, true);
    else if (bytes === 4) out.setUint32(at, value, true);
    else out.setBigUint64(at, BigInt(value), true);
    at += bytes;
  }
  return new Uint8Array(out.buffer);
}

const UTF8_NAMES = 0x800;
/** 1 January 1980, the first day there is. */
const NO_DATE = 0x21;

/** @param largest what the short fields may hold; above it the long ones are used. */
export async function storedZip(files: readonly { name: string; blob: Blob }[], largest = 0xfffffffe): Promise<Blob> {
  const parts: BlobPart[] = [];
  const directory: BlobPart[] = [];
  let offset = 0;
  let directoryBytes = 0;
  for (const { name, blob } of files) {
    const path = new TextEncoder().encode(name);
    const crc = await crc32(blob);
    const long = blob.size > largest || offset > largest;
    const [size, at] = long ? [0xffffffff, 0xffffffff] : [blob.size, offset];
    const version = long ? 45 : 20;
    const common = [[UTF8_NAMES, 2], [0, 2], [0, 2], [NO_DATE, 2], [crc, 4], [size, 4], [size, 4], [path.length, 2]] as const;
    const localExtra = long ? record([1, 2], [16, 2], [blob.size, 8], [blob.size, 8]) : new Uint8Array();
    const centralExtra = long ? record([1, 2], [24, 2], [blob.size, 8], [blob.size, 8], [offset, 8]) : new Uint8Array();
    const local = record([0x04034b50, 4], [version, 2], ...common, [localExtra.length, 2]);
    const central = record([0x02014b50, 4], [version, 2], [version, 2], ...common, [centralExtra.length, 2], [0, 2], [0, 2], [0, 2], [0, 4], [at, 4]);
    parts.push(local, path, localExtra, blob);
    directory.push(central, path, centralExtra);
    offset += local.length + path.length + localExtra.length + blob.size;
    directoryBytes += central.length + path.length + centralExtra.length;
  }
  const long = offset > largest;
  const end = offset + directoryBytes;
  const tail = long
    ? [record([0x06064b50, 4], [44, 8], [45, 2], [45, 2], [0, 4], [0, 4], [files.length, 8], [files.length, 8], [directoryBytes, 8], [offset, 8]), record([0x07064b50, 4], [0, 4], [end, 8], [1, 4])]
    : [];
  const last = record([0x06054b50, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [directoryBytes, 4], [long ? 0xffffffff : offset, 4], [0, 2]);
  return new Blob([...parts, ...directory, ...tail, last], { type: 'application/zip' });
}
