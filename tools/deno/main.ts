/** Runs under Deno, bundled: verifies the golden case of a folder on Deno's own WebGPU, with the limits that every adapter has, and prints the
 *  result as JSON. */
import process from 'node:process';
import { folderReader } from '../../src/cli/files.ts';
import { openDefaultDevice } from '../../src/cli/testDevice.ts';
import { verifyCase } from '../../src/service/verify.ts';
import { createGpuExecutor } from '../../src/webgpu/executor.ts';
import { untunedVariants } from '../../src/webgpu/variants.ts';

const engine = await openDefaultDevice(navigator.gpu);
const software = process.argv[3] === 'software';
const executor = createGpuExecutor(engine, { variants: untunedVariants({ software }, engine.device.features) });
const result = await verifyCase(
  folderReader(process.argv[2]!),
  { backend: 'webgpu', reference: 'engine' },
  { executor: async () => executor, onnx: async () => ({ provider: 'wasm', threads: 1 }) },
);
process.stdout.write(JSON.stringify({ adapter: engine.adapterName, result }));
process.exit(0);
