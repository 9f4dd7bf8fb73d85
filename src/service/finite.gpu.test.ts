/** What is not a number ends by name, with its likely cause, and nothing of it is written: pictures, training, scores, exports. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openNodeGpu } from '../cli/device.ts';
import { folderReader } from '../cli/files.ts';
import { readJson } from '../data/files.ts';
import { samplerLabels } from '../data/formats/a1111.ts';
import { openSafetensors, type TensorToWrite, writeSafetensors } from '../data/formats/safetensors.ts';
import { presetNamed } from '../training/presets.ts';
import { Engine } from './engineService.ts';
import type { FolderReader } from './environment.ts';
import { MemoryFileStore } from './memoryFiles.ts';
import { judgeNamed } from '../judges/table.ts';
import { planJudge } from './sampling/judging.ts';
import { onnxRunner } from './sampling/partRunner.ts';
import { testEnvironment } from './testEnvironment.ts';
import type { GenerationSettings, RunRecord, TrainPair } from './types.ts';

const tiny = 'tools/reference/cases/pipeline-tiny-v/pipeline';
const unet = 'unet/diffusion_pytorch_model.safetensors';
const vae = 'vae/diffusion_pytorch_model.safetensors';
const text = 'text_encoder/model.safetensors';

type Files = Record<string, Uint8Array<ArrayBuffer>>;

/** A folder with some files replaced. */
function changed(folder: string, files: Files): FolderReader {
  const bare = folderReader(folder);
  const own = (path: string): Uint8Array<ArrayBuffer> | undefined => files[path];
  return {
    read: async (path) => own(path) ?? bare.read(path),
    open: async (path) => {
      const bytes = own(path);
      return bytes ? { size: bytes.length, read: async (start, end) => bytes.slice(start, end) } : bare.open(path);
    },
    list: bare.list!,
  };
}

const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(path));

/** The file with one tensor changed. */
async function weights(
  file: string,
  change: (data: Float32Array) => void,
  { name, dtype = 'F32', folder = tiny }: { name?: RegExp; dtype?: 'F32' | 'F16' | 'BF16'; folder?: string } = {},
): Promise<Files> {
  const opened = await openSafetensors(bytesOf(`${folder}/${file}`));
  const chosen = opened.names.find((one) => (name ?? /weight$/).test(one))!;
  const tensors: Record<string, TensorToWrite> = {};
  for (const one of opened.names) {
    const data = await opened.read(one);
    if (one === chosen) change(data);
    tensors[one] = { shape: opened.shape(one)!, data, dtype };
  }
  return { [file]: new Uint8Array(writeSafetensors(tensors)) };
}

function config(file: string, fields: object): Files {
  // Python's JSON knows infinities.
  const value = JSON.parse(readFileSync(`${tiny}/${file}`, 'utf8').replaceAll('-Infinity', 'null')) as object;
  return { [file]: new TextEncoder().encode(JSON.stringify({ ...value, ...fields })) };
}

const settings = (base: string): GenerationSettings => ({
  model: { base, adapters: [] },
  negativePrompt: '',
  steps: 2,
  guidanceScale: 3,
  width: 32,
  height: 32,
  scheduler: 'DDIMScheduler',
  sampler: 'engine',
});
const items = [{ prompt: 'a tree', seed: 1 }];

const models = new Map<string, FolderReader>();
let gpu: GPU;
let files: MemoryFileStore;
let engine: Engine;
let pairs: TrainPair[];

beforeAll(async () => {
  gpu = (await openNodeGpu()).gpu;
  files = new MemoryFileStore();
  engine = new Engine(
    testEnvironment({
      gpu,
      files,
      embeddedModels: [tiny],
      openModel: (id) => models.get(id) ?? folderReader(id),
    }),
  );
  await engine.start();
}, 300_000);

afterAll(() => engine.dispose());

beforeEach(async () => {
  for (const folder of ['images', 'runs', 'out']) await files.remove(folder);
});

const nan = (data: Float32Array): void => void (data[3] = NaN);
const notFinite = (message: RegExp): unknown =>
  expect.objectContaining({ name: 'NotFinite', message: expect.stringMatching(message) });

describe('a picture', () => {
  it.each<[string, () => Promise<Files> | Files, RegExp]>([
    [
      'NaN in the UNet',
      () => weights(unet, nan),
      /^The weights \S+ of unet\/diffusion_pytorch_model\.safetensors hold not-a-number/,
    ],
    ['NaN in the UNet, f16', () => weights(unet, nan, { dtype: 'F16' }), /of unet\/\S+ hold not-a-number/],
    [
      'f16 that overflowed',
      () => weights(unet, (data) => void (data[0] = 1e6), { dtype: 'F16' }),
      /of unet\/\S+ hold an infinite number/,
    ],
    [
      'bf16 that overflowed',
      () => weights(unet, (data) => void (data[0] = Infinity), { dtype: 'BF16' }),
      /of unet\/\S+ hold an infinite/,
    ],
    ['NaN in the text encoder', () => weights(text, nan), /of text_encoder\/model\.safetensors hold not-a-number/],
    [
      'NaN of a token that is not in the prompt',
      () => weights(text, (data) => void (data[data.length - 1] = NaN), { name: /token_embedding/ }),
      /token_embedding\.weight of text_encoder/,
    ],
    ['NaN in the VAE', () => weights(vae, nan, { name: /^decoder.*weight/ }), /of vae\/\S+ hold not-a-number/],
    [
      'weights too large for the UNet',
      () => weights(unet, (data) => void data.fill(3e38), { name: /^conv_out\.weight/ }),
      /^What the UNet predicts at step 1 of 2/,
    ],
    [
      'weights too large for the VAE',
      () => weights(vae, (data) => void data.fill(3e38), { name: /^decoder\..*weight$/ }),
      /^What the VAE makes of the latents/,
    ],
  ])('%s', async (title, make, message) => {
    models.set(title, changed(tiny, await make()));
    await expect(engine.generate('g', { ...settings(title), items }, () => {})).rejects.toEqual(notFinite(message));
    expect(await files.list('images')).toEqual([]);
  });

  it('scaling_factor 0 is named by its field', async () => {
    models.set('scaling', changed(tiny, config('vae/config.json', { scaling_factor: 0 })));
    await expect(engine.generate('g', { ...settings('scaling'), items }, () => {})).rejects.toMatchObject({
      name: expect.stringMatching(/^(UnsupportedArchitecture|NotFinite)$/) as string,
      message: expect.stringContaining('scaling_factor') as string,
    });
    expect(await files.list('images')).toEqual([]);
  });

  it.each(Object.keys(samplerLabels))('betas above 1, %s', async (scheduler) => {
    const title = `betas ${scheduler}`;
    models.set(
      title,
      changed(
        tiny,
        config('scheduler/scheduler_config.json', {
          beta_end: 2,
          skip_prk_steps: true,
          lambda_min_clipped: undefined,
        }),
      ),
    );
    await expect(engine.generate('g', { ...settings(title), scheduler, items }, () => {})).rejects.toEqual(
      expect.objectContaining({ message: expect.stringMatching(/beta_end/) as string }),
    );
    expect(await files.list('images')).toEqual([]);
  });

  it('a guidance scale, a size, a number of steps beyond all use is refused before anything is made', async () => {
    for (const change of [
      { guidanceScale: 1e30 },
      { guidanceScale: NaN },
      { steps: 1e9 },
      { steps: 1.5 },
      { width: 1_000_000 },
      { height: -32 },
      { guidanceRescale: 7 },
      { arithmetic: 'f16', sampler: 'onnx' } as const,
    ])
      await expect(
        engine.generate('g', { ...settings(tiny), ...change, items }, () => {}),
        JSON.stringify(change),
      ).rejects.toMatchObject({ name: 'BadArguments' });
    await expect(
      engine.generate('g', { ...settings(tiny), items: [{ prompt: 'a', seed: 42.5 }] }, () => {}),
    ).rejects.toMatchObject({ name: 'BadArguments' });
    expect(await files.list('images')).toEqual([]);
  });
});

describe('training', () => {
  const request = (run: string, learningRate: number) => ({
    run,
    name: run,
    model: { base: tiny, adapters: [] },
    config: {
      ...presetNamed('standard')!.config,
      rank: 2,
      alpha: 2,
      learningRate,
      warmupSteps: 0,
      beta: 500,
      steps: 6,
      pairsPerStep: 1,
      saveEvery: 1,
      sampleEvery: 0,
      reference: 'engine' as const,
    },
    pairs,
    resume: false,
  });
  beforeEach(async () => {
    const images = await engine.generate(
      'pair',
      { ...settings(tiny), items: [...items, { prompt: 'a tree', seed: 2 }] },
      () => {},
    );
    pairs = [
      { pair: 'p', prompt: 'a tree', winnerLatents: images[0]!.latentsFile, loserLatents: images[1]!.latentsFile },
    ];
  });

  it('stops at the step, says why, and keeps the last save', async () => {
    await expect(engine.train('t', request('wild', 1e25), () => {})).rejects.toEqual(
      notFinite(/^Step 1: .* Infinity|^Step 1: .*(not-a-number|infinite)/),
    );
    // Such a learning rate is none that a form or a file may hold.
    const record = await readJson<RunRecord>(files, 'runs/wild/run.json');
    expect(record).toMatchObject({ status: 'failed', error: expect.stringContaining('Step 1') as string });
    expect(record.checkpoints.map(({ step }) => step)).toEqual([1]);
    expect(await engine.metrics('wild')).toHaveLength(1);
    const saved = await openSafetensors(await files.read('runs/wild/state.safetensors'));
    expect(saved.metadata['step']).toBe('1');
    for (const name of saved.names) expect((await saved.read(name)).every(Number.isFinite), name).toBe(true);
  });

  it('saves no weights that are none', async () => {
    await expect(engine.train('t', request('wilder', 1e39), () => {})).rejects.toEqual(
      notFinite(/^After 1 steps the trained weights/),
    );
    expect((await files.list('runs/wilder')).filter((path) => path.endsWith('.safetensors'))).toEqual([]);
  });

  it('takes no picture that is none', async () => {
    const file = pairs[0]!.loserLatents;
    const opened = await openSafetensors(await files.read(file));
    const data = await opened.read('latents');
    nan(data);
    await files.write(file, writeSafetensors({ latents: { shape: opened.shape('latents')!, data } }));
    await expect(engine.train('t', request('black', 1e-3), () => {})).rejects.toEqual(
      notFinite(new RegExp(`^The latents of ${file}`)),
    );
  });
});

describe('an export', () => {
  it.each(['diffusers', 'single-file', 'onnx'] as const)('as %s', async (kind) => {
    models.set('damaged', changed(tiny, await weights(unet, nan)));
    await expect(engine.export({ base: 'damaged', adapters: [] }, kind, { folder: 'out' })).rejects.toEqual(
      notFinite(/of unet/),
    );
    expect(await files.list('out')).toEqual([]);
    expect(await files.size(`out/${unet}.part`)).toBe(0);
  });

  it('of a diffusers folder whose VAE is damaged leaves no part of it', async () => {
    models.set('damaged vae', changed(tiny, await weights(vae, nan)));
    await expect(engine.export({ base: 'damaged vae', adapters: [] }, 'diffusers', { folder: 'out' })).rejects.toEqual(
      notFinite(/of vae/),
    );
    expect(await files.list('out')).toEqual([]);
  });
});

it('a judge with a weight that is none gives no score', async () => {
  const postcard = 'public/models/postcard';
  const file = 'scorers/a/model.safetensors';
  const reader = changed(postcard, await weights(file, nan, { folder: postcard }));
  const judge = await judgeNamed(reader, 'a', { title: 'Postcard' });
  await expect(planJudge(judge, onnxRunner({ provider: 'wasm' })).then(({ make }) => make())).rejects.toEqual(
    notFinite(/of scorers\/a\/model\.safetensors/),
  );
});
