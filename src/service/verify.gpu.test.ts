/** The committed golden cases on the GPU: every kind that runs a graph. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NodeDevice, openNodeDevice } from '../cli/device.ts';
import { folderReader } from '../cli/files.ts';
import { createGpuExecutor, type GpuExecutor } from '../webgpu/executor.ts';
import { formatCase, verifyCase } from './verify.ts';

const cases = join(import.meta.dirname, '../../tools/reference/cases');
let engine: NodeDevice;
let executor: GpuExecutor;

beforeAll(async () => {
  engine = await openNodeDevice();
  executor = createGpuExecutor(engine);
  console.log(`golden cases on ${engine.driver}`);
});
afterAll(() => engine?.destroy());

describe('golden cases on the GPU', () => {
  it.each(readdirSync(cases).filter((name) => /^(unet|vae|text_encoder|dpo|implicit|pipeline)/.test(name)))(
    '%s',
    async (name) => {
      const result = await verifyCase(
        folderReader(join(cases, name)),
        { backend: 'webgpu', reference: 'engine' },
        {
          executor: async () => executor,
          onnx: async () => ({ provider: 'wasm', threads: 1 }),
        },
      );
      if (process.env.SHOW) console.log(formatCase(result).split('\n').at(-1));
      expect(result.skipped).toEqual([]);
      expect(result.ok, formatCase(result)).toBe(true);
    },
  );
});
