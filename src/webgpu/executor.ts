/** Runs any graph on the GPU: buffers, bind groups and pipelines are made once, a run encodes the same list again, in as few
 *  submits as hold the GPU for a moment each (turns.ts). */
import type { CompileOptions, Executor, MemoryReport, Program, Storage } from '../graph/executor.ts';
import { bytesPerElement, type Dtype, type Graph, isHalf, type Value } from '../graph/graph.ts';
import type { Arithmetic } from '../shared/arithmetic.ts';
import { assert } from '../shared/assert.ts';
import { WinnowError } from '../shared/errors.ts';
import '../shared/disposable.ts';
import { decodeHalf, halfBits } from '../shared/float16.ts';
import { sizeOf } from '../shared/shape.ts';
import type { EngineDevice } from './device.ts';
import { type CompileProgress, pipelinesOf } from './pipelines.ts';
import { bytesOf, checkBuffer, type Place, type Plan, type PlannedDispatch, planGraph } from './plan.ts';
import { maxFlops, submitGroups } from './turns.ts';
import { chooseVariant, compilable, type KernelVariants, untunedVariants } from './variants.ts';

export interface GpuExecutorOptions {
  /** Which variant of each kernel class to use (webgpu/tune.ts); else what suits this kind of adapter. The same record gives the same bits. */
  variants?: KernelVariants;
  /** The best rate of a product here (webgpu/tune.ts): a run is split into submits that hold the GPU for a quarter of a second at most
   *  (webgpu/turns.ts). Taken as low if left out, or 0. */
  flopsPerSecond?: number;
  /** What large products and attention are computed in; f32 if left out. f16 needs the feature `shader-f16`, and runs graphs of forward passes alone. */
  arithmetic?: Arithmetic | undefined;
  onCompileProgress?: CompileProgress;
}

export interface GpuProgram extends Program {
  readonly plan: Plan;
  readonly steps: readonly GpuStep[];
}

/** A dispatch made ready. */
export interface GpuStep extends PlannedDispatch {
  pipeline: GPUComputePipeline;
  bindGroup: GPUBindGroup;
}

export interface GpuExecutor extends Executor {
  readonly kind: 'webgpu';
  readonly engine: EngineDevice;
  /** The same with them computed so. */
  in(arithmetic: Arithmetic): GpuExecutor;
  compile(graph: Graph, options?: CompileOptions): Promise<GpuProgram>;
  /** Pipelines compiled so far on this device, over all programs. */
  readonly pipelineCount: number;
}

const storageUsage = (): GPUBufferUsageFlags =>
  GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

class GpuStorage implements Storage {
  readonly label: string;
  readonly elements: number;
  readonly dtype: Dtype;
  readonly buffer: GPUBuffer;
  private readonly engine: EngineDevice;

  constructor(engine: EngineDevice, label: string, elements: number, dtype: Dtype) {
    this.engine = engine;
    this.label = label;
    this.elements = elements;
    this.dtype = dtype;
    const bytes = bytesOf(elements, dtype);
    checkBuffer({ label, bytes }, engine.device.limits);
    // What was refused before this one: a model that does not fit is not uploaded to its end.
    engine.check();
    this.buffer = engine.device.createBuffer({ label, size: bytes, usage: storageUsage() });
  }

  write(data: Float32Array | Int32Array | Uint16Array, offsetElements = 0): void {
    const end = offsetElements + data.length;
    assert(
      end <= this.elements,
      `${this.label}: ${data.length} elements at ${offsetElements} do not fit ${this.elements}`,
    );
    assert(
      !isHalf(this.dtype) || end % 2 === 0 || end === this.elements,
      `${this.label}: elements ${offsetElements} to ${end} end within a word`,
    );
    upload(this.engine.device, this.buffer, this.offset(offsetElements), this.dtype, data);
  }

  async read(offsetElements = 0, elements = this.elements - offsetElements): Promise<Float32Array> {
    return (
      await download(this.engine, [
        { buffer: this.buffer, offset: this.offset(offsetElements), elements, dtype: this.dtype },
      ])
    )[0]!;
  }

  /** In bytes. */
  private offset(elements: number): number {
    assert(!isHalf(this.dtype) || elements % 2 === 0, `${this.label}: element ${elements} begins within a word`);
    return elements * bytesPerElement[this.dtype];
  }

  [Symbol.dispose](): void {
    this.buffer.destroy();
  }
}

const destroyed = (buffer: GPUBuffer): void => buffer.destroy();

/** A browser copies what is uploaded into memory it shares with its GPU process: of one large tensor, so much at a time. */
const UPLOAD_BYTES = 16 * 2 ** 20;

/** Halves lie two in a word, the first in its low bits; where their number is odd, zeros fill the last word. */
function upload(
  device: GPUDevice,
  buffer: GPUBuffer,
  offset: number,
  dtype: Dtype,
  data: Float32Array | Int32Array | Uint16Array,
): void {
  assert(
    isHalf(dtype) ? !(data instanceof Int32Array) : !(data instanceof Uint16Array),
    `${buffer.label} is ${dtype}, got ${data.constructor.name}`,
  );
  let numbers = isHalf(dtype) ? halfBits(dtype, data as Float32Array | Uint16Array) : data;
  if (numbers instanceof Uint16Array && numbers.length % 2 === 1)
    numbers = Uint16Array.from({ length: numbers.length + 1 }, (_, i) => numbers[i] ?? 0);
  const { buffer: memory, byteOffset, byteLength } = numbers;
  for (let start = 0; start < byteLength; start += UPLOAD_BYTES) {
    device.queue.writeBuffer(
      buffer,
      offset + start,
      memory as ArrayBuffer,
      byteOffset + start,
      Math.min(UPLOAD_BYTES, byteLength - start),
    );
  }
}

/** A range of a buffer to copy out. */
interface Range {
  buffer: GPUBuffer;
  /** In bytes. */
  offset: number;
  elements: number;
  dtype: Dtype;
}

/** Copies ranges out, after all work queued so far; rejects if anything went wrong on the device. */
export async function download(
  engine: EngineDevice,
  ranges: readonly Range[],
  encoder = engine.device.createCommandEncoder({ label: 'read' }),
): Promise<Float32Array[]> {
  const { device } = engine;
  // Copies are in whole words.
  const sizes = ranges.map(({ elements, dtype }) => 4 * Math.ceil((elements * bytesPerElement[dtype]) / 4));
  const size = sizes.reduce((sum, bytes) => sum + bytes, 0);
  using owned = new DisposableStack();
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const staging = owned.adopt(device.createBuffer({ label: 'read', size, usage }), destroyed);
  let end = 0;
  ranges.forEach(({ buffer, offset }, i) => {
    encoder.copyBufferToBuffer(buffer, offset, staging, end, sizes[i]!);
    end += sizes[i]!;
  });
  device.queue.submit([encoder.finish()]);
  await engine.wait(staging.mapAsync(GPUMapMode.READ));
  engine.check();
  const mapped = staging.getMappedRange();
  let start = 0;
  return ranges.map(({ elements, dtype }, i) => {
    const copied = mapped.slice(start, (start += sizes[i]!));
    return isHalf(dtype) ? decodeHalf(dtype, new Uint16Array(copied, 0, elements)) : new Float32Array(copied);
  });
}

export function createGpuExecutor(engine: EngineDevice, options: GpuExecutorOptions = {}): GpuExecutor {
  const { variants, flopsPerSecond = 0, arithmetic = 'f32', onCompileProgress } = options;
  const { device } = engine;
  assert(arithmetic === 'f32' || device.features.has('shader-f16'), `${engine.adapterName} does not offer shader-f16`);
  const pipelines = pipelinesOf(device);
  const most = maxFlops(engine.adapter, flopsPerSecond);
  const wanted = variants ?? untunedVariants(engine.adapter, device.features);
  const variant = chooseVariant(compilable(wanted, device.features), arithmetic);

  async function compile(
    graph: Graph,
    { bindings = new Map(), label = 'program' }: CompileOptions = {},
  ): Promise<GpuProgram> {
    for (const [value, storage] of bindings) {
      assert(storage instanceof GpuStorage, `${value.name} is bound to a storage of another executor`);
      assert(
        storage.elements === sizeOf(value.shape),
        `${value.name} has ${sizeOf(value.shape)} elements, storage ${storage.label} ${storage.elements}`,
      );
      assert(
        storage.dtype === value.dtype,
        `${value.name} is ${value.dtype}, storage ${storage.label} ${storage.dtype}`,
      );
    }
    const plan = planGraph(graph, {
      limits: device.limits,
      variant,
      arithmetic,
      bound: bindings,
      maxFlops: most.dispatch,
    });
    const compiled = await engine.wait(
      pipelines.compile(
        plan.dispatches.map(({ dispatch }) => dispatch),
        onCompileProgress,
      ),
    );
    using owned = new DisposableStack();
    const buffers = await allocate(engine, plan, bindings, owned);
    const steps = plan.dispatches.map((planned, i): GpuStep => {
      const bindGroup = device.createBindGroup({
        label: planned.node.name,
        layout: pipelines.layout(planned.dispatch),
        entries: planned.places.map(({ buffer, offset, size }, binding) => ({
          binding,
          resource: { buffer: buffers[buffer]!, offset, size },
        })),
      });
      return { ...planned, pipeline: compiled[i]!, bindGroup };
    });
    const at = (value: Value): Place => {
      const place = plan.placeOf(value);
      assert(place, `${value.name} is not kept after a run: make it an output of the graph`);
      return place;
    };
    const memory: MemoryReport = {
      plannedBytes: plan.bytes,
      allocatedBytes: buffers.reduce((sum, buffer) => sum + buffer.size, 0),
    };
    for (const value of graph.values) {
      if (value.source.kind === 'constant' && plan.placeOf(value)) write(value, value.source.data);
    }

    function write(value: Value, data: Float32Array | Int32Array): void {
      assert(value.source.kind !== 'node', `${value.name} is computed, not written`);
      assert(
        data.length === sizeOf(value.shape),
        `${value.name} has ${sizeOf(value.shape)} elements, got ${data.length}`,
      );
      assert(
        data instanceof Int32Array === (value.dtype === 'i32'),
        `${value.name} is ${value.dtype}, got ${data.constructor.name}`,
      );
      const { buffer, offset } = at(value);
      upload(device, buffers[buffer]!, offset, value.dtype, data);
    }

    const rangeOf = (value: Value): Range => {
      const { buffer, offset } = at(value);
      return { buffer: buffers[buffer]!, offset, elements: sizeOf(value.shape), dtype: value.dtype };
    };

    const groups = submitGroups(steps, most.submit);
    // Storages that were refused: they are not asked about when they are made.
    engine.check();
    const kept = owned.move();

    /** All dispatches, the last of them still to be submitted. */
    function encodeRun(): GPUCommandEncoder {
      const encoders = groups.map((group) => {
        const encoder = device.createCommandEncoder({ label });
        const pass = encoder.beginComputePass({ label });
        for (const step of group) encodeStep(pass, step);
        pass.end();
        return encoder;
      });
      for (const encoder of encoders.slice(0, -1)) device.queue.submit([encoder.finish()]);
      return encoders.at(-1)!;
    }

    return {
      graph,
      plan,
      steps,
      memory,
      dispatchCount: steps.length,
      write,
      run() {
        device.queue.submit([encodeRun().finish()]);
        return Promise.resolve();
      },
      runAndRead: (values) => download(engine, values.map(rangeOf), encodeRun()),
      read(value) {
        const range = rangeOf(value);
        return download(engine, [range]).then(([data]) => data!);
      },
      [Symbol.dispose]: () => kept.dispose(),
    };
  }

  const others = new Map<Arithmetic, GpuExecutor>();
  const executor: GpuExecutor = {
    kind: 'webgpu',
    engine,
    in(asked) {
      if (asked === arithmetic) return executor;
      const other = others.get(asked) ?? createGpuExecutor(engine, { ...options, arithmetic: asked });
      others.set(asked, other);
      return other;
    },
    compile,
    plan: (graph, bound = []) => {
      const keyed = new Map([...bound].map((value) => [value, value]));
      return planGraph(graph, { limits: device.limits, variant, arithmetic, bound: keyed }).bytes;
    },
    storage: (label, elements, dtype = 'f32') => new GpuStorage(engine, label, elements, dtype),
    get pipelineCount() {
      return pipelines.size;
    },
  };
  return executor;
}

export function encodeStep(pass: GPUComputePassEncoder, { pipeline, bindGroup, dispatch }: GpuStep): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(...dispatch.workgroups);
}

/** Makes all buffers of a plan. A refusal says what was asked for. */
export async function allocate(
  engine: EngineDevice,
  plan: Plan,
  bindings: ReadonlyMap<Value, Storage>,
  owned: DisposableStack,
): Promise<GPUBuffer[]> {
  const { device } = engine;
  let asked = 0;
  device.pushErrorScope('validation');
  device.pushErrorScope('out-of-memory');
  const buffers = plan.buffers.map(({ label, bytes, bound, uniforms }) => {
    if (bound) return (bindings.get(bound) as GpuStorage).buffer;
    asked += bytes;
    const usage = uniforms ? GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST : storageUsage();
    const buffer = owned.adopt(device.createBuffer({ label, size: bytes, usage }), destroyed);
    if (uniforms) device.queue.writeBuffer(buffer, 0, uniforms);
    return buffer;
  });
  const refusals = await engine.wait(Promise.all([device.popErrorScope(), device.popErrorScope()]));
  const refused = refusals.find(Boolean);
  if (refused) {
    throw new WinnowError(
      'OutOfGpuMemory',
      `The GPU refused ${(asked / 2 ** 20).toFixed(0)} MiB (${refused.message.split('\n')[0]}).`,
      'Close other tabs that use the GPU, or choose a smaller batch, image size or rank.',
    );
  }
  return buffers;
}
