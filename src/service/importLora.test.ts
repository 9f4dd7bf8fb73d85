/** LoRA files as the studio takes them in: checked, kept by content, the same as on the command line. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { folderReader, NodeFileStore } from '../cli/files.ts';
import { Engine } from './engineService.ts';
import { MemoryFileStore } from './memoryFiles.ts';
import { testEnvironment } from './testEnvironment.ts';

const reference = join(import.meta.dirname, '../../tools/reference');
const base = join(reference, 'cases/pipeline-text-to-image/pipeline');
const xl = join(reference, 'cases/pipeline-xl/pipeline');
const read = (name: string, file = 'pytorch_lora_weights.safetensors'): Uint8Array =>
  new Uint8Array(readFileSync(join(reference, 'lora-files', name, file)));

let files: MemoryFileStore;
let engine: Engine;

beforeEach(() => {
  files = new MemoryFileStore();
  engine = new Engine(testEnvironment({ files, openModel: folderReader, embeddedModels: [base] }));
});

const hash = (file: string, of = base): Promise<string> =>
  engine.modelHash({ base: of, adapters: [{ kind: 'file', file, strength: 1 }] });

it('two files of one name stand side by side, and one file that comes again is the same', async () => {
  const name = 'pytorch_lora_weights.safetensors';
  const first = await engine.importLora(name, read('kohya-sd1'));
  const before = await hash(first.file);
  const second = await engine.importLora(name, read('peft'));
  expect(second.file).not.toBe(first.file);
  expect(await files.read(first.file)).toEqual(read('kohya-sd1'));
  expect(await hash(first.file)).toBe(before);
  expect(await engine.importLora('under another name.safetensors', read('kohya-sd1'))).toEqual(first);
  expect((await files.list('loras')).length).toBe(2);
});

it('says what it holds', async () => {
  expect(await engine.importLora('a', read('kohya-sd1'))).toMatchObject({
    rank: 2,
    modules: 45,
    format: 'kohya',
    parts: { unet: 33, text_encoder: 12 },
  });
  expect((await engine.importLora('a', read('kohya-locon'))).parts).toEqual({ unet: 63 });
  expect((await engine.importLora('a', read('kohya-xl'), xl)).parts).toEqual({
    unet: 124,
    text_encoder: 12,
    text_encoder_2: 13,
  });
});

it("counts PEFT's config that comes with a file, as the command line counts the one beside it", async () => {
  const weights = read('peft-folder', 'adapter_model.safetensors');
  const config = read('peft-folder', 'adapter_config.json');
  const { file } = await engine.importLora('adapter_model.safetensors', weights, base, config);
  const onDisk = new Engine(testEnvironment({ files: new NodeFileStore('/nowhere'), openModel: folderReader }));
  const beside = join(reference, 'lora-files/peft-folder/adapter_model.safetensors');
  expect(await hash(file)).toBe(
    await onDisk.modelHash({ base, adapters: [{ kind: 'file', file: beside, strength: 1 }] }),
  );
  // The same weights at another strength are another LoRA.
  const twice = new TextEncoder().encode(
    JSON.stringify({ ...(JSON.parse(new TextDecoder().decode(config)) as object), lora_alpha: 10 }),
  );
  const other = await engine.importLora('adapter_model.safetensors', weights, base, twice);
  expect(other.file).not.toBe(file);
  expect(await hash(other.file)).not.toBe(await hash(file));
});

it('refuses a file of PEFT without its config, and keeps nothing', async () => {
  await expect(
    engine.importLora('adapter_model.safetensors', read('peft-folder', 'adapter_model.safetensors')),
  ).rejects.toMatchObject({ name: 'BadFile', message: expect.stringMatching(/adapter_config\.json/) as string });
  await expect(engine.importLora('xl', read('kohya-xl'))).rejects.toMatchObject({ name: 'BadFile' });
  expect(await files.list('loras')).toEqual([]);
});

it('still opens what was taken in before, under the name of then', async () => {
  const weights = read('peft-folder', 'adapter_model.safetensors');
  await files.write('loras/0123abcd-adapter_model.safetensors', weights);
  await files.write('loras/0123abcd-lora.safetensors', read('kohya-locon'));
  expect(await hash('loras/0123abcd-adapter_model.safetensors')).not.toBe(
    await hash('loras/0123abcd-lora.safetensors'),
  );
});
