/** Collects the ONNX nodes and constants of one model while graph nodes are lowered, and keeps their names apart. */
import type { HalfDtype } from '../shared/float16.ts';
import { type OnnxAttribute, type OnnxNode, type OnnxTensor, onnxDtype } from './proto.ts';

/** What the names of nodes that must run on the CPU begin with. */
export const cpuPrefix = 'cpu:';

export class OnnxBuilder {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  /** Module path of the graph node being lowered: what its ONNX nodes are called after. */
  path = '';
  private readonly names = new Set<string>();
  private readonly constants = new Map<string, string>();

  /** `wanted`, or the first of `wanted_2`, `wanted_3`, ... that is free: the same graph always gives the same names. */
  unique(wanted: string): string {
    let name = wanted;
    for (let i = 2; this.names.has(name); i++) name = `${wanted}_${i}`;
    this.names.add(name);
    return name;
  }

  /** Appends a node with one output and returns the output's name. */
  op(opType: string, inputs: readonly string[], attributes: Readonly<Record<string, OnnxAttribute>> = {}): string {
    return this.push(`${this.path}/${opType}`, opType, inputs, attributes);
  }

  /** As op, but the node must run on the CPU whatever the provider: session.ts knows it by its name. */
  cpuOp(opType: string, inputs: readonly string[], attributes: Readonly<Record<string, OnnxAttribute>> = {}): string {
    return this.push(`${cpuPrefix}${this.path}/${opType}`, opType, inputs, attributes);
  }

  initializer(name: string, dims: readonly number[], data: OnnxTensor['data']): string {
    const unique = this.unique(name);
    this.initializers.push({ name: unique, dims, data });
    return unique;
  }

  /** A tensor stored in half width and widened to f32 where it is read; onnxruntime folds the cast when it loads the model. */
  half(name: string, dims: readonly number[], dtype: HalfDtype, bits: Uint16Array): string {
    const stored = this.initializer(name, dims, { dtype, bits });
    return this.push(`${stored}/Cast`, 'Cast', [stored], { to: { i: onnxDtype.f32 } });
  }

  /** A shape, axes or indices as an i64 vector. Equal ones are stored once. */
  i64(values: readonly number[]): string {
    return this.shared(`i64[${values.join(',')}]`, [values.length], BigInt64Array.from(values, BigInt));
  }

  i32(values: readonly number[]): string {
    return this.shared(`i32[${values.join(',')}]`, [values.length], Int32Array.from(values));
  }

  /** An f32 scalar (rank 0). */
  scalar(value: number): string {
    return this.shared(`f32(${value})`, [], Float32Array.of(value));
  }

  /** An f32 vector of one value. */
  filled(length: number, value: number): string {
    return this.f32(`f32(${value})x${length}`, [length], new Float32Array(length).fill(value));
  }

  /** Any f32 constant that `name` says everything about. */
  f32(name: string, dims: readonly number[], data: Float32Array): string {
    return this.shared(name, dims, data);
  }

  private push(
    wanted: string,
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>>,
  ): string {
    const output = this.unique(wanted);
    this.nodes.push({ opType, name: output, inputs, outputs: [output], attributes });
    return output;
  }

  private shared(name: string, dims: readonly number[], data: OnnxTensor['data']): string {
    const known = this.constants.get(name);
    if (known) return known;
    const stored = this.initializer(name, dims, data);
    this.constants.set(name, stored);
    return stored;
  }
}
