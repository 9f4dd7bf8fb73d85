/** What a test case of an op is, and how it becomes a graph with numbers. The table is in cases.ts. */
import { sizeOf, type Shape } from '../shared/shape.ts';
import { Graph, isHalf, type Node, type ParameterDtype, type Value } from './graph.ts';
import { halfInput, mutatedInputs, type OpKind, type OpParams } from './ops.ts';

/** How a data input is filled. normal: deviation (and mean); uniform: within [low, high); below: i32 ids in [0, below);
 *  values: these, repeated. */
export type Fill =
  | { readonly normal: number; readonly mean?: number }
  | { readonly uniform: readonly [number, number] }
  | { readonly below: number }
  | { readonly values: readonly number[] };

/** Numbers made from a seed. `grad` marks an incoming gradient: it is what the 1e-12 variant of a case scales. */
export interface DataInput {
  readonly shape: Shape;
  readonly fill: Fill;
  readonly grad?: true;
}

/** An input that must agree with the others (statistics, log-sum-exp, delta): output `output` of an op on inputs of this case, named by
 *  their index, on further derived ones, or on data of its own. It becomes a node of the case's graph. */
export type DerivedInput = {
  readonly [K in OpKind]: {
    readonly derive: K;
    readonly params: OpParams[K];
    readonly of: readonly (number | DataInput | DerivedInput)[];
    readonly output: number;
  };
}[OpKind];

export interface Case<K extends OpKind> {
  /** Unique within the op. */
  readonly name: string;
  readonly params: OpParams[K];
  readonly inputs: readonly (DataInput | DerivedInput)[];
}

export interface BuiltCase<K extends OpKind> {
  readonly graph: Graph;
  readonly node: Node<K>;
  /** Numbers for every input and state of the graph. Mutated inputs are states; everything else is an input. */
  readonly feeds: ReadonlyMap<Value, Float32Array | Int32Array>;
  /** What to compare: the node's outputs (graph outputs `out0`, `out1`, ...) and the inputs it mutates, in order. */
  readonly results: readonly Value[];
}

/** The gradient scales a case should be run at. */
export function gradScales<K extends OpKind>(testCase: Case<K>): readonly number[] {
  return testCase.inputs.some((input) => 'grad' in input) ? [1, 1e-12] : [1];
}

/** How the weights of an op's cases can be kept; f32 is always first. */
export const weightDtypes = (op: OpKind): readonly ParameterDtype[] =>
  op in halfInput ? ['f32', 'f16', 'bf16'] : ['f32'];

/** Makes the graph of one case. The same (op, case, gradScale) gives the same numbers everywhere. With weights of half width they are a
 *  parameter; its numbers are still given in f32, for the executor to round. */
export function buildCase<K extends OpKind>(
  op: K,
  testCase: Case<K>,
  gradScale = 1,
  weightDtype: ParameterDtype = 'f32',
): BuiltCase<K> {
  const graph = new Graph();
  const feeds = new Map<Value, Float32Array | Int32Array>();
  const mutated: readonly number[] = op in mutatedInputs ? mutatedInputs[op as keyof typeof mutatedInputs] : [];
  const draw = (input: DataInput, name: string, state = false, dtype: ParameterDtype = 'f32'): Value => {
    const numbers = fillNumbers(input, `${op}/${testCase.name}/${name}`, input.grad ? gradScale : 1);
    const value = isHalf(dtype)
      ? graph.parameter(name, input.shape, dtype)
      : state
        ? graph.state(name, input.shape)
        : graph.input(name, input.shape, numbers instanceof Int32Array ? 'i32' : 'f32');
    feeds.set(value, numbers);
    return value;
  };
  const data = testCase.inputs.map((input, i) =>
    'derive' in input
      ? undefined
      : draw(input, `in${i}`, mutated.includes(i), halfInput[op] === i ? weightDtype : 'f32'),
  );
  const derive = (input: DerivedInput): Value => {
    const operands = input.of.map((operand, i) =>
      typeof operand === 'number'
        ? data[operand]!
        : 'derive' in operand
          ? derive(operand)
          : draw(operand, `derived${i}`),
    );
    return graph.node(input.derive, input.params, operands, 'derived')[input.output]!;
  };
  const operands = testCase.inputs.map((input, i) => ('derive' in input ? derive(input) : data[i]!));
  const outputs = graph.node(op, testCase.params, operands, testCase.name);
  const node = graph.nodes[graph.nodes.length - 1] as unknown as Node<K>;
  outputs.forEach((value, i) => graph.output(`out${i}`, value));
  return { graph, node, feeds, results: [...outputs, ...mutated.map((i) => operands[i]!)] };
}

function fillNumbers({ shape, fill }: DataInput, key: string, scale: number): Float32Array | Int32Array {
  const elements = sizeOf(shape);
  const uniform = generator(key);
  if ('below' in fill) return Int32Array.from({ length: elements }, () => Math.floor(uniform() * fill.below));
  if ('values' in fill)
    return Float32Array.from({ length: elements }, (_, i) => scale * fill.values[i % fill.values.length]!);
  if ('uniform' in fill)
    return Float32Array.from(
      { length: elements },
      () => scale * (fill.uniform[0] + uniform() * (fill.uniform[1] - fill.uniform[0])),
    );
  // Box-Muller; 1 - uniform() is never 0.
  return Float32Array.from(
    { length: elements },
    () =>
      scale *
      ((fill.mean ?? 0) + fill.normal * Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())),
  );
}

/** Uniform numbers in [0, 1) from a text key: FNV-1a into mulberry32. Good enough for test data; not the product's generator. */
export function generator(key: string): () => number {
  let state = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) state = Math.imul(state ^ key.charCodeAt(i), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
