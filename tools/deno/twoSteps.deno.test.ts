/** Two steps of training under Deno, whose WebGPU is wgpu's, against the same two under Dawn: the same driver, kernels and limits, so that what
 *  differs is the implementation. Run by the stage `deno` of `npm test` alone. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folderReader } from '../../src/cli/files.ts';
import { openDefaultDevice } from '../../src/cli/testDevice.ts';
import { writeSafetensors } from '../../src/data/formats/safetensors.ts';
import { type CaseResult, formatCase } from '../../src/service/verify.ts';
import { openCase } from '../../src/service/verify/caseFile.ts';
import { trainCase } from '../../src/service/verify/dpo.ts';
import type { EngineDevice } from '../../src/webgpu/device.ts';
import { createGpuExecutor } from '../../src/webgpu/executor.ts';
import { untunedVariants } from '../../src/webgpu/variants.ts';
import { buildForDeno } from './build.mjs';

const top = join(import.meta.dirname, '..', '..');
const deno = process.env['WINNOW_DENO_FOUND']!;
let engine: EngineDevice;
let folder: string;
let program: string;

beforeAll(async () => {
  engine = await openDefaultDevice();
  folder = await mkdtemp(join(tmpdir(), 'winnow-deno-'));
  program = await buildForDeno(top, join(folder, 'program'));
});
afterAll(async () => {
  engine?.destroy();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** A copy of the case that trains two steps, and expects what Dawn makes of them. */
async function asDawnTrains(name: string, software: boolean): Promise<string> {
  const copy = join(folder, name);
  await cp(join(top, 'tools/reference/cases', name), copy, { recursive: true });
  const fields = JSON.parse(await readFile(join(copy, 'case.json'), 'utf8')) as Record<string, unknown>;
  await writeFile(join(copy, 'case.json'), JSON.stringify({ ...fields, steps: 2 }));
  const executor = createGpuExecutor(engine, { variants: untunedVariants({ software }, engine.device.features) });
  const outputs = await trainCase(await openCase(folderReader(copy)), {
    executor,
    onnx: async () => ({ provider: 'wasm', threads: 1 }),
    reference: 'engine',
  });
  const tensors = [...outputs].map(
    ([tensor, numbers]) => [tensor, { shape: [numbers.length], data: Float32Array.from(numbers) }] as const,
  );
  await writeFile(join(copy, 'expected.safetensors'), writeSafetensors(Object.fromEntries(tensors)));
  return copy;
}

/** Where Dawn found its driver, the loader lies too (src/cli/device.ts): Deno looks for it by name. */
function driverOfDawn(): NodeJS.ProcessEnv {
  const [manifest] = (process.env['VK_DRIVER_FILES'] ?? '').split(delimiter);
  const libraries = [process.env['LD_LIBRARY_PATH'], manifest && dirname(manifest)].filter(Boolean);
  return { ...process.env, LD_LIBRARY_PATH: libraries.join(delimiter) };
}

describe.each([
  ['where shaders run on the CPU', 'software'],
  ['of a GPU', 'gpu'],
])('with the kernels %s', (_, kind) => {
  it(
    'trains a LoRA as Dawn does',
    async () => {
      const copy = await asDawnTrains('dpo-hinge', kind === 'software');
      const { stdout } = await promisify(execFile)(deno, ['run', '-A', program, copy, kind], {
        cwd: top,
        env: driverOfDawn(),
        maxBuffer: 2 ** 26,
      });
      const { adapter, result } = JSON.parse(stdout) as { adapter: string; result: CaseResult };
      console.log(`Deno on ${adapter}, Dawn on ${engine.adapterName}: ${formatCase(result).split('\n').at(-1)}`);
      expect(result.ok, formatCase(result)).toBe(true);
      const names = result.rows.map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining(['step.0.loss', 'step.1.loss', 'step.1.grad_norm']));
      expect(names.filter((name) => name.startsWith('final.')).length).toBeGreaterThan(10);
    },
    // Both compile for ten seconds on an idle machine, and lavapipe for minutes.
    1_800_000,
  );
});
