/** What can run a graph. Implemented by oracle/run.ts (f64 on the CPU) and webgpu/executor.ts. */
import type { Dtype, Graph, Value } from './graph.ts';

/** Numbers kept on the executor's device under a handle: parameters shared by several programs, arenas, moments. Its maker owns it: a program
 *  that it is bound to leaves it alone. */
export interface Storage extends Disposable {
  readonly label: string;
  readonly elements: number;
  readonly dtype: Dtype;
  /** A storage of half width takes f32 numbers, which it rounds to nearest even, or bits; at an even offset, and an odd number of them only
   *  at its end. */
  write(data: Float32Array | Int32Array | Uint16Array, offsetElements?: number): void;
  /** Half-width numbers come out as the f32 numbers they are. */
  read(offsetElements?: number, elements?: number): Promise<Float32Array>;
}

export interface MemoryReport {
  /** Bytes of buffers the plan asks for, by part. Known before anything is allocated. */
  plannedBytes: { parameters: number; state: number; inputs: number; activations: number; total: number };
  /** Bytes of the buffers that exist for this program (shared storages included once). Equals plannedBytes.total. */
  allocatedBytes: number;
}

export interface CompileOptions {
  /** Storage to use for a parameter, state or input, instead of one of the program's own. */
  bindings?: ReadonlyMap<Value, Storage>;
  label?: string;
}

/** A compiled graph: prepared once, run many times. Owns its buffers, but none that were bound to it. */
export interface Program extends Disposable {
  readonly graph: Graph;
  readonly memory: MemoryReport;
  /** GPU dispatches of one run; 0 on the CPU. */
  readonly dispatchCount: number;
  /** Sets an input, parameter or state. Data is f32 (i32 for i32 values), row-major; a parameter of half width rounds it to nearest even. */
  write(value: Value, data: Float32Array | Int32Array): void;
  /** Runs every node in order, once. On the GPU: one submit, or as many as its rate asks for. Resolves when the work is queued; read() waits for it. */
  run(): Promise<void>;
  /** Runs once and reads these values. On the GPU: the copies are part of the run's own submit. */
  runAndRead(values: readonly Value[]): Promise<Float32Array[]>;
  /** Reads an output, parameter, state or view. Rejects with GpuError or DeviceLost if anything went wrong since the last read. */
  read(value: Value): Promise<Float32Array>;
}

export interface Executor {
  readonly kind: 'webgpu' | 'cpu';
  /** f32 unless said otherwise. A value can be bound to a storage of its own dtype only. */
  storage(label: string, elements: number, dtype?: Dtype): Storage;
  /** Bytes that a program of a graph will ask for, bound storages included. Nothing is allocated. */
  plan(graph: Graph, bound?: Iterable<Value>): MemoryReport['plannedBytes'];
  /** Rejects with AdapterTooSmall or OutOfGpuMemory, and then has allocated nothing. */
  compile(graph: Graph, options?: CompileOptions): Promise<Program>;
}
