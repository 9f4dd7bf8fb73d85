/** Writes ONNX models: the few protobuf messages of onnx.proto3 that an exported graph needs. Of a written model it reads node names.
 *
 *  A message is a tree of byte pieces whose sizes are known, so tensor data is copied exactly once, into the final array. */
import type { HalfDtype } from '../shared/float16.ts';

/** AttributeProto, by its own field names: f float, i int, ints, s string. */
export type OnnxAttribute = { f: number } | { i: number } | { ints: readonly number[] } | { s: string };

export interface OnnxNode {
  opType: string;
  name: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxTensor {
  name: string;
  dims: readonly number[];
  data: Float32Array | Int32Array | BigInt64Array | HalfTensor;
}

/** Numbers of half width, by bits. */
export interface HalfTensor {
  dtype: HalfDtype;
  bits: Uint16Array;
}

export interface OnnxValueInfo {
  name: string;
  dims: readonly number[];
  dtype: 'f32' | 'i32';
}

export interface OnnxModel {
  name: string;
  opset: number;
  nodes: readonly OnnxNode[];
  initializers: readonly OnnxTensor[];
  inputs: readonly OnnxValueInfo[];
  outputs: readonly OnnxValueInfo[];
}

/** TensorProto.DataType. */
export const onnxDtype = { f32: 1, i32: 6, i64: 7, f16: 10, bf16: 16 } as const;

/** Bytes of a message, in order, and how many they are. */
interface Message {
  readonly pieces: (Uint8Array | Message)[];
  size: number;
}

const message = (): Message => ({ pieces: [], size: 0 });
const utf8 = new TextEncoder();

function append(to: Message, piece: Uint8Array | Message): void {
  to.pieces.push(piece);
  to.size += piece instanceof Uint8Array ? piece.byteLength : piece.size;
}

/** Base-128 varint; negative numbers as 64-bit two's complement, as protobuf's int64. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

/** Wire type 0. */
function int(to: Message, field: number, value: number): void {
  append(to, varint(field * 8));
  append(to, varint(value));
}

/** Wire type 2: strings, bytes and messages. */
function lengthDelimited(to: Message, field: number, value: string | Uint8Array | Message): void {
  const piece = typeof value === 'string' ? utf8.encode(value) : value;
  append(to, varint(field * 8 + 2));
  append(to, varint(piece instanceof Uint8Array ? piece.byteLength : piece.size));
  append(to, piece);
}

/** Wire type 5, little-endian. */
function float(to: Message, field: number, value: number): void {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  append(to, varint(field * 8 + 5));
  append(to, bytes);
}

function attributeProto(name: string, attribute: OnnxAttribute): Message {
  const proto = message();
  lengthDelimited(proto, 1, name);
  if ('f' in attribute) {
    float(proto, 2, attribute.f);
    int(proto, 20, 1);
  } else if ('i' in attribute) {
    int(proto, 3, attribute.i);
    int(proto, 20, 2);
  } else if ('s' in attribute) {
    lengthDelimited(proto, 4, attribute.s);
    int(proto, 20, 3);
  } else {
    for (const value of attribute.ints) int(proto, 8, value);
    int(proto, 20, 7);
  }
  return proto;
}

function nodeProto(node: OnnxNode): Message {
  const proto = message();
  for (const input of node.inputs) lengthDelimited(proto, 1, input);
  for (const output of node.outputs) lengthDelimited(proto, 2, output);
  lengthDelimited(proto, 3, node.name);
  lengthDelimited(proto, 4, node.opType);
  for (const [name, attribute] of Object.entries(node.attributes))
    lengthDelimited(proto, 5, attributeProto(name, attribute));
  return proto;
}

function dtypeOf(data: OnnxTensor['data']): keyof typeof onnxDtype {
  if ('bits' in data) return data.dtype;
  return data instanceof Float32Array ? 'f32' : data instanceof Int32Array ? 'i32' : 'i64';
}

function tensorProto({ name, dims, data }: OnnxTensor): Message {
  const proto = message();
  for (const dim of dims) int(proto, 1, dim);
  int(proto, 2, onnxDtype[dtypeOf(data)]);
  lengthDelimited(proto, 8, name);
  // raw_data is little-endian, and so is every machine WebAssembly runs on.
  const numbers = 'bits' in data ? data.bits : data;
  lengthDelimited(proto, 9, new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
  return proto;
}

function valueInfoProto({ name, dims, dtype }: OnnxValueInfo): Message {
  const shape = message();
  for (const dim of dims) {
    const dimension = message();
    int(dimension, 1, dim);
    lengthDelimited(shape, 1, dimension);
  }
  const tensor = message();
  int(tensor, 1, onnxDtype[dtype]);
  lengthDelimited(tensor, 2, shape);
  const type = message();
  lengthDelimited(type, 1, tensor);
  const proto = message();
  lengthDelimited(proto, 1, name);
  lengthDelimited(proto, 2, type);
  return proto;
}

/** Serialises a model (IR version 8, the default operator set). */
export function encodeModel(model: OnnxModel): Uint8Array<ArrayBuffer> {
  const graph = message();
  for (const node of model.nodes) lengthDelimited(graph, 1, nodeProto(node));
  lengthDelimited(graph, 2, model.name);
  for (const tensor of model.initializers) lengthDelimited(graph, 5, tensorProto(tensor));
  for (const input of model.inputs) lengthDelimited(graph, 11, valueInfoProto(input));
  for (const output of model.outputs) lengthDelimited(graph, 12, valueInfoProto(output));

  const opset = message();
  lengthDelimited(opset, 1, '');
  int(opset, 2, model.opset);

  const proto = message();
  int(proto, 1, 8);
  lengthDelimited(proto, 2, 'winnow');
  lengthDelimited(proto, 7, graph);
  lengthDelimited(proto, 8, opset);

  const bytes = new Uint8Array(proto.size);
  let offset = 0;
  const write = ({ pieces }: Message): void => {
    for (const piece of pieces) {
      if (piece instanceof Uint8Array) {
        bytes.set(piece, offset);
        offset += piece.byteLength;
      } else write(piece);
    }
  };
  write(proto);
  return bytes;
}

/** The fields of a protobuf message that are of wire type 2 (strings, bytes, messages), as views, without copying. */
function* lengthDelimitedFields(bytes: Uint8Array): Generator<{ field: number; value: Uint8Array }> {
  let at = 0;
  const read = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error('an ONNX model ends in the middle of a message');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = read();
    const wireType = tag % 8;
    if (wireType === 0) read();
    else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else if (wireType === 2) {
      const length = read();
      yield { field: Math.floor(tag / 8), value: bytes.subarray(at, at + length) };
      at += length;
    } else throw new Error(`an ONNX model has a field of wire type ${wireType}`);
  }
}

/** The names of a model's nodes, in order. */
export function nodeNames(model: Uint8Array): string[] {
  const names: string[] = [];
  const decoder = new TextDecoder();
  for (const { field, value: graph } of lengthDelimitedFields(model)) {
    if (field !== 7) continue;
    for (const { field: part, value: node } of lengthDelimitedFields(graph)) {
      if (part !== 1) continue;
      for (const { field: property, value: name } of lengthDelimitedFields(node))
        if (property === 3) names.push(decoder.decode(name));
    }
  }
  return names;
}
