/** What bringing a model's UNet to the device costs in memory: its weights are streamed, so no more than one tensor lies in JavaScript at a
 *  time. `node --expose-gc bench/run.mjs load FOLDER`. */
import '../src/shared/disposable.ts';
import { openNodeDevice } from '../src/cli/device.ts';
import { folderReader } from '../src/cli/files.ts';
import { Graph } from '../src/graph/graph.ts';
import { ParameterStore } from '../src/models/parameterStore.ts';
import { sizeOf } from '../src/shared/shape.ts';
import { openModelFolder } from '../src/service/model/modelFolder.ts';
import { keptDtypes } from '../src/service/model/weightWidth.ts';
import { createGpuExecutor } from '../src/webgpu/executor.ts';

export async function main([folder = '']: string[]): Promise<void> {
  const device = await openNodeDevice();
  const { info, unet } = await openModelFolder(folder, {
    openModel: (id) => ({ ...folderReader(id), sha256: async () => '' }),
    sha256: async () => '',
  });
  const graph = new Graph();
  unet.model.build(graph, unet.model.inputs(graph, { batch: 1, height: 8, width: 8, tokens: 77 }), {
    dtypeOf: keptDtypes(unet.weights),
  });
  const largest = unet.weights.names.reduce((most, name) => Math.max(most, sizeOf(unet.weights.shape(name)!)), 0);
  const collect = (globalThis as { gc?: () => void }).gc;
  if (!collect) throw new Error('run node with --expose-gc: garbage that is not yet collected would be counted');
  const inJs = (): number => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = inJs();
  let peak = 0;
  // Seen at every tensor that is read, when it lies in memory.
  const source = {
    ...unet.weights,
    read: async (name: string) => measured(unet.weights.read(name)),
    readHalf: async (name: string) => measured(unet.weights.readHalf!(name)),
  };
  async function measured<T>(reading: Promise<T>): Promise<T> {
    const data = await reading;
    peak = Math.max(peak, inJs() - before);
    return data;
  }
  const start = performance.now();
  using store = new ParameterStore(createGpuExecutor(device), source);
  await store.bindings(graph);
  const seconds = (performance.now() - start) / 1000;
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  console.log(
    `${info.parameters.unet} parameters in ${info.precision}: ${mib(store.bytes)} on the device in ${seconds.toFixed(1)} s (a collection at each of ${unet.weights.names.length} tensors)`,
  );
  console.log(
    `JavaScript held at most ${mib(peak)} more than before; the largest tensor has ${mib(largest * (info.precision === 'f32' ? 4 : 2))}`,
  );
  device.destroy();
}
