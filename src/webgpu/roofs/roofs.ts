/** What an adapter can do at most: its rate of multiply-adds, and of bytes from memory and back. What kernels reach is held against them. */
import '../../shared/disposable.ts';
import type { EngineDevice } from '../device.ts';
import { gpuMs } from '../gpuClock.ts';
import { type Dispatch, kernelOf } from '../kernels/dispatch.ts';
import { pipelinesOf } from '../pipelines.ts';
import copyCode from './copy.wgsl?raw';
import multiplyAddCode from './multiplyAdd.wgsl?raw';

export interface Roofs {
  /** A multiply and an add are two. */
  flopsPerSecond: number;
  /** What is read and what is written both count. */
  bytesPerSecond: number;
}

const GROUP = 64;
const TURNS = 128;
/** Eight chains of four, two links at a time. */
const FLOPS_PER_TURN = 2 * 8 * 4 * 2;
/** A dispatch that takes so long is no matter of its start. */
const LONG_MS = 4;
const COPY_BYTES = { software: 16 * 2 ** 20, gpu: 128 * 2 ** 20 };
const MOST_GROUPS = 32768;

/** Rejects with GpuError, OutOfGpuMemory or DeviceLost. */
export async function measureRoofs(engine: EngineDevice): Promise<Roofs> {
  let flopsPerSecond = 0;
  for (let groups = 64; groups <= MOST_GROUPS; groups *= 4) {
    const ms = await timeRoof(engine, 'multiplyAdd', { reads: 32, writes: groups * GROUP * 16, groups });
    flopsPerSecond = Math.max(flopsPerSecond, (groups * GROUP * TURNS * FLOPS_PER_TURN) / (ms / 1000));
    if (ms > LONG_MS) break;
  }
  const most = Math.min(engine.adapter.software ? COPY_BYTES.software : COPY_BYTES.gpu, MOST_GROUPS * GROUP * 16);
  const bytes = Math.min(most, 2 ** Math.floor(Math.log2(engine.device.limits.maxStorageBufferBindingSize)));
  const ms = await timeRoof(engine, 'copy', { reads: bytes, writes: bytes, groups: bytes / 16 / GROUP });
  return { flopsPerSecond, bytesPerSecond: (2 * bytes) / (ms / 1000) };
}

export const roofKernels = {
  multiplyAdd: { kernel: kernelOf('multiplyAdd', multiplyAddCode), constants: { TURNS } },
  copy: { kernel: kernelOf('copy', copyCode), constants: {} },
};

async function timeRoof(
  engine: EngineDevice,
  name: keyof typeof roofKernels,
  { reads, writes, groups }: { reads: number; writes: number; groups: number },
): Promise<number> {
  const { device } = engine;
  const dispatch: Dispatch = {
    ...roofKernels[name],
    reads: [{ scratch: 'read', elements: reads / 4 }],
    writes: [{ scratch: 'written', elements: writes / 4 }],
    workgroups: [groups, 1, 1],
  };
  const [pipeline] = await engine.wait(pipelinesOf(device).compile([dispatch]));
  using owned = new DisposableStack();
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
  const [read, written] = [reads, writes].map((size) =>
    owned.adopt(device.createBuffer({ label: name, size, usage }), (buffer) => buffer.destroy()),
  );
  // Near 1, so that no sum grows out of bounds or into the denormal.
  device.queue.writeBuffer(
    read!,
    0,
    Float32Array.from({ length: 8 }, (_, i) => (i < 4 ? 0.999 : 0.001)),
  );
  const bindGroup = device.createBindGroup({
    layout: pipelinesOf(device).layout(dispatch),
    entries: [read!, written!].map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const ms = await gpuMs(engine, (pass) => {
    pass.setPipeline(pipeline!);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(groups);
  });
  engine.check();
  return ms;
}
