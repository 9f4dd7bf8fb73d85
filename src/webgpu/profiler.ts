/** Where a run's time goes: GPU milliseconds of each dispatch, and GFLOP/s where it is a product.
 *
 *  With `timestamp-query` every dispatch gets a pass of its own with a timestamp at each end, repeated, because browsers round timestamps
 *  to 100 µs. Without it, every dispatch is submitted and awaited on its own, and the cost of an empty submit is taken off. */
import type { EngineDevice } from './device.ts';
import { encodeStep, type GpuProgram, type GpuStep } from './executor.ts';
import '../shared/disposable.ts';

export interface ProfileRow {
  node: string;
  op: string;
  kernel: string;
  ms: number;
  /** 0 for what is no product. */
  flops: number;
}

export interface Profile {
  clock: 'timestamp-query' | 'submit';
  rows: ProfileRow[];
}

const REPEATS = 5;
/** Queries of one set; two a dispatch. */
const QUERIES = 2048;

export async function profileProgram(
  engine: EngineDevice,
  program: GpuProgram,
  clock: Profile['clock'] = engine.device.features.has('timestamp-query') ? 'timestamp-query' : 'submit',
): Promise<Profile> {
  const { steps } = program;
  const ms = clock === 'timestamp-query' ? await byTimestamps(engine, steps) : await bySubmits(engine, steps);
  engine.check();
  const rows = steps.map(({ node, dispatch, flops }, i): ProfileRow => ({
    node: node.name,
    op: node.op,
    kernel: dispatch.kernel.name,
    ms: ms[i]!,
    flops,
  }));
  return { clock, rows };
}

/** Rows summed by `key`, the slowest first. */
export function summarize(
  rows: readonly ProfileRow[],
  key: (row: ProfileRow) => string,
): { name: string; dispatches: number; ms: number; gflops: number }[] {
  const sums = new Map<string, { name: string; dispatches: number; ms: number; flops: number }>();
  for (const row of rows) {
    const name = key(row);
    const sum = sums.get(name) ?? { name, dispatches: 0, ms: 0, flops: 0 };
    sum.dispatches++;
    sum.ms += row.ms;
    sum.flops += row.flops;
    sums.set(name, sum);
  }
  return [...sums.values()]
    .map(({ flops, ...sum }) => ({ ...sum, gflops: sum.ms > 0 ? flops / sum.ms / 1e6 : 0 }))
    .toSorted((a, b) => b.ms - a.ms);
}

async function byTimestamps(engine: EngineDevice, steps: readonly GpuStep[]): Promise<number[]> {
  const { device } = engine;
  const ms: number[] = [];
  for (let start = 0; start < steps.length; start += QUERIES / 2) {
    const chunk = steps.slice(start, start + QUERIES / 2);
    const count = chunk.length * 2;
    using owned = new DisposableStack();
    const querySet = owned.adopt(device.createQuerySet({ type: 'timestamp', count }), (set) => set.destroy());
    const buffer = (usage: GPUBufferUsageFlags): GPUBuffer =>
      owned.adopt(device.createBuffer({ size: count * 8, usage }), (made) => made.destroy());
    const resolved = buffer(GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC);
    const staging = buffer(GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
    const encoder = device.createCommandEncoder({ label: 'profile' });
    chunk.forEach((step, i) => {
      const pass = encoder.beginComputePass({
        timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
      });
      for (let r = 0; r < REPEATS; r++) encodeStep(pass, step);
      pass.end();
    });
    encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, count * 8);
    device.queue.submit([encoder.finish()]);
    await engine.wait(staging.mapAsync(GPUMapMode.READ));
    const times = new BigUint64Array(staging.getMappedRange());
    for (let i = 0; i < chunk.length; i++) ms.push(Number(times[2 * i + 1]! - times[2 * i]!) / 1e6 / REPEATS);
  }
  return ms;
}

async function bySubmits(engine: EngineDevice, steps: readonly GpuStep[]): Promise<number[]> {
  const { device } = engine;
  const time = async (encode: (pass: GPUComputePassEncoder) => void): Promise<number> => {
    const start = performance.now();
    const encoder = device.createCommandEncoder({ label: 'profile' });
    const pass = encoder.beginComputePass();
    encode(pass);
    pass.end();
    device.queue.submit([encoder.finish()]);
    await engine.wait(device.queue.onSubmittedWorkDone());
    return performance.now() - start;
  };
  const empty: number[] = [];
  for (let i = 0; i < 5; i++) empty.push(await time(() => undefined));
  const overhead = Math.min(...empty);
  const ms: number[] = [];
  for (const step of steps) {
    const repeated = await time((pass) => {
      for (let r = 0; r < REPEATS; r++) encodeStep(pass, step);
    });
    ms.push(Math.max(0, repeated - overhead) / REPEATS);
  }
  return ms;
}
