/** Times one variant of one task at its own size, on noise. What would hold the GPU for too long by itself is timed by the first of its turns, to
 *  which a run would cut it, too, and by what runs beside them. */
import { type Dtype, isHalf } from '../graph/graph.ts';
import type { Arithmetic } from '../shared/arithmetic.ts';
import '../shared/disposable.ts';
import { sizeOf } from '../shared/shape.ts';
import type { EngineDevice } from './device.ts';
import { allocate, download, encodeStep } from './executor.ts';
import { gpuMs } from './gpuClock.ts';
import type { Dispatch } from './kernels/dispatch.ts';
import { pipelinesOf } from './pipelines.ts';
import { planGraph } from './plan.ts';
import { maxFlops } from './turns.ts';
import { chooseVariant } from './variants.ts';
import { alone, type Task } from './workload.ts';

export interface TaskTime {
  /** Of the whole task. */
  ms: number;
  compileMs: number;
  /** Operations that it took, which are fewer than the task's where a variant saves some. */
  flops: number;
  /** What it made; null where only a turn of it ran. */
  results: Float32Array[] | null;
}

export class CompilesTooLong extends Error {}

/** Rejects with CompilesTooLong once `limitMs` are over; the compiler cannot be stopped, and keeps what it makes for whoever asks again. */
export async function compileWithin(
  engine: EngineDevice,
  dispatches: readonly Dispatch[],
  limitMs: number,
): Promise<{ pipelines: GPUComputePipeline[]; ms: number }> {
  const start = performance.now();
  const compiling = engine.wait(pipelinesOf(engine.device).compile(dispatches));
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    if (Number.isFinite(limitMs)) timer = setTimeout(() => reject(new CompilesTooLong()), limitMs);
  });
  try {
    return { pipelines: await Promise.race([compiling, late]), ms: performance.now() - start };
  } finally {
    clearTimeout(timer);
    // Where it was too late already, whatever becomes of it is nobody's.
    compiling.catch(() => undefined);
  }
}

/** Of the best rate's quarter of a second (turns.ts), what is timed at a time: some 20 ms, long enough for any GPU to be busy all over. */
const TURN_SHARE = 0.3;

/** @param rate operations per second that a product reached here; 0 where that is not known yet, and is found out.
 *  Rejects with CompilesTooLong, OutOfGpuMemory, AdapterTooSmall, GpuError or DeviceLost. */
export async function timeTask(
  engine: EngineDevice,
  task: Pick<Task, 'node' | 'kernelClass'>,
  variant: string,
  {
    rate = 0,
    compileWithinMs = Infinity,
    arithmetic = 'f32',
  }: { rate?: number; compileWithinMs?: number; arithmetic?: Arithmetic } = {},
): Promise<TaskTime> {
  for (let known = rate; ;) {
    const { parts, ...time } = await timeOnce(engine, task, variant, {
      rate: known,
      compileWithinMs,
      arithmetic,
    });
    const reached = time.flops / (time.ms / 1000);
    // A GPU that turned out to be much faster was not busy with so small a turn.
    if (parts === 1 || reached <= 1.5 * known) return time;
    known = reached;
  }
}

async function timeOnce(
  engine: EngineDevice,
  { node, kernelClass }: Pick<Task, 'node' | 'kernelClass'>,
  variant: string,
  { rate, compileWithinMs, arithmetic }: { rate: number; compileWithinMs: number; arithmetic: Arithmetic },
): Promise<TaskTime & { parts: number }> {
  const { device } = engine;
  const graph = alone(node);
  const plan = planGraph(graph, {
    limits: device.limits,
    variant: chooseVariant({ [kernelClass]: variant }, arithmetic),
    arithmetic,
    maxFlops: maxFlops(engine.adapter, TURN_SHARE * rate).dispatch,
  });
  const flops = plan.dispatches.reduce((sum, one) => sum + one.flops, 0);
  const main = plan.dispatches.reduce((most, one) => (one.flops > most.flops ? one : most));
  const parts = plan.dispatches.some(({ dispatch }) => 'FIRST_X' in dispatch.constants) ? flops / main.flops : 1;
  // What is no product has no turns.
  const timed = parts === 1 ? plan.dispatches : [main, ...plan.dispatches.filter((one) => one.flops === 0)];
  const { pipelines, ms: compileMs } = await compileWithin(
    engine,
    timed.map(({ dispatch }) => dispatch),
    compileWithinMs,
  );
  using owned = new DisposableStack();
  const buffers = await allocate(engine, plan, new Map(), owned);
  for (const value of graph.values) {
    if (value.source.kind !== 'input' && value.source.kind !== 'parameter') continue;
    const { buffer, offset } = plan.placeOf(value)!;
    fill(device, buffers[buffer]!, offset, value.dtype, sizeOf(value.shape));
  }
  const steps = timed.map((planned, i) => ({
    ...planned,
    pipeline: pipelines[i]!,
    bindGroup: device.createBindGroup({
      layout: pipelinesOf(device).layout(planned.dispatch),
      entries: planned.places.map(({ buffer, offset, size }, binding) => ({
        binding,
        resource: { buffer: buffers[buffer]!, offset, size },
      })),
    }),
  }));
  const timeOf = (some: typeof steps): Promise<number> =>
    gpuMs(engine, (pass) => some.forEach((step) => encodeStep(pass, step)));
  const [turn, ...others] = parts === 1 ? [] : steps;
  const ms = turn
    ? parts * (await timeOf([turn])) + (others.length > 0 ? await timeOf(others) : 0)
    : await timeOf(steps);
  const results =
    parts === 1
      ? await download(
          engine,
          [...graph.outputs.values()].map((value) => {
            const { buffer, offset } = plan.placeOf(value)!;
            return { buffer: buffers[buffer]!, offset, elements: sizeOf(value.shape), dtype: value.dtype };
          }),
        )
      : null;
  engine.check();
  return { ms, compileMs, flops, parts, results };
}

const NOISE = 2 ** 18;
const noises = new Map<Dtype, Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>>();

/** Between -1 and 1; in half width between 1/2 and 1, of either sign. */
function noiseOf(dtype: Dtype): Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> {
  let made = noises.get(dtype);
  if (!made) {
    let state = 1;
    const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
    const [one, mantissa] = dtype === 'bf16' ? [0x3f00, 0x7f] : [0x3800, 0x3ff];
    made = isHalf(dtype)
      ? Uint16Array.from({ length: NOISE }, () => ((next() >>> 31) << 15) | one | ((next() >>> 12) & mantissa))
      : Float32Array.from({ length: NOISE }, () => next() / 2 ** 31 - 1);
    noises.set(dtype, made);
  }
  return made;
}

/** `offset` in bytes. Of an odd number of halves the last word is filled. */
function fill(device: GPUDevice, buffer: GPUBuffer, offset: number, dtype: Dtype, elements: number): void {
  const noise = noiseOf(dtype);
  const even = elements + (elements % 2) * Number(isHalf(dtype));
  for (let first = 0; first < even; first += NOISE) {
    const length = Math.min(NOISE, even - first);
    device.queue.writeBuffer(buffer, offset + first * noise.BYTES_PER_ELEMENT, noise, 0, length);
  }
}
