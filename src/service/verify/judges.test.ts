/** The committed cases of judges and of their resizing (tools/judges), on the float64 executor and on onnxruntime. On the GPU: judges.gpu.test.ts. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { folderReader } from '../../cli/files.ts';
import { cpuExecutor } from '../../oracle/run.ts';
import { formatCase, verifyCase, type VerifyHost } from '../verify.ts';

const cases = process.env['WINNOW_JUDGE_CASES'] ?? join(import.meta.dirname, '../../../tools/judges/cases');
const names = readdirSync(cases);

const host: VerifyHost = {
  executor: async () => cpuExecutor(),
  onnx: async () => ({ provider: 'wasm', threads: 1 }),
};

it.each([
  ...names.map((name) => ['cpu', name] as const),
  ...names.filter((name) => name.startsWith('judge')).map((name) => ['onnx', name] as const),
])('%s %s', async (backend, name) => {
  const result = await verifyCase(folderReader(join(cases, name)), { backend, reference: 'engine' }, host);
  expect(result.skipped).toEqual([]);
  expect(result.ok, formatCase(result)).toBe(true);
});
