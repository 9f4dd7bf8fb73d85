/** A model folder's configs, together. */
import { Graph } from '../../../../../src/graph/graph.ts';
import { readModelConfigs, readPartConfigs } from '../../../../../src/service/model/modelConfigs.ts';
import { WinnowError } from '../../../../../src/shared/errors.ts';
import type { Files } from '../../mutate.ts';
import { allFinite, check, onDisk, type Reader } from '../reader.ts';
import { folder, tokenizerFiles, smallFiles } from './folder.ts';

/** The small files of a folder, with a small tokenizer. */
function configsOf(path: string, tokenizer = 'cases/tokenizer-pad-zero/tokenizer'): Files {
  const out: Record<string, Uint8Array> = {};
  for (const file of smallFiles) {
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

export const modelConfigsReader: Reader = {
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
};
