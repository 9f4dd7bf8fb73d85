/** safetensors: named tensors behind a JSON header. https://github.com/huggingface/safetensors, "Format".
 *  Reading is lazy: opening reads the header, `read` one tensor's bytes. */
import { WinnowError } from '../../shared/errors.ts';
import { decodeBF16, decodeF16, encodeBF16, encodeF16, type HalfDtype } from '../../shared/float16.ts';
import { isRecord, parseJson, shown } from '../../shared/json.ts';
import { type Shape, sizeOf } from '../../shared/shape.ts';
import { byteRanges, type ByteRanges, type ByteSource } from './bytes.ts';

/** More axes than any tensor has. */
const MAX_RANK = 16;

/** Characters of a tensor's name: several times the longest path of any network. */
const MAX_NAME = 1000;

/** The reference implementation's own limit on the header. */
const MAX_HEADER_BYTES = 100_000_000;

const bytesPerElement = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const;
export type SafetensorsDtype = keyof typeof bytesPerElement;
const halves: Readonly<Record<string, HalfDtype>> = { F16: 'f16', BF16: 'bf16' };
/** The names of the widths that weights are written in. */
export const floatDtypes = { f32: 'F32', f16: 'F16', bf16: 'BF16' } as const;

export interface TensorInfo {
  readonly dtype: SafetensorsDtype;
  readonly shape: Shape;
  /** Bytes [begin, end) after the header. */
  readonly begin: number;
  readonly end: number;
}

/** Rows [begin, end) of the first axis: only their bytes are read. */
export type Rows = readonly [begin: number, end: number];

/** An opened file. Tensors come out as f32 (or i32), row-major, whatever they are stored as. */
export interface SafetensorsFile {
  readonly names: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  info(name: string): TensorInfo | undefined;
  shape(name: string): Shape | undefined;
  read(name: string, rows?: Rows): Promise<Float32Array>;
  readRows(name: string, begin: number, end: number): Promise<Float32Array>;
  /** f16 or bf16 where the tensor is stored so. */
  half(name: string): HalfDtype | undefined;
  /** The bits of such a tensor. */
  readHalf(name: string, rows?: Rows): Promise<Uint16Array>;
  /** For ids, timesteps and the like. */
  readInt32(name: string): Promise<Int32Array>;
}

const again = 'Download or export the file again.';

function notSafetensors(file: string, why: string): WinnowError {
  return new WinnowError('NotSafetensors', `${file} is not a safetensors file: ${why}.`, 'Choose a .safetensors file.');
}

function truncated(file: string, expected: number, size: number): WinnowError {
  return new WinnowError(
    'TruncatedFile',
    `${file} is cut off: it should have ${expected} bytes and has ${size}.`,
    again,
  );
}

async function readHeader(file: string, bytes: ByteRanges): Promise<{ header: unknown; dataStart: number }> {
  const head = await bytes.read(0, Math.min(bytes.size, 64));
  const text = new TextDecoder('latin1').decode(head);
  if (text.startsWith('PK\x03\x04') || (head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5 && head[8] !== 0x7b)) {
    throw new WinnowError(
      'PickleRefused',
      `${file} is a pickle checkpoint, which can run any code when it is opened.`,
      'Convert it to safetensors (diffusers: pipe.save_pretrained(..., safe_serialization=True)) and load that.',
    );
  }
  if (text.startsWith('version https://git-lfs'))
    throw notSafetensors(file, 'it is a Git LFS pointer, the file itself was not fetched');
  if (bytes.size < 8) throw bytes.size === 0 ? notSafetensors(file, 'it is empty') : truncated(file, 8, bytes.size);
  const length = Number(new DataView(head.buffer, head.byteOffset).getBigUint64(0, true));
  if (length < 2 || length > MAX_HEADER_BYTES) throw notSafetensors(file, `its header would be ${length} bytes long`);
  if (head.length > 8 && head[8] !== 0x7b) throw notSafetensors(file, 'its header is not JSON');
  if (8 + length > bytes.size) throw truncated(file, 8 + length, bytes.size);
  const header = parseJson(await bytes.read(8, 8 + length), {
    file: `The header of ${file}`,
    error: 'NotSafetensors',
    remedy: 'Choose a .safetensors file.',
    limit: MAX_HEADER_BYTES,
  });
  return { header, dataStart: 8 + length };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function parseEntry(file: string, name: string, entry: unknown): TensorInfo {
  if (!isRecord(entry)) throw notSafetensors(file, `${name} has no description`);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string' || !Object.hasOwn(bytesPerElement, dtype)) {
    throw new WinnowError(
      'BadFile',
      `${file}: ${name} is of the kind ${shown(dtype)}.`,
      `Save it as one of ${Object.keys(bytesPerElement).join(', ')}.`,
    );
  }
  if (!Array.isArray(shape) || shape.length > MAX_RANK || !shape.every(isCount))
    throw notSafetensors(file, `the shape of ${name} is ${shown(shape)}`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount))
    throw notSafetensors(file, `${name} has no data_offsets`);
  const [begin, end] = offsets as [number, number];
  const needed = sizeOf(shape) * bytesPerElement[dtype as SafetensorsDtype];
  if (end - begin !== needed)
    throw notSafetensors(file, `${name} needs ${needed} bytes for [${shape.join(', ')}] and has ${end - begin}`);
  return { dtype: dtype as SafetensorsDtype, shape, begin, end };
}

/** Opens a file: reads and checks its header. `file` names it in errors. */
export async function openSafetensors(source: ByteSource, file = 'The file'): Promise<SafetensorsFile> {
  const bytes = byteRanges(source);
  const { header, dataStart } = await readHeader(file, bytes);
  if (!isRecord(header)) throw notSafetensors(file, 'its header is not an object');
  const { __metadata__: metadata = {}, ...entries } = header;
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    throw notSafetensors(file, 'its metadata is not a table of strings');
  }
  const long = Object.keys(entries).find((name) => name.length > MAX_NAME);
  if (long !== undefined) throw notSafetensors(file, `a tensor's name has ${long.length} characters`);
  const tensors = new Map(Object.entries(entries).map(([name, entry]) => [name, parseEntry(file, name, entry)]));

  let next = 0;
  for (const [name, { begin, end }] of [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== next)
      throw notSafetensors(file, `${name} starts at byte ${begin}, the tensor before it ends at ${next}`);
    next = end;
  }
  if (dataStart + next > bytes.size) throw truncated(file, dataStart + next, bytes.size);
  if (dataStart + next < bytes.size)
    throw notSafetensors(file, `${bytes.size - dataStart - next} bytes follow the last tensor`);

  const load = async (name: string, rows?: Rows): Promise<{ info: TensorInfo; data: ArrayBuffer }> => {
    const info = tensors.get(name);
    if (!info) throw new WinnowError('MissingTensor', `${file} has no tensor ${name}.`, again);
    const rowBytes = rows ? (info.end - info.begin) / info.shape[0]! : 0;
    const [from, to] = rows
      ? [info.begin + rows[0] * rowBytes, info.begin + rows[1] * rowBytes]
      : [info.begin, info.end];
    const part = await bytes.read(dataStart + from, dataStart + to);
    if (part.length !== to - from) throw truncated(file, dataStart + next, bytes.size);
    // A copy, so that it is aligned and the caller's own. Not slice(): Node's Buffer makes a view of it.
    return { info, data: new Uint8Array(part).buffer };
  };
  return {
    names: [...tensors.keys()],
    metadata: metadata as Record<string, string>,
    info: (name) => tensors.get(name),
    shape: (name) => tensors.get(name)?.shape,
    read: async (name, rows) => {
      const { info, data } = await load(name, rows);
      return decode(info.dtype, data);
    },
    readRows: async (name, begin, end) => {
      const { info, data } = await load(name, [begin, end]);
      return decode(info.dtype, data);
    },
    half: (name) => halves[tensors.get(name)?.dtype ?? ''],
    readHalf: async (name, rows) => {
      const { info, data } = await load(name, rows);
      if (!halves[info.dtype]) throw new Error(`${name} is stored as ${info.dtype}, not in half width`);
      return new Uint16Array(data);
    },
    readInt32: async (name) => {
      const { info, data } = await load(name);
      return info.dtype === 'I64'
        ? Int32Array.from(new BigInt64Array(data), Number)
        : Int32Array.from(decode(info.dtype, data));
    },
  };
}

function decode(dtype: SafetensorsDtype, data: ArrayBuffer): Float32Array {
  switch (dtype) {
    case 'F64':
      return Float32Array.from(new Float64Array(data));
    case 'F32':
      return new Float32Array(data);
    case 'F16':
      return decodeF16(new Uint16Array(data));
    case 'BF16':
      return decodeBF16(new Uint16Array(data));
    case 'I64':
      return Float32Array.from(new BigInt64Array(data), Number);
    case 'I32':
      return Float32Array.from(new Int32Array(data));
    case 'I16':
      return Float32Array.from(new Int16Array(data));
    case 'I8':
      return Float32Array.from(new Int8Array(data));
    case 'U8':
    case 'BOOL':
      return Float32Array.from(new Uint8Array(data));
    default:
      throw new Error(`no decoder for ${dtype satisfies never}`);
  }
}

export interface TensorToWrite {
  shape: Shape;
  data: Float32Array | Int32Array;
  /** How f32 data is stored; i32 data is always I32. */
  dtype?: 'F32' | 'F16' | 'BF16';
}

const view = (a: Float32Array | Int32Array | Uint16Array): Uint8Array =>
  new Uint8Array(a.buffer, a.byteOffset, a.byteLength);

function encode(data: Float32Array | Int32Array, dtype: 'F32' | 'F16' | 'BF16' | 'I32'): Uint8Array {
  if (dtype === 'F32' || dtype === 'I32' || data instanceof Int32Array) return view(data);
  return view(dtype === 'F16' ? encodeF16(data) : encodeBF16(data));
}

/** What stands in a header. */
interface Entry {
  name: string;
  shape: Shape;
  dtype: SafetensorsDtype;
}

/** Of a tensor's numbers in a file. */
export const byteLength = ({ shape, dtype }: Entry): number => sizeOf(shape) * bytesPerElement[dtype];

/** Wider types first, then by name, the header padded to 8 bytes: every tensor is aligned to its own width, and the same tensors give the same
 *  bytes. */
function layOut<E extends Entry>(
  entries: readonly E[],
  metadata: Readonly<Record<string, string>>,
): { head: Uint8Array; ordered: E[]; bytes: number } {
  const ordered = entries.toSorted(
    (a, b) => bytesPerElement[b.dtype] - bytesPerElement[a.dtype] || (a.name < b.name ? -1 : 1),
  );
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  let end = 0;
  for (const entry of ordered)
    header[entry.name] = { dtype: entry.dtype, shape: entry.shape, data_offsets: [end, (end += byteLength(entry))] };
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerLength = Math.ceil(json.length / 8) * 8;
  const head = new Uint8Array(8 + headerLength).fill(0x20, 8);
  new DataView(head.buffer).setBigUint64(0, BigInt(headerLength), true);
  head.set(json, 8);
  return { head, ordered, bytes: head.length + end };
}

/** The bytes of a file. */
export function writeSafetensors(
  tensors: Readonly<Record<string, TensorToWrite>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const entries = Object.entries(tensors).map(([name, { shape, data, dtype = 'F32' }]) => {
    if (data.length !== sizeOf(shape))
      throw new Error(`${name}: ${data.length} numbers for shape [${shape.join(', ')}]`);
    return { name, shape, data, dtype: data instanceof Int32Array ? ('I32' as const) : dtype };
  });
  const { head, ordered, bytes } = layOut(entries, metadata);
  const out = new Uint8Array(bytes);
  out.set(head);
  let at = head.length;
  for (const { data, dtype } of ordered) {
    const part = encode(data, dtype);
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export interface TensorToStream {
  name: string;
  shape: Shape;
  dtype: 'F32' | 'F16' | 'BF16';
  /** Its numbers, or their bits where they are of half width. Asked once, when its turn comes. */
  data(): Promise<Float32Array | Uint16Array>;
}

/** The same file piece by piece, one tensor in memory at a time: `write` is called in order and waited for. Gives the file's size. */
export async function streamSafetensors(
  tensors: readonly TensorToStream[],
  metadata: Readonly<Record<string, string>>,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<number> {
  const { head, ordered, bytes } = layOut(tensors, metadata);
  await write(head);
  for (const tensor of ordered) {
    const data = await tensor.data();
    const part = data instanceof Uint16Array ? view(data) : encode(data, tensor.dtype);
    if (part.length !== byteLength(tensor))
      throw new Error(`${tensor.name}: ${part.length} bytes for ${tensor.dtype} [${tensor.shape.join(', ')}]`);
    await write(part);
  }
  return bytes;
}
