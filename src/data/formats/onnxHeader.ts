/** What an ONNX file says of itself, by range and without its weights: inputs and outputs with their shapes, and the files beside it that hold
 *  weights. onnx/onnx onnx/onnx.proto3 (ModelProto, GraphProto, TensorProto). */
import { WinnowError } from '../../shared/errors.ts';
import type { ByteRanges } from './bytes.ts';

export interface OnnxPort {
  name: string;
  /** TensorProto.DataType by name; `other` for what no judge takes. */
  type: OnnxType;
  /** null: of any size. */
  dims: (number | null)[];
}

const types = {
  1: 'float32',
  2: 'uint8',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float16',
  11: 'float64',
} as const satisfies Record<number, string>;
export type OnnxType = (typeof types)[keyof typeof types] | 'other';

export interface OnnxHeader {
  /** Those that have to be fed: weights that old files list among them are left out. */
  inputs: OnnxPort[];
  outputs: OnnxPort[];
  /** Files beside it that hold its large weights, each once. */
  external: ExternalWeights[];
}

export interface ExternalWeights {
  /** As the model names the file. */
  name: string;
  /** What the file holds at least: up to the last byte that a tensor is said to lie in. */
  bytes: number;
}

/** Of fields that are read whole: names, types, shapes. Weights are stepped over. */
const MOST_BYTES = 2 ** 20;
/** Of inputs, outputs and files beside it. */
const MOST_PORTS = 1000;
/** Of messages in messages, weights' own among them: a model of 10,000 weights has 100,000. */
const MOST_FIELDS = 2 ** 22;
/** Of a dimension; a larger one (a negative number is one) is as good as none. */
const MOST_SIDE = 2 ** 31;
const WINDOW = 2 ** 16;

/** Rejects with BadFile for what is no ONNX model, or is cut off. @param name in messages */
export async function readOnnxHeader(file: ByteRanges, name: string): Promise<OnnxHeader> {
  const reader = new Reader(file, name);
  const inputs: OnnxPort[] = [];
  const outputs: OnnxPort[] = [];
  const weights = new Set<string>();
  const external = new Map<string, number>();
  let hasGraph = false;
  for await (const { field, start, end } of reader.fields(0, file.size)) {
    if (field !== 7) continue;
    hasGraph = true;
    for await (const part of reader.fields(start, end)) {
      if (part.field === 5) {
        const { name: weight, location, end: bytes } = await tensorOf(reader, part);
        weights.add(weight);
        if (location !== undefined) external.set(location, Math.max(bytes, external.get(location) ?? 0));
      } else if (part.field === 11) inputs.push(await portOf(reader, part));
      else if (part.field === 12) outputs.push(await portOf(reader, part));
      if (inputs.length > MOST_PORTS + weights.size || outputs.length > MOST_PORTS || external.size > MOST_PORTS)
        throw reader.bad(`has more than ${MOST_PORTS} inputs, outputs or files beside it`);
    }
  }
  if (!hasGraph || outputs.length === 0) throw reader.bad('is no ONNX model: it has no graph with outputs');
  return {
    inputs: inputs.filter((input) => !weights.has(input.name)),
    outputs,
    external: [...external].map(([name, bytes]) => ({ name, bytes })),
  };
}

/** Throws TruncatedFile for a file of weights that ends before the last of them. @param path its own, @param model that which keeps weights in it, in
 *  messages */
export function checkHolds({ size }: ByteRanges, { bytes }: ExternalWeights, path: string, model: string): void {
  if (size >= bytes) return;
  throw new WinnowError(
    'TruncatedFile',
    `${path} is cut off: ${model} keeps ${bytes} bytes of weights in it, and it has ${size}.`,
    'Copy or download it again.',
  );
}

/** Where a file of weights lies by its model's name for it, from where the model's own path begins. Throws BadFile for one out of the folder.
 *  @param model its path, with `/` @param where in front of it in messages */
export function besideOnnx(model: string, name: string, where = ''): string {
  const parts = name.split(/[\\/]/).filter((part) => part !== '.');
  if (parts.includes('..') || parts.includes('') || /^[a-z]:/i.test(name))
    throw new WinnowError(
      'BadFile',
      `${where}${model} has weights outside its folder (${name.slice(0, 80)}).`,
      'Take another export of the model.',
    );
  return `${model.replace(/[^\\/]*$/, '')}${parts.join('/')}`;
}

interface Field {
  field: number;
  /** Of what it holds; a number lies in `value`. */
  start: number;
  end: number;
  value: number;
}

/** TensorProto: name 8, data_location 14 (EXTERNAL = 1), external_data 13 with key 1 and value 2. `end`: of offset and length, which may be left out, of
 *  its last byte in that file. */
async function tensorOf(
  reader: Reader,
  { start, end }: Field,
): Promise<{ name: string; location?: string; end: number }> {
  let name = '';
  let location: string | undefined;
  let [offset, length] = [0, 0];
  for await (const part of reader.fields(start, end)) {
    if (part.field === 8) name = await reader.text(part);
    if (part.field !== 13) continue;
    let [key, value] = ['', ''];
    for await (const entry of reader.fields(part.start, part.end)) {
      if (entry.field === 1) key = await reader.text(entry);
      if (entry.field === 2) value = await reader.text(entry);
    }
    if (key === 'location') location = value;
    if (key !== 'offset' && key !== 'length') continue;
    if (!/^\d{1,15}$/.test(value))
      throw reader.bad(`has weights beside it of ${key} ${JSON.stringify(value.slice(0, 20))}`);
    if (key === 'offset') offset = Number(value);
    else length = Number(value);
  }
  return { name, ...(location !== undefined && { location }), end: offset + length };
}

/** ValueInfoProto: name 1, type 2 (tensor_type 1: elem_type 1, shape 2 (dim 1: dim_value 1, dim_param 2)). */
async function portOf(reader: Reader, { start, end }: Field): Promise<OnnxPort> {
  const port: OnnxPort = { name: '', type: 'other', dims: [] };
  for await (const part of reader.fields(start, end)) {
    if (part.field === 1) port.name = await reader.text(part);
    if (part.field !== 2) continue;
    for await (const tensor of reader.fields(part.start, part.end)) {
      if (tensor.field !== 1) continue;
      for await (const one of reader.fields(tensor.start, tensor.end)) {
        if (one.field === 1) port.type = types[one.value as keyof typeof types] ?? 'other';
        if (one.field !== 2) continue;
        for await (const dim of reader.fields(one.start, one.end)) {
          if (dim.field !== 1) continue;
          let size: number | null = null;
          for await (const said of reader.fields(dim.start, dim.end))
            if (said.field === 1 && said.value <= MOST_SIDE) size = said.value;
          port.dims.push(size);
          if (port.dims.length > 16) throw reader.bad(`has an input or output of more than 16 dimensions`);
        }
      }
    }
  }
  return port;
}

/** Fields of protobuf messages, by range. */
class Reader {
  private readonly file: ByteRanges;
  private readonly name: string;
  private window: Uint8Array = new Uint8Array();
  private windowStart = 0;
  private read = 0;

  constructor(file: ByteRanges, name: string) {
    this.file = file;
    this.name = name;
  }

  bad(what: string): WinnowError {
    return new WinnowError('BadFile', `${this.name} ${what}.`, 'Export or download it again.');
  }

  async *fields(start: number, end: number): AsyncGenerator<Field> {
    let at = start;
    const number = async (): Promise<number> => {
      let value = 0;
      for (let i = 0; i < 10; i++) {
        if (at >= end) throw this.bad('is cut off, or is no ONNX model');
        const byte = await this.byte(at++);
        value += (byte & 0x7f) * 2 ** (7 * i);
        if (byte < 0x80) return value;
      }
      throw this.bad('is no ONNX model');
    };
    while (at < end) {
      const tag = await number();
      const field = Math.floor(tag / 8);
      let value = 0;
      let size = 0;
      switch (tag % 8) {
        case 0:
          value = await number();
          break;
        case 1:
          size = 8;
          break;
        case 2:
          size = await number();
          break;
        case 5:
          size = 4;
          break;
        default:
          throw this.bad('is no ONNX model');
      }
      if (++this.read > MOST_FIELDS || field === 0 || at + size > end)
        throw this.bad('is cut off, or is no ONNX model');
      yield { field, start: at, end: at + size, value };
      at += size;
    }
  }

  async text({ start, end }: Field): Promise<string> {
    if (end - start > MOST_BYTES) throw this.bad('has a name that is too long');
    return new TextDecoder().decode(await this.file.read(start, end));
  }

  private async byte(at: number): Promise<number> {
    if (at < this.windowStart || at >= this.windowStart + this.window.length) {
      this.windowStart = at;
      this.window = await this.file.read(at, Math.min(this.file.size, at + WINDOW));
    }
    const byte = this.window[at - this.windowStart];
    if (byte === undefined) throw this.bad('is cut off');
    return byte;
  }
}
