/** The committed golden cases on the float64 CPU executor: every kind, every tensor. The same on the GPU: verify.gpu.test.ts. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cpuExecutor } from '../oracle/run.ts';
import { openSafetensors, writeSafetensors, type TensorToWrite } from '../data/formats/safetensors.ts';
import { folderReader } from '../cli/files.ts';
import { type FolderReader, wholeFiles } from './environment.ts';
import { formatCase, verifyCase, type VerifyHost } from './verify.ts';

const cases = join(import.meta.dirname, '../../tools/reference/cases');

function folder(path: string, changes: Record<string, Uint8Array> = {}): FolderReader {
  const files = folderReader(path);
  return wholeFiles(async (name) => (changes[name] as Uint8Array<ArrayBuffer> | undefined) ?? files.read(name));
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

describe('a case that does not fit', () => {
  const options = { backend: 'cpu', reference: 'engine' } as const;
  const unet = join(cases, 'unet_lora-attention');
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  const caseJson = (change: object): Uint8Array =>
    bytes(JSON.stringify({ ...(JSON.parse(readFileSync(join(unet, 'case.json'), 'utf8')) as object), ...change }));

  /** The file with tensors changed; null takes one away. */
  async function tensors(
    file: string,
    change: (name: string, data: Float32Array) => Float32Array | null,
    extra: Record<string, TensorToWrite> = {},
  ): Promise<Uint8Array> {
    const source = await openSafetensors(readFileSync(join(unet, file)));
    const out: Record<string, TensorToWrite> = { ...extra };
    for (const name of source.names) {
      const data =
        source.info(name)!.dtype === 'I64' ? await source.readInt32(name) : change(name, await source.read(name));
      if (data) out[name] = { shape: source.shape(name)!, data };
    }
    return writeSafetensors(out);
  }
  const moved =
    (name: string) =>
    (key: string, data: Float32Array): Float32Array =>
      key === name ? data.map((x) => x * 1.001) : data;

  it('fails where one expected tensor is moved', async () => {
    const changed = await tensors(
      'expected.safetensors',
      moved('grad.lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q.lora_up.weight'),
    );
    const result = await verifyCase(folder(unet, { 'expected.safetensors': changed }), options, host);
    expect(result.ok).toBe(false);
    expect(result.rows.filter((row) => !row.ok).length).toBe(1);
    expect(formatCase(result)).toMatch(/: FAIL$/);
  });

  it('fails where one weight is moved', async () => {
    const changed = await tensors('weights.safetensors', moved('conv_in.weight'));
    expect((await verifyCase(folder(unet, { 'weights.safetensors': changed }), options, host)).ok).toBe(false);
  });

  it.each<[string, string, () => Promise<Record<string, Uint8Array>>, RegExp]>([
    [
      'an unknown expected tensor',
      'BadFile',
      async () => ({
        'expected.safetensors': await tensors('expected.safetensors', (_, x) => x, {
          surprise: { shape: [1], data: Float32Array.of(1) },
        }),
      }),
      /surprise/,
    ],
    ['an unknown kind', 'BadFile', async () => ({ 'case.json': caseJson({ kind: 'unet3d' }) }), /unet3d/],
    ['another schema', 'BadFile', async () => ({ 'case.json': caseJson({ schema: 2 }) }), /schema 2/],
    [
      'a missing input',
      'BadFile',
      async () => ({
        'inputs.safetensors': await tensors('inputs.safetensors', (name, x) => (name === 'sample' ? null : x)),
      }),
      /sample/,
    ],
    [
      'a missing weight',
      'MissingTensor',
      async () => ({
        'weights.safetensors': await tensors('weights.safetensors', (name, x) => (name === 'conv_in.bias' ? null : x)),
      }),
      /conv_in\.bias/,
    ],
    [
      'a cut file',
      'TruncatedFile',
      async () => ({
        'weights.safetensors': new Uint8Array(readFileSync(join(unet, 'weights.safetensors'))).slice(0, -4),
      }),
      /cut off/,
    ],
    [
      'an unsupported config',
      'UnsupportedArchitecture',
      async () => ({
        'config.json': bytes('{"_class_name": "UNet2DConditionModel", "resnet_time_scale_shift": "scale_shift"}'),
      }),
      /resnet_time_scale_shift/,
    ],
  ])('names %s', async (_, name, changes, message) => {
    const run = verifyCase(folder(unet, await changes()), options, host);
    await expect(run).rejects.toThrow(message);
    await expect(run).rejects.toMatchObject({ name });
  });

  it('says that onnxruntime has no gradients, and checks the rest', async () => {
    const result = await verifyCase(folder(unet), { backend: 'onnx', reference: 'engine' }, host);
    expect(result.ok, formatCase(result)).toBe(true);
    expect(result.rows.map((row) => row.name).sort()).toEqual(['loss', 'noise_pred', 'noise_pred_base']);
    expect(result.skipped.every((name) => name.startsWith('grad.'))).toBe(true);
  });

  it('takes onnxruntime as the reference of a training run', async () => {
    const result = await verifyCase(folder(join(cases, 'dpo-lora')), { backend: 'cpu', reference: 'onnx' }, host);
    expect(result.ok, formatCase(result)).toBe(true);
    expect(result.rows.find((row) => row.name === 'step.0.logit')!.maxAbs).toBeGreaterThan(0);
  });
});
