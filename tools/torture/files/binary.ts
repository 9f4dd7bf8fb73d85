/** Mutations of safetensors and PNG files by their parts: the header's JSON, chunks; put together again with lengths and checksums that fit,
 *  most of the time. */
import { unzlibSync, zlibSync } from 'fflate';
import { bytesOf, mutateBytes, mutateText, mutateValue, type Mutators, print, textMutators, textOf } from './mutate.ts';
import type { Random } from './random.ts';

const joined = (parts: readonly Uint8Array[]): Uint8Array => {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};

// ---- safetensors ----------------------------------------------------------------------------------------------------------------

const widths: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};
/** Kinds that the format has and we do not read, and names that it has not. */
const otherTypes = ['F8_E4M3', 'U16', 'U64', 'constructor', 'f32', ''];

type Entry = { dtype: string; shape: number[]; data_offsets: [number, number] };

export function safetensors(header: string, data: Uint8Array, length = bytesOf(header).length): Uint8Array {
  const head = new Uint8Array(8);
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  return joined([head, bytesOf(header), data]);
}

const isEntry = (value: unknown): value is Entry => {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Partial<Entry>;
  return typeof dtype === 'string' && Array.isArray(shape) && Array.isArray(offsets);
};

const MOST_TENSOR_BYTES = 2 ** 14;

/** Tensors one behind the other, in the header's order, each with as many bytes as its shape takes: those that it had, then zeros. */
function relaid(header: Record<string, unknown>, data: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  let end = 0;
  for (const entry of Object.values(header)) {
    if (!isEntry(entry)) continue;
    const bytes = entry.shape.reduce((product, axis) => product * axis, widths[entry.dtype] ?? 4);
    const old = data.subarray(...entry.data_offsets);
    if (!(bytes >= 0 && bytes <= MOST_TENSOR_BYTES + old.length)) continue;
    const part = new Uint8Array(Math.floor(bytes));
    part.set(old.subarray(0, part.length));
    parts.push(part);
    entry.data_offsets = [end, (end += part.length)];
  }
  return safetensors(print(header), joined(parts));
}

function mutateSafetensors(bytes: Uint8Array, random: Random, words: readonly string[]): Uint8Array {
  if (bytes.length < 10) return mutateBytes(bytes, random, words);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const data = bytes.subarray(8 + length);
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(textOf(bytes.subarray(8, 8 + length))) as Record<string, unknown>;
  } catch {
    return mutateBytes(bytes, random, words);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) return mutateBytes(bytes, random, words);
  const names = Object.keys(header).filter((name) => isEntry(header[name]));
  const name = names.length > 0 ? random.pick(names) : '';
  const found = header[name];
  const entry: Entry = isEntry(found) ? found : { dtype: 'F32', shape: [], data_offsets: [0, 0] };
  switch (random.int(13)) {
    case 0:
      // A header that lies about its length.
      return safetensors(
        print(header),
        data,
        random.pick([0, 1, length - 1, length + 1, 2 ** 31, 2 ** 40, bytes.length - 8]),
      );
    case 1:
      return safetensors(print(mutateValue(header, random, words)), data);
    case 2:
      entry.dtype = random.chance(0.7) ? random.pick(Object.keys(widths)) : random.pick(otherTypes);
      return random.chance(0.8) ? relaid(header, data) : safetensors(print(header), data);
    case 3: {
      switch (random.int(4)) {
        case 0:
          entry.shape.push(random.pick([0, 1, 1, 2, 2 ** 53]));
          break;
        case 1:
          entry.shape.pop();
          break;
        case 2:
          entry.shape.reverse();
          break;
        default:
          entry.shape[random.int(entry.shape.length + 1)] = random.pick([
            0,
            1,
            2,
            3,
            16,
            1000,
            2 ** 31,
            2 ** 52,
            -1,
            1.5,
          ]);
      }
      return random.chance(0.8) ? relaid(header, data) : safetensors(print(header), data);
    }
    case 4:
      delete header[name];
      return random.chance(0.8) ? relaid(header, data) : safetensors(print(header), data);
    case 5:
    case 6: {
      // Under another name: another tensor's with a change, or one of the format's words.
      delete header[name];
      const other = textOf(mutateText(bytesOf(name.replaceAll('.', '\t')), random, words)).replaceAll('\t', '.');
      header[
        random.chance(0.6)
          ? other
          : random.chance(0.5)
            ? name.replace(/\d+/, () => String(random.int(30)))
            : random.pick(words)
      ] = entry;
      return relaid(header, data);
    }
    case 7:
      header[random.chance(0.5) ? random.pick(words) : name + random.pick(words)] = structuredClone(entry);
      return relaid(header, data);
    case 8: {
      const written = header['__metadata__'];
      const metadata = (typeof written === 'object' && written !== null ? written : {}) as Record<string, unknown>;
      header['__metadata__'] = metadata;
      const key = random.chance(0.6) ? random.pick(Object.keys(metadata).concat(words)) : random.pick(words);
      const old = metadata[key];
      // JSON within the metadata is changed as JSON.
      metadata[key] =
        typeof old === 'string'
          ? textOf(textMutators['json']!(bytesOf(old), random, words))
          : random.pick([...words, '{}', '1024x1024']);
      return relaid(header, data);
    }
    case 9: {
      // Numbers that are none: NaN, infinities, the largest.
      const out = data.slice();
      const at = random.int(out.length + 1) & ~3;
      out.set(
        random
          .pick([
            [0, 0, 0xc0, 0x7f],
            [0, 0, 0x80, 0x7f],
            [0, 0x7c, 0, 0xfc],
            [0xff, 0xff, 0x7f, 0x7f],
          ])
          .slice(0, out.length - at),
        at,
      );
      return safetensors(print(header), out);
    }
    case 10:
      if (isEntry(entry))
        entry.data_offsets = random.pick<[number, number]>([
          [entry.data_offsets[0] + 1, entry.data_offsets[1] + 1],
          [entry.data_offsets[1], entry.data_offsets[0]],
          [0, entry.data_offsets[1] - entry.data_offsets[0]],
          [0, 2 ** 53],
          [-1, entry.data_offsets[1]],
        ]);
      return safetensors(print(header), data);
    case 11:
      return safetensors(
        print(header),
        random.chance(0.5) ? data.slice(0, random.int(data.length + 1)) : joined([data, data.slice(0, 9)]),
      );
    default:
      // Behind one another in another order, which the format allows.
      return relaid(Object.fromEntries(Object.entries(header).toReversed()), data);
  }
}

// ---- PNG ------------------------------------------------------------------------------------------------------------------------

interface Chunk {
  type: string;
  data: Uint8Array;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

const latin = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0) & 0xff);

/** A PNG of these chunks, with their lengths and checksums. */
export function png(chunks: readonly Chunk[]): Uint8Array {
  return joined([
    latin('\x89PNG\r\n\x1a\n'),
    ...chunks.map(({ type, data }) => {
      const out = new Uint8Array(12 + data.length);
      const view = new DataView(out.buffer);
      view.setUint32(0, data.length);
      out.set(latin(type).subarray(0, 4), 4);
      out.set(data, 8);
      let crc = 0xffffffff;
      for (const byte of out.subarray(4, 8 + data.length)) crc = crcTable[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
      view.setUint32(8 + data.length, ~crc >>> 0);
      return out;
    }),
  ]);
}

function chunksOf(bytes: Uint8Array): Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  for (let at = 8; at + 12 <= bytes.length;) {
    const end = at + 12 + view.getUint32(at);
    if (end > bytes.length) break;
    chunks.push({
      type: String.fromCharCode(...bytes.subarray(at + 4, at + 8)),
      data: bytes.subarray(at + 8, end - 4),
    });
    at = end;
  }
  return chunks;
}

const keywords = ['parameters', 'winnow', 'Comment', 'Title', 'prompt'];

function textChunk(random: Random, words: readonly string[]): Chunk {
  const keyword = random.pick(keywords);
  let text = Array.from({ length: 1 + random.int(12) }, () => random.pick(words)).join(
    random.pick([', ', '\n', ': ', '']),
  );
  // A text that packs well.
  if (random.chance(0.02)) text = text.repeat(2000);
  const packed = (): Uint8Array => zlibSync(bytesOf(text));
  switch (random.int(4)) {
    case 0:
      return { type: 'tEXt', data: joined([latin(`${keyword}\0`), random.chance(0.5) ? latin(text) : bytesOf(text)]) };
    case 1:
      return { type: 'zTXt', data: joined([latin(`${keyword}\0\0`), packed()]) };
    case 2:
      return { type: 'iTXt', data: joined([latin(`${keyword}\0\x01\0en\0Titel\0`), packed()]) };
    default:
      return { type: 'iTXt', data: joined([latin(`${keyword}\0\0\0\0\0`), bytesOf(text)]) };
  }
}

/** What stands in a chunk, changed: a header's fields, or what is packed in it. */
function changed({ type, data }: Chunk, random: Random, words: readonly string[]): Uint8Array {
  if (type === 'IHDR' && data.length === 13 && random.chance(0.8)) {
    const out = data.slice();
    const view = new DataView(out.buffer);
    if (random.chance(0.4))
      view.setUint32(random.pick([0, 4]), random.pick([0, 1, 2, 7, 8193, 65_536, 2 ** 31, 2 ** 32 - 1]));
    else out[8 + random.int(5)] = random.pick([0, 1, 2, 3, 4, 6, 8, 16, 255]);
    return out;
  }
  const start =
    type === 'IDAT' ? 0 : type === 'zTXt' ? data.indexOf(0) + 2 : type === 'tEXt' ? data.indexOf(0) + 1 : -1;
  if (start < 0 || random.chance(0.3)) return mutateBytes(data, random, words);
  const mutated = (bytes: Uint8Array): Uint8Array =>
    type === 'IDAT' ? mutateBytes(bytes, random, words) : mutateText(bytes, random, words);
  try {
    const head = data.subarray(0, start);
    const rest = data.subarray(start);
    return joined([head, type === 'tEXt' ? mutated(rest) : zlibSync(mutated(unzlibSync(rest)), { level: 1 })]);
  } catch {
    return mutateBytes(data, random, words);
  }
}

function mutatePng(bytes: Uint8Array, random: Random, words: readonly string[]): Uint8Array {
  const chunks = chunksOf(bytes);
  if (chunks.length === 0) return mutateBytes(bytes, random, words);
  for (let changes = 1 + random.int(2); changes > 0; changes--) {
    const at = random.int(chunks.length);
    const chunk = chunks[at];
    if (!chunk) break;
    switch (random.int(8)) {
      case 0:
        chunks.splice(at, 1);
        break;
      case 1:
        chunks.splice(random.int(chunks.length), 0, chunk);
        break;
      case 2:
        chunks[at] = {
          ...chunk,
          type: random.pick(['IHDR', 'IDAT', 'IEND', 'PLTE', 'tRNS', 'tEXt', 'zTXt', 'iTXt', 'eXIf', 'aaaa']),
        };
        break;
      case 3:
      case 4:
        chunks.splice(1 + random.int(chunks.length), 0, textChunk(random, words));
        break;
      case 5:
        chunks.splice(random.int(chunks.length), 0, ...chunks.splice(at, 1));
        break;
      default:
        chunks[at] = { ...chunk, data: changed(chunk, random, words) };
    }
  }
  return png(chunks);
}

export const mutators: Mutators = { ...textMutators, safetensors: mutateSafetensors, png: mutatePng };
