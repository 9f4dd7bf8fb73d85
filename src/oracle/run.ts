/** Runs any graph on the CPU in float64: the reference in tests, and an executor that needs no GPU. Not fast, not small: every value
 *  has its own array for as long as the program lives. */
import '../shared/disposable.ts';
import type { CompileOptions, Executor, MemoryReport, Program, Storage } from '../graph/executor.ts';
import { type Dtype, type Graph, isHalf, type Node, storageRoot, type Value } from '../graph/graph.ts';
import type { OpKind } from '../graph/ops.ts';
import { assert } from '../shared/assert.ts';
import { decodeHalf, halfBits } from '../shared/float16.ts';
import { sizeOf } from '../shared/shape.ts';
import { kernels } from './kernels.ts';
import type { Tensor } from './tensor.ts';

/** What a value of this dtype holds after `data` is written to it: of half width, the f32 numbers that its bits stand for. */
const held = (dtype: Dtype, data: Float32Array | Int32Array | Uint16Array): ArrayLike<number> =>
  isHalf(dtype) && !(data instanceof Int32Array) ? decodeHalf(dtype, halfBits(dtype, data)) : data;

class CpuStorage implements Storage {
  readonly label: string;
  readonly dtype: Dtype;
  readonly data: Float64Array;

  constructor(label: string, elements: number, dtype: Dtype) {
    this.label = label;
    this.dtype = dtype;
    this.data = new Float64Array(elements);
  }

  get elements(): number {
    return this.data.length;
  }

  write(data: Float32Array | Int32Array | Uint16Array, offsetElements = 0): void {
    assert(
      isHalf(this.dtype) ? !(data instanceof Int32Array) : !(data instanceof Uint16Array),
      `${this.label} is ${this.dtype}, got ${data.constructor.name}`,
    );
    assert(
      offsetElements + data.length <= this.data.length,
      `${this.label}: writing up to ${offsetElements + data.length} of ${this.data.length} elements`,
    );
    this.data.set(held(this.dtype, data), offsetElements);
  }

  read(offsetElements = 0, elements = this.data.length - offsetElements): Promise<Float32Array> {
    assert(
      offsetElements + elements <= this.data.length,
      `${this.label}: reading up to ${offsetElements + elements} of ${this.data.length} elements`,
    );
    return Promise.resolve(Float32Array.from(this.data.subarray(offsetElements, offsetElements + elements)));
  }

  [Symbol.dispose](): void {}
}

/** A Program whose every value can also be seen in full precision. */
export interface CpuProgram extends Program {
  /** The float64 numbers of any value, live: the array changes with the next run. */
  peek(value: Value): Float64Array;
}

const partOf = {
  parameter: 'parameters',
  state: 'state',
  input: 'inputs',
  constant: 'inputs',
  node: 'activations',
  view: 'state',
} as const;

/** Every value that is not a view, a reshape or placed has an array of its own. */
function plan(graph: Graph): MemoryReport['plannedBytes'] {
  const bytes = { parameters: 0, state: 0, inputs: 0, activations: 0, total: 0 };
  for (const root of new Set(graph.values.map((value) => storageRoot(graph, value).root))) {
    const size = Float64Array.BYTES_PER_ELEMENT * sizeOf(root.shape);
    bytes[partOf[root.source.kind]] += size;
    bytes.total += size;
  }
  return bytes;
}

function compile(graph: Graph, { bindings }: CompileOptions = {}): CpuProgram {
  const arrays = new Map<Value, Float64Array>();
  /** The array of a value that has storage of its own: everything but views, reshapes and placed outputs. */
  const rootArray = (root: Value): Float64Array => {
    const known = arrays.get(root);
    if (known) return known;
    const size = sizeOf(root.shape);
    const bound = bindings?.get(root);
    assert(!bound || bound instanceof CpuStorage, `${root.name}: bound to a storage of another executor`);
    assert(
      !bound || bound.elements === size,
      `${root.name}: has ${size} elements, its storage ${bound?.label} ${bound?.elements}`,
    );
    assert(
      !bound || bound.dtype === root.dtype,
      `${root.name}: is ${root.dtype}, its storage ${bound?.label} ${bound?.dtype}`,
    );
    const array = bound
      ? (bound as CpuStorage).data
      : root.source.kind === 'constant'
        ? Float64Array.from(root.source.data)
        : new Float64Array(size);
    arrays.set(root, array);
    return array;
  };
  const tensors = new Map<Value, Tensor>();
  for (const value of graph.values) {
    const { root, offset } = storageRoot(graph, value);
    const array = rootArray(root);
    const size = sizeOf(value.shape);
    tensors.set(value, {
      shape: value.shape,
      data: offset === 0 && array.length === size ? array : array.subarray(offset, offset + size),
    });
  }
  for (const value of bindings?.keys() ?? [])
    assert(arrays.has(value), `${value.name} is bound, but has no storage of its own in this graph`);

  const step = <K extends OpKind>(node: Node<K>): (() => void) => {
    const kernel = kernels[node.op];
    const inputs = node.inputs.map((v) => tensors.get(v)!);
    const outputs = node.outputs.map((v) => tensors.get(v)!);
    return () => kernel(node.params, inputs, outputs);
  };
  // A reshape shares its input's storage, so there is nothing to run.
  const steps = graph.nodes.filter((node) => node.op !== 'reshape').map((node) => step(node));
  const plannedBytes = plan(graph);
  const memory: MemoryReport = { plannedBytes, allocatedBytes: plannedBytes.total };
  const outputs = new Set(graph.outputs.values());

  const peek = (value: Value): Float64Array => {
    const tensor = tensors.get(value);
    assert(tensor, `${value.name} is not a value of this graph`);
    return tensor.data;
  };

  return {
    graph,
    memory,
    dispatchCount: 0,
    peek,
    write(value, data) {
      assert(
        value.source.kind === 'input' || value.source.kind === 'parameter' || value.source.kind === 'state',
        `${value.name}: a ${value.source.kind} cannot be written`,
      );
      assert(
        data.length === sizeOf(value.shape),
        `${value.name}: ${data.length} numbers for shape [${value.shape.join(', ')}]`,
      );
      assert(
        (value.dtype === 'i32') === data instanceof Int32Array,
        `${value.name}: is ${value.dtype}, data is ${data.constructor.name}`,
      );
      peek(value).set(held(value.dtype, data));
    },
    run() {
      for (const run of steps) run();
      return Promise.resolve();
    },
    async runAndRead(values) {
      await this.run();
      return Promise.all(values.map((value) => this.read(value)));
    },
    read(value) {
      // As strict as the GPU, where anything else may have been overwritten by the end of a run.
      assert(
        outputs.has(value) || ['parameter', 'state', 'view'].includes(value.source.kind),
        `${value.name} is not an output, parameter, state or view`,
      );
      return Promise.resolve(Float32Array.from(peek(value)));
    },
    [Symbol.dispose]() {
      arrays.clear();
      tensors.clear();
    },
  };
}

export interface CpuExecutor extends Executor {
  readonly kind: 'cpu';
  compile(graph: Graph, options?: CompileOptions): Promise<CpuProgram>;
}

/** Programs of this executor compute in float64; what is written and read is f32. */
export function cpuExecutor(): CpuExecutor {
  return {
    kind: 'cpu',
    storage: (label, elements, dtype = 'f32') => new CpuStorage(label, elements, dtype),
    plan,
    compile: async (graph, options) => compile(graph, options),
  };
}

/** Runs a graph once on the given inputs, parameters and states (absent ones are zero) and returns the full-precision reader.
 *  Float64Array feeds are not rounded, not even to half width: finite differences need that. */
export function evaluate(
  graph: Graph,
  feeds: ReadonlyMap<Value, Float32Array | Float64Array | Int32Array>,
): (value: Value) => Float64Array {
  const program = compile(graph);
  for (const [value, data] of feeds) {
    assert(
      data.length === sizeOf(value.shape),
      `${value.name}: ${data.length} numbers for shape [${value.shape.join(', ')}]`,
    );
    program.peek(value).set(data instanceof Float64Array ? data : held(value.dtype, data));
  }
  void program.run();
  return program.peek;
}
