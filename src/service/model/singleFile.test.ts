/** Checkpoints in the original layout, written by Python and read by diffusers' own conversion first (tools/reference/write_single_file.py):
 *  small ones with their tensors, and the published ones by their keys and shapes alone. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderReader } from '../../cli/files.ts';
import { byteRanges } from '../../data/formats/bytes.ts';
import { writeSafetensors } from '../../data/formats/safetensors.ts';
import { parseTextEncoderConfig } from '../../models/clip/textEncoder.ts';
import { parseUNetConfig } from '../../models/sd/config.ts';
import { type FileTensors, singleFileConfigs, singleFileLayout } from '../../models/sd/singleFileConfig.ts';
import { parseVaeConfig } from '../../models/sd/vae.ts';
import { encodeF16 } from '../../shared/float16.ts';
import { WinnowError } from '../../shared/errors.ts';
import { type Shape, sizeOf } from '../../shared/shape.ts';
import type { FolderReader } from '../environment.ts';
import { hollow, layouts, openReader as open, publishedConfig, readerOf, shapesByName } from './hollowCheckpoint.ts';
import { checkModelConfigs, type ModelFolder, openModelFolder } from './modelFolder.ts';

const reference = join(import.meta.dirname, '../../../tools/reference');

const same = (a: Uint16Array, b: Uint16Array): boolean => Buffer.from(a.buffer).equals(Buffer.from(b.buffer));

const tensorsOf = (shapes: ReadonlyMap<string, Shape>): FileTensors => ({
  names: [...shapes.keys()],
  shape: (name) => shapes.get(name),
});

describe.each([
  ['sd1', 'pipeline-text-to-image'],
  ['sd2', 'pipeline-sd2-v-rescale'],
  ['xl', 'pipeline-xl'],
])('%s.safetensors', (name, pipeline) => {
  const file = join(reference, 'single-file', `${name}.safetensors`);
  const openFile = (): Promise<ModelFolder> => open(readerOf(byteRanges(readFileSync(file))));
  const openFolder = (): Promise<ModelFolder> =>
    openModelFolder(pipeline, {
      openModel: () => folderReader(join(reference, 'cases', pipeline, 'pipeline')),
      sha256: async () => '',
    });

  it('has the tensors of the folder that it was made from', async () => {
    const [single, folder] = [await openFile(), await openFolder()];
    const pairs = [
      [single.unet, folder.unet],
      [single.vae, folder.vae],
      ...single.textEncoders.map((text, i) => [text, folder.textEncoders[i]!]),
    ] as const;
    let count = 0;
    for (const [a, b] of pairs) {
      for (const tensor of a!.weights.names) {
        const expected = encodeF16(await b!.weights.read(tensor));
        expect(a!.weights.half!(tensor)).toBe('f16');
        expect(a!.weights.shape(tensor)).toEqual(b!.weights.shape(tensor));
        if (!same(await a!.weights.readHalf!(tensor), expected)) expect.fail(`${tensor} differs`);
        if (!same(encodeF16(await a!.weights.read(tensor)), expected)) expect.fail(`${tensor} differs as f32`);
        count++;
      }
    }
    expect(count).toBeGreaterThan(150);
    expect(single.info.parameters).toEqual(folder.info.parameters);
  });

  it('says what the folder says', async () => {
    const [single, folder] = [await openFile(), await openFolder()];
    const {
      family,
      pipeline: className,
      predictionType,
      scheduler,
      defaultSize,
      sizeMultiple,
      maxTokens,
    } = folder.info;
    expect(single.info).toMatchObject({
      family,
      pipeline: className,
      predictionType,
      scheduler,
      defaultSize,
      sizeMultiple,
      maxTokens,
      precision: 'f16',
      title: 'model',
      unetHash: 'hash',
    });
    expect(single.scheduler).toEqual(folder.scheduler);
    const prompt = 'a photo of a small red house by the sea';
    expect(single.textEncoders.map(({ tokenizer }) => [...tokenizer.encode(prompt)])).toEqual(
      folder.textEncoders.map(({ tokenizer }) => [...tokenizer.encode(prompt)]),
    );
  });
});

describe.each(layouts)('%s', (name, layout) => {
  const shapes = shapesByName.get(name)!;

  it('has the keys and shapes that its checkpoint has', () => {
    const lines = [...shapes].map(([key, shape]) => `${key} [${shape.join(', ')}]`).sort();
    expect(lines.length).toBe(layout.tensors);
    expect(createHash('sha256').update(lines.join('\n')).digest('hex')).toBe(layout.sha256);
  });

  it('gives back the configs it was made from', () => {
    const tensors = tensorsOf(shapes);
    const configs = singleFileConfigs(
      tensors,
      singleFileLayout(tensors, name),
      { predictionType: 'epsilon', zeroTerminalSnr: false },
      name,
    );
    expect(parseUNetConfig(configs['unet/config.json']!)).toEqual(
      parseUNetConfig(publishedConfig(layout, 'unet/config.json')),
    );
    expect(parseVaeConfig(configs['vae/config.json']!)).toEqual(
      parseVaeConfig(publishedConfig(layout, 'vae/config.json')),
    );
    const texts = Object.keys(configs).filter((path) => path.startsWith('text_encoder'));
    expect(texts.length).toBe(layout.folder === 'ssd-1b' || layout.folder.includes('xl') ? 2 : 1);
    // Published configs say 2, which stands for the largest id: CLIP's end token.
    for (const path of texts)
      expect(parseTextEncoderConfig(configs[path]!)).toEqual({
        ...parseTextEncoderConfig(publishedConfig(layout, path)),
        eos_token_id: 49407,
      });
    const scheduler = publishedConfig(layout, 'scheduler/scheduler_config.json');
    expect(configs['scheduler/scheduler_config.json']).toEqual({ ...scheduler, _diffusers_version: undefined });
  });

  it('opens by its header alone', async () => {
    const file = hollow(shapes);
    const { info, textEncoders } = await open(readerOf(file));
    expect(info).toMatchObject({
      precision: 'f16',
      weightBytes: 2 * [...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0),
      maxTokens: 77,
    });
    expect(textEncoders.map(({ tokenizer }) => tokenizer.padId)).toEqual(
      textEncoders.map(({ config }) => (config.hidden_act === 'gelu' ? 0 : 49407)),
    );
    // The header twice: its length, itself.
    expect(file.asked.length).toBe(name.startsWith('stable-diffusion-2') ? 3 : 2);
  });
});

const sd1 = shapesByName.get('stable-diffusion-v1-5')!;
const sd2 = shapesByName.get('stable-diffusion-2-1-base')!;
const xl = shapesByName.get('stable-diffusion-xl-base-1.0')!;

const without = (shapes: ReadonlyMap<string, Shape>, prefix: string): Map<string, Shape> =>
  new Map([...shapes].filter(([name]) => !name.startsWith(prefix)));
const plus = (shapes: ReadonlyMap<string, Shape>, more: Record<string, Shape>): Map<string, Shape> =>
  new Map([...shapes, ...Object.entries(more)]);

it.each<[string, ReadonlyMap<string, Shape>, string, RegExp]>([
  [
    'an inpainting model',
    plus(sd1, { 'model.diffusion_model.input_blocks.0.0.weight': [320, 9, 3, 3] }),
    'UnsupportedArchitecture',
    /an inpainting checkpoint/,
  ],
  [
    'an instruction model',
    plus(sd1, { 'model.diffusion_model.input_blocks.0.0.weight': [320, 8, 3, 3] }),
    'UnsupportedArchitecture',
    /InstructPix2Pix/,
  ],
  [
    'the refiner',
    plus(without(xl, 'conditioner.'), { 'conditioner.embedders.0.model.token_embedding.weight': [49408, 1280] }),
    'UnsupportedArchitecture',
    /refiner/,
  ],
  [
    'Stable Diffusion 3',
    plus(new Map(), { 'model.diffusion_model.joint_blocks.0.x_block.mlp.fc1.weight': [8, 8] }),
    'UnsupportedArchitecture',
    /Stable Diffusion 3/,
  ],
  ['Flux', plus(new Map(), { 'double_blocks.0.img_attn.norm.key_norm.scale': [8] }), 'UnsupportedArchitecture', /Flux/],
  ['Playground', plus(xl, { edm_mean: [1] }), 'UnsupportedArchitecture', /Playground/],
  ['a ControlNet', plus(sd1, { 'control_model.time_embed.0.weight': [8, 8] }), 'UnsupportedArchitecture', /ControlNet/],
  [
    'another denoiser',
    plus(new Map(), { 'model.diffusion_model.layers.0.attention.qkv.weight': [8, 8] }),
    'UnsupportedArchitecture',
    /another kind/,
  ],
  [
    'a motion module',
    plus(sd1, { 'model.diffusion_model.middle_block.1.fuser.linear.weight': [8, 8] }),
    'UnsupportedArchitecture',
    /more in it .*fuser/,
  ],
  [
    'a LoRA',
    plus(new Map(), { 'lora_unet_mid_block_attentions_0_proj_in.lora_down.weight': [4, 8] }),
    'UnsupportedArchitecture',
    /is a LoRA/,
  ],
  [
    'a LoRA in PEFT keys',
    plus(new Map(), { 'unet.mid_block.attentions.0.proj_in.lora_A.weight': [4, 8] }),
    'UnsupportedArchitecture',
    /is a LoRA/,
  ],
  [
    'a LoRA in the original keys',
    plus(new Map(), { 'model.diffusion_model.middle_block.1.proj_in.lora_up.weight': [8, 4] }),
    'UnsupportedArchitecture',
    /is a LoRA/,
  ],
  [
    'a LyCORIS',
    plus(new Map(), { 'lora_unet_mid_block_attentions_0_proj_in.hada_w1_a': [8, 4] }),
    'UnsupportedArchitecture',
    /is a LoRA of another kind \(a LoHa\)/,
  ],
  [
    'a LoRA in the keys of old attention processors',
    plus(new Map(), { 'mid_block.attentions.0.attn1.processor.to_k_lora.down.weight': [4, 8] }),
    'UnsupportedArchitecture',
    /is a LoRA, not a model/,
  ],
  [
    'an embedding',
    plus(new Map(), { emb_params: [2, 768] }),
    'UnsupportedArchitecture',
    /is a textual inversion embedding, not a model/,
  ],
  ['no autoencoder', without(sd1, 'first_stage_model.'), 'MissingTensor', /no autoencoder \(first_stage_model/],
  [
    'no encoder in the autoencoder',
    without(sd1, 'first_stage_model.encoder.'),
    'MissingTensor',
    /no autoencoder's encoder/,
  ],
  ['no text encoder', without(sd1, 'cond_stage_model.'), 'MissingTensor', /no text encoder \(cond_stage_model/],
  ['no second text encoder', without(xl, 'conditioner.embedders.1.'), 'MissingTensor', /no second text encoder/],
  ['no first text encoder', without(xl, 'conditioner.embedders.0.'), 'MissingTensor', /no first text encoder/],
  [
    'a UNet alone',
    new Map([...sd1].filter(([name]) => name.startsWith('model.diffusion_model.'))),
    'MissingTensor',
    /no text encoder/,
  ],
  ['no UNet', without(sd1, 'model.diffusion_model.'), 'MissingTensor', /no UNet/],
  ['a tensor less', without(sd1, 'model.diffusion_model.out.0.bias'), 'MissingTensor', /out\.0\.bias/],
  [
    'a tensor of another shape',
    plus(sd1, { 'model.diffusion_model.time_embed.0.weight': [1280, 640] }),
    'WrongShape',
    /time_embed\.0\.weight has shape \[1280, 640\]/,
  ],
  [
    'half a vocabulary',
    plus(sd1, { 'cond_stage_model.transformer.text_model.embeddings.token_embedding.weight': [20000, 768] }),
    'UnsupportedArchitecture',
    /20000 tokens/,
  ],
])('names what it is not: %s', async (_, shapes, name, message) => {
  const opening = open(readerOf(hollow(shapes)));
  await expect(opening).rejects.toThrow(message);
  await expect(opening).rejects.toMatchObject({ name });
  await expect(checkModelConfigs(readerOf(hollow(shapes)))).rejects.toMatchObject({ name });
});

it.each<[string, ReadonlyMap<string, Shape>, Record<string, string>, object]>([
  [
    'Stable Diffusion 1',
    sd1,
    {},
    {
      predictionType: 'epsilon',
      scheduler: 'PNDMScheduler',
      defaultSize: { width: 512, height: 512 },
      family: 'Stable Diffusion 1',
    },
  ],
  [
    'Stable Diffusion 1 that says v',
    sd1,
    { 'modelspec.prediction_type': 'v' },
    { predictionType: 'v_prediction', scheduler: 'PNDMScheduler' },
  ],
  // Its tensors are zeros here, and so spread less than 0.09.
  [
    'Stable Diffusion 2, the base',
    sd2,
    {},
    {
      predictionType: 'epsilon',
      scheduler: 'PNDMScheduler',
      defaultSize: { width: 512, height: 512 },
      family: 'Stable Diffusion 2',
    },
  ],
  [
    'Stable Diffusion 2 that says v',
    sd2,
    { 'modelspec.prediction_type': 'v_prediction' },
    { predictionType: 'v_prediction', scheduler: 'DDIMScheduler', defaultSize: { width: 768, height: 768 } },
  ],
  [
    'Stable Diffusion 2 after some steps',
    plus(sd2, { global_step: [1] }),
    {},
    { predictionType: 'v_prediction', scheduler: 'DDIMScheduler', defaultSize: { width: 768, height: 768 } },
  ],
  [
    'Stable Diffusion XL',
    xl,
    {},
    {
      predictionType: 'epsilon',
      scheduler: 'EulerDiscreteScheduler',
      defaultSize: { width: 1024, height: 1024 },
      family: 'Stable Diffusion XL',
    },
  ],
  [
    'Stable Diffusion XL with a mark',
    plus(xl, { v_pred: [0], ztsnr: [0] }),
    {},
    { predictionType: 'v_prediction', scheduler: 'EulerDiscreteScheduler' },
  ],
  [
    'one of another size',
    sd1,
    { 'modelspec.resolution': '768x640', 'modelspec.title': 'Mine' },
    { defaultSize: { width: 768, height: 640 }, title: 'Mine' },
  ],
])('knows %s', async (_, shapes, metadata, facts) => {
  const { info, scheduler } = await open(readerOf(hollow(shapes, metadata)));
  expect(info).toMatchObject(facts);
  if (shapes.has('ztsnr'))
    expect(scheduler).toMatchObject({ rescale_betas_zero_snr: true, timestep_spacing: 'trailing' });
});

describe('a YAML beside a checkpoint', () => {
  const ldm = 'model:\n  target: ldm.models.diffusion.ddpm.LatentDiffusion\n  params:\n';
  const withYaml = (file: FolderReader, yaml: string, name = 'model.yaml'): FolderReader => ({
    ...file,
    async read(path) {
      if (path === name) return new TextEncoder().encode(yaml);
      throw new WinnowError('NotFound', `There is no ${path}.`, '');
    },
  });
  it.each<[string, ReadonlyMap<string, Shape>, Record<string, string>, string, object]>([
    [
      'of Stable Diffusion 1 that predicts v',
      sd1,
      {},
      'parameterization: "v"',
      { predictionType: 'v_prediction', defaultSize: { width: 512, height: 512 } },
    ],
    [
      'of Stable Diffusion 2 that predicts v',
      sd2,
      {},
      'parameterization: "v"',
      { predictionType: 'v_prediction', defaultSize: { width: 768, height: 768 }, scheduler: 'DDIMScheduler' },
    ],
    [
      'of Stable Diffusion 2 that says nothing',
      plus(sd2, { global_step: [1] }),
      {},
      'linear_start: 0.00085',
      { predictionType: 'epsilon', scheduler: 'PNDMScheduler' },
    ],
    [
      'against the metadata',
      sd1,
      { 'modelspec.prediction_type': 'epsilon' },
      'parameterization: v',
      { predictionType: 'v_prediction' },
    ],
  ])('says what its network predicts: %s', async (_, shapes, metadata, line, facts) => {
    for (const name of ['model.yaml', 'model.yml'])
      expect(
        (await open(withYaml(readerOf(hollow(shapes, metadata)), `${ldm}    ${line}\n`, name))).info,
      ).toMatchObject(facts);
  });

  it('says how its latents are scaled', async () => {
    const { vae } = await open(withYaml(readerOf(hollow(sd1)), `${ldm}    scale_factor: 0.13025\n`));
    expect(vae.config.scaling_factor).toBe(0.13025);
  });

  it('wins over the configs that our own export wrote', async () => {
    const bytes = readFileSync(join(reference, 'single-file/xl.safetensors'));
    const { info, scheduler } = await open(withYaml(readerOf(byteRanges(bytes)), `${ldm}    parameterization: "v"\n`));
    expect([info.predictionType, scheduler['prediction_type']]).toEqual(['v_prediction', 'v_prediction']);
  });

  it('is refused by its name where it says what nobody could mean', async () => {
    await expect(open(withYaml(readerOf(hollow(sd1)), `${ldm}    parameterization: speed\n`))).rejects.toThrow(
      /model\.yaml says parameterization: speed/,
    );
  });
});

it('leaves out the last layer of a whole OpenCLIP in Stable Diffusion 2', async () => {
  const layer = [...sd2]
    .filter(([name]) => name.includes('resblocks.22.'))
    .map(([name, shape]) => [name.replace('.22.', '.23.'), shape] as const);
  const { textEncoders } = await open(
    readerOf(
      hollow(plus(sd2, { ...Object.fromEntries(layer), 'cond_stage_model.model.text_projection': [1024, 1024] })),
    ),
  );
  expect(textEncoders[0]!.config.num_hidden_layers).toBe(23);
});

it('reads older names of CLIP, a `vae.` prefix and flat attention', async () => {
  const renamed = [...sd1].map(([name, shape]): [string, Shape] => [
    name.replace('transformer.text_model.', 'transformer.').replace('first_stage_model.', 'vae.'),
    /attn_1\.[qk]\.weight/.test(name) ? shape.slice(0, 2) : /attn_1\.v\.weight/.test(name) ? shape.slice(0, 3) : shape,
  ]);
  const { vae } = await open(readerOf(hollow(new Map(renamed))));
  expect((await vae.weights.read('decoder.mid_block.attentions.0.to_v.weight')).length).toBe(512 * 512);
});

it('reads a third of the rows for each of q, k and v', async () => {
  const file = hollow(sd2);
  const { textEncoders } = await open(readerOf(file));
  file.asked.length = 0;
  await textEncoders[0]!.weights.read('text_model.encoder.layers.5.self_attn.k_proj.weight');
  await textEncoders[0]!.weights.readHalf!('text_model.encoder.layers.5.self_attn.v_proj.bias');
  expect(file.asked).toEqual([2 * 1024 * 1024, 2 * 1024]);
});

it('takes the one checkpoint of a folder without an index', async () => {
  const bytes = readFileSync(join(reference, 'single-file/sd1.safetensors'));
  const reader = readerOf(byteRanges(bytes));
  await expect(open({ ...reader, list: async () => ['readme.md', 'a.safetensors'] })).resolves.toMatchObject({
    info: { title: 'a' },
  });
  for (const [list, name] of [
    [['a.safetensors', 'b.safetensors'], 'BadArguments'],
    [['a.ckpt'], 'PickleRefused'],
    [['readme.md'], 'NotFound'],
    [[], 'NotFound'],
  ] as const)
    await expect(open({ ...reader, list: async () => [...list] })).rejects.toMatchObject({ name });
});

it('refuses metadata of ours that cannot be read', async () => {
  const bytes = (folder: string): Uint8Array =>
    writeSafetensors({ x: { shape: [1], data: new Float32Array(1) }, ...sd1Small }, { 'winnow.folder': folder });
  for (const folder of ['{', '[1]', '{"a":1}'])
    await expect(open(readerOf(byteRanges(bytes(folder))))).rejects.toMatchObject({ name: 'BadFile' });
});

/** As much as tells the family. */
const sd1Small = Object.fromEntries(
  [
    'model.diffusion_model.input_blocks.0.0.weight',
    'cond_stage_model.transformer.text_model.embeddings.token_embedding.weight',
    'first_stage_model.decoder.conv_in.weight',
  ].map((name) => [name, { shape: [1], data: new Float32Array(1) }]),
);
