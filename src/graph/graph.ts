/** One op graph per computation: values with static shapes, nodes in execution order. Knows nothing of any device. */
import { assert } from '../shared/assert.ts';
import type { HalfDtype } from '../shared/float16.ts';
import { type Shape, sizeOf } from '../shared/shape.ts';
import { halfInput, mutatedInputs, type OpKind, type OpParams } from './ops.ts';
import { shapeOf } from './shapes.ts';

/** Of a model's tensors. The half-width ones are read by the ops of ops.ts `halfInput`, which compute in f32; no gradient is taken by them. */
export type ParameterDtype = 'f32' | HalfDtype;

/** f32 everywhere but for token ids and indices (i32), and parameters that are kept in half width. */
export type Dtype = ParameterDtype | 'i32';

export const bytesPerElement: Readonly<Record<Dtype, 2 | 4>> = { f32: 4, i32: 4, f16: 2, bf16: 2 };

export const isHalf = (dtype: Dtype): dtype is HalfDtype => bytesPerElement[dtype] === 2;

/** Where a value comes from.
 *  input: written by the host before a run. parameter: a model tensor, by its checkpoint key. state: persists between runs and may be
 *  mutated by step ops (arenas, moments). constant: data known when the graph is built. view: elements [offset, offset + size) of a
 *  1-D state, no storage of its own; where a plan makes one (webgpu/windows.ts), of any value. rowStride: it is a block of a matrix, whose rows
 *  lie so many elements apart. node: an output of a node. */
export type Source =
  | { kind: 'input' }
  | { kind: 'parameter' }
  | { kind: 'state' }
  | { kind: 'constant'; data: Float32Array | Int32Array }
  | { kind: 'view'; of: Value; offset: number; rowStride?: number }
  | { kind: 'node'; node: Node; output: number };

export interface Value {
  readonly id: number;
  readonly shape: Shape;
  readonly dtype: Dtype;
  /** For parameters the checkpoint key; for node outputs the module path and op. */
  readonly name: string;
  readonly source: Source;
}

export interface Node<K extends OpKind = OpKind> {
  readonly id: number;
  readonly op: K;
  readonly params: OpParams[K];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Module path, for errors, GPU labels and profiler rows: `down_blocks.0.resnets.1.conv1`. */
  readonly name: string;
}

/** Narrows a node by its op. */
export function isOp<K extends OpKind>(node: Node, op: K): node is Node<K> {
  return (node.op as OpKind) === op;
}

export class Graph {
  readonly nodes: Node[] = [];
  readonly values: Value[] = [];
  /** Values that outlive a run and may be read back, by name. */
  readonly outputs = new Map<string, Value>();
  /** Node outputs whose storage is a range of a 1-D state (a gradient placed in the flat gradient arena). */
  readonly placements = new Map<Value, { arena: Value; offset: number }>();
  private scopes: string[] = [];

  input(name: string, shape: Shape, dtype: Dtype = 'f32'): Value {
    assert(!isHalf(dtype), `${name}: only parameters are kept in half width`);
    return this.value(shape, dtype, name, { kind: 'input' });
  }

  parameter(name: string, shape: Shape, dtype: ParameterDtype = 'f32'): Value {
    return this.value(shape, dtype, name, { kind: 'parameter' });
  }

  state(name: string, shape: Shape): Value {
    return this.value(shape, 'f32', name, { kind: 'state' });
  }

  constant(name: string, shape: Shape, data: Float32Array | Int32Array): Value {
    assert(data.length === sizeOf(shape), `${name}: ${data.length} numbers for shape [${shape.join(', ')}]`);
    return this.value(shape, data instanceof Int32Array ? 'i32' : 'f32', name, { kind: 'constant', data });
  }

  /** Elements [offset, offset + size of shape) of a 1-D state, as a tensor of its own shape. */
  view(name: string, of: Value, offset: number, shape: Shape): Value {
    assert(of.source.kind === 'state' && of.shape.length === 1, `${name}: a view needs a 1-D state, got ${of.name}`);
    assert(
      offset + sizeOf(shape) <= of.shape[0]!,
      `${name}: view ends at ${offset + sizeOf(shape)}, ${of.name} has ${of.shape[0]} elements`,
    );
    return this.value(shape, 'f32', name, { kind: 'view', of, offset });
  }

  /** Appends a node; shapes are checked by the op's rule. Returns all outputs. */
  node<K extends OpKind>(op: K, params: OpParams[K], inputs: readonly Value[], name = op as string): readonly Value[] {
    const path = [...this.scopes, name].join('.');
    inputs.forEach(({ name: x, dtype }, i) =>
      assert(
        !isHalf(dtype) || halfInput[op] === i,
        `${path}: ${op} cannot read ${x}, which is kept in ${dtype}, as its input ${i}`,
      ),
    );
    const outputShapes = shapeOf[op](
      params,
      inputs.map((v) => v.shape),
      path,
    );
    const outputs: Value[] = [];
    const node: Node<K> = { id: this.nodes.length, op, params, inputs, outputs, name: path };
    outputShapes.forEach((shape, output) =>
      outputs.push(
        this.value(shape, 'f32', outputShapes.length > 1 ? `${path}:${output}` : path, { kind: 'node', node, output }),
      ),
    );
    this.nodes.push(node);
    return outputs;
  }

  /** Appends a node and returns its first output. */
  op<K extends OpKind>(op: K, params: OpParams[K], inputs: readonly Value[], name?: string): Value {
    const first = this.node(op, params, inputs, name)[0];
    assert(first, `${op} has no output`);
    return first;
  }

  /** Everything built inside carries `name` in its module path. */
  scope<T>(name: string, build: () => T): T {
    this.scopes.push(name);
    try {
      return build();
    } finally {
      this.scopes.pop();
    }
  }

  output(name: string, value: Value): void {
    assert(!this.outputs.has(name), `two outputs are called ${name}`);
    this.outputs.set(name, value);
  }

  /** Asks that `value` (a node output) be written straight into [offset, offset + size) of a flat state. */
  place(value: Value, arena: Value, offset: number): void {
    if (value.source.kind === 'node' && value.source.node.op === 'reshape')
      return this.place(value.source.node.inputs[0]!, arena, offset);
    assert(value.source.kind === 'node', `${value.name}: only a node's output can be placed`);
    assert(!this.placements.has(value), `${value.name} is placed twice`);
    assert(arena.source.kind === 'state' && arena.shape.length === 1, `${arena.name} is not a 1-D state`);
    this.placements.set(value, { arena, offset });
  }

  private value(shape: Shape, dtype: Dtype, name: string, source: Source): Value {
    const value: Value = { id: this.values.length, shape, dtype, name, source };
    this.values.push(value);
    return value;
  }
}

/** Inputs that a node writes in place. */
export function mutates(node: Node): readonly Value[] {
  const indices = (mutatedInputs as Record<string, readonly number[]>)[node.op] ?? [];
  return indices.map((i) => node.inputs[i]!);
}

/** The value whose storage `value` shares (through reshapes, views and placements), and the element offset in it. */
export function storageRoot(graph: Graph, value: Value): { root: Value; offset: number } {
  const placed = graph.placements.get(value);
  if (placed) return { root: placed.arena, offset: placed.offset };
  if (value.source.kind === 'view') {
    const { root, offset } = storageRoot(graph, value.source.of);
    return { root, offset: offset + value.source.offset };
  }
  if (value.source.kind === 'node' && value.source.node.op === 'reshape')
    return storageRoot(graph, value.source.node.inputs[0]!);
  return { root: value, offset: 0 };
}
