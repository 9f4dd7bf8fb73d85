/** For tests: a device that is no better than WebGPU asks of all. */
import { type EngineDevice, openDevice } from '../webgpu/device.ts';
import { openNodeGpu } from './device.ts';

/** A device as an adapter gives it that has the default limits and no feature; of Dawn, unless another WebGPU is given. */
export async function openDefaultDevice(given?: GPU): Promise<EngineDevice> {
  const gpu = given ?? (await openNodeGpu()).gpu;
  const requestAdapter = async (options?: GPURequestAdapterOptions): Promise<GPUAdapter | null> => {
    const adapter = await gpu.requestAdapter(options);
    if (adapter) {
      const request = adapter.requestDevice.bind(adapter);
      adapter.requestDevice = ({ requiredLimits: _, requiredFeatures: __, ...asked } = {}) => request(asked);
    }
    return adapter;
  };
  return openDevice({ requestAdapter } as GPU);
}
