/** Compute pipelines: compiled in parallel, once per specialised source, with readable errors. */
import type { Dispatch } from './kernels/dispatch.ts';
import { moduleOf } from './specialize.ts';

/** Called as pipelines become ready: the first minute on a new machine is mostly this. */
export type CompileProgress = (done: number, total: number) => void;

export interface Pipelines {
  /** Pipelines for the dispatches, in their order. Those seen before, by any program of this device, are not compiled again. */
  compile(dispatches: readonly Dispatch[], onProgress?: CompileProgress): Promise<GPUComputePipeline[]>;
  /** Group 0: its `reads` as read-only storage buffers, its `writes` as read-write ones, then a uniform if the kernel takes data. */
  layout(dispatch: Dispatch): GPUBindGroupLayout;
  readonly size: number;
}

const ofDevice = new WeakMap<GPUDevice, Pipelines>();

/** The pipelines of a device: one cache, whoever asks. */
export function pipelinesOf(device: GPUDevice): Pipelines {
  let pipelines = ofDevice.get(device);
  if (!pipelines) ofDevice.set(device, (pipelines = createPipelines(device)));
  return pipelines;
}

function createPipelines(device: GPUDevice): Pipelines {
  const ready = new Map<string, Promise<GPUComputePipeline>>();
  const layouts = new Map<string, { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout }>();

  function layoutsOf(dispatch: Dispatch): { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout } {
    const key = layoutKey(dispatch);
    let found = layouts.get(key);
    if (!found) {
      const types: GPUBufferBindingType[] = [
        ...dispatch.reads.map(() => 'read-only-storage' as const),
        ...dispatch.writes.map(() => 'storage' as const),
        ...(dispatch.kernel.data ? ['uniform' as const] : []),
      ];
      const entries = types.map((type, binding): GPUBindGroupLayoutEntry => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type },
      }));
      const group = device.createBindGroupLayout({ label: `reads, writes, data ${key}`, entries });
      found = { group, pipeline: device.createPipelineLayout({ bindGroupLayouts: [group] }) };
      layouts.set(key, found);
    }
    return found;
  }

  return {
    layout: (dispatch) => layoutsOf(dispatch).group,
    get size() {
      return ready.size;
    },
    async compile(dispatches, onProgress) {
      const fresh: Promise<GPUComputePipeline>[] = [];
      const all = dispatches.map((dispatch) => {
        const code = moduleOf(dispatch);
        const key = `${layoutKey(dispatch)}\n${code}`;
        let pipeline = ready.get(key);
        if (!pipeline) {
          pipeline = compileOne(device, dispatch.kernel.name, code, layoutsOf(dispatch).pipeline);
          ready.set(key, pipeline);
          // A failure is not kept: it may have been a lost device.
          pipeline.catch(() => ready.delete(key));
          fresh.push(pipeline);
        }
        return pipeline;
      });
      let done = 0;
      for (const pipeline of fresh)
        void pipeline.then(
          () => onProgress?.(++done, fresh.length),
          () => undefined,
        );
      return Promise.all(all);
    },
  };
}

const layoutKey = ({ kernel, reads, writes }: Dispatch): string =>
  `${reads.length},${writes.length},${kernel.data ? 1 : 0}`;

async function compileOne(
  device: GPUDevice,
  name: string,
  code: string,
  layout: GPUPipelineLayout,
): Promise<GPUComputePipeline> {
  // The scope takes the module's own error, which is reported below with its line; without it the device would count it as uncaptured.
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label: name, code });
  // On a lost device it rejects.
  device.popErrorScope().catch(() => undefined);
  try {
    return await device.createComputePipelineAsync({ label: name, layout, compute: { module, entryPoint: 'main' } });
  } catch (error) {
    const info = await module.getCompilationInfo();
    const first = info.messages.find((message) => message.type === 'error');
    const reason = first?.message ?? (error instanceof Error ? error.message : String(error));
    throw new Error(
      `${name}.wgsl${first ? `:${first.lineNum}:${first.linePos}` : ''}: ${reason}\n${numbered(code, first?.lineNum)}`,
      { cause: error },
    );
  }
}

/** The source with line numbers; only the neighbourhood of `line` where it is known. */
function numbered(code: string, line?: number): string {
  const lines = code
    .split('\n')
    .map((text, i) => `${String(i + 1).padStart(4)}${i + 1 === line ? ' >' : '  '} ${text}`);
  return (line ? lines.slice(Math.max(0, line - 6), line + 5) : lines).join('\n');
}
