/** For tests: Dawn's null backend, which runs nothing, and checks WGSL as Tint does with every feature there is. */
import { create } from 'webgpu';

/** Its adapters and devices do not keep it alive; collected too early, the process crashes. */
const held: GPU[] = [];

export async function nullAdapter(): Promise<GPUAdapter> {
  const gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
  held.push(gpu);
  return (await gpu.requestAdapter())!;
}

/** A module's pipeline; rejects where it is wrong. */
export const compiledOn = (device: GPUDevice, code: string): Promise<GPUComputePipeline> =>
  device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code }) },
  });
