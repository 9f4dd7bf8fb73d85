/** Milliseconds of GPU work: by the GPU's own clock where it has one, else by repeating it until the browser's is fine enough. */
import { MOST_TIMES, timedByFilling, WALL_FILL_MS } from '../shared/clock.ts';
import '../shared/disposable.ts';
import type { EngineDevice } from './device.ts';

/** Timestamps are rounded to 0.1 ms. */
const TIMESTAMP_FILL_MS = 2;

/** Other work only ever adds: the least of several short windows is what it disturbed least. */
const WINDOWS = 8;
const WALL_WINDOWS = 3;

type Encode = (pass: GPUComputePassEncoder) => void;

/** @param encode dispatches once what is timed. Rejects with GpuError or DeviceLost. */
export async function gpuMs(engine: EngineDevice, encode: Encode): Promise<number> {
  // Uploads and first touches.
  await bySubmit(engine, encode, 1);
  if (engine.device.features.has('timestamp-query')) {
    let least = Infinity;
    // 0: some drivers offer timestamps and write none.
    for (let window = 0; window < WINDOWS && least > 0; window++)
      least = Math.min(least, await timedByFilling(TIMESTAMP_FILL_MS, (times) => byTimestamps(engine, encode, times)));
    if (least > 0) return least;
  }
  let least = await timedByFilling(WALL_FILL_MS, (times) => bySubmit(engine, encode, times));
  const times = Math.min(MOST_TIMES, Math.ceil(WALL_FILL_MS / least));
  for (let window = 1; window < WALL_WINDOWS; window++)
    least = Math.min(least, (await bySubmit(engine, encode, times)) / times);
  // Some browsers' clocks are too coarse even for so many.
  return Math.max(least, 1 / MOST_TIMES);
}

async function bySubmit(engine: EngineDevice, encode: Encode, times: number): Promise<number> {
  const { device } = engine;
  const start = performance.now();
  const encoder = device.createCommandEncoder({ label: 'clock' });
  const pass = encoder.beginComputePass();
  for (let i = 0; i < times; i++) encode(pass);
  pass.end();
  device.queue.submit([encoder.finish()]);
  await engine.wait(device.queue.onSubmittedWorkDone());
  return performance.now() - start;
}

async function byTimestamps(engine: EngineDevice, encode: Encode, times: number): Promise<number> {
  const { device } = engine;
  using owned = new DisposableStack();
  const querySet = owned.adopt(device.createQuerySet({ type: 'timestamp', count: 2 }), (set) => set.destroy());
  const buffer = (usage: GPUBufferUsageFlags): GPUBuffer =>
    owned.adopt(device.createBuffer({ size: 16, usage }), (made) => made.destroy());
  const resolved = buffer(GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC);
  const staging = buffer(GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
  const encoder = device.createCommandEncoder({ label: 'clock' });
  const pass = encoder.beginComputePass({
    timestampWrites: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
  });
  for (let i = 0; i < times; i++) encode(pass);
  pass.end();
  encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, staging, 0, 16);
  device.queue.submit([encoder.finish()]);
  await engine.wait(staging.mapAsync(GPUMapMode.READ));
  engine.check();
  const [begin, end] = new BigUint64Array(staging.getMappedRange());
  return Math.max(0, Number(end! - begin!) / 1e6);
}
