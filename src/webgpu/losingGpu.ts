/** For tests: a GPU whose devices are taken away at a chosen moment, as a driver's reset does: without the engine's doing. */
import { watchedGpu } from './liveBuffers.ts';

export interface LosingGpu {
  readonly gpu: GPU;
  /** Devices opened so far. */
  readonly devices: readonly GPUDevice[];
  /** Calls of them so far: buffers, pipelines, submits, and results read back. */
  readonly calls: number;
  /** Devices taken away so far. */
  readonly losses: number;
  /** Takes the newest device away. */
  lose(): void;
  /** From now on there is no adapter, for so many requests. */
  refuse(requests: number): void;
}

/** @param atCalls for each device, in the order of opening, the call at which it is taken away: after the call was made, before it is answered. */
export function losingGpu(real: GPU, atCalls: readonly number[] = []): LosingGpu {
  const devices: GPUDevice[] = [];
  let calls = 0;
  let losses = 0;
  let refused = 0;
  const lose = (device: GPUDevice): void => {
    losses++;
    device.destroy();
  };
  const watched = watchedGpu(real, (device) => {
    const loseAt = atCalls[devices.length];
    devices.push(device);
    let own = 0;
    const counted = (): void => {
      calls++;
      if (++own === loseAt) lose(device);
    };
    const { queue } = device;
    const submit = queue.submit.bind(queue);
    queue.submit = (buffers) => {
      const done = submit(buffers);
      counted();
      return done;
    };
    const compile = device.createComputePipelineAsync.bind(device);
    device.createComputePipelineAsync = (descriptor) => {
      const made = compile(descriptor);
      counted();
      return made;
    };
    const createBuffer = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      const buffer = createBuffer(descriptor);
      const mapAsync = buffer.mapAsync.bind(buffer);
      buffer.mapAsync = (...args) => {
        const mapped = mapAsync(...args);
        counted();
        return mapped;
      };
      counted();
      return buffer;
    };
  });
  return {
    gpu: {
      requestAdapter: async (options) => (refused-- > 0 ? null : watched.requestAdapter(options)),
    } as Partial<GPU> as GPU,
    devices,
    get calls() {
      return calls;
    },
    get losses() {
      return losses;
    },
    lose: () => lose(devices.at(-1)!),
    refuse(requests) {
      refused = requests;
    },
  };
}
