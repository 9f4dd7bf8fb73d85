/** The committed golden cases on the float64 CPU executor: every kind, every tensor. The same on the GPU: verify.gpu.test.ts. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cpuExecutor } from '../oracle/run.ts';
import { WinnowError } from '../shared/errors.ts';
import type { FolderReader } from './environment.ts';
import { formatCase, verifyCase, type VerifyHost } from './verify.ts';

const cases = join(import.meta.dirname, '../../tools/reference/cases');

function folder(path: string, changes: Record<string, Uint8Array> = {}): FolderReader {
  return {
    async read(name) {
      if (changes[name]) return changes[name] as Uint8Array<ArrayBuffer>;
      try {
        return new Uint8Array(readFileSync(join(path, name)));
      } catch {
        throw new WinnowError('NotFound', `There is no ${name}.`, '');
      }
    },
  };
}

const host: VerifyHost = {
  executor: async () => cpuExecutor(),
  onnx: async () => ({ provider: 'wasm', threads: 1 }),
};

describe('golden cases on the CPU', () => {
  it.each(readdirSync(cases))('%s', async (name) => {
    const result = await verifyCase(folder(join(cases, name)), { backend: 'cpu', reference: 'engine' }, host);
    expect(result.skipped).toEqual([]);
    expect(result.ok, formatCase(result)).toBe(true);
  });
});
