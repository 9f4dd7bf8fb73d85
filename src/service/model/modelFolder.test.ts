/** Folders as people have them: shards, variants, half width; and what is refused, before a weight file is opened. Real tensors, no GPU. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderReader } from '../../cli/files.ts';
import { byteRanges } from '../../data/formats/bytes.ts';
import { openSafetensors, type TensorToWrite, writeSafetensors } from '../../data/formats/safetensors.ts';
import { parseTextEncoderConfig } from '../../models/clip/textEncoder.ts';
import type { Config } from '../../models/config.ts';
import { parseUNetConfig } from '../../models/sd/config.ts';
import { parseVaeConfig } from '../../models/sd/vae.ts';
import { sizeOf } from '../../shared/shape.ts';
import { WinnowError } from '../../shared/errors.ts';
import type { FolderReader } from '../environment.ts';
import { checkModelConfigs, type ModelFolder, openModelFolder } from './modelFolder.ts';

const cases = join(import.meta.dirname, '../../../tools/reference/cases');
const sha256 = async (bytes: Uint8Array): Promise<string> => createHash('sha256').update(bytes).digest('hex');
const unetFile = 'unet/diffusion_pytorch_model.safetensors';

type Files = Map<string, Uint8Array<ArrayBuffer>>;

function filesOf(name: string): Files {
  const root = join(cases, name, 'pipeline');
  const paths = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    paths.map(({ parentPath, name: file }) => [
      join(parentPath, file).slice(root.length + 1),
      new Uint8Array(readFileSync(join(parentPath, file))),
    ]),
  );
}

/** What was asked of a folder. */
interface Log {
  opened: string[];
  /** Bytes of each ranged read. */
  reads: { path: string; bytes: number }[];
}

function reader(files: Files, log: Log = { opened: [], reads: [] }): FolderReader {
  const find = (path: string): Uint8Array<ArrayBuffer> => {
    const bytes = files.get(path);
    if (!bytes) throw new WinnowError('NotFound', `There is no ${path}.`, '');
    return bytes;
  };
  return {
    read: async (path) => find(path),
    async open(path) {
      const ranges = byteRanges(find(path));
      log.opened.push(path);
      return {
        size: ranges.size,
        read(start, end) {
          log.reads.push({ path, bytes: end - start });
          return ranges.read(start, end);
        },
      };
    },
    sha256: async (path) => `hash of ${path}`,
  };
}

const open = (files: Files, log?: Log): Promise<ModelFolder> =>
  openModelFolder('a-model', {
    openModel: () => reader(files, log),
    sha256: async (bytes) => new TextDecoder().decode(bytes),
  });

const json = (value: unknown): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(JSON.stringify(value)) as Uint8Array<ArrayBuffer>;

function changed(files: Files, path: string, change: object): Files {
  return new Map(files).set(
    path,
    json({ ...(JSON.parse(new TextDecoder().decode(files.get(path))) as object), ...change }),
  );
}

async function tensorsOf(bytes: Uint8Array): Promise<Record<string, TensorToWrite>> {
  const file = await openSafetensors(bytes);
  const tensors: Record<string, TensorToWrite> = {};
  for (const name of file.names) tensors[name] = { shape: file.shape(name)!, data: await file.read(name) };
  return tensors;
}

const written = (tensors: Record<string, TensorToWrite>): Uint8Array<ArrayBuffer> =>
  new Uint8Array(writeSafetensors(tensors));

/** The UNet of a folder in three shards behind an index; legacy: named as diffusers once did. */
async function sharded(files: Files, variant = '', legacy = false): Promise<Files> {
  const tensors = Object.entries(await tensorsOf(files.get(unetFile)!));
  const out = new Map(files);
  out.delete(unetFile);
  const weightMap: Record<string, string> = {};
  for (let shard = 0; shard < 3; shard++) {
    const count = `-0000${shard + 1}-of-00003`;
    const file = `diffusion_pytorch_model${legacy ? count + variant : variant + count}.safetensors`;
    const own = tensors.filter((_, i) => i % 3 === shard);
    for (const [name] of own) weightMap[name] = file;
    out.set(`unet/${file}`, written(Object.fromEntries(own)));
  }
  return out.set(
    `unet/diffusion_pytorch_model.safetensors${legacy ? `${variant}.index` : `.index${variant}`}.json`,
    json({ metadata: { total_size: 1 }, weight_map: weightMap }),
  );
}

describe('weights', () => {
  const plain = filesOf('pipeline-xl');

  it.each([
    ['', false],
    ['.fp16', false],
    ['.fp16', true],
  ])('come out of shards%s (legacy names: %s) as out of one file', async (variant, legacy) => {
    const [whole, parts] = [await open(plain), await open(await sharded(plain, variant, legacy))];
    expect([...parts.unet.weights.names].sort()).toEqual([...whole.unet.weights.names].sort());
    for (const name of whole.unet.weights.names)
      expect(await parts.unet.weights.read(name)).toEqual(await whole.unet.weights.read(name));
    expect(parts.info.parameters).toEqual(whole.info.parameters);
    expect(whole.info.unetHash).toBe(`hash of ${unetFile}`);
    expect(parts.info.unetHash.split('+').length).toBe(3);
  });

  it.each(['F16', 'BF16'] as const)('in %s keep their width', async (dtype) => {
    const half = Object.fromEntries(
      Object.entries(await tensorsOf(plain.get(unetFile)!)).map(([name, tensor]) => [name, { ...tensor, dtype }]),
    );
    const files = new Map(plain);
    files.delete(unetFile);
    const { unet, info } = await open(files.set('unet/diffusion_pytorch_model.fp16.safetensors', written(half)));
    expect(info.precision).toBe(dtype.toLowerCase());
    const name = 'conv_in.weight';
    expect(unet.weights.half!(name)).toBe(dtype.toLowerCase());
    expect((await unet.weights.readHalf!(name)).length).toBe(sizeOf(unet.weights.shape(name)!));
    // 8 and 11 bits of mantissa.
    const exact = half[name]!.data;
    (await unet.weights.read(name)).forEach((value, i) =>
      expect(Math.abs(value - exact[i]!)).toBeLessThanOrEqual(
        Math.abs(exact[i]!) * (dtype === 'F16' ? 2 ** -11 : 2 ** -8),
      ),
    );
  });

  it('are found under the names of earlier versions', async () => {
    const old: [string, RegExp, (name: string) => string][] = [
      [
        'vae/diffusion_pytorch_model.safetensors',
        /\.to_out\.0\./,
        (name) =>
          name
            .replace('.to_q.', '.query.')
            .replace('.to_k.', '.key.')
            .replace('.to_v.', '.value.')
            .replace('.to_out.0.', '.proj_attn.'),
      ],
      ['text_encoder/model.safetensors', /^text_model\./, (name) => name.replace(/^text_model\./, '')],
    ];
    const files = new Map(plain);
    for (const [path, changes, rename] of old) {
      const tensors = Object.entries(await tensorsOf(files.get(path)!));
      expect(tensors.some(([name]) => changes.test(name) && rename(name) !== name)).toBe(true);
      files.set(path, written(Object.fromEntries(tensors.map(([name, tensor]) => [rename(name), tensor]))));
    }
    const [now, then] = [await open(plain), await open(files)];
    expect(then.info.parameters).toEqual(now.info.parameters);
    for (const name of now.vae.weights.names)
      expect(await then.vae.weights.read(name)).toEqual(await now.vae.weights.read(name));
    const [text, oldText] = [now.textEncoders[0]!.weights, then.textEncoders[0]!.weights];
    for (const name of text.names) expect(await oldText.read(name)).toEqual(await text.read(name));
  });

  it('are read tensor by tensor, each when it is asked for', async () => {
    const log: Log = { opened: [], reads: [] };
    const { unet } = await open(await sharded(plain), log);
    const before = log.reads.length;
    // Opening reads the headers alone: a few hundred bytes a tensor.
    expect(Math.max(...log.reads.filter(({ path }) => path.startsWith('unet')).map(({ bytes }) => bytes))).toBeLessThan(
      40_000,
    );
    for (const name of unet.weights.names) await unet.weights.read(name);
    const largest = Math.max(...unet.weights.names.map((name) => 4 * sizeOf(unet.weights.shape(name)!)));
    expect(Math.max(...log.reads.slice(before).map(({ bytes }) => bytes))).toBe(largest);
  });

  it.each<[string, string, (files: Files) => Promise<Files> | Files, RegExp]>([
    [
      'no weights',
      'NotFound',
      (files) => (files.delete(unetFile), files),
      /unet\/diffusion_pytorch_model\.safetensors/,
    ],
    [
      'pickles alone',
      'PickleRefused',
      (files) => (files.delete(unetFile), files.set('unet/diffusion_pytorch_model.bin', new Uint8Array([0x80, 2]))),
      /only as a pickle/,
    ],
    [
      'a shard too few',
      'NotFound',
      async (files) => (files.delete('unet/diffusion_pytorch_model-00002-of-00003.safetensors'), files),
      /00002-of-00003/,
    ],
    [
      'an index that is wrong',
      'BadFile',
      (files) =>
        changed(files, 'unet/diffusion_pytorch_model.safetensors.index.json', {
          weight_map: { nothing: 'diffusion_pytorch_model-00001-of-00003.safetensors' },
        }),
      /nothing/,
    ],
    [
      'an index that leads out of its folder',
      'BadFile',
      (files) =>
        changed(files, 'unet/diffusion_pytorch_model.safetensors.index.json', {
          weight_map: { 'conv_in.weight': '../vae/diffusion_pytorch_model.safetensors' },
        }),
      /weight_map/,
    ],
    [
      'an index that is no JSON',
      'BadFile',
      (files) => files.set('unet/diffusion_pytorch_model.safetensors.index.json', new Uint8Array([1, 2])),
      /not valid JSON/,
    ],
  ])('refuses %s', async (what, name, change, message) => {
    const files = what.includes('index') || what.includes('shard') ? await sharded(plain) : new Map(plain);
    const opening = open(await change(files));
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.toMatchObject({ name });
  });
});

describe('refused before a weight file is opened', () => {
  it.each<[string, string, string, object]>([
    ['_class_name', 'pipeline-xl', 'model_index.json', { _class_name: 'FluxPipeline' }],
    [
      'text_encoder',
      'pipeline-xl',
      'model_index.json',
      { text_encoder: [null, null], requires_aesthetics_score: true },
    ],
    ['text_encoder_2', 'pipeline-tiny-v', 'model_index.json', { _class_name: 'StableDiffusionXLPipeline' }],
    ['requires_aesthetics_score', 'pipeline-xl', 'model_index.json', { requires_aesthetics_score: true }],
    ['vae', 'pipeline-xl', 'model_index.json', { vae: [null, null] }],
    ['in_channels', 'pipeline-xl', 'unet/config.json', { in_channels: 9 }],
    ['cross_attention_dim', 'pipeline-xl', 'unet/config.json', { cross_attention_dim: 16 }],
    ['addition_embed_type', 'pipeline-xl', 'unet/config.json', { addition_embed_type: null }],
    [
      'projection_class_embeddings_input_dim',
      'pipeline-xl',
      'unet/config.json',
      { projection_class_embeddings_input_dim: 36 },
    ],
    [
      'class_embed_type',
      'pipeline-tiny-v',
      'unet/config.json',
      { class_embed_type: 'timestep', num_class_embeds: null },
    ],
    ['resnet_time_scale_shift', 'pipeline-tiny-v', 'unet/config.json', { resnet_time_scale_shift: 'scale_shift' }],
    ['latents_mean', 'pipeline-xl', 'vae/config.json', { latents_mean: [0, 0, 0, 0] }],
    ['_class_name', 'pipeline-xl', 'vae/config.json', { _class_name: 'AutoencoderDC' }],
    ['architectures', 'pipeline-xl', 'text_encoder_2/config.json', { architectures: ['T5EncoderModel'] }],
    ['text_encoder', 'pipeline-xl', 'model_index.json', { text_encoder: ['diffusers', 'OnnxRuntimeModel'] }],
    ['use_attention_mask', 'pipeline-tiny-v', 'text_encoder/config.json', { use_attention_mask: true }],
    [
      'quantization_config',
      'pipeline-xl',
      'unet/config.json',
      { quantization_config: { quant_method: 'bitsandbytes' } },
    ],
  ])('%s', async (field, name, path, change) => {
    const log: Log = { opened: [], reads: [] };
    const opening = open(changed(filesOf(name), path, change), log);
    await expect(opening).rejects.toThrow(field);
    await expect(opening).rejects.toMatchObject({ name: 'UnsupportedArchitecture' });
    expect(log.opened).toEqual([]);
  });
});

it('goes by the classes of model_index.json, as diffusers does', async () => {
  const files = changed(filesOf('pipeline-xl'), 'model_index.json', { scheduler: ['diffusers', 'DDIMScheduler'] });
  const { info, scheduler, textEncoders } = await open(
    changed(files, 'text_encoder_2/config.json', { architectures: null }),
  );
  expect([info.scheduler, scheduler['_class_name'], scheduler['timestep_spacing']]).toEqual([
    'DDIMScheduler',
    'DDIMScheduler',
    'leading',
  ]);
  expect(textEncoders.map(({ config }) => config.kind)).toEqual(['CLIPTextModel', 'CLIPTextModelWithProjection']);
});

const configs = join(import.meta.dirname, '../../../tools/reference/configs');
const published = (name: string, path: string): Config =>
  JSON.parse(readFileSync(join(configs, name, path), 'utf8')) as Config;
const parsers: Readonly<Record<string, (config: Config) => unknown>> = {
  unet: parseUNetConfig,
  vae: parseVaeConfig,
  text_encoder: parseTextEncoderConfig,
  text_encoder_2: parseTextEncoderConfig,
};
const folders = [...readdirSync(configs), ...readdirSync(join(configs, 'found')).map((name) => `found/${name}`)].filter(
  (name) => name !== 'found' && name !== 'README.md',
);

describe('configs of published models', () => {
  it.each(folders)('takes %s', async (name) => {
    const parts = readdirSync(join(configs, name));
    if (parts.includes('model_index.json')) return checkModelConfigs(folderReader(join(configs, name)));
    for (const part of parts) expect(() => parsers[part]!(published(name, `${part}/config.json`))).not.toThrow();
  });

  // Written down without defaults, and as copies of the published files have them.
  it.each([
    ['stable-diffusion-v1-5', 'found/stable-diffusion-v1-5'],
    ['stable-diffusion-2-1-base', 'found/stable-diffusion-2-1-base'],
    ['stable-diffusion-xl-base-1.0', 'found/sdxl-fine-tune'],
  ])('%s means what %s says', (ours, found) => {
    for (const part of readdirSync(join(configs, ours)).filter((part) => part in parsers)) {
      expect(parsers[part]!(published(ours, `${part}/config.json`))).toEqual(
        parsers[part]!(published(found, `${part}/config.json`)),
      );
    }
  });
});

it.each<[string, object]>([
  [
    'pipeline-xl',
    {
      family: 'Stable Diffusion XL',
      pipeline: 'StableDiffusionXLPipeline',
      precision: 'f32',
      predictionType: 'epsilon',
      scheduler: 'EulerDiscreteScheduler',
      defaults: { steps: 30, guidanceScale: 5, scheduler: 'EulerDiscreteScheduler' },
      notTrainable: null,
      source: 'disk',
    },
  ],
  [
    'pipeline-sd2-v-rescale',
    { family: 'Stable Diffusion', predictionType: 'v_prediction', scheduler: 'DDIMScheduler' },
  ],
])('%s says what it is', async (name, facts) => {
  const { info } = await openModelFolder(name, {
    openModel: () => folderReader(join(cases, name, 'pipeline')),
    sha256,
  });
  expect(info).toMatchObject(facts);
  expect(info.hash).toMatch(/^[0-9a-f]{64}$/);
  expect(info.weightBytes).toBeGreaterThan(
    4 * (info.parameters.unet + info.parameters.vae + info.parameters.textEncoder),
  );
});
