/** Training on a device that is no better than WebGPU asks of all: the golden cases of whole steps, on what an adapter that runs on the CPU is given
 *  there, and on what a GPU is. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folderReader } from '../cli/files.ts';
import { openDefaultDevice } from '../cli/testDevice.ts';
import type { EngineDevice } from '../webgpu/device.ts';
import { createGpuExecutor, type GpuExecutor } from '../webgpu/executor.ts';
import { DEFAULT_LIMITS } from '../webgpu/plan.ts';
import { untunedVariants } from '../webgpu/variants.ts';
import { formatCase, verifyCase } from './verify.ts';

const cases = join(import.meta.dirname, '../../tools/reference/cases');
/** All weights, a LoRA, and SDXL's conditioning. */
const training = ['dpo-full-v-reference', 'dpo-hinge', 'dpo-sdxl'];
let engine: EngineDevice;

beforeAll(async () => {
  engine = await openDefaultDevice();
});
afterAll(() => engine?.destroy());

it('has what every device has, and no more', () => {
  const { limits, features } = engine.device;
  expect(
    Object.fromEntries(Object.keys(DEFAULT_LIMITS).map((name) => [name, limits[name as keyof typeof DEFAULT_LIMITS]])),
  ).toEqual(DEFAULT_LIMITS);
  expect(['subgroups', 'shader-f16', 'timestamp-query'].filter((name) => features.has(name))).toEqual([]);
});

describe.each([
  ['where shaders run on the CPU', true],
  ['of a GPU', false],
])('with the kernels %s', (_, software) => {
  let executor: GpuExecutor;
  beforeAll(() => {
    executor = createGpuExecutor(engine, { variants: untunedVariants({ software }, engine.device.features) });
  });

  it.each(training)(
    '%s',
    async (name) => {
      const result = await verifyCase(
        folderReader(join(cases, name)),
        { backend: 'webgpu', reference: 'engine' },
        { executor: async () => executor, onnx: async () => ({ provider: 'wasm', threads: 1 }) },
      );
      expect(result.ok, formatCase(result)).toBe(true);
    },
    // On lavapipe LLVM takes minutes over a network's kernels.
    1_800_000,
  );
});
