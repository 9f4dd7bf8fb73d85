/** Judges brought into storage: checked before anything is copied, listed with what they are, deleted. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { folderReader } from '../../cli/files.ts';
import { chooseJudgeFiles } from '../../data/judgeFiles.ts';
import { decodePicture } from '../../data/formats/picture.ts';
import { ModelStore } from '../../data/modelStore.ts';
import type { Judged } from '../../judges/judge.ts';
import { readJudge } from '../../judges/table.ts';
import { Engine } from '../engineService.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import { startTestHub } from '../../../tools/testHub.ts';
import { testEnvironment } from '../testEnvironment.ts';
import type { ImportRequest } from '../types.ts';
import { judgeFolderOf, planJudge } from './judging.ts';
import { onnxRunner } from './partRunner.ts';

const judges = 'tools/judges/onnx/judges';
const filesOf = (name: string, changes: Record<string, Blob | null> = {}): ImportRequest['files'] => {
  const found: Record<string, Blob | null> = {};
  for (const entry of readdirSync(join(judges, name), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) found[path.slice(join(judges, name).length + 1)] = new Blob([readFileSync(path)]);
  }
  return Object.entries({ ...found, ...changes }).flatMap(([path, file]) =>
    file ? [{ path: `my judge/${path}`, file }] : [],
  );
};
const newEngine = (files: MemoryFileStore): Engine =>
  new Engine(
    testEnvironment({
      files,
      embeddedModels: ['postcard'],
      openModel: () => folderReader('public/models/postcard', { source: 'embedded' }),
    }),
  );

it('comes in with what it needs, is listed with what it is for, and goes', async () => {
  const files = new MemoryFileStore();
  const engine = newEngine(files);
  const seen: number[] = [];
  const request = {
    name: 'My cosine',
    files: filesOf('cosine', { 'README.md': new Blob(['x']), 'pytorch_model.bin': new Blob(['x']) }),
  };
  const id = await engine.importJudge(
    'job',
    request,
    (event) => event.type === 'progress' && seen.push(event.doneBytes),
  );
  expect(id).toBe('My-cosine');
  expect(seen.at(-1)).toBeGreaterThan(0);
  expect((await files.list('judges')).map((path) => path.slice('judges/My-cosine/'.length)).toSorted()).toEqual([
    'judge.json',
    'model.json',
    'model.onnx',
    'special_tokens_map.json',
    'tokenizer.json',
    'tokenizer_config.json',
  ]);
  // A new page, too.
  const again = newEngine(files);
  const [stored] = await again.storedJudges();
  expect(stored).toMatchObject({
    id,
    place: 'judges/My-cosine',
    complete: true,
    problem: null,
    info: { title: 'Cosine', kind: 'onnx', from: 'folder', name: 'My-cosine' },
  });
  expect(stored!.info!.about.weakness).not.toBe('');
  expect(await again.judge('judges/My-cosine')).toEqual(stored!.info);
  // The list of models is another one.
  expect(await again.storedModels()).toEqual([]);
  await again.deleteJudge(id);
  expect(await files.list('judges')).toEqual([]);
  await expect(again.judge('judges/My-cosine')).rejects.toThrow();
});

it('brings the head and the known pictures that its judge.json names, and a CLIP that is described', async () => {
  const files = new MemoryFileStore();
  const engine = newEngine(files);
  const id = await engine.importJudge('job', { name: 'head', files: filesOf('laion-head') }, () => {});
  expect((await files.list(`judges/${id}`)).map((path) => path.split('/').at(-1)).toSorted()).toEqual([
    'judge.json',
    'mlp.safetensors',
    'model.json',
    'model.onnx',
    'wide.png',
  ]);
  const [stored] = await engine.storedJudges();
  expect(stored!.problem).toBeNull();
  const clip = 'tools/judges/cases/judge-pickscore';
  const blob = (path: string): Blob => new Blob([readFileSync(join(clip, path))]);
  const described = await engine.importJudge(
    'job',
    {
      name: 'mine',
      files: [
        { path: 'mine/judge.json', file: new Blob(['{"judge": 1, "recipe": "pickscore"}']) },
        { path: 'mine/config.json', file: blob('config.json') },
        { path: 'mine/model.safetensors', file: blob('weights.safetensors') },
        { path: 'mine/tokenizer.json', file: blob('tokenizer/tokenizer.json') },
      ],
    },
    () => {},
  );
  expect(await engine.judge(`judges/${described}`)).toMatchObject({ title: 'PickScore', embeds: true });
  const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
  const listed = ['config.json', 'README.md', ...shards, 'model.safetensors.index.json'].map((path) => ({ path }));
  expect(chooseJudgeFiles(listed, 'x').map(({ path }) => path)).toEqual([
    'config.json',
    'model.safetensors.index.json',
    ...shards,
  ]);
  // LAION's head as it is called, beside the tower.
  const tower = ['config.json', 'model.safetensors'];
  const chosen = (...heads: string[]): string[] =>
    chooseJudgeFiles(
      [...tower, ...heads].map((path) => ({ path })),
      'x',
    ).map(({ path }) => path);
  expect(chosen('sac+logos+ava1-l14-linearMSE.safetensors')).toContain('sac+logos+ava1-l14-linearMSE.safetensors');
  expect(() => chosen('sa_0_4_vit_l_14_linear.pth')).toThrow('sa_0_4_vit_l_14_linear.pth is a pickle');
  expect(chosen('pytorch_model.bin')).toEqual(tower);
});

const judged = (picture: string): Judged => ({
  key: async () => picture,
  picture: async () => decodePicture(new Uint8Array(readFileSync(join('tools/judges/onnx/pictures', picture)))),
  prompt: '',
  pooled: () => Promise.reject(new Error('an ONNX judge asks for no words of the model')),
});

/** The bytes with one text for another of the same length. */
function replaced(bytes: Uint8Array, [from, to]: readonly [string, string]): Blob {
  const text = Buffer.from(bytes).toString('latin1');
  expect(text).toContain(from);
  return new Blob([Buffer.from(text.replaceAll(from, to), 'latin1')]);
}

it('brings the weights beside an ONNX model under whatever name its graph has for them, and misses them before it copies', async () => {
  const [model, data] = ['model.onnx', 'model.onnx.data'].map((file) => readFileSync(join(judges, 'letterbox', file)));
  const { letterbox } = JSON.parse(readFileSync('tools/judges/onnx/expected.json', 'utf8')) as Record<
    string,
    { scores: { picture: string; score: number }[] }
  >;
  const { picture, score } = letterbox!.scores[0]!;
  // As nobody calls it, as a path, and in a folder.
  for (const name of ['weights-of-it.b', './model.onnx.da', 'inside/weight.b']) {
    expect(name).toHaveLength('model.onnx.data'.length);
    const other = {
      [name.replace('./', '')]: new Blob([data!]),
      'model.onnx': replaced(model!, ['model.onnx.data', name]),
    };
    const files = new MemoryFileStore();
    const engine = newEngine(files);
    const asFound = filesOf('letterbox', { 'model.onnx.data': null, ...other, 'README.bin': new Blob(['x']) });
    expect(await engine.kindOf({ name: 'mine', files: asFound })).toBe('judge');
    const id = await engine.importJudge('job', { name: 'mine', files: asFound }, () => {});
    expect((await files.list(`judges/${id}`)).map((path) => path.slice(`judges/${id}/`.length)).toSorted()).toEqual(
      ['judge.json', 'model.json', 'model.onnx', name.replace('./', '')].toSorted(),
    );
    const reader = new ModelStore(files, 'judges').reader(id);
    const judge = await readJudge(judgeFolderOf(reader, ''), { name: 'mine', from: 'folder' });
    await using scorer = await (await planJudge(judge, onnxRunner({ provider: 'wasm' }))).make();
    const found: number[] = [];
    for await (const one of scorer.score([judged(picture)])) found.push(one['score']!);
    // Half-width inputs are of 11 bits.
    expect(Math.abs(found[0]! - score) / Math.max(1, Math.abs(score))).toBeLessThan(1e-4);
    const without = filesOf('letterbox', { ...other, 'model.onnx.data': null, [name.replace('./', '')]: null });
    await expect(engine.importJudge('again', { name: 'x', files: without }, () => {})).rejects.toThrow(
      `has no ${name.replace('./', '')}, in which model.onnx keeps weights`,
    );
  }
});

it('is refused by name before anything is copied', async () => {
  const refused = async (files: ImportRequest['files'], message: RegExp): Promise<void> => {
    const store = new MemoryFileStore();
    await expect(newEngine(store).importJudge('job', { name: 'x', files }, () => {})).rejects.toThrow(message);
    expect(await store.list('')).toEqual([]);
  };
  const preprocessor = JSON.parse(readFileSync(join(judges, 'head/preprocessor_config.json'), 'utf8')) as object;
  const wider = new Blob([JSON.stringify({ ...preprocessor, crop_size: 48 })]);
  await refused(filesOf('head', { 'preprocessor_config.json': wider }), /takes pictures of 32 by 32 pixels/);
  await refused(filesOf('head', { 'onnx/model.onnx': null }), /.+/);
  await refused(filesOf('cosine', { 'tokenizer.json': null }), /has no tokenizer/);
  await refused(
    [
      { path: 'p/config.json', file: new Blob(['{"model_type": "clip", "architectures": ["CLIPModel"]}']) },
      { path: 'p/pytorch_model.bin', file: new Blob(['x']) },
    ],
    /pickle/i,
  );
  await refused([{ path: 'p/readme.md', file: new Blob(['x']) }], /.+/);
});

it('is told from a model by its files alone, wherever a person brings it', async () => {
  const files = new MemoryFileStore();
  const engine = newEngine(files);
  expect(await engine.kindOf({ name: 'head', files: filesOf('head') })).toBe('judge');
  const reward = 'tools/judges/cases/judge-image-reward';
  const blob = (path: string): Blob => new Blob([readFileSync(join(reward, path))]);
  const brought = [
    { path: 'med_config.json', file: blob('med_config.json') },
    { path: 'vocab.txt', file: blob('vocab.txt') },
    { path: 'ImageReward.safetensors', file: blob('weights.safetensors') },
  ];
  expect(await engine.kindOf({ name: 'ImageReward', files: brought })).toBe('judge');
  const pipeline = 'tools/reference/cases/pipeline-tiny-v/pipeline';
  const model = readdirSync(pipeline, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path: path.slice(pipeline.length + 1), file: new Blob([readFileSync(path)]) }));
  expect(await engine.kindOf({ name: 'tiny', files: model })).toBe('model');
  expect(await engine.kindOf({ name: 'x', files: [{ path: 'p/readme.md', file: new Blob(['x']) }] })).toBeNull();
  expect(await files.list('')).toEqual([]);
});

it('one of a name that is a person’s does not sign as a person', async () => {
  const engine = newEngine(new MemoryFileStore());
  await engine.importJudge('job', { name: 'person', files: filesOf('head') }, () => {});
  expect((await engine.judge('judges/person')).name).toBe('judge person');
  expect((await engine.storedJudges())[0]!.info!.name).toBe('judge person');
});

it('comes from a hub by its id, as it is published there: without the pickle, after a broken connection, once', async () => {
  const clip = 'tools/judges/cases/judge-pickscore';
  const bytes = (path: string): Uint8Array => readFileSync(join(clip, path));
  const weights = bytes('weights.safetensors');
  const hub = await startTestHub({
    folder: join(clip, 'tokenizer'),
    id: 'yuvalkirstain/PickScore_v1',
    extra: {
      'README.md': Buffer.from('---\n---\n'),
      'config.json': bytes('config.json'),
      'preprocessor_config.json': bytes('preprocessor_config.json'),
      'model.safetensors': weights,
      'pytorch_model.bin': Buffer.alloc(1000),
    },
    faults: { 'model.safetensors': [{ kind: 'drop', after: Math.floor(weights.length / 2) }] },
  });
  try {
    const files = new MemoryFileStore();
    const engine = newEngine(files);
    const request = { id: hub.id, host: hub.host };
    const plan = await engine.planJudgeDownload(request);
    expect(plan.files.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['config.json', 'model.safetensors', 'tokenizer.json']),
    );
    expect(plan.files.map(({ path }) => path)).not.toContain('pytorch_model.bin');
    expect(await files.list('judges')).toEqual([]);
    const id = await engine.downloadJudge('job', request, () => {});
    expect(hub.requests.filter(({ path }) => path === 'model.safetensors').length).toBeGreaterThan(1);
    const [stored] = await engine.storedJudges();
    expect(stored).toMatchObject({ complete: true, problem: null, info: { title: 'PickScore', embeds: true } });
    expect(await files.read(`judges/${id}/model.safetensors`)).toEqual(new Uint8Array(weights));
    expect(await files.exists(`judges/${id}/pytorch_model.bin`)).toBe(false);
    expect(await engine.judge(`judges/${id}`)).toEqual(stored!.info);
  } finally {
    await hub.close();
  }
});

it('is an ImageReward, from a hub by its id or from a folder, which is checked before anything is copied', async () => {
  const folder = 'tools/judges/cases/judge-image-reward';
  const bytes = (path: string): Buffer<ArrayBuffer> => readFileSync(join(folder, path)) as Buffer<ArrayBuffer>;
  const hub = await startTestHub({
    folder,
    id: 'RE-N-Y/ImageReward',
    extra: {
      'config.json': Buffer.from('{}'),
      'model.safetensors': bytes('weights.safetensors'),
      'ImageReward.pt': Buffer.alloc(1000),
    },
  });
  try {
    const engine = newEngine(new MemoryFileStore());
    const id = await engine.downloadJudge('job', { id: hub.id, host: hub.host }, () => {});
    expect(hub.requests.map(({ path }) => path)).not.toContain('ImageReward.pt');
    const [stored] = await engine.storedJudges();
    expect(stored).toMatchObject({ id, complete: true, problem: null, info: { title: 'ImageReward' } });
    expect(stored!.info!.about.weakness).toMatch(/35 tokens/);
    const long = `${'snow '.repeat(33)}by the sea`;
    expect(await engine.judgeCuts(`judges/${id}`, [long, 'snow'])).toEqual([{ prompt: long, lost: 'by the sea' }]);
  } finally {
    await hub.close();
  }
  const files = (...paths: string[]): ImportRequest['files'] =>
    paths.map((path) => ({
      path: `mine/${path === 'weights.safetensors' ? 'ImageReward.safetensors' : path}`,
      file: new Blob([bytes(path)]),
    }));
  const store = new MemoryFileStore();
  await expect(
    newEngine(store).importJudge(
      'job',
      { name: 'x', files: files('weights.safetensors', 'med_config.json') },
      () => {},
    ),
  ).rejects.toThrow(/has no vocabulary/);
  expect(await store.list('')).toEqual([]);
  const id = await newEngine(store).importJudge(
    'job',
    { name: 'mine', files: files('weights.safetensors', 'med_config.json', 'vocab.txt') },
    () => {},
  );
  expect(await newEngine(store).judge(`judges/${id}`)).toMatchObject({ kind: 'image-reward', from: 'folder' });
});
