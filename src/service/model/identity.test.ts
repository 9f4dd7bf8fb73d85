/** A model is known by everything that changes a picture or a training step; not by where it lies, nor by how its files are called or laid out. */
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cachedHash } from '../../cli/fileHashes.ts';
import { folderReader, NodeFileStore } from '../../cli/files.ts';
import { openSafetensors, type TensorToWrite, writeSafetensors } from '../../data/formats/safetensors.ts';
import { ModelStore } from '../../data/modelStore.ts';
import { readdirSync } from 'node:fs';
import { Engine } from '../engineService.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import { testEnvironment } from '../testEnvironment.ts';
import { RunStore } from '../../data/runStore.ts';
import type { ModelRef } from '../types.ts';
import { partHashes, partNames } from './identity.ts';
import { isRecordedAs, ModelPool } from './modelPool.ts';

const source = 'tools/reference/cases/pipeline-xl/pipeline';
const unetFile = 'unet/diffusion_pytorch_model.safetensors';
const copy = (): string => {
  const folder = join(mkdtempSync(join(tmpdir(), 'winnow-identity-')), 'model');
  cpSync(source, folder, { recursive: true });
  return folder;
};
const env = testEnvironment({ files: new NodeFileStore(tmpdir()), openModel: (id) => folderReader(id) });
const engineHash = (folder: string, ref: Partial<ModelRef> = {}): Promise<string> =>
  new Engine(env).modelHash({ base: folder, adapters: [], ...ref });

const edit = (folder: string, path: string, fields: Record<string, unknown>): void => {
  const value = JSON.parse(readFileSync(join(folder, path), 'utf8')) as Record<string, unknown>;
  writeFileSync(join(folder, path), JSON.stringify({ ...value, ...fields }));
};
async function tensors(path: string): Promise<Record<string, TensorToWrite>> {
  const file = await openSafetensors(readFileSync(path));
  const found: Record<string, TensorToWrite> = {};
  for (const name of file.names) found[name] = { shape: file.shape(name)!, data: await file.read(name) };
  return found;
}
async function nudge(folder: string, path: string): Promise<void> {
  const found = await tensors(join(folder, path));
  const [first] = Object.values(found);
  first!.data[0]! += 1;
  writeFileSync(join(folder, path), writeSafetensors(found));
}

const original = await engineHash(source);

it.each<[string, (folder: string) => unknown]>([
  ["the UNet's weights", (folder) => nudge(folder, unetFile)],
  ["the UNet's config", (folder) => edit(folder, 'unet/config.json', { norm_eps: 1e-6 })],
  ["the decoder's weights", (folder) => nudge(folder, 'vae/diffusion_pytorch_model.safetensors')],
  ["the latents' scale", (folder) => edit(folder, 'vae/config.json', { scaling_factor: 0.2 })],
  ["the first text encoder's weights", (folder) => nudge(folder, 'text_encoder/model.safetensors')],
  ["the second text encoder's weights", (folder) => nudge(folder, 'text_encoder_2/model.safetensors')],
  ["a text encoder's config", (folder) => edit(folder, 'text_encoder/config.json', { hidden_act: 'gelu' })],
  ['the scheduler', (folder) => edit(folder, 'scheduler/scheduler_config.json', { prediction_type: 'v_prediction' })],
  ['a timestep', (folder) => edit(folder, 'scheduler/scheduler_config.json', { steps_offset: 0 })],
  [
    'the class of the scheduler',
    (folder) => edit(folder, 'model_index.json', { scheduler: ['diffusers', 'DDIMScheduler'] }),
  ],
  ['what no negative prompt is', (folder) => edit(folder, 'model_index.json', { force_zeros_for_empty_prompt: false })],
  ['the padding of a tokenizer', (folder) => edit(folder, 'tokenizer/special_tokens_map.json', { pad_token: '!' })],
  [
    'merges of a tokenizer',
    (folder) => {
      const path = join(folder, 'tokenizer_2/merges.txt');
      writeFileSync(path, readFileSync(path, 'utf8').split('\n').slice(0, -3).join('\n'));
    },
  ],
  ['an ONNX file that runs instead', (folder) => cpSync(join(source, unetFile), join(folder, 'unet/model.onnx'))],
])('a change of %s makes another model', async (_, change) => {
  const folder = copy();
  await change(folder);
  expect(await engineHash(folder)).not.toBe(original);
});

it.each<[string, (folder: string) => unknown]>([
  ['nothing', () => {}],
  [
    'how a config is written',
    (folder) => {
      const path = join(folder, 'unet/config.json');
      const fields = Object.entries(JSON.parse(readFileSync(path, 'utf8')) as object);
      writeFileSync(path, JSON.stringify(Object.fromEntries(fields.toReversed())));
    },
  ],
  ['the version that wrote it', (folder) => edit(folder, 'unet/config.json', { _diffusers_version: '0.8.0' })],
  ['a field that means nothing here', (folder) => edit(folder, 'vae/config.json', { sample_size: 7 })],
  [
    'the name of a weight file',
    (folder) => renameSync(join(folder, unetFile), join(folder, 'unet/diffusion_pytorch_model.fp16.safetensors')),
  ],
  [
    'a plain file beside the half one that is read',
    (folder) => {
      renameSync(join(folder, unetFile), join(folder, 'unet/diffusion_pytorch_model.fp16.safetensors'));
      cpSync(join(folder, 'vae/diffusion_pytorch_model.safetensors'), join(folder, unetFile));
    },
  ],
])('%s does not', async (_, change) => {
  const folder = copy();
  await change(folder);
  expect(await engineHash(folder)).toBe(original);
});

/** As a browser's folder input gives it. */
const chosen = (folder: string): { path: string; file: Blob }[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path: `m/${path.slice(folder.length + 1)}`, file: new Blob([readFileSync(path)]) }));

it('a folder with several precisions is the same model in the studio and on the command line', async () => {
  const folder = copy();
  const half = Object.fromEntries(
    Object.entries(await tensors(join(folder, unetFile))).map(([name, tensor]) => [
      name,
      { ...tensor, dtype: 'F16' as const },
    ]),
  );
  writeFileSync(join(folder, 'unet/diffusion_pytorch_model.fp16.safetensors'), writeSafetensors(half));
  const files = new MemoryFileStore();
  const studio = new Engine(testEnvironment({ files, openModel: (id) => new ModelStore(files).reader(id) }));
  const imported = await studio.importModel('job', { name: 'm', files: chosen(folder) }, () => {});
  const info = (await new ModelPool(env, new RunStore(env.files)).folder(folder)).info;
  expect([imported.hash, imported.precision]).toEqual([info.hash, 'f16']);
  expect(info.precision).toBe('f16');
  expect(imported.hash).not.toBe(original);
});

it('what is said of the prediction makes another model, and saying what is so anyway does not', async () => {
  expect(await engineHash(source, { predictionType: 'v_prediction' })).not.toBe(original);
  expect(await engineHash(source, { predictionType: 'epsilon' })).toBe(original);
});

it('an earlier record, which knows the UNet alone, is still the same model: also where it read the plain files', async () => {
  const pool = new ModelPool(env, new RunStore(env.files));
  const ref = { base: source, adapters: [] };
  const sha256 = createHash('sha256')
    .update(readFileSync(join(source, unetFile)))
    .digest('hex');
  const model = await pool.resolve(ref);
  expect(model.unetHash).toBe(sha256);
  expect([isRecordedAs(model, sha256), isRecordedAs(model, original), isRecordedAs(model, 'other')]).toEqual([
    true,
    true,
    false,
  ]);
  expect((await pool.resolveRecorded(ref, sha256)).hash).toBe(original);

  const folder = copy();
  const half = await tensors(join(folder, unetFile));
  for (const tensor of Object.values(half)) tensor.dtype = 'F16';
  writeFileSync(join(folder, 'unet/diffusion_pytorch_model.fp16.safetensors'), writeSafetensors(half));
  const both = { base: folder, adapters: [] };
  expect((await pool.resolve(both)).folder.info.precision).toBe('f16');
  expect((await pool.resolveRecorded(both, sha256)).folder.info.precision).toBe('f32');
  // Neither: as it is now, for whoever says what has changed.
  expect((await pool.resolveRecorded(both, 'other')).folder.info.precision).toBe('f16');
  // A new record knows the scheduler, too.
  const { hash } = await pool.resolve(both);
  edit(folder, 'scheduler/scheduler_config.json', { prediction_type: 'v_prediction' });
  const changed = await new ModelPool(env, new RunStore(env.files)).resolveRecorded(both, hash);
  expect(isRecordedAs(changed, hash)).toBe(false);
});

it('says which part has changed', async () => {
  const partsOf = async (folder: string): Promise<Record<string, string>> =>
    partHashes(await new ModelPool(env, new RunStore(env.files)).resolve({ base: folder, adapters: [] }), env);
  const before = await partsOf(source);
  expect(Object.keys(before).sort()).toEqual(Object.keys(partNames).sort());
  const folder = copy();
  edit(folder, 'vae/config.json', { scaling_factor: 0.2 });
  edit(folder, 'tokenizer_2/tokenizer_config.json', { pad_token: '<|endoftext|>' });
  edit(folder, 'tokenizer_2/special_tokens_map.json', { pad_token: '<|endoftext|>' });
  const after = await partsOf(folder);
  expect(
    Object.keys(before)
      .filter((part) => before[part] !== after[part])
      .sort(),
  ).toEqual(['tokenizer_2', 'vae']);
});

it("a large file's hash is kept while the file is what it was", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'winnow-hashes-'));
  const [file, cache] = [join(folder, 'large'), join(folder, 'cache/hashes.json')];
  const bytes = new Uint8Array(16 * 2 ** 20);
  const write = (): string => {
    writeFileSync(file, bytes);
    return createHash('sha256').update(bytes).digest('hex');
  };
  const first = write();
  // Written just now: hashed, and not kept.
  expect(await cachedHash(file, cache)).toBe(first);
  expect(readdirSync(folder)).toEqual(['large']);
  await new Promise((resolve) => setTimeout(resolve, 3100));
  expect(await cachedHash(file, cache)).toBe(first);
  writeFileSync(cache, readFileSync(cache, 'utf8').replace(first, 'kept'));
  expect(await cachedHash(file, cache)).toBe('kept');
  bytes[5] = 1;
  const second = write();
  // As an unpacked archive: other bytes, the same size and time.
  utimesSync(file, new Date(0), new Date(0));
  expect(await cachedHash(file, cache)).toBe(second);
});
