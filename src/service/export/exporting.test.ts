/** Merged models as they are taken away, opened again as a person would: every tensor is the merged model's. Real folders, no GPU. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderReader } from '../../cli/files.ts';
import { samplingDefaults } from '../../data/embeddedModels.ts';
import { byteRanges } from '../../data/formats/bytes.ts';
import { writeLora } from '../../data/formats/lora.ts';
import { openSafetensors, type TensorToWrite, writeSafetensors } from '../../data/formats/safetensors.ts';
import { CLIP_VOCAB_SIZE, clipTokenizerFile } from '../../models/clip/vocabulary/vocabulary.ts';
import type { TensorSource } from '../../models/weights.ts';
import { encodeF16 } from '../../shared/float16.ts';
import { WinnowError } from '../../shared/errors.ts';
import type { Environment, FolderReader } from '../environment.ts';
import { exportModel } from './exporting.ts';
import { hollow, openReader, readerOf, shapesByName } from '../model/hollowCheckpoint.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import { type ModelFolder, openModelFolder } from '../model/modelFolder.ts';
import { ModelPool, type ResolvedModel } from '../model/modelPool.ts';
import { testEnvironment } from '../testEnvironment.ts';
import { RunStore } from '../../data/runStore.ts';
import { FOLDER_METADATA } from '../model/singleFile.ts';
import { singleFileMetadata, singleFileTensors } from './singleFileExport.ts';
import type { ExportedFile, ExportKind, ExportOptions } from '../types.ts';

const reference = join(import.meta.dirname, '../../../tools/reference');
const postcard = join(import.meta.dirname, '../../../public/models/postcard');
const pipeline = (name: string): string => join(reference, 'cases', name, 'pipeline');

const environment = (files: MemoryFileStore, openModel: (id: string) => FolderReader = folderReader): Environment =>
  testEnvironment({ files, openModel });

/** A model with a LoRA on two of its layers. */
async function tuned(
  files: MemoryFileStore,
  base: string,
  openModel?: (id: string) => FolderReader,
): Promise<ResolvedModel> {
  const env = environment(files, openModel);
  const pool = new ModelPool(env, new RunStore(files));
  const targets = (await pool.folder(base)).unet.model.loraTargets('all');
  const sites = [targets.find(({ kind }) => kind === 'linear')!, targets.findLast(({ kind }) => kind === 'conv')!];
  const modules = new Map(
    sites.map(({ path, weightShape: [out, ...rest] }) => [
      path,
      {
        down: new Float32Array(rest.reduce((a, b) => a * b, 1)).fill(0.01),
        up: new Float32Array(out!).fill(0.25),
        rank: 1,
        alpha: 1,
      },
    ]),
  );
  await files.write('lora.safetensors', writeSafetensors(writeLora({ unet: modules }, { unet: sites }, 'kohya')));
  return pool.resolve({ base, adapters: [{ kind: 'file', file: 'lora.safetensors', strength: 1 }] });
}

/** A model whose text encoder reads CLIP's own vocabulary, with a tokenizer of these small files. */
async function withClipTokenizer(small: Record<string, object>): Promise<string> {
  const folder = join(mkdtempSync(join(tmpdir(), 'winnow-clip-')), 'model');
  cpSync(pipeline('pipeline-text-to-image'), folder, { recursive: true });
  const at = (path: string): string => join(folder, path);
  const config = JSON.parse(readFileSync(at('text_encoder/config.json'), 'utf8')) as { hidden_size: number };
  const larger = { vocab_size: CLIP_VOCAB_SIZE, max_position_embeddings: 77, eos_token_id: 2 };
  writeFileSync(at('text_encoder/config.json'), JSON.stringify({ ...config, ...larger }));
  const file = await openSafetensors(readFileSync(at('text_encoder/model.safetensors')));
  const tensors: Record<string, TensorToWrite> = {};
  for (const name of file.names) {
    const rows = /token_embedding/.test(name) ? CLIP_VOCAB_SIZE : /position_embedding/.test(name) ? 77 : undefined;
    tensors[name] = rows
      ? { shape: [rows, config.hidden_size], data: new Float32Array(rows * config.hidden_size) }
      : { shape: file.shape(name)!, data: await file.read(name) };
  }
  writeFileSync(at('text_encoder/model.safetensors'), writeSafetensors(tensors));
  const merges = readFileSync(join(import.meta.dirname, '../../models/clip/vocabulary/merges.txt'), 'utf8');
  rmSync(at('tokenizer'), { recursive: true });
  mkdirSync(at('tokenizer'));
  for (const name of ['vocab.json', 'merges.txt'])
    writeFileSync(at(`tokenizer/${name}`), clipTokenizerFile(merges, '!', name)!);
  for (const [name, value] of Object.entries(small)) writeFileSync(at(`tokenizer/${name}`), JSON.stringify(value));
  return folder;
}

const limit = { model_max_length: 77 };
it.each<[string, Record<string, object>]>([
  ['as its family pads', { 'tokenizer_config.json': limit }],
  ['padded with !', { 'tokenizer_config.json': limit, 'special_tokens_map.json': { pad_token: '!' } }],
  ['of another length', { 'tokenizer_config.json': { model_max_length: 20 } }],
  ['with a token that is found whole', { 'tokenizer_config.json': limit, 'added_tokens.json': { im: 786 } }],
])('a single file gives the ids that its folder gave: %s', async (_, small) => {
  const files = new MemoryFileStore();
  const pool = new ModelPool(environment(files), new RunStore(files));
  const model = await pool.resolve({ base: await withClipTokenizer(small), adapters: [] });
  const { folder } = await exported(model, files, 'single-file');
  const [before, after] = [model.folder.textEncoders[0]!.tokenizer, folder.textEncoders[0]!.tokenizer];
  for (const prompt of ['', 'the café by the sea, !important'])
    expect([...after.encode(prompt)]).toEqual([...before.encode(prompt)]);
  // Not the vocabulary again, which every reader has.
  expect((await singleFileMetadata(model.folder, 'm'))[FOLDER_METADATA]!.length).toBeLessThan(20_000);
});

/** What was exported, opened again. */
async function exported(
  model: ResolvedModel,
  files: MemoryFileStore,
  kind: ExportKind,
  options: Pick<ExportOptions, 'precision'> = {},
): Promise<{ made: ExportedFile[]; folder: ModelFolder }> {
  const made = await exportModel(model, kind, { files, folder: 'out', name: 'mine' }, options);
  for (const { file, size } of made) expect(await files.size(file)).toBe(size);
  const reader: FolderReader = {
    read: async (path) => {
      if (!made.some(({ name }) => name === path)) throw new WinnowError('NotFound', path, '');
      return files.read(`out/${path}`);
    },
    open: async (path) => {
      if (!made.some(({ name }) => name === path)) throw new WinnowError('NotFound', path, '');
      return files.open(`out/${path}`);
    },
    list: async () => made.map(({ name }) => name),
  };
  return {
    made,
    folder: await openModelFolder(
      'made',
      environment(files, () => reader),
    ),
  };
}

const parts = (unet: TensorSource, { vae, textEncoders }: ModelFolder): TensorSource[] => [
  unet,
  vae.weights,
  ...textEncoders.map(({ weights }) => weights),
];

const same = (a: ArrayBufferView, b: ArrayBufferView): boolean =>
  Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(Buffer.from(b.buffer, b.byteOffset, b.byteLength));

describe.each([
  ['Stable Diffusion 1', pipeline('pipeline-text-to-image')],
  ['Stable Diffusion 2', pipeline('pipeline-sd2-v-rescale')],
  ['Stable Diffusion XL', pipeline('pipeline-xl')],
  ['the embedded model', postcard],
])('%s', (_, path) => {
  it.each<[ExportKind, 'f32' | 'f16' | undefined]>([
    ['diffusers', undefined],
    ['diffusers', 'f16'],
    ['single-file', undefined],
    ['single-file', 'f16'],
  ])('as %s in %s has the tensors of the merged model, and makes the same of a prompt', async (kind, precision) => {
    const files = new MemoryFileStore();
    const model = await tuned(files, path);
    const { made, folder } = await exported(model, files, kind, precision && { precision });
    if (kind === 'single-file') expect(made.map(({ name }) => name)).toEqual(['mine.safetensors']);
    const merged = parts(model.weights, model.folder);
    const base = parts(model.folder.unet.weights, model.folder);
    // A folder's UNet is written in f32; all else keeps the width it has.
    const widthOf = (part: number, tensor: string): string =>
      precision ?? (kind === 'diffusers' && part === 0 ? 'f32' : (base[part]!.half!(tensor) ?? 'f32'));
    let changed = 0;
    for (const [i, source] of parts(folder.unet.weights, folder).entries()) {
      for (const tensor of source.names) {
        const expected = await merged[i]!.read(tensor);
        const width = widthOf(i, tensor);
        expect([tensor, source.half!(tensor) ?? 'f32']).toEqual([tensor, width]);
        if (
          width === 'f16'
            ? !same(await source.readHalf!(tensor), encodeF16(expected))
            : !same(await source.read(tensor), expected)
        )
          expect.fail(`${tensor} differs`);
        if (i === 0 && !same(expected, await base[0]!.read(tensor))) changed++;
      }
    }
    expect(changed).toBe(2);
    const prompt = 'a Photo of a small red house, it’s 2 by the sea';
    expect(folder.textEncoders.map(({ tokenizer }) => [...tokenizer.encode(prompt)])).toEqual(
      model.folder.textEncoders.map(({ tokenizer }) => [...tokenizer.encode(prompt)]),
    );
    expect(folder.scheduler).toEqual(model.folder.scheduler);
    const {
      id: _id,
      title: _title,
      hash: _hash,
      unetHash: _unetHash,
      weightBytes: _bytes,
      precision: _precision,
      source: _source,
      defaults: _defaults,
      judges: _judges,
      ...facts
    } = model.folder.info;
    expect(folder.info).toMatchObject(facts);
  });
});

it.each([
  ['sd1', 'pipeline-text-to-image'],
  ['sd2', 'pipeline-sd2-v-rescale'],
  ['xl', 'pipeline-xl'],
])('writes what Python writes as %s', async (name, folder) => {
  const files = new MemoryFileStore();
  const env = environment(files);
  const model = await new ModelPool(env, new RunStore(files)).resolve({ base: pipeline(folder), adapters: [] });
  const shares: number[] = [];
  const [made] = await exportModel(
    model,
    'single-file',
    { files, folder: 'out', name, listener: ({ doneBytes, totalBytes }) => shares.push(doneBytes / totalBytes) },
    { precision: 'f16' },
  );
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  expect(shares.at(-1)).toBe(1);
  const [ours, theirs] = [
    await openSafetensors(await files.read(made!.file)),
    await openSafetensors(readFileSync(join(reference, 'single-file', `${name}.safetensors`))),
  ];
  // Python adds what published files carry beside.
  const wanted = theirs.names.filter((key) => theirs.half(key) === 'f16');
  expect([...ours.names].sort()).toEqual([...wanted].sort());
  for (const key of wanted) {
    expect([key, ours.shape(key)]).toEqual([key, theirs.shape(key)]);
    if (!same(await ours.readHalf(key), await theirs.readHalf(key))) expect.fail(`${key} differs`);
  }
  expect(ours.metadata).toMatchObject({
    'modelspec.sai_model_spec': '1.0.0',
    'modelspec.title': name,
    'modelspec.prediction_type': name === 'sd2' ? 'v' : 'epsilon',
  });
});

it.each([...shapesByName])('puts every tensor of %s where it was', async (name, shapes) => {
  const folder = await openReader(readerOf(hollow(shapes)));
  const written = new Map(
    (await singleFileTensors(folder, folder.unet.weights, 'stored')).map(({ name: key, shape, dtype }) => [
      key,
      [shape, dtype],
    ]),
  );
  for (const [key, shape] of shapes) expect([key, written.get(key)]).toEqual([key, [shape, 'F16']]);
  // OpenCLIP's last layer, which Stable Diffusion 2 does not use.
  const more = [...written.keys()].filter((key) => !shapes.has(key));
  expect(more.every((key) => key.startsWith('cond_stage_model.model.transformer.resblocks.23.'))).toBe(true);
  expect(more.length).toBe(name.startsWith('stable-diffusion-2') ? 12 : 0);
});

it('marks an SDXL that predicts v', async () => {
  const shapes = new Map([
    ...shapesByName.get('stable-diffusion-xl-base-1.0')!,
    ['v_pred', [0]],
    ['ztsnr', [0]],
  ] as const);
  const folder = await openReader(readerOf(hollow(shapes)));
  expect((await singleFileTensors(folder, folder.unet.weights, 'stored')).slice(-2).map(({ name }) => name)).toEqual([
    'v_pred',
    'ztsnr',
  ]);
});

it.each(['diffusers', 'single-file'] as const)('a %s has the usual steps and guidance of its base', async (kind) => {
  const files = new MemoryFileStore();
  const model = await tuned(files, postcard);
  expect(model.folder.info.defaults).toEqual(samplingDefaults);
  const { folder } = await exported(model, files, kind);
  expect(folder.info.source).toBe('disk');
  expect(folder.info.defaults).toEqual(model.folder.info.defaults);
});

it('leaves parts that it does not write out of the index', async () => {
  const base = pipeline('pipeline-text-to-image');
  const index = {
    ...(JSON.parse(readFileSync(join(base, 'model_index.json'), 'utf8')) as object),
    safety_checker: ['stable_diffusion', 'StableDiffusionSafetyChecker'],
    requires_safety_checker: true,
  };
  const files = new MemoryFileStore();
  const openModel = (): FolderReader => {
    const reader = folderReader(base);
    return {
      ...reader,
      read: async (path) =>
        path === 'model_index.json'
          ? (new TextEncoder().encode(JSON.stringify(index)) as Uint8Array<ArrayBuffer>)
          : reader.read(path),
    };
  };
  const model = await tuned(files, base, openModel);
  await exported(model, files, 'diffusers');
  expect(JSON.parse(new TextDecoder().decode(await files.read('out/model_index.json')))).toMatchObject({
    safety_checker: [null, null],
    requires_safety_checker: false,
    unet: ['diffusers', 'UNet2DConditionModel'],
  });
});

it('makes a whole folder of a checkpoint, with CLIP’s own tokenizer', async () => {
  const bytes = readFileSync(join(reference, 'single-file/xl.safetensors'));
  const files = new MemoryFileStore();
  const model = await tuned(files, 'xl.safetensors', () => readerOf(byteRanges(bytes)));
  const { made, folder } = await exported(model, files, 'diffusers');
  expect(made.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'model_index.json',
      'text_encoder_2/model.safetensors',
      'tokenizer_2/merges.txt',
      'scheduler/scheduler_config.json',
    ]),
  );
  expect(folder.info.precision).toBe('f32');
  expect(folder.vae.weights.half!('decoder.conv_in.weight')).toBe('f16');
});

it('leaves nothing behind where the disk is full', async () => {
  const files = new MemoryFileStore(150_000);
  const model = await tuned(files, pipeline('pipeline-text-to-image'));
  await expect(
    exportModel(model, 'single-file', { files, folder: 'out', name: 'mine' }, { precision: 'f32' }),
  ).rejects.toMatchObject({ name: 'NoDiskSpace' });
  expect(await files.list('out')).toEqual([]);
  expect(await files.exists('out/mine.safetensors.part')).toBe(false);
});

it('refuses what the layout has no place for', async () => {
  const files = new MemoryFileStore();
  const model = await tuned(files, pipeline('pipeline-lcm'));
  await expect(exportModel(model, 'single-file', { files, folder: 'out', name: 'mine' })).rejects.toMatchObject({
    name: 'UnsupportedArchitecture',
    message: expect.stringContaining('time_embedding.cond_proj') as string,
  });
});
