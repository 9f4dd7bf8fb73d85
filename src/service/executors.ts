/** Executors for who has no engine: verify, one-off measurements. */
import type { Executor } from '../graph/executor.ts';
import { cpuExecutor } from '../oracle/run.ts';
import { openDevice } from '../webgpu/device.ts';
import { createGpuExecutor } from '../webgpu/executor.ts';

/** webgpu: our kernels on the best adapter of `gpu`. cpu: the float64 oracle. Rejects with NoWebGPU. */
export async function openExecutor(kind: 'webgpu' | 'cpu', gpu: GPU | undefined): Promise<Executor> {
  return kind === 'cpu' ? cpuExecutor() : createGpuExecutor(await openDevice(gpu));
}
