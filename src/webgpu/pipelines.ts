/** Compute pipelines: compiled in parallel, once per specialised source, with readable errors. */
import type { Dispatch } from './kernels/dispatch.ts';
import { specialize } from './specialize.ts';

/** Called as pipelines become ready: the first minute on a new machine is mostly this. */
export type CompileProgress = (done: number, total: number) => void;

export interface Pipelines {
  /** Pipelines for the dispatches, in their order. Those seen before, by any program of this device, are not compiled again. */
  compile(dispatches: readonly Dispatch[], onProgress?: CompileProgress): Promise<GPUComputePipeline[]>;
  /** Group 0: `reads` read-only storage buffers, then `writes` read-write ones. */
  layout(reads: number, writes: number): GPUBindGroupLayout;
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

  function layoutsOf(reads: number, writes: number): { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout } {
    const key = `${reads},${writes}`;
    let found = layouts.get(key);
    if (!found) {
      const entries = Array.from({ length: reads + writes }, (_, binding): GPUBindGroupLayoutEntry => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: binding < reads ? 'read-only-storage' : 'storage' },
      }));
      const group = device.createBindGroupLayout({ label: `reads ${reads}, writes ${writes}`, entries });
      found = { group, pipeline: device.createPipelineLayout({ bindGroupLayouts: [group] }) };
      layouts.set(key, found);
    }
    return found;
  }

  return {
    layout: (reads, writes) => layoutsOf(reads, writes).group,
    get size() {
      return ready.size;
    },
    async compile(dispatches, onProgress) {
      const fresh: Promise<GPUComputePipeline>[] = [];
      const all = dispatches.map((dispatch) => {
        const code = specialize(dispatch.kernel, dispatch.constants);
        const key = `${dispatch.reads.length},${dispatch.writes.length}\n${code}`;
        let pipeline = ready.get(key);
        if (!pipeline) {
          pipeline = compileOne(
            device,
            dispatch.kernel.name,
            code,
            layoutsOf(dispatch.reads.length, dispatch.writes.length).pipeline,
          );
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
