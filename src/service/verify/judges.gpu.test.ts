/** The committed cases of judges on our kernels: both towers, heads of 64, 80 and 104, f16 and f32. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type NodeDevice, openNodeDevice } from '../../cli/device.ts';
import { folderReader } from '../../cli/files.ts';
import { createGpuExecutor, type GpuExecutor } from '../../webgpu/executor.ts';
import { formatCase, verifyCase } from '../verify.ts';

const cases = process.env['WINNOW_JUDGE_CASES'] ?? join(import.meta.dirname, '../../../tools/judges/cases');
let engine: NodeDevice;
let executor: GpuExecutor;

beforeAll(async () => {
  engine = await openNodeDevice();
  executor = createGpuExecutor(engine);
});
afterAll(() => engine?.destroy());

it.each(readdirSync(cases).filter((name) => name.startsWith('judge')))('%s', async (name) => {
  const result = await verifyCase(
    folderReader(join(cases, name)),
    { backend: 'webgpu', reference: 'engine' },
    { executor: async () => executor, onnx: async () => ({ provider: 'wasm', threads: 1 }) },
  );
  if (process.env['SHOW']) console.log(formatCase(result).split('\n').at(-1));
  expect(result.skipped).toEqual([]);
  expect(result.ok, formatCase(result)).toBe(true);
});
