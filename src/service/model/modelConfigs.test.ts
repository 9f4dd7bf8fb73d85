/** What a folder's small files say, held against one another: the same whether a model is opened or planned. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { substitution } from '../../diffusion/samplers/table.ts';
import { WinnowError } from '../../shared/errors.ts';
import { presetNamed } from '../../training/presets.ts';
import { type FolderReader, wholeFiles } from '../environment.ts';
import { planFolder } from '../planning/folderPlan.ts';
import { defaultSize } from './defaultSize.ts';
import { readPartConfigs, SCHEDULER_FILE } from './modelConfigs.ts';
import { openModelFolder } from './modelFolder.ts';
import { cpuMs } from '../../shared/testCpuTime.ts';

const reference = join(import.meta.dirname, '../../../tools/reference');

type Files = Map<string, Uint8Array>;

function folder(root: string): Files {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    entries.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(root.length + 1), readFileSync(path)];
    }),
  );
}
const sd = folder(join(reference, 'cases/pipeline-tiny-v/pipeline'));
const xl = folder(join(reference, 'cases/pipeline-xl/pipeline'));

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const changed = (files: Files, path: string, fields: Record<string, unknown>): Files =>
  new Map(files).set(
    path,
    bytes(JSON.stringify({ ...(JSON.parse(new TextDecoder().decode(files.get(path))) as object), ...fields })),
  );
const without = (files: Files, ...paths: string[]): Files => {
  const left = new Map(files);
  for (const path of paths) left.delete(path);
  return left;
};

const reader = (files: Files): FolderReader =>
  wholeFiles(async (path) => {
    const found = files.get(path);
    if (!found) throw new WinnowError('NotFound', `There is no ${path}.`, 'Check the path.');
    return new Uint8Array(found);
  });
const open = (files: Files): Promise<unknown> =>
  openModelFolder('m', { openModel: () => reader(files), sha256: async () => 'hash' });
const plan = (files: Files): ReturnType<typeof planFolder> =>
  planFolder(reader(files), { ...presetNamed('standard')!.config, rank: 2, pairsPerStep: 1 }, { reference: 'engine' });

/** Opening and planning refuse with the same words. */
async function expectRefused(files: Files, name: string, message: RegExp): Promise<void> {
  const start = cpuMs();
  await expect(open(files)).rejects.toThrow(expect.objectContaining({ name }));
  await expect(open(files)).rejects.toThrow(message);
  await expect(plan(files)).rejects.toThrow(expect.objectContaining({ name }));
  await expect(plan(files)).rejects.toThrow(message);
  expect(cpuMs() - start).toBeLessThan(5000);
}

describe('what is not supported is refused alike by opening and by planning', () => {
  const unet = 'unet/config.json';
  const index = 'model_index.json';
  it.each<[string, Files, RegExp]>([
    ['an inpainting UNet', changed(xl, unet, { in_channels: 9 }), /in_channels is 9/],
    ['an instruction UNet', changed(xl, unet, { in_channels: 8 }), /in_channels is 8/],
    ['a depth UNet', changed(xl, unet, { in_channels: 5 }), /in_channels is 5/],
    ['a UNet that predicts a deviation, too', changed(xl, unet, { out_channels: 8 }), /out_channels is 8/],
    [
      'an inpainting pipeline',
      changed(sd, index, { _class_name: 'StableDiffusionInpaintPipeline' }),
      /_class_name is "StableDiffusionInpaintPipeline"/,
    ],
    [
      'image variations',
      changed(sd, index, { _class_name: 'StableDiffusionImageVariationPipeline', text_encoder: [null, null] }),
      /StableDiffusionImageVariationPipeline/,
    ],
    [
      'the refiner',
      changed(xl, index, { text_encoder: [null, null], tokenizer: [null, null], requires_aesthetics_score: true }),
      /text_encoder is \[null,null\]/,
    ],
    ['a refiner by its flag', changed(xl, index, { requires_aesthetics_score: true }), /requires_aesthetics_score/],
    [
      'another class in the index than in the config: unet',
      changed(sd, index, { unet: ['diffusers', 'UNet2DModel'] }),
      /unet is "UNet2DModel"/,
    ],
    [
      'another class in the config than in the index: unet',
      changed(sd, unet, { _class_name: 'UNet3DConditionModel' }),
      /unet\/config.json: _class_name is "UNet3DConditionModel", and model_index.json opens it as UNet2DConditionModel/,
    ],
    [
      'another class in the index than in the config: vae',
      changed(xl, index, { vae: ['diffusers', 'AutoencoderTiny'] }),
      /_class_name is "AutoencoderKL", and model_index.json opens it as AutoencoderTiny/,
    ],
    ['an autoencoder of masks', changed(xl, 'vae/config.json', { in_channels: 4 }), /in_channels is 4/],
    [
      'an autoencoder that makes more than a picture',
      changed(xl, 'vae/config.json', { out_channels: 4 }),
      /out_channels is 4/,
    ],
    ['another tokenizer', changed(sd, index, { tokenizer: ['transformers', 'T5Tokenizer'] }), /T5Tokenizer/],
    ['a part that is no pair', changed(sd, index, { vae: 'AutoencoderKL' }), /vae is "AutoencoderKL"/],
  ])('%s', async (_, files, message) => expectRefused(files, 'UnsupportedArchitecture', message));

  it('also where a UNet is all there is', async () => {
    const alone = new Map([[unet, changed(sd, unet, { in_channels: 9 }).get(unet)!]]);
    await expect(plan(alone)).rejects.toThrow(/in_channels is 9/);
  });

  it('but planning needs neither weights nor tokenizers', async () => {
    const configs = new Map([...xl].filter(([path]) => path.endsWith('config.json') || path === index));
    configs.delete('tokenizer/tokenizer_config.json');
    configs.delete('tokenizer_2/tokenizer_config.json');
    expect((await plan(configs)).parameters).toBeGreaterThan(0);
  });
});

describe('a tokenizer and its text encoder are held against one another', () => {
  const text = 'text_encoder/config.json';
  const said = JSON.parse(new TextDecoder().decode(xl.get(text))) as Record<string, number>;
  const rows = said['vocab_size']!;
  const positions = said['max_position_embeddings']!;
  const config = 'tokenizer/tokenizer_config.json';
  it.each<[string, Files, RegExp]>([
    [
      'ids beyond the embedding',
      changed(xl, text, { vocab_size: rows - 1 }),
      new RegExp(
        `tokenizer and text_encoder do not belong together: .* up to ${rows - 1}, .* ${rows - 1} \\(vocab_size`,
      ),
    ],
    [
      'an added token beyond the embedding',
      new Map(xl).set('tokenizer/added_tokens.json', bytes(`{"<mine>": ${rows}}`)),
      new RegExp(`up to ${rows}, the encoder has ${rows}`),
    ],
    [
      'padding beyond the embedding of the second',
      changed(xl, 'tokenizer_2/tokenizer_config.json', { pad_token: '<pad>' }),
      /tokenizer_2 and text_encoder_2 do not belong together/,
    ],
    [
      'more tokens than positions',
      changed(xl, text, { max_position_embeddings: positions - 1 }),
      /tokens of a prompt \(model_max_length\), the encoder has positions for/,
    ],
    [
      'another end than the encoder pools at',
      changed(xl, 'text_encoder_2/config.json', { eos_token_id: 7 }),
      /ends a prompt with \d+, the encoder looks for 7 \(eos_token_id\)/,
    ],
  ])('%s', async (_, files, message) => {
    // transformers lets special_tokens_map.json win.
    await expectRefused(without(files, 'tokenizer_2/special_tokens_map.json'), 'UnsupportedArchitecture', message);
  });

  it('an end that nobody pools at may be any', async () => {
    await expect(open(changed(xl, text, { eos_token_id: 7 }))).resolves.toBeDefined();
  });

  it('a tokenizer without a limit takes what the encoder has positions for', async () => {
    const { maxTokens } = (
      (await open(without(changed(xl, config, { model_max_length: 1e30 })))) as { info: { maxTokens: number } }
    ).info;
    expect(maxTokens).toBe(Math.min(77, positions));
  });
});

describe('every number has a bound', () => {
  const vae = 'vae/config.json';
  it.each<[string, string, unknown]>([
    ...['layers_per_block', 'transformer_layers_per_block', 'reverse_transformer_layers_per_block'].flatMap(
      (field): [string, string, unknown][] => [
        ['unet/config.json', field, 1e8],
        ['unet/config.json', field, [1e8, 1]],
      ],
    ),
    ['unet/config.json', 'transformer_layers_per_block', [[1e8], 1]],
    ['unet/config.json', 'block_out_channels', [1e9, 1e9]],
    ['unet/config.json', 'block_out_channels', Array(1e5).fill(8)],
    ['unet/config.json', 'cross_attention_dim', 1e12],
    ['unet/config.json', 'time_embedding_dim', 1e12],
    ['unet/config.json', 'time_cond_proj_dim', 1e12],
    ['unet/config.json', 'norm_num_groups', 1e12],
    ['unet/config.json', 'attention_head_dim', 1e12],
    ['unet/config.json', 'sample_size', 1e9],
    ['unet/config.json', 'sample_size', [8, -8]],
    ['unet/config.json', 'sample_size', '64'],
    ['unet/config.json', 'in_channels', 1e12],
    ['unet/config.json', 'conv_in_kernel', 99_999],
    ['unet/config.json', 'norm_eps', -1],
    ['unet/config.json', 'mid_block_scale_factor', 0],
    [vae, 'layers_per_block', 1e8],
    [vae, 'block_out_channels', Array(60).fill(4)],
    [vae, 'latent_channels', 1e10],
    [vae, 'scaling_factor', 0],
    [vae, 'scaling_factor', 1e300],
    ['text_encoder/config.json', 'num_hidden_layers', 1e8],
    ['text_encoder/config.json', 'hidden_size', 1e10],
    ['text_encoder/config.json', 'vocab_size', 1e10],
    ['text_encoder/config.json', 'intermediate_size', 1e10],
    ['text_encoder/config.json', 'max_position_embeddings', 1e10],
    ['text_encoder/config.json', 'eos_token_id', -2],
  ])('%s: %s = %j', async (path, field, value) => {
    await expectRefused(changed(xl, path, { [field]: value }), 'UnsupportedArchitecture', new RegExp(field));
  });

  it.each([
    ['num_encoder_blocks', [1e8, 1, 1, 1]],
    ['num_decoder_blocks', [1e8, 5, 4, 1]],
    ['upsampling_scaling_factor', 1000],
  ])('of a tiny autoencoder: %s = %j', async (field, value) => {
    const tiny = folder('public/models/postcard');
    await expectRefused(changed(tiny, vae, { [field]: value }), 'UnsupportedArchitecture', new RegExp(field));
  });

  it.each<[string, unknown]>([
    ['num_train_timesteps', 1e10],
    ['num_train_timesteps', 0],
    ['beta_start', -1],
    ['beta_end', 7],
    ['trained_betas', [0.1, 0.2]],
    ['trained_betas', Array(1000).fill(2)],
    ['prediction_type', 'flow_prediction'],
  ])('of a schedule: %s = %j', async (field, value) => {
    const files = changed(xl, 'scheduler/scheduler_config.json', { [field]: value });
    await expectRefused(files, 'UnsupportedConfig', new RegExp(field));
  });

  const betas = { beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear' };
  const opensWith = (className: string, config: Record<string, unknown>): Files =>
    changed(sd, 'model_index.json', { scheduler: ['diffusers', className] }).set(
      SCHEDULER_FILE,
      bytes(JSON.stringify({ ...config, _class_name: className, prediction_type: 'v_prediction' })),
    ) as Files;

  it.each([
    // As playground-v2.5 has it; and as from_config leaves it behind, with the betas of the scheduler before.
    ['EDMDPMSolverMultistepScheduler', { sigma_min: 0.002, sigma_max: 80, sigma_data: 0.5 }],
    ['EDMEulerScheduler', betas],
    ['FlowMatchEulerDiscreteScheduler', { shift: 3 }],
    ['ScoreSdeVeScheduler', {}],
    ['MyScheduler', {}],
  ])('of a scheduler whose noise is another: %s', async (className, config) => {
    await expectRefused(opensWith(className, config), 'UnsupportedConfig', new RegExp(className));
  });

  it.each(['UniPCMultistepScheduler', 'DDPMScheduler', 'HeunDiscreteScheduler', 'MyScheduler'])(
    'but opens one of the same noise, and says what draws instead of %s',
    async (className) => {
      const { info } = await openModelFolder('m', {
        openModel: () => reader(opensWith(className, betas)),
        sha256: async () => 'hash',
      });
      expect([info.scheduler, info.defaults.scheduler]).toEqual([className, 'DPMSolverMultistepScheduler']);
      expect(substitution(info.scheduler)).toContain(className);
    },
  );

  it('and takes DDIMParallelScheduler for the DDIM that it is', async () => {
    const { info } = await openModelFolder('m', {
      openModel: () => reader(opensWith('DDIMParallelScheduler', {})),
      sha256: async () => 'hash',
    });
    expect([info.defaults.scheduler, substitution(info.scheduler)]).toEqual(['DDIMScheduler', null]);
  });

  it('and a message that shows one stays a line', async () => {
    const files = changed(xl, 'unet/config.json', { block_out_channels: Array(1e5).fill(8) });
    const { message } = (await open(files).catch((error: unknown) => error)) as Error;
    expect(message.length).toBeLessThan(400);
  });
});

it('refuses parts whose class has a name that every object has', async () => {
  const files: Files = new Map([['unet/config.json', bytes('{"_class_name": "constructor"}')]]);
  await expect(readPartConfigs(reader(files))).rejects.toMatchObject({ name: 'UnsupportedArchitecture' });
});

describe('JSON that cannot be read is named by its file', () => {
  const conflict = '<<<<<<< HEAD\n{"a": 1}\n=======\n{"a": 2}\n>>>>>>> bc6e13a\n';
  it.each([...xl.keys()].filter((path) => path.endsWith('.json')))('%s', async (path) => {
    const name = path.replaceAll(/[./]/g, '\\$&');
    await expectRefused(new Map(xl).set(path, bytes('{"a": ')), 'BadFile', new RegExp(`${name} is not valid JSON`));
    await expectRefused(new Map(xl).set(path, bytes(conflict)), 'BadFile', new RegExp(`${name} holds the marks of`));
    await expectRefused(new Map(xl).set(path, bytes('['.repeat(1e5))), 'BadFile', new RegExp(`${name} is nested`));
  });
  it.each(['model_index.json', 'unet/config.json', 'vae/config.json', 'scheduler/scheduler_config.json'])(
    '%s that is no object',
    async (path) => expectRefused(new Map(xl).set(path, bytes('[]')), 'BadFile', /is JSON, but not an object/),
  );
});

interface SizeRow {
  pipeline: string;
  unet: { sample_size: number | [number, number] | null; _diffusers_version?: string };
  factor: number;
  /** [height, width], or null where diffusers fails. */
  size: [number, number] | null;
}
const rows = JSON.parse(readFileSync(join(reference, 'layouts/sizes.json'), 'utf8')) as SizeRow[];

describe('a model makes the size that diffusers makes', () => {
  it.each(rows.filter(({ size }) => size))('%j', ({ pipeline, unet, factor, size }) => {
    const { width, height } = defaultSize({ pipeline, xl: pipeline.includes('XL') }, unet, factor);
    expect([height, width]).toEqual(size);
  });

  it('where diffusers fails, [height, width] are those, and null is what its family was trained at', () => {
    const failed = rows.filter(({ size }) => !size);
    expect(failed.length).toBeGreaterThan(5);
    for (const { pipeline, unet, factor } of failed) {
      const isXl = pipeline.includes('XL');
      const [height, width] = (unet.sample_size ?? (isXl ? [128, 128] : [64, 64])) as [number, number];
      expect(defaultSize({ pipeline, xl: isXl }, unet, factor)).toEqual({
        width: width * factor,
        height: height * factor,
      });
    }
  });

  it.each<[string, object, { width: number; height: number }]>([
    ['an early config', { sample_size: 4, _diffusers_version: '0.6.0' }, { width: 64, height: 64 }],
    ['a list', { sample_size: [4, 6] }, { width: 6, height: 4 }],
    ['null', { sample_size: null }, { width: 64, height: 64 }],
  ])('for opening and planning alike: %s', async (_, change, latents) => {
    const files = changed(sd, 'unet/config.json', change as Record<string, unknown>);
    const { info } = (await open(files)) as { info: { defaultSize: typeof latents; sizeMultiple: number } };
    expect(info.defaultSize).toEqual({
      width: latents.width * info.sizeMultiple,
      height: latents.height * info.sizeMultiple,
    });
    const { width, height } = await plan(files);
    expect({ width, height }).toEqual(info.defaultSize);
  });
});
