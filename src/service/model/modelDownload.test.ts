/** Downloads from a hub on localhost that breaks off, cuts short and lies (tools/testHub.ts). */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startTestHub, type TestHub, type TestHubOptions } from '../../../tools/testHub.ts';
import { NodeFileStore } from '../../cli/files.ts';
import { type FileStore, partOf } from '../../data/files.ts';
import { type HubAccess, hubAccess } from '../../data/hub/request.ts';
import { Jobs } from '../jobs.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import { openModelFolder } from './modelFolder.ts';
import { ModelStorage } from './modelStorage.ts';
import type { HubRequest, StorageEvent } from '../types.ts';

const pipeline = 'tools/reference/cases/pipeline-tiny-v/pipeline';
const unet = 'unet/diffusion_pytorch_model.safetensors';
const bytesOf = (path: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(join(pipeline, path)));
const sha256 = async (bytes: Uint8Array): Promise<string> => createHash('sha256').update(bytes).digest('hex');

const stores: Record<string, () => FileStore> = {
  memory: () => new MemoryFileStore(),
  'a folder': () => new NodeFileStore(mkdtempSync(join(tmpdir(), 'winnow-models-'))),
};

let hub: TestHub | undefined;
afterEach(() => hub?.close());

interface Setup {
  storage: ModelStorage;
  files: FileStore;
  events: StorageEvent[];
  waits: number[];
  download(request?: Partial<HubRequest>): Promise<string>;
  jobs: Jobs;
}

async function open(
  options: Partial<TestHubOptions> = {},
  files: FileStore = new MemoryFileStore(),
  stallMs = 60_000,
): Promise<Setup> {
  await hub?.close();
  const events: StorageEvent[] = [];
  hub = await startTestHub({ folder: pipeline, arrived: (path) => arrivedOf(events, path), ...options });
  const { host, id } = hub;
  const waits: number[] = [];
  const access: HubAccess = { ...hubAccess, stallMs, sleep: async (ms) => void waits.push(ms) };
  const storage = new ModelStorage({ files, taken: ['postcard'], now: () => new Date(0), access });
  const jobs = new Jobs();
  return {
    storage,
    files,
    events,
    waits,
    jobs,
    download: (request = {}) =>
      jobs.run('job', (signal) =>
        storage.downloadModel(signal, { id, host, ...request }, (event) => events.push(event)),
      ),
  };
}

/** Bytes of the file under way: progress counts those of the files before it, too. */
function arrivedOf(events: readonly StorageEvent[], path: string): number {
  const progress = events.filter((event) => event.type === 'progress');
  const done = (own: boolean): number => progress.findLast(({ file }) => (file === path) === own)?.doneBytes ?? 0;
  return progress.at(-1)?.file === path ? done(true) - done(false) : 0;
}

async function expectWhole({ storage, files }: Setup, id: string): Promise<void> {
  const [model] = (await storage.list()).filter((candidate) => candidate.id === id);
  expect(model).toMatchObject({ complete: true, source: 'hub' });
  expect(model!.presentBytes).toBe(model!.totalBytes);
  for (const { path, size } of model!.files) {
    const bytes = await files.read(`models/${id}/${path}`);
    expect([path, bytes.length, Buffer.compare(bytes, bytesOf(path))]).toEqual([path, size, 0]);
  }
}

const half = Math.floor(bytesOf(unet).length / 2);
const drop = { kind: 'drop', after: half } as const;

describe.each(Object.entries(stores))('into %s', (_, newStore) => {
  it('plans, downloads what is needed and opens it', async () => {
    const extra = {
      'safety_checker/model.safetensors': new Uint8Array(9),
      'unet/diffusion_pytorch_model.bin': new Uint8Array(9),
      'unet/model.onnx': new Uint8Array(9),
      'README.md': new Uint8Array(9),
      'unet/flax_model.msgpack': new Uint8Array(9),
    };
    const setup = await open({ extra, pageSize: 3, redirect: true }, newStore());
    const plan = await setup.storage.planDownload({ id: hub!.id, host: `${hub!.host}/` });
    expect(plan).toMatchObject({ id: 'tiny/model', host: hub!.host, revision: hub!.commit, presentBytes: 0 });
    expect(plan.files.map(({ path }) => path).sort()).toEqual([
      'model_index.json',
      'scheduler/scheduler_config.json',
      'text_encoder/config.json',
      'text_encoder/model.safetensors',
      'tokenizer/merges.txt',
      'tokenizer/special_tokens_map.json',
      'tokenizer/tokenizer_config.json',
      'tokenizer/vocab.json',
      'unet/config.json',
      unet,
      'vae/config.json',
      'vae/diffusion_pytorch_model.safetensors',
    ]);
    expect(plan.totalBytes).toBe(plan.files.reduce((sum, { path }) => sum + bytesOf(path).length, 0));
    // Configs alone were read for the plan.
    expect(hub!.requests.filter(({ path }) => path.endsWith('.safetensors'))).toEqual([]);
    const id = await setup.download();
    expect(id).toBe('model');
    await expectWhole(setup, id);
    const last = setup.events.at(-1);
    expect(last).toMatchObject({ type: 'progress', doneBytes: plan.totalBytes, totalBytes: plan.totalBytes });
    const done = setup.events.map((event) => (event.type === 'progress' ? event.doneBytes : 0));
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    const { info } = await openModelFolder(id, { openModel: () => setup.storage.store.reader(id), sha256 });
    expect(info).toMatchObject({ id, title: 'model', source: 'hub', unetHash: await sha256(bytesOf(unet)) });
    expect((await setup.storage.list())[0]!.origin).toBe(`${hub!.host}/tiny/model@${hub!.commit}`);
  });

  it.each([
    [
      'a connection that breaks off, twice',
      [drop, { kind: 'drop', after: 100 }],
      [undefined, `bytes=${half}-`, `bytes=${half + 100}-`],
      2,
    ],
    ['a body cut short in good order', [{ kind: 'truncate', after: half }], [undefined, `bytes=${half}-`], 1],
    ['a Content-Length that is too large', [{ kind: 'promiseMore', by: 50 }], [undefined], 1],
    ['a connection that stalls', [{ kind: 'stall', after: half }], [undefined, `bytes=${half}-`], 1],
    ['a server that does not know ranges', [drop, { kind: 'ignoreRange' }], [undefined, `bytes=${half}-`], 1],
    [
      'a file that changed between',
      [drop, { kind: 'etag', value: '"other"' }],
      [undefined, `bytes=${half}-`, undefined],
      2,
    ],
    ['an answer with another range', [drop, { kind: 'wrongRange' }], [undefined, `bytes=${half}-`, undefined], 2],
    ['wrong bytes, once', [{ kind: 'wrongBytes' }], [undefined, undefined], 1],
    ['more bytes than there are, once', [{ kind: 'tooLong', by: 5 }], [undefined, undefined], 1],
    ['a server error', [{ kind: 'status', status: 503 }], [undefined, undefined], 1],
    [
      'too many requests',
      [{ kind: 'status', status: 429, headers: { 'Retry-After': '7' } }],
      [undefined, undefined],
      1,
    ],
  ] satisfies [string, NonNullable<TestHubOptions['faults']>[string], (string | undefined)[], number][])(
    'survives %s',
    async (_, faults, ranges, retries) => {
      // A busy machine is not a stall.
      const setup = await open(
        { faults: { [unet]: faults } },
        newStore(),
        faults.some(({ kind }) => kind === 'stall') ? 2000 : undefined,
      );
      await expectWhole(setup, await setup.download());
      expect(hub!.requests.filter(({ path }) => path === unet).map(({ range }) => range)).toEqual(ranges);
      expect(setup.events.filter(({ type }) => type === 'retry')).toHaveLength(retries);
    },
  );
});

it('waits as long as a busy server asks, and longer each time where it does not say', async () => {
  const setup = await open({
    faults: {
      [unet]: [{ kind: 'status', status: 429, headers: { 'Retry-After': '7' } }, { kind: 'status', status: 502 }, drop],
    },
  });
  await setup.download();
  expect(setup.waits).toEqual([7000, 2000, 4000]);
});

it.each([
  ['wrong bytes every time', { always: { [unet]: { kind: 'wrongBytes' } } }, 'WrongHash', 0],
  ['a listing with another hash', { listed: { [unet]: { hash: '0'.repeat(64) } } }, 'WrongHash', 0],
  ['a listing with a larger size', { listed: { [unet]: { size: bytesOf(unet).length + 10 } } }, 'DownloadFailed', 0],
  ['a listing with a smaller size', { listed: { [unet]: { size: bytesOf(unet).length - 10 } } }, 'DownloadFailed', 0],
  ['a server that stays broken', { always: { [unet]: { kind: 'status', status: 500 } } }, 'DownloadFailed', 0],
  [
    'a connection that never gets further',
    { faults: { [unet]: [drop] }, always: { [unet]: { kind: 'drop', after: 0 } } },
    'NoNetwork',
    half,
  ],
  [
    'a file that is gone',
    { always: { [unet]: { kind: 'status', status: 404, headers: { 'X-Error-Code': 'EntryNotFound' } } } },
    'NotFound',
    0,
  ],
  [
    'a server that asks for an hour',
    { always: { [unet]: { kind: 'status', status: 429, headers: { 'Retry-After': '3600' } } } },
    'RateLimited',
    0,
  ],
] satisfies [string, Partial<TestHubOptions>, string, number][])(
  'fails by name with %s, keeps what is good, and goes on later',
  async (_, options, name, kept) => {
    const setup = await open(options);
    await expect(setup.download()).rejects.toMatchObject({ name });
    const [model] = await setup.storage.list();
    expect(model).toMatchObject({ complete: false });
    expect(await setup.files.size(partOf(`models/model/${unet}`))).toBe(kept);
    expect(model!.presentBytes).toBeGreaterThan(0);
    expect(await setup.storage.complete()).toEqual([]);
    await expect(setup.storage.store.reader('model').read('model_index.json')).rejects.toMatchObject({
      name: 'IncompleteModel',
    });
    // The hub is mended; it lies elsewhere now, which the record must not hinder.
    const again = await open({}, setup.files);
    const id = await again.download();
    await expectWhole(again, id);
  },
);

it.each([
  [
    'a gated model',
    { always: { api: { kind: 'status', status: 403, headers: { 'X-Error-Code': 'GatedRepo' } } } },
    {},
    'AccessDenied',
  ],
  ['a private or missing model', {}, { id: 'nobody/nothing' }, 'AccessDenied'],
  ['a missing model of a hub that says so', { always: { api: { kind: 'status', status: 404 } } }, {}, 'NotFound'],
  ['a missing revision', {}, { revision: 'v9' }, 'NotFound'],
  ['no server', {}, { host: 'http://127.0.0.1:9' }, 'NoNetwork'],
  [
    'a busy hub',
    { always: { api: { kind: 'status', status: 429, headers: { 'Retry-After': '900' } } } },
    {},
    'RateLimited',
  ],
  ['a name that is none', {}, { id: '../secret' }, 'BadArguments'],
  ['a host that is none', {}, { host: 'file:///etc' }, 'BadArguments'],
  [
    'weights as pickles alone',
    {
      extra: { 'text_encoder_2/config.json': new Uint8Array(2), 'text_encoder_2/pytorch_model.bin': new Uint8Array(9) },
    },
    {},
    'PickleRefused',
  ],
  ['a repository without a model', { folder: 'public/prompts' }, {}, 'NotFound'],
  [
    'an architecture that is not ours',
    {
      extra: {
        'unet/config.json': new TextEncoder().encode(
          JSON.stringify({
            ...JSON.parse(readFileSync(join(pipeline, 'unet/config.json'), 'utf8')),
            dual_cross_attention: true,
          }),
        ),
      },
    },
    {},
    'UnsupportedArchitecture',
  ],
  [
    'a config that arrives with other bytes',
    { always: { 'unet/config.json': { kind: 'wrongBytes' } } },
    {},
    'WrongHash',
  ],
] satisfies [string, Partial<TestHubOptions>, Partial<HubRequest>, string][])(
  'refuses %s before anything is kept',
  async (_, options, request, name) => {
    const setup = await open(options);
    await expect(setup.storage.planDownload({ id: hub!.id, host: hub!.host, ...request })).rejects.toMatchObject({
      name,
    });
    await expect(setup.download(request)).rejects.toMatchObject({ name });
    expect(await setup.storage.list()).toEqual([]);
    expect(hub!.requests.filter(({ path }) => path.endsWith('.safetensors'))).toEqual([]);
  },
);

it('takes the fp16 variant, and shards with their index, all of them or none', async () => {
  const weights = bytesOf(unet);
  const index = new TextEncoder().encode(JSON.stringify({ weight_map: {} }));
  const setup = await open({
    extra: {
      'unet/diffusion_pytorch_model.fp16.safetensors': weights,
      'vae/diffusion_pytorch_model.safetensors.index.fp16.json': index,
      'vae/diffusion_pytorch_model.fp16-00001-of-00002.safetensors': weights,
      'vae/diffusion_pytorch_model.fp16-00002-of-00002.safetensors': weights,
      'text_encoder_2/config.json': index,
      'text_encoder_2/model.safetensors.fp16.index.json': index,
      'text_encoder_2/model-00001-of-00001.fp16.safetensors': weights,
      'text_encoder/model.safetensors.index.fp16.json': index,
      'text_encoder/model.fp16-00001-of-00002.safetensors': weights,
    },
  });
  const { files } = await setup.storage.planDownload({ id: hub!.id, host: hub!.host });
  expect(files.map(({ path }) => path).filter((path) => /safetensors/.test(path))).toEqual([
    'unet/diffusion_pytorch_model.fp16.safetensors',
    'vae/diffusion_pytorch_model.safetensors.index.fp16.json',
    'vae/diffusion_pytorch_model.fp16-00001-of-00002.safetensors',
    'vae/diffusion_pytorch_model.fp16-00002-of-00002.safetensors',
    'text_encoder/model.safetensors',
    'text_encoder_2/model.safetensors.fp16.index.json',
    'text_encoder_2/model-00001-of-00001.fp16.safetensors',
  ]);
});

it('downloads a checkpoint in one file, whose header alone is read for the plan', async () => {
  const bytes = new Uint8Array(readFileSync('tools/reference/single-file/xl.safetensors'));
  const empty = mkdtempSync(join(tmpdir(), 'winnow-hub-'));
  const setup = await open({ folder: empty, extra: { 'model.safetensors': bytes, 'README.md': new Uint8Array(3) } });
  const plan = await setup.storage.planDownload({ id: hub!.id, host: hub!.host });
  expect(plan.files).toEqual([{ path: 'model.safetensors', size: bytes.length }]);
  expect(hub!.sentBytes()).toBeLessThan(bytes.length / 2);
  const id = await setup.download();
  const { info } = await openModelFolder(id, { openModel: () => setup.storage.store.reader(id), sha256 });
  expect(info).toMatchObject({
    pipeline: 'StableDiffusionXLPipeline',
    source: 'hub',
    title: 'model',
    unetHash: await sha256(bytes),
  });
});

it('goes on where a cancelled download was, and fetches nothing twice', async () => {
  const setup = await open({ faults: { [unet]: [{ kind: 'stall', after: half }] } });
  const running = setup.download();
  while (!hub!.requests.some(({ path }) => path === unet)) await new Promise((resolve) => setTimeout(resolve, 10));
  await new Promise((resolve) => setTimeout(resolve, 50));
  await expect(setup.storage.delete('model')).rejects.toMatchObject({ name: 'BadArguments' });
  await expect(
    setup.jobs.run('second', (signal) =>
      setup.storage.downloadModel(signal, { id: hub!.id, host: hub!.host }, () => {}),
    ),
  ).rejects.toMatchObject({ name: 'BadArguments' });
  const cancelled = setup.jobs.cancel('job');
  await expect(running).rejects.toMatchObject({ name: 'Cancelled' });
  await cancelled;
  expect(await setup.files.size(partOf(`models/model/${unet}`))).toBe(half);
  const plan = await setup.storage.planDownload({ id: hub!.id, host: hub!.host });
  expect(plan.presentBytes).toBe((await setup.storage.list())[0]!.presentBytes);
  const [requests, sent] = [hub!.requests.length, hub!.sentBytes()];
  await expectWhole(setup, await setup.download());
  const configs = hub!.requests
    .slice(requests)
    .filter(({ path }) => /config.json|model_index/.test(path))
    .map(({ path }) => bytesOf(path).length);
  expect(hub!.sentBytes() - sent).toBe(
    plan.totalBytes - plan.presentBytes + configs.reduce((sum, size) => sum + size, 0),
  );
  // A whole one is not downloaded again.
  const before = hub!.requests.length;
  expect(await setup.download()).toBe('model');
  expect(hub!.requests.slice(before).filter(({ path }) => path.endsWith('.safetensors'))).toEqual([]);
});

it('goes on after a tab was killed between committing a file and noting it', async () => {
  const setup = await open();
  const id = await setup.download();
  const record = await setup.storage.store.load(id);
  for (const file of record.files) if (file.path === unet || file.path === 'vae/config.json') delete file.sha256;
  await setup.storage.store.save(id, record);
  await setup.files.write(
    `models/${id}/vae/config.json`,
    bytesOf('vae/config.json').map((byte) => byte ^ 1),
  );
  const before = hub!.requests.length;
  await expectWhole(setup, await setup.download());
  expect(hub!.requests.slice(before).filter(({ path }) => path === unet)).toEqual([]);
});

it('keeps of an unfinished download what a newer commit still has', async () => {
  const files = new MemoryFileStore();
  const first = await open({ always: { [unet]: { kind: 'status', status: 500 } } }, files);
  await expect(first.download()).rejects.toMatchObject({ name: 'DownloadFailed' });
  const port = Number(new URL(hub!.host).port);
  await hub!.close();
  hub = await startTestHub({ folder: pipeline, commit: 'f'.repeat(40) }, port);
  // As if the earlier commit had another file here.
  await first.files.write('models/model/vae/config.json', new TextEncoder().encode('{}'));
  const record = await first.storage.store.load('model');
  record.files.find(({ path }) => path === 'vae/config.json')!.expected = { gitSha1: '1'.repeat(40) };
  await first.storage.store.save('model', record);
  expect(await first.download({ host: hub.host })).toBe('model');
  await expectWhole(first, 'model');
  expect((await first.storage.list())[0]!.origin).toContain('f'.repeat(40));
  expect(hub.requests.filter(({ path }) => path === 'tokenizer/vocab.json')).toEqual([]);
});

describe('where there is no room', () => {
  it('says so before it starts', async () => {
    const setup = await open({}, new MemoryFileStore(1000));
    expect((await setup.storage.planDownload({ id: hub!.id, host: hub!.host })).availableBytes).toBe(1000);
    await expect(setup.download()).rejects.toMatchObject({ name: 'NoDiskSpace' });
    expect(hub!.requests.filter(({ path }) => path.endsWith('.safetensors'))).toEqual([]);
  });
  it('keeps what arrived where the disk fills up on the way', async () => {
    const files = new MemoryFileStore(60_000);
    files.available = async () => null;
    const setup = await open({}, files);
    await expect(setup.download()).rejects.toMatchObject({ name: 'NoDiskSpace' });
    const [model] = await setup.storage.list();
    expect(model!.complete).toBe(false);
    expect(model!.presentBytes).toBeGreaterThan(0);
    await setup.storage.delete(model!.id);
    expect(await setup.storage.list()).toEqual([]);
    expect(await files.list('models')).toEqual([]);
  });
});
