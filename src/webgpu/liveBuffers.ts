/** For tests: what is alive on a device, and a device that has no room for a buffer. */

export interface LiveBuffers {
  /** Bytes of each buffer and query set that was made and not destroyed. Buffers that only carry results back (MAP_READ) are counted apart. */
  readonly live: ReadonlyMap<object, number>;
  readonly staging: ReadonlySet<object>;
  readonly bytes: number;
  /** Buffers asked for so far. */
  readonly asked: number;
  /** The n-th buffer from now on is asked for larger than any device has. */
  refuse(n: number): void;
}

export function countBuffers(device: GPUDevice): LiveBuffers {
  const live = new Map<object, number>();
  const staging = new Set<object>();
  let asked = 0;
  let refuseAt = Infinity;
  const forget = (object: { destroy(): undefined }): void => {
    const destroy = object.destroy.bind(object);
    object.destroy = () => {
      live.delete(object);
      staging.delete(object);
      return destroy();
    };
  };
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const refused = ++asked === refuseAt;
    const buffer = createBuffer(refused ? { ...descriptor, size: 2 ** 50 } : descriptor);
    if (descriptor.usage & GPUBufferUsage.MAP_READ) staging.add(buffer);
    else live.set(buffer, descriptor.size);
    forget(buffer);
    return buffer;
  };
  const createQuerySet = device.createQuerySet.bind(device);
  device.createQuerySet = (descriptor) => {
    const made = createQuerySet(descriptor);
    live.set(made, 0);
    forget(made);
    return made;
  };
  return {
    live,
    staging,
    get bytes() {
      return [...live.values()].reduce((sum, bytes) => sum + bytes, 0);
    },
    get asked() {
      return asked;
    },
    refuse(n) {
      refuseAt = asked + n;
    },
  };
}

/** A GPU whose devices are told of as they are opened. */
export const watchedGpu = (gpu: GPU, opened: (device: GPUDevice) => void): GPU =>
  ({
    requestAdapter: async (options) => {
      const adapter = await gpu.requestAdapter(options);
      if (!adapter) return adapter;
      const requestDevice = adapter.requestDevice.bind(adapter);
      adapter.requestDevice = async (descriptor) => {
        const device = await requestDevice(descriptor);
        opened(device);
        return device;
      };
      return adapter;
    },
  }) as Partial<GPU> as GPU;
