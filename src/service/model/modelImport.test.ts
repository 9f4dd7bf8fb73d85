/** Models copied from a person's disk into storage, and the engine's verbs on what is there. */
import { createHash } from 'node:crypto';
import { mkdtempSync, openAsBlob, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderReader, NodeFileStore } from '../../cli/files.ts';
import type { FileStore } from '../../data/files.ts';
import { openSafetensors, type TensorToWrite, writeSafetensors } from '../../data/formats/safetensors.ts';
import { ModelStore } from '../../data/modelStore.ts';
import { CHUNK_BYTES } from '../../data/partWriter.ts';
import { Engine } from '../engineService.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import { testEnvironment } from '../testEnvironment.ts';
import { testRun } from '../testRuns.ts';
import type { ImportRequest, StorageEvent } from '../types.ts';

const pipeline = 'tools/reference/cases/pipeline-tiny-v/pipeline';
const unet = 'unet/diffusion_pytorch_model.safetensors';

const newEngine = (files: FileStore): Engine =>
  new Engine(
    testEnvironment({
      files,
      embeddedModels: ['postcard'],
      openModel: (id) =>
        id === 'postcard' ? folderReader('public/models/postcard', { source: 'embedded' }) : engineReader(files, id),
    }),
  );

const engineReader = (files: FileStore, id: string) => new ModelStore(files).reader(id);

/** As a browser's folder input gives it. */
function chosen(changes: Record<string, Blob | null> = {}, top = 'my model/'): ImportRequest['files'] {
  const found: Record<string, Blob | null> = {};
  for (const entry of readdirSync(pipeline, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) found[path.slice(pipeline.length + 1)] = new Blob([readFileSync(path)]);
  }
  return Object.entries({ ...found, ...changes }).flatMap(([path, file]) =>
    file ? [{ path: `${top}${path}`, file }] : [],
  );
}

const json = (value: unknown): Blob => new Blob([JSON.stringify(value)]);
const configOf = (path: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(pipeline, path), 'utf8')) as Record<string, unknown>;
const blobOf = (path: string): Blob => new Blob([readFileSync(join(pipeline, path))]);

describe('a folder', () => {
  it('is copied without what is not needed, listed, opened and deleted', async () => {
    const files = new MemoryFileStore();
    const engine = newEngine(files);
    const more = {
      '.DS_Store': new Blob(['x']),
      'README.md': new Blob(['x']),
      'safety_checker/model.safetensors': new Blob(['x']),
      'unet/diffusion_pytorch_model.bin': new Blob(['x']),
      'vae_decoder/model.onnx': new Blob(['x']),
    };
    const events: StorageEvent[] = [];
    const info = await engine.importModel('job', { name: 'my model', files: chosen(more) }, (event) =>
      events.push(event),
    );
    expect(info).toMatchObject({
      id: 'my-model',
      title: 'my model',
      source: 'disk',
      unetHash: createHash('sha256')
        .update(readFileSync(join(pipeline, unet)))
        .digest('hex'),
    });
    const [stored] = await engine.storedModels();
    expect(stored).toMatchObject({ id: 'my-model', complete: true, source: 'disk' });
    expect(stored!.presentBytes).toBe(stored!.totalBytes);
    expect(stored!.files.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['model_index.json', unet, 'tokenizer/merges.txt', 'vae_decoder/model.onnx']),
    );
    expect(stored!.files).toHaveLength(13);
    expect(events.at(-1)).toMatchObject({ doneBytes: stored!.totalBytes, totalBytes: stored!.totalBytes });
    for (const { path } of stored!.files.filter(({ path }) => path !== 'vae_decoder/model.onnx')) {
      expect(
        Buffer.compare(await files.read(`models/my-model/${path}`), readFileSync(join(pipeline, path))),
        path,
      ).toBe(0);
    }
    expect((await engine.models()).map(({ id }) => id)).toEqual(['postcard', 'my-model']);
    expect(await engine.modelProblem('my-model')).toBeNull();
    expect((await engine.importModel('job', { name: 'My model', files: chosen({}, '') }, () => {})).id).toBe(
      'My-model-2',
    );
    await engine.deleteModel('my-model');
    expect((await engine.models()).map(({ id }) => id)).toEqual(['postcard', 'My-model-2']);
    expect(await files.list('models/my-model')).toEqual([]);
    await expect(engine.deleteModel('postcard')).rejects.toMatchObject({ name: 'BadArguments' });
  });

  it('brings what an ONNX part keeps beside it, under the name that its graph has for it', async () => {
    const files = new MemoryFileStore();
    const engine = newEngine(files);
    const onnx = 'tools/judges/onnx/judges/letterbox/model.onnx';
    const text = readFileSync(onnx).toString('latin1').replaceAll('model.onnx.data', 'encoder.weights');
    const part = {
      'text_encoder/model.onnx': new Blob([Buffer.from(text, 'latin1')]),
      'text_encoder/encoder.weights': new Blob([readFileSync(`${onnx}.data`)]),
    };
    const { id, hash } = await engine.importModel('job', { name: 'x', files: chosen(part) }, () => {});
    expect(await files.list(`models/${id}/text_encoder`)).toContain(`models/${id}/text_encoder/encoder.weights`);
    // They are part of what it is.
    const other = { ...part, 'text_encoder/encoder.weights': new Blob([Buffer.alloc(100)]) };
    expect((await engine.importModel('job', { name: 'y', files: chosen(other) }, () => {})).hash).not.toBe(hash);
  });

  it.each([
    [
      'pickles alone',
      { [unet]: null, 'unet/diffusion_pytorch_model.bin': new Blob(['x']) },
      'PickleRefused',
      /^unet of my model .*diffusion_pytorch_model\.bin/,
    ],
    ['Flax weights alone', { [unet]: null, 'unet/diffusion_flax_model.msgpack': new Blob(['x']) }, 'NotFound', /Flax/],
    ['a missing component', { [unet]: null }, 'NotFound', /^unet of my model has no safetensors/],
    [
      'a missing shard',
      {
        [unet]: null,
        'unet/diffusion_pytorch_model.safetensors.index.json': json({ weight_map: {} }),
        'unet/diffusion_pytorch_model-00001-of-00002.safetensors': blobOf(unet),
      },
      'NotFound',
      /shards/,
    ],
    [
      'an unsupported field',
      { 'unet/config.json': json({ ...configOf('unet/config.json'), dual_cross_attention: true }) },
      'UnsupportedArchitecture',
      /dual_cross_attention/,
    ],
    [
      'a pipeline that is not ours',
      { 'model_index.json': json({ ...configOf('model_index.json'), _class_name: 'FluxPipeline' }) },
      'UnsupportedArchitecture',
      /FluxPipeline/,
    ],
    ['weights that are cut off', { [unet]: blobOf(unet).slice(0, 60_000) }, 'TruncatedFile', /cut off/],
    [
      'weights that are a pickle by another name',
      { [unet]: new Blob([Uint8Array.from([0x80, 2, 0x7d, 0x71, 0, 0, 0, 0, 0, 0])]) },
      'PickleRefused',
      /pickle/,
    ],
    ['a config that is no JSON', { 'vae/config.json': new Blob(['{']) }, 'BadFile', /vae\/config.json/],
    [
      'no model at all',
      Object.fromEntries(chosen({}, '').map(({ path }) => [path, path.endsWith('.txt') ? undefined : null])),
      'NotFound',
      /neither/,
    ],
  ] as [string, Record<string, Blob | null>, string, RegExp][])(
    'with %s is refused before anything is copied',
    async (_, changes, name, message) => {
      const files = new MemoryFileStore();
      const error: unknown = await newEngine(files)
        .importModel('job', { name: 'my model', files: chosen(changes).filter(({ file }) => file) }, () => {})
        .catch((error: unknown) => error);
      expect(error).toMatchObject({ name, message: expect.stringMatching(message) as string });
      expect(await files.list('models')).toEqual([]);
    },
  );

  it('leaves nothing where it is cancelled or the disk fills up', async () => {
    const files = new MemoryFileStore();
    const engine = newEngine(files);
    const cancelled = engine.importModel(
      'job',
      { name: 'm', files: chosen() },
      ({ type }) => void (type === 'progress' && engine.cancel('job')),
    );
    await expect(cancelled).rejects.toMatchObject({ name: 'Cancelled' });
    expect(await engine.storedModels()).toEqual([]);
    const bounded = new MemoryFileStore(100_000);
    await expect(newEngine(bounded).importModel('job', { name: 'm', files: chosen() }, () => {})).rejects.toMatchObject(
      { name: 'NoDiskSpace', message: expect.stringMatching(/0\.1 MB/) as string },
    );
    const room = bounded.available.bind(bounded);
    bounded.available = async () => null;
    await expect(newEngine(bounded).importModel('job', { name: 'm', files: chosen() }, () => {})).rejects.toMatchObject(
      { name: 'NoDiskSpace' },
    );
    expect(await room()).toBe(100_000);
  });

  it('that a killed tab left half copied is listed, has a reason, harms no other, and is replaced', async () => {
    const files = new MemoryFileStore();
    const engine = newEngine(files);
    await engine.importModel('job', { name: 'm', files: chosen() }, () => {});
    const store = new ModelStore(files);
    const record = await store.load('m');
    for (const file of record.files) if (file.path.startsWith('vae/')) delete file.sha256;
    await store.save('m', record);
    await files.remove('models/m/vae');
    const later = newEngine(files);
    const [left] = await later.storedModels();
    expect(left).toMatchObject({ id: 'm', complete: false });
    expect(left!.presentBytes).toBeLessThan(left!.totalBytes);
    expect((await later.models()).map(({ id }) => id)).toEqual(['postcard']);
    expect(await later.modelProblem('m')).toMatchObject({ name: 'IncompleteModel' });
    expect(await later.modelProblem('n')).toMatchObject({ name: 'MissingModel' });
    expect((await later.importModel('job', { name: 'm', files: chosen() }, () => {})).id).toBe('m');
    // A record that cannot be read, and one whose files are damaged.
    await files.write('models/broken/model.json', new TextEncoder().encode('{'));
    await files.write('models/m/vae/config.json', new TextEncoder().encode('{'));
    const last = newEngine(files);
    expect((await last.models()).map(({ id }) => id)).toEqual(['postcard']);
    expect((await last.storedModels()).map(({ id, complete }) => [id, complete])).toEqual([
      ['m', true],
      ['broken', false],
    ]);
    expect(await last.modelProblem('m')).toMatchObject({ name: 'BadFile' });
    await last.deleteModel('broken');
    expect(await files.list('models/broken')).toEqual([]);
  });
});

describe('what a network predicts', () => {
  const said = {
    'scheduler/scheduler_config.json': json({ _class_name: 'DDIMScheduler', prediction_type: 'epsilon' }),
  };

  it('is what a person says of a stored model, kept, and taken back', async () => {
    const files = new MemoryFileStore();
    const engine = newEngine(files);
    const before = await engine.importModel('job', { name: 'm', files: chosen(said) }, () => {});
    expect(before.predictionType).toBe('epsilon');
    const after = await engine.setPredictionType('m', 'v_prediction');
    expect(after).toMatchObject({ predictionType: 'v_prediction', unetHash: before.unetHash });
    expect(after.hash).not.toBe(before.hash);
    // In another session, too.
    const [stored] = await newEngine(files).storedModels();
    expect(stored!.predictionType).toBe('v_prediction');
    expect((await newEngine(files).models()).at(-1)).toEqual(after);
    expect(await engine.modelHash({ base: 'm', adapters: [] })).toBe(after.hash);
    expect(await engine.setPredictionType('m', null)).toEqual(before);
    await expect(engine.setPredictionType('postcard', 'sample')).rejects.toMatchObject({ name: 'BadArguments' });
    await expect(engine.setPredictionType('other', 'sample')).rejects.toMatchObject({ name: 'MissingModel' });
  });

  it.each(['diffusers', 'single-file'] as const)('goes with a model exported as %s', async (kind) => {
    const files = new MemoryFileStore();
    const engine = newEngine(files);
    await engine.importModel('job', { name: 'm', files: chosen(said) }, () => {});
    const { hash } = await engine.setPredictionType('m', 'v_prediction');
    const made = await engine.export({ base: 'm', adapters: [] }, kind);
    const again = await Promise.all(
      made.map(async ({ name, file }) => ({ path: `x/${name}`, file: new Blob([await files.read(file)]) })),
    );
    const info = await engine.importModel('job', { name: 'again', files: again }, () => {});
    expect(info.predictionType).toBe('v_prediction');
    if (kind === 'diffusers') expect(info.hash.length).toBe(hash.length);
  });
});

describe('a checkpoint in one file', () => {
  const file = new Blob([readFileSync('tools/reference/single-file/sd1.safetensors')]);

  it('is a model of one file', async () => {
    const engine = newEngine(new MemoryFileStore());
    const info = await engine.importModel(
      'job',
      { name: 'my checkpoint', files: [{ path: 'My Checkpoint.safetensors', file }] },
      () => {},
    );
    expect(info).toMatchObject({
      id: 'my-checkpoint',
      title: 'my checkpoint',
      pipeline: 'StableDiffusionPipeline',
      source: 'disk',
      weightBytes: expect.any(Number) as number,
    });
    expect((await engine.storedModels())[0]!.files).toEqual([{ path: 'My Checkpoint.safetensors', size: file.size }]);
    expect((await engine.models()).map(({ id }) => id)).toEqual(['postcard', 'my-checkpoint']);
    expect(info.unetHash).toBe(
      createHash('sha256').update(readFileSync('tools/reference/single-file/sd1.safetensors')).digest('hex'),
    );
  });

  it('comes with the YAML beside it', async () => {
    const engine = newEngine(new MemoryFileStore());
    const yaml = new Blob(['model:\n  params:\n    parameterization: "v"\n']);
    const files = [
      { path: 'm/a.safetensors', file },
      { path: 'm/a.yaml', file: yaml },
      { path: 'm/other.yaml', file: yaml },
    ];
    expect(await engine.importModel('job', { name: 'a', files }, () => {})).toMatchObject({
      predictionType: 'v_prediction',
    });
    expect((await engine.storedModels())[0]!.files.map(({ path }) => path)).toEqual(['a.yaml', 'a.safetensors']);
  });

  it.each([
    [
      'that is a LoRA',
      [
        {
          path: 'lora.safetensors',
          file: new Blob([
            new Uint8Array(
              writeSafetensors({ 'lora_unet_down.lora_up.weight': { shape: [1], data: new Float32Array(1) } }),
            ),
          ]),
        },
      ],
      'UnsupportedArchitecture',
    ],
    ['that is a pickle', [{ path: 'model.ckpt', file: new Blob(['PK']) }], 'PickleRefused'],
    ['that is cut off', [{ path: 'model.safetensors', file: file.slice(0, 50_000) }], 'TruncatedFile'],
    [
      'that is one of two',
      [
        { path: 'x/a.safetensors', file },
        { path: 'x/b.safetensors', file },
      ],
      'BadArguments',
    ],
  ] as [string, ImportRequest['files'], string][])(
    '%s is refused before anything is copied',
    async (_, files, name) => {
      const store = new MemoryFileStore();
      await expect(newEngine(store).importModel('job', { name: 'm', files }, () => {})).rejects.toMatchObject({ name });
      expect(await store.list('models')).toEqual([]);
    },
  );
});

it('never holds a large file: reads and writes are of a chunk at most', async () => {
  // The tiny UNet's weights, and 40 MB that nothing uses.
  const folder = mkdtempSync(join(tmpdir(), 'winnow-large-'));
  const large = join(folder, 'large.safetensors');
  const tiny = await openSafetensors(new Uint8Array(readFileSync(join(pipeline, unet))));
  const tensors: Record<string, TensorToWrite> = {
    unused: { shape: [10_000_000], data: new Float32Array(10_000_000).fill(1) },
  };
  for (const name of tiny.names) tensors[name] = { shape: tiny.shape(name)!, data: await tiny.read(name) };
  writeFileSync(large, writeSafetensors(tensors));
  const disk = await openAsBlob(large);
  const sizes: number[] = [];
  // What is read of the file, as it is read.
  const watched = new Proxy(disk, {
    get(blob, name) {
      if (name === 'slice') return (start: number, end: number) => (sizes.push(end - start), blob.slice(start, end));
      if (name === 'arrayBuffer' || name === 'stream' || name === 'bytes' || name === 'text')
        throw new Error('read whole');
      return Reflect.get(blob, name, blob) as unknown;
    },
  });
  const store = new NodeFileStore(folder);
  const appended: number[] = [];
  const append = store.append.bind(store);
  store.append = (path, bytes) => (appended.push(bytes.length), append(path, bytes));
  const info = await newEngine(store).importModel(
    'job',
    { name: 'large', files: chosen({ [unet]: watched }) },
    () => {},
  );
  expect(info.id).toBe('large');
  expect(Math.max(...sizes, ...appended)).toBe(CHUNK_BYTES);
  expect(appended.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(40e6);
  expect(await store.size(`models/large/${unet}`)).toBe(disk.size);
});

it('names the model that a run needs and that was deleted', async () => {
  const files = new MemoryFileStore();
  const engine = newEngine(files);
  const { id } = await engine.importModel('job', { name: 'my model', files: chosen() }, () => {});
  await files.write(
    'runs/r/run.json',
    new TextEncoder().encode(JSON.stringify(testRun({ model: { base: id, adapters: [] } }))),
  );
  await engine.deleteModel(id);
  await expect(
    engine.modelHash({ base: id, adapters: [{ kind: 'run', run: 'r', strength: 1 }] }),
  ).rejects.toMatchObject({ name: 'MissingModel', message: expect.stringMatching(/my-model/) as string });
});
