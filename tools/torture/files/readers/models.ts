/** Readers of models' folders and files: configs, tokenizers, weights by index, checkpoints in one file, scorers. */
import { writeSafetensors } from '../../../../src/data/formats/safetensors.ts';
import { chooseModelFiles, insideTopFolder } from '../../../../src/data/modelFiles.ts';
import { openRepository } from '../../../../src/data/hub/repository.ts';
import { samplerFromConfig, pipelineSchedulerConfig } from '../../../../src/diffusion/samplers/fromConfig.ts';
import { samplerNames } from '../../../../src/diffusion/samplers/table.ts';
import { formatSchedulerConfig, parseSchedulerConfig, withOptions } from '../../../../src/diffusion/schedulerConfig.ts';
import { Graph } from '../../../../src/graph/graph.ts';
import { ClipTokenizer } from '../../../../src/models/clip/tokenizer.ts';
import { buildScorer, parseScorerConfig } from '../../../../src/models/scorer.ts';
import type { FolderReader } from '../../../../src/service/environment.ts';
import { readModelConfigs, readPartConfigs, readTokenizer } from '../../../../src/service/model/modelConfigs.ts';
import { asDiffusersFolder } from '../../../../src/service/model/singleFile.ts';
import { openComponentWeights } from '../../../../src/service/model/weightFiles.ts';
import { byteRanges } from '../../../../src/data/formats/bytes.ts';
import { WinnowError } from '../../../../src/shared/errors.ts';
import { parseJsonObject } from '../../../../src/shared/json.ts';
import { safetensors } from '../binary.ts';
import { bytesOf, type Files, textOf } from '../mutate.ts';
import { allFinite, check, json, jsonOnDisk, onDisk, only, type Reader } from './reader.ts';

const folder = (files: Files): FolderReader => {
  const read = async (path: string): Promise<Uint8Array<ArrayBuffer>> => {
    const bytes = files[path];
    if (!bytes) throw new WinnowError('NotFound', `There is no file ${path}.`, 'Check the path.');
    return new Uint8Array(bytes);
  };
  return { read, open: async (path) => byteRanges(await read(path)), list: async () => Object.keys(files) };
};

const tokenizerFiles = ['vocab.json', 'merges.txt', 'tokenizer_config.json', 'special_tokens_map.json'];
const small = [
  'model_index.json',
  'unet/config.json',
  'vae/config.json',
  'text_encoder/config.json',
  'text_encoder_2/config.json',
  'scheduler/scheduler_config.json',
];

/** The small files of a folder, with a small tokenizer. */
function configsOf(path: string, tokenizer = 'cases/tokenizer-pad-zero/tokenizer'): Files {
  const out: Record<string, Uint8Array> = {};
  for (const file of small) {
    try {
      out[file] = onDisk(`${path}/${file}`);
    } catch {
      // It has one text encoder.
    }
  }
  for (const part of out['text_encoder_2/config.json'] ? ['tokenizer', 'tokenizer_2'] : ['tokenizer'])
    for (const file of tokenizerFiles) out[`${part}/${file}`] = onDisk(`${tokenizer}/${file}`);
  return out;
}

const modelWords = [
  '_class_name',
  'StableDiffusionPipeline',
  'StableDiffusionXLPipeline',
  'UNet2DConditionModel',
  'AutoencoderKL',
  'AutoencoderTiny',
  'CLIPTextModelWithProjection',
  'CLIPTokenizer',
  'DDIMScheduler',
  'EulerDiscreteScheduler',
  'block_out_channels',
  'down_block_types',
  'CrossAttnDownBlock2D',
  'DownBlock2D',
  'UpBlock2D',
  'attention_head_dim',
  'num_attention_heads',
  'transformer_layers_per_block',
  'reverse_transformer_layers_per_block',
  'cross_attention_dim',
  'only_cross_attention',
  'time_cond_proj_dim',
  'class_embed_type',
  'projection',
  'timestep',
  'addition_embed_type',
  'text_time',
  'sample_size',
  'layers_per_block',
  'norm_num_groups',
  'mid_block_type',
  'scaling_factor',
  'latents_mean',
  'hidden_act',
  'gelu',
  'eos_token_id',
  'projection_dim',
  'model_max_length',
  'trained_betas',
  'prediction_type',
  'v_prediction',
];

async function readConfigs(files: Files): Promise<void> {
  const reader = folder(files);
  const problems: unknown[] = [];
  for (const read of [
    () => readModelConfigs(reader, { tokenizers: 'all' }),
    () => readModelConfigs(reader, { tokenizers: 'none', predictionType: 'v_prediction' }),
    () => readPartConfigs(reader),
  ]) {
    try {
      const { unet, vae, size, tokens, texts } = await read();
      allFinite([size, tokens, vae, texts.map(({ config }) => config)]);
      check(size.width > 0 && size.height > 0 && tokens > 0, 'a model without a size');
      // As planning and opening do with what was accepted; a large network takes its time.
      if (unet.loraTargets('all').length > 100) continue;
      const graph = new Graph();
      unet.build(graph, unet.inputs(graph, { batch: 1, height: 64, width: 64, tokens: 1 }));
    } catch (error) {
      problems.push(error);
    }
  }
  // An unnamed one before others.
  const worst = problems.find((error) => !(error instanceof WinnowError)) ?? problems[0];
  if (worst !== undefined) throw worst;
}

const schedulerWords = [
  '_class_name',
  ...samplerNames,
  'beta_schedule',
  'scaled_linear',
  'squaredcos_cap_v2',
  'trained_betas',
  'timestep_spacing',
  'trailing',
  'leading',
  'linspace',
  'prediction_type',
  'v_prediction',
  'sample',
  'rescale_betas_zero_snr',
  'steps_offset',
  'set_alpha_to_one',
  'use_karras_sigmas',
  'algorithm_type',
  'dpmsolver++',
  'solver_order',
  'lower_order_final',
  'final_sigmas_type',
  'sigma_min',
  'thresholding',
  'clip_sample',
  'clip_sample_range',
  'skip_prk_steps',
  'original_inference_steps',
  'timestep_scaling',
  'sigma_data',
  '_use_default_values',
  'num_train_timesteps',
];

function readScheduler(files: Files): void {
  const config = parseSchedulerConfig(textOf(only(files)));
  formatSchedulerConfig(config);
  const problems: unknown[] = [];
  for (const className of [undefined, ...samplerNames]) {
    try {
      const made = pipelineSchedulerConfig('StableDiffusionPipeline', config, className ?? '');
      const sampler = samplerFromConfig(withOptions(made, { steps_offset: 1 }), {
        steps: 4,
        ...(className && { className }),
      });
      check(sampler.timesteps.length > 0 && sampler.timesteps.every(Number.isFinite), 'timesteps that are none');
      check(Number.isFinite(sampler.initNoiseSigma), `noise of ${sampler.initNoiseSigma}`);
      const x = Float32Array.of(0.5, -0.5);
      const scaled = sampler.scaleModelInput(x, 0);
      const { x: next } = sampler.step(scaled, 0, x, { history: [], calls: 0 }, Float32Array.of(0.1, 0.2));
      check(
        [...scaled, ...sampler.denoised(x, 0, x)].every(Number.isFinite) && next.every(Number.isFinite),
        `${className}: a step to ${next.join(' ')}`,
      );
    } catch (error) {
      problems.push(error);
    }
  }
  const worst = problems.find((error) => !(error instanceof WinnowError)) ?? problems[0];
  if (worst !== undefined) throw worst;
}

const prompts = [
  '',
  'a photo of a cat',
  "half <|endoftext|>  way <foo> !bar <Foo>x it's <|startoftext|>",
  'HÄUSER ΣΑΣ 🌳\u0085\ufeff \ud800',
  'snow '.repeat(40),
  'a'.repeat(3000),
];

async function tokenize(files: Files): Promise<void> {
  const tokenizer: ClipTokenizer = await readTokenizer(
    folder(Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`tokenizer/${name}`, bytes]))),
  );
  const { maxLength, largestId } = tokenizer;
  check(Number.isInteger(maxLength) && maxLength >= 2, `a length of ${maxLength}`);
  for (const prompt of prompts) {
    const ids = tokenizer.encode(prompt);
    check(ids.length === maxLength, `${ids.length} ids of ${maxLength}`);
    check(
      ids.every((id) => id >= 0 && id <= largestId),
      `an id beyond ${largestId}`,
    );
    tokenizer.lost(prompt, maxLength);
  }
  check(tokenizer.content.length > 0, 'no content');
}

/** Layouts of published tokenizers with a small vocabulary. */
function tokenizerSeeds(): Files[] {
  const { layouts } = jsonOnDisk('layouts/tokenizers.json') as {
    layouts: Record<string, { files: Record<string, Record<string, unknown>> }>;
  };
  const vocab = {
    ...Object.fromEntries(Object.entries(jsonOnDisk('cases/tokenizer-pad-zero/tokenizer/vocab.json')).slice(0, 80)),
    '<|startoftext|>': 80,
    '<|endoftext|>': 81,
    'a</w>': 82,
    aa: 83,
    'aa</w>': 84,
    aaaa: 85,
  };
  const merges = ['a a', 'a a</w>', 'aa aa', 't h', 'th e</w>'];
  return Object.values(layouts).map(({ files }) => {
    const whole = files['tokenizer.json'];
    const model = { type: 'BPE', vocab, merges, end_of_word_suffix: '</w>' };
    return Object.fromEntries(
      Object.entries({
        ...files,
        ...(whole ? { 'tokenizer.json': { model, ...whole } } : { 'vocab.json': vocab }),
      })
        .map(([name, content]) => [name, json(content)] as const)
        .concat(whole ? [] : [['merges.txt', bytesOf(`#version: 0.2\n${merges.join('\n')}\n`)]]),
    );
  });
}

/** A checkpoint of ours as others write them: its configs are to be made from its shapes. */
function withoutMetadata(file: Uint8Array): Uint8Array {
  const length = Number(new DataView(file.buffer).getBigUint64(0, true));
  const { __metadata__: _, ...tensors } = JSON.parse(textOf(file.subarray(8, 8 + length))) as Record<string, unknown>;
  return safetensors(JSON.stringify(tensors), file.subarray(8 + length));
}

const weights = (...names: string[]): Uint8Array =>
  writeSafetensors(
    Object.fromEntries(
      names.map((name, i) => [
        name,
        { shape: [2, 2], data: new Float32Array(4).fill(i), dtype: i % 2 ? 'F16' : 'F32' },
      ]),
    ),
  );

async function readWeights(files: Files): Promise<void> {
  const reader = folder(Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`unet/${name}`, bytes])));
  const opened = await openComponentWeights(reader, 'unet', 'diffusion_pytorch_model');
  for (const name of opened.names) {
    const data = await opened.read(name);
    check(data.every(Number.isFinite), `${name} has numbers that are none`);
    if (opened.half?.(name)) await opened.readHalf!(name);
  }
  check(
    opened.files.every((path) => Object.hasOwn(files, path.slice('unet/'.length))),
    `${opened.files.join(' ')} lie elsewhere`,
  );
}

async function readCheckpoint(files: Files): Promise<void> {
  const reader = await asDiffusersFolder(folder(files));
  if (!reader.component) throw new WinnowError('NotFound', 'It is no checkpoint.', 'Nothing is to be done.');
  await readModelConfigs(reader, { tokenizers: 'all' });
  for (const part of ['unet', 'vae', 'text_encoder']) {
    const { names, shape, read } = reader.component(part);
    const [first] = names;
    check(
      (await read(first!)).length === shape(first!)!.reduce((product, axis) => product * axis, 1),
      `${first} of ${part}`,
    );
  }
}

function readScorer(files: Files): void {
  const config = parseScorerConfig(parseJsonObject(only(files), { file: 'config.json' }));
  const graph = new Graph();
  const { image_size: side, alignment } = config;
  buildScorer(graph, config, {
    image: graph.input('image', [1, 3, side, side]),
    pooled: graph.input('pooled', [1, alignment.text_features]),
  });
}

/** Paths of a folder, as a list in JSON. */
function choose(files: Files): void {
  let paths: unknown;
  try {
    paths = JSON.parse(textOf(only(files)));
  } catch {
    return;
  }
  if (!Array.isArray(paths)) return;
  const inside = insideTopFolder(paths.filter((path) => typeof path === 'string').map((path) => ({ path })));
  check(
    inside.every(({ path }) => !path.split('/').includes('..') && !path.startsWith('/')),
    'a path that leads out',
  );
  const { files: chosen } = chooseModelFiles(inside, { what: 'The folder', onnx: true });
  check(
    chosen.length > 0 && chosen.every((file) => inside.some(({ path }) => path === file.path)),
    'files that are not there',
  );
}

/** A hub that answers with these. */
async function askHub(files: Files): Promise<void> {
  const access = {
    fetch: async (url: string | URL | Request) => {
      const body = files[String(url).includes('/tree/') ? 'tree.json' : 'model.json'];
      return new Response(body ? new Uint8Array(body) : '{}', { status: 200 });
    },
    sleep: async () => {},
    stallMs: 60_000,
  };
  const job = { check: () => {}, aborted: new AbortController().signal };
  const { files: found, commit } = await openRepository(access as never, job, { id: 'owner/name' });
  check(/^[0-9a-f]+$/i.test(commit), `a commit ${commit}`);
  for (const { path, size } of found)
    check(typeof path === 'string' && Number.isSafeInteger(size), 'a file that is none');
}

const repositoryPaths = [
  'README.md',
  ...small,
  ...['tokenizer', 'tokenizer_2'].flatMap((part) => tokenizerFiles.map((file) => `${part}/${file}`)),
  'unet/diffusion_pytorch_model.safetensors.index.json',
  'unet/diffusion_pytorch_model-00001-of-00002.safetensors',
  'unet/diffusion_pytorch_model-00002-of-00002.safetensors',
  'vae/diffusion_pytorch_model.fp16.safetensors',
  'vae/diffusion_pytorch_model.bin',
  'text_encoder/model.safetensors',
  'text_encoder_2/model.safetensors',
  'unet/model.onnx',
];

export const modelReaders: readonly Reader[] = [
  {
    name: 'model-configs',
    sources: [
      'service/model/modelConfigs',
      'service/model/defaultSize',
      'models/config',
      'models/sd/config',
      'models/clip/textEncoder',
    ],
    words: modelWords,
    seeds: (): Files[] => [
      configsOf('cases/pipeline-tiny-v/pipeline'),
      configsOf('cases/pipeline-xl/pipeline'),
      configsOf('cases/pipeline-lcm/pipeline'),
      configsOf('configs/stable-diffusion-v1-5'),
      configsOf('configs/stable-diffusion-xl-base-1.0'),
    ],
    read: readConfigs,
    share: 0.03,
  },
  {
    name: 'schedulers',
    sources: [
      'diffusion/schedulerConfig',
      'diffusion/schedule',
      'diffusion/samplers/fromConfig',
      'diffusion/samplers/table',
    ],
    words: schedulerWords,
    seeds: (): Files[] => [
      ...['pipeline-tiny-v', 'pipeline-xl', 'pipeline-lcm', 'pipeline-sd1-pndm'].map((name) => ({
        'scheduler_config.json': onDisk(`cases/${name}/pipeline/scheduler/scheduler_config.json`),
      })),
      {
        'scheduler_config.json': json({
          _class_name: 'DDIMScheduler',
          num_train_timesteps: 8,
          trained_betas: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
        }),
      },
      {
        'scheduler_config.json': json({
          _class_name: 'DDIMScheduler',
          beta_schedule: 'squaredcos_cap_v2',
          prediction_type: 'v_prediction',
          rescale_betas_zero_snr: true,
          timestep_spacing: 'trailing',
        }),
      },
      {
        'scheduler_config.txt': bytesOf(
          '{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity, "solver_order": 2}',
        ),
      },
    ],
    read: readScheduler,
    share: 0.3,
  },
  {
    name: 'tokenizers',
    sources: ['models/clip/tokenizer'],
    words: [
      'bos_token',
      'pad_token',
      'cls_token',
      'content',
      'normalized',
      'lstrip',
      'rstrip',
      'single_word',
      'special',
      'added_tokens_decoder',
      'additional_special_tokens',
      'extra_special_tokens',
      'model_max_length',
      'padding_side',
      'truncation_side',
      'left',
      '<foo>',
      'a',
      'a a',
      '<|endoftext|>',
      '</w>',
      'merges',
      'vocab',
    ],
    seeds: tokenizerSeeds,
    read: tokenize,
    share: 0.05,
  },
  {
    name: 'weights',
    sources: ['service/model/weightFiles'],
    words: [
      'weight_map',
      'metadata',
      'a.weight',
      'b.weight',
      'diffusion_pytorch_model-00001-of-00002.safetensors',
      '../x.safetensors',
      '..',
    ],
    seeds: (): Files[] => [
      {
        'diffusion_pytorch_model.safetensors.index.json': json({
          metadata: { total_size: 1 },
          weight_map: {
            'a.weight': 'diffusion_pytorch_model-00001-of-00002.safetensors',
            'b.weight': 'diffusion_pytorch_model-00002-of-00002.safetensors',
          },
        }),
        'diffusion_pytorch_model-00001-of-00002.safetensors': weights('a.weight'),
        'diffusion_pytorch_model-00002-of-00002.safetensors': weights('b.weight', 'c.weight'),
      },
      { 'diffusion_pytorch_model.fp16.safetensors': weights('a.weight', 'b.weight') },
      { 'diffusion_pytorch_model.bin': bytesOf('PK\x03\x04') },
      { 'config.json': json({}) },
    ],
    read: readWeights,
  },
  {
    name: 'checkpoints',
    sources: ['service/model/singleFile', 'models/sd/singleFileConfig', 'models/sd/singleFileKeys'],
    words: [
      'modelspec.prediction_type',
      'modelspec.resolution',
      'winnow.folder',
      'v_pred',
      'ztsnr',
      'global_step',
      'model.diffusion_model.input_blocks.1.0.in_layers.2.weight',
      'model.diffusion_model.label_emb.0.0.weight',
      'cond_stage_model.model.token_embedding.weight',
      'conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight',
      'lora_unet_x.lora_up.weight',
      'control_model.x',
    ],
    seeds: (): Files[] => [
      ...['sd1', 'sd2', 'xl'].flatMap((name) => {
        const whole = onDisk(`single-file/${name}.safetensors`);
        return [{ 'm.safetensors': whole }, { 'm.safetensors': withoutMetadata(whole) }];
      }),
      {
        'm.safetensors': onDisk('single-file/sd1.safetensors'),
        'm.yaml': bytesOf('model:\n  params:\n    parameterization: "v"\n    scale_factor: 0.2\n'),
      },
    ],
    read: readCheckpoint,
    share: 0.01,
  },
  {
    name: 'scorers',
    sources: ['models/scorer'],
    words: [
      'layers',
      'conv2d',
      'groupNorm',
      'linear',
      'mean',
      'axes',
      'silu',
      'relu',
      'in_channels',
      'stride',
      'padding',
      'kernel_size',
      'alignment',
    ],
    seeds: (): Files[] => [
      {
        'config.json': json({
          _class_name: 'WinnowScorer',
          image_size: 16,
          layers: [
            { type: 'conv2d', name: 'a', in_channels: 3, out_channels: 8, kernel_size: 3, stride: 2, padding: 1 },
            { type: 'groupNorm', name: 'b', num_groups: 2, num_channels: 8, eps: 1e-5 },
            { type: 'silu' },
            { type: 'mean', axes: [2, 3] },
            { type: 'linear', name: 'c', in_features: 8, out_features: 4 },
            { type: 'relu' },
          ],
          alignment: { text_projection: { in_features: 8, out_features: 4 }, normalize: 'l2', scale: 10, bias: 0 },
        }),
      },
    ],
    read: readScorer,
  },
  {
    name: 'model-files',
    sources: ['data/modelFiles'],
    words: [
      'unet/',
      'model.safetensors',
      'a.ckpt',
      'pytorch_model.bin',
      'flax_model.msgpack',
      '.fp16',
      '-00001-of-00002',
      '.git/x',
      '__MACOSX/x',
      '..',
    ],
    seeds: (): Files[] => [
      { 'paths.json': json(repositoryPaths) },
      { 'paths.json': json(repositoryPaths.map((path) => `top/${path}`)) },
      { 'paths.json': json(['m.safetensors', 'm.yaml']) },
    ],
    read: choose,
  },
  {
    name: 'hub',
    sources: ['data/hub/repository'],
    words: ['sha', 'type', 'file', 'directory', 'path', 'size', 'oid', 'lfs'],
    seeds: (): Files[] => [
      {
        'model.json': json({ sha: '0123456789abcdef0123456789abcdef01234567' }),
        'tree.json': json([
          { type: 'directory', path: 'unet', size: 0, oid: '' },
          { type: 'file', path: 'a.json', size: 3, oid: '0'.repeat(40) },
          {
            type: 'file',
            path: 'b.safetensors',
            size: 300,
            oid: '0'.repeat(40),
            lfs: { oid: '1'.repeat(64), size: 300 },
          },
        ]),
      },
    ],
    read: askHub,
    share: 0.3,
  },
];
