/** What a checkpoint in one file is, from its tensors' names and shapes: family, and the configs that diffusers' folders of that family have. What
 *  shapes do not tell (heads, activations, norm groups, the latents' scale) is the family's. Pure: no tensor is read. */
import { WinnowError } from '../../shared/errors.ts';
import type { Shape } from '../../shared/shape.ts';
import type { Config } from '../config.ts';
import { UNET_PREFIX, VAE_PREFIX } from './singleFileKeys.ts';

/** The names and shapes of a file. */
export interface FileTensors {
  readonly names: readonly string[];
  shape(name: string): Shape | undefined;
}

export type SingleFileFamily = 'sd1' | 'sd2' | 'xl';

/** A text encoder's place: CLIP in transformers' layout or OpenCLIP in its own, and what stands before its tensors' names. */
export interface TextLayout {
  kind: 'clip' | 'openClip';
  prefix: string;
}

export interface SingleFileLayout {
  family: SingleFileFamily;
  vaePrefix: string;
  texts: TextLayout[];
}

/** What the file says, or its tensors, beside their shapes. */
export interface SingleFileFacts {
  predictionType: 'epsilon' | 'v_prediction' | 'sample';
  zeroTerminalSnr: boolean;
  /** Pixels it was trained at. */
  size?: { width: number; height: number };
  /** Of its latents, where it is not the family's. */
  scalingFactor?: number;
}

const starts = (names: readonly string[], prefix: string): boolean => names.some((name) => name.startsWith(prefix));

/** Families with checkpoints in one file that are not ours, by what only they have: diffusers single_file_utils.py, CHECKPOINT_KEY_NAMES. */
const others: readonly [string, RegExp][] = [
  ['Stable Diffusion 3', /^(model\.diffusion_model\.)?joint_blocks\./],
  ['Flux', /^(model\.diffusion_model\.)?double_blocks\./],
  ['Stable Video Diffusion', /^model\.diffusion_model\..*time_stack\./],
  ['AnimateDiff', /motion_modules\./],
  ['ControlNet', /^(control_model\.|controlnet_)/],
  ['Playground 2.5', /^edm_mean$/],
  ['CosXL', /^edm_vpred\.sigma_max$/],
  ['Stable Cascade', /^(clip_txt_mapper\.|down_blocks\.1\.0\.channelwise\.)/],
];

const whole = 'Choose a checkpoint with its UNet, autoencoder and text encoders in it, or a diffusers folder.';

function refuse(file: string, what: string): WinnowError {
  return new WinnowError(
    'UnsupportedArchitecture',
    `${file} ${what}.`,
    'Choose a model of the Stable Diffusion 1, 2 or XL kind.',
  );
}

function lacks(file: string, part: string, keys: string): WinnowError {
  return new WinnowError('MissingTensor', `${file} has no ${part} (${keys}).`, whole);
}

/** The family, and where its parts lie. Throws UnsupportedArchitecture with the name of what it is instead, or MissingTensor with the part that
 *  the file lacks. */
export function singleFileLayout(tensors: FileTensors, file: string): SingleFileLayout {
  const { names } = tensors;
  const other = others.find(([, key]) => names.some((name) => key.test(name)));
  if (other) throw refuse(file, `is a ${other[0]} checkpoint`);
  if (!tensors.shape(`${UNET_PREFIX}input_blocks.0.0.weight`)) {
    if (starts(names, UNET_PREFIX))
      throw refuse(file, `has a denoiser of another kind (${names.find((name) => name.startsWith(UNET_PREFIX))})`);
    throw lacks(file, 'UNet', `${UNET_PREFIX}*`);
  }
  if (starts(names, 'conditioner.embedders.0.model.') && tensors.shape(`${UNET_PREFIX}label_emb.0.0.weight`))
    throw refuse(file, 'is a Stable Diffusion XL refiner');

  const clip = (stem: string): TextLayout[] => {
    // Checkpoints older than transformers' `text_model.` are about.
    const prefix = [`${stem}text_model.`, stem].find((candidate) =>
      tensors.shape(`${candidate}embeddings.token_embedding.weight`),
    );
    return prefix === undefined ? [] : [{ kind: 'clip', prefix }];
  };
  const openClip = (prefix: string): TextLayout[] =>
    tensors.shape(`${prefix}token_embedding.weight`) ? [{ kind: 'openClip', prefix }] : [];
  const sized = tensors.shape(`${UNET_PREFIX}label_emb.0.0.weight`) !== undefined;
  const xl = starts(names, 'conditioner.embedders.') || (sized && !starts(names, 'cond_stage_model.'));
  if (!xl && sized) throw refuse(file, 'has a UNet that takes class labels (label_emb)');
  const texts = xl
    ? [...clip('conditioner.embedders.0.transformer.'), ...openClip('conditioner.embedders.1.model.')]
    : [...openClip('cond_stage_model.model.'), ...clip('cond_stage_model.transformer.')].slice(0, 1);
  if (xl && !sized) throw refuse(file, 'has a conditioner, but a UNet without sizes and pooled text (label_emb)');
  if (texts.length === 0)
    throw lacks(file, xl ? 'text encoders' : 'text encoder', xl ? 'conditioner.embedders.*' : 'cond_stage_model.*');
  if (xl && texts.length === 1)
    throw texts[0]!.kind === 'clip'
      ? lacks(file, 'second text encoder', 'conditioner.embedders.1.model.*')
      : lacks(file, 'first text encoder', 'conditioner.embedders.0.transformer.*');
  const vaePrefix = [VAE_PREFIX, 'vae.'].find(
    (prefix) => tensors.shape(`${prefix}decoder.conv_in.weight`) ?? tensors.shape(`${prefix}taesd_decoder.1.weight`),
  );
  if (vaePrefix === undefined) throw lacks(file, 'autoencoder', `${VAE_PREFIX}*`);
  return { family: xl ? 'xl' : texts[0]!.kind === 'openClip' ? 'sd2' : 'sd1', vaePrefix, texts };
}

/** Config files of the diffusers folder that the checkpoint stands for, by their paths. Throws UnsupportedArchitecture. */
export function singleFileConfigs(
  tensors: FileTensors,
  layout: SingleFileLayout,
  facts: SingleFileFacts,
  file: string,
): Record<string, Config> {
  const { family } = layout;
  const vae: Config = {
    ...vaeConfig(tensors, layout, file),
    ...(facts.scalingFactor !== undefined && { scaling_factor: facts.scalingFactor }),
  };
  const unet = unetConfig(tensors, layout, file);
  const latents = vae['latent_channels'] as number;
  const inputs = unet['in_channels'] as number;
  if (inputs !== latents) {
    const kinds: Record<number, string> = {
      [2 * latents + 1]: 'an inpainting checkpoint',
      [2 * latents]: 'an InstructPix2Pix checkpoint',
      [latents + 1]: 'a depth checkpoint',
      [latents + 3]: 'an upscaler',
    };
    throw refuse(
      file,
      `is ${kinds[inputs] ?? 'a checkpoint of another kind'}: its UNet takes ${inputs} channels, its autoencoder makes ${latents}`,
    );
  }
  const side = family === 'xl' ? 1024 : family === 'sd2' && facts.predictionType === 'v_prediction' ? 768 : 512;
  const { width, height } = facts.size ?? { width: side, height: side };
  const factor = 2 ** ((vae['block_out_channels'] as number[]).length - 1);
  const texts = layout.texts.map((text, i) => textConfig(tensors, text, i === 1, file));
  return {
    'model_index.json': modelIndex(family, facts),
    'unet/config.json': {
      ...unet,
      sample_size:
        width === height ? Math.round(width / factor) : [Math.round(height / factor), Math.round(width / factor)],
    },
    'vae/config.json': { ...vae, sample_size: Math.max(width, height) },
    ...Object.fromEntries(texts.map((config, i) => [`text_encoder${i === 0 ? '' : '_2'}/config.json`, config])),
    'scheduler/scheduler_config.json': schedulerConfig(family, facts),
  };
}

/** A resolution level of the UNet. */
interface Level {
  channels: number;
  /** Transformer layers after each resnet; undefined where the level has no attention. */
  depths?: number[];
  layers: number;
}

function unetConfig(tensors: FileTensors, { family, texts }: SingleFileLayout, file: string): Config {
  const shape = (key: string): Shape | undefined => tensors.shape(UNET_PREFIX + key);
  const odd = (what: string): WinnowError => refuse(file, `has a UNet of another kind (${what})`);
  const depthOf = (module: string): number | undefined => {
    if (!shape(`${module}.proj_in.weight`)) return undefined;
    let depth = 0;
    while (shape(`${module}.transformer_blocks.${depth}.attn2.to_k.weight`)) depth++;
    return depth;
  };
  /** Levels of a way, which are closed by what `ends` says of a block. */
  const levelsOf = (
    way: 'input_blocks' | 'output_blocks',
    first: number,
    ends: (block: string) => 'after' | 'alone' | undefined,
  ): Level[] => {
    const levels: Level[] = [];
    let open: Level | undefined;
    for (let n = first; ; n++) {
      const block = `${way}.${n}`;
      const end = ends(block);
      if (end === 'alone') {
        open = undefined;
        continue;
      }
      const kernel = shape(`${block}.0.in_layers.2.weight`);
      if (!kernel) break;
      const depth = depthOf(`${block}.1`);
      if (!open) levels.push((open = { channels: kernel[0]!, layers: 0, ...(depth !== undefined && { depths: [] }) }));
      if (kernel[0] !== open.channels || (depth === undefined) !== (open.depths === undefined))
        throw odd(`${block} is unlike the block before it`);
      open.layers++;
      if (depth !== undefined) open.depths!.push(depth);
      if (end === 'after') open = undefined;
    }
    return levels;
  };
  const down = levelsOf('input_blocks', 1, (block) => (shape(`${block}.0.op.weight`) ? 'alone' : undefined));
  const up = levelsOf('output_blocks', 0, (block) =>
    (shape(`${block}.1.conv.weight`) ?? shape(`${block}.2.conv.weight`)) ? 'after' : undefined,
  );
  if (down.length === 0 || up.length !== down.length) throw odd(`${down.length} levels down, ${up.length} up`);
  up.forEach(({ layers }, i) => {
    const wanted = down.at(-1 - i)!.layers + 1;
    if (layers !== wanted) throw odd(`level ${i} up has ${layers} layers, not ${wanted}`);
  });

  const attention = tensors.names.find((name) => name.startsWith(UNET_PREFIX) && name.endsWith('.attn2.to_k.weight'));
  const projection = tensors.names.find((name) => name.startsWith(UNET_PREFIX) && name.endsWith('.proj_in.weight'));
  if (!attention || !projection) throw odd('no attention');
  const linear = tensors.shape(projection)!.length === 2;
  const input = shape('input_blocks.0.0.weight')!;
  const output = shape('out.2.weight');
  if (!output) throw odd('no out.2');
  const channels = down.map((level) => level.channels);
  const odds = channels.filter((width, i) => (down[i]!.depths ?? up.at(-1 - i)!.depths) && width % 64 !== 0);
  // diffusers' attention_head_dim is the number of heads (issue 2011).
  if (linear && odds.length > 0) throw odd(`${odds[0]} channels are not heads of 64`);
  const midDepth = depthOf('middle_block.1');
  const mid = shape('middle_block.0.in_layers.2.weight')
    ? midDepth === undefined
      ? 'UNetMidBlock2D'
      : 'UNetMidBlock2DCrossAttn'
    : null;
  const layers = down.map((level) => level.layers);

  const brief = (depths: readonly number[]): number | number[] =>
    depths.every((depth) => depth === depths[0]) ? depths[0]! : [...depths];
  const depths = down.map(({ depths }, i) => (depths ? brief(depths) : i === down.length - 1 ? (midDepth ?? 1) : 1));
  const reverse = up.map(({ depths }) => (depths ? brief(depths) : 1));
  // The way up has the way down's depths unless it says its own; a level without attention may have any.
  const mirrored = up.every(
    (level, i) => !level.depths || (typeof reverse[i] === 'number' && reverse[i] === depths.at(-1 - i)),
  );
  const deepest = depths.at(-1)!;
  if (midDepth !== undefined && midDepth !== (Array.isArray(deepest) ? deepest[0] : deepest))
    throw odd(`a middle block ${midDepth} layers deep`);
  const added = shape('label_emb.0.0.weight');
  const pooled = tensors.shape(`${texts.at(-1)!.prefix}text_projection`)?.[1];
  if (added && pooled === undefined)
    throw lacks(file, "second text encoder's projection", `${texts.at(-1)!.prefix}text_projection`);
  return {
    _class_name: 'UNet2DConditionModel',
    act_fn: 'silu',
    addition_embed_type: family === 'xl' ? 'text_time' : null,
    addition_time_embed_dim: added ? (added[1]! - pooled!) / 6 : null,
    attention_head_dim: linear ? channels.map((width) => Math.max(1, Math.floor(width / 64))) : 8,
    block_out_channels: channels,
    center_input_sample: false,
    conv_in_kernel: input[2],
    conv_out_kernel: output[2],
    cross_attention_dim: tensors.shape(attention)![1],
    down_block_types: down.map(({ depths }) => (depths ? 'CrossAttnDownBlock2D' : 'DownBlock2D')),
    downsample_padding: 1,
    flip_sin_to_cos: true,
    freq_shift: 0,
    in_channels: input[1],
    layers_per_block: brief(layers),
    mid_block_scale_factor: 1,
    mid_block_type: mid,
    norm_eps: 1e-5,
    norm_num_groups: 32,
    out_channels: output[0],
    projection_class_embeddings_input_dim: added ? added[1] : null,
    transformer_layers_per_block: depths.every((depth) => depth === depths[0]) ? depths[0] : depths,
    reverse_transformer_layers_per_block: mirrored ? null : reverse,
    up_block_types: up.map(({ depths }) => (depths ? 'CrossAttnUpBlock2D' : 'UpBlock2D')),
    use_linear_projection: linear,
  };
}

function vaeConfig(tensors: FileTensors, { family, vaePrefix }: SingleFileLayout, file: string): Config {
  const shape = (key: string): Shape | undefined => tensors.shape(vaePrefix + key);
  if (!shape('encoder.conv_in.weight') || !shape('decoder.conv_out.weight')) {
    if (shape('taesd_decoder.1.weight'))
      throw refuse(file, 'has a tiny autoencoder (taesd_decoder), whose kind its tensors do not tell');
    throw lacks(file, "autoencoder's encoder", `${vaePrefix}encoder.*`);
  }
  const channels: number[] = [];
  for (let i = 0; ; i++) {
    const kernel = shape(`encoder.down.${i}.block.0.conv1.weight`);
    if (!kernel) break;
    channels.push(kernel[0]!);
  }
  let layers = 0;
  while (shape(`encoder.down.0.block.${layers}.conv1.weight`)) layers++;
  if (channels.length === 0) throw refuse(file, 'has an autoencoder of another kind');
  return {
    _class_name: 'AutoencoderKL',
    act_fn: 'silu',
    block_out_channels: channels,
    down_block_types: channels.map(() => 'DownEncoderBlock2D'),
    ...(family === 'xl' && { force_upcast: true }),
    in_channels: shape('encoder.conv_in.weight')![1],
    latent_channels: shape('decoder.conv_in.weight')![1],
    layers_per_block: layers,
    mid_block_add_attention: shape('decoder.mid.attn_1.q.weight') !== undefined,
    norm_num_groups: 32,
    out_channels: shape('decoder.conv_out.weight')![0],
    scaling_factor: family === 'xl' ? 0.13025 : 0.18215,
    up_block_types: channels.map(() => 'UpDecoderBlock2D'),
    use_post_quant_conv: shape('post_quant_conv.weight') !== undefined,
    use_quant_conv: shape('quant_conv.weight') !== undefined,
  };
}

/** Layers of OpenCLIP's encoder that are used: Stable Diffusion 2 takes the output of the last but one, and diffusers leaves the last (resblock
 *  23) out. SDXL keeps all of its own, whose end is pooled. */
export const SD2_TEXT_LAYERS = 23;

function textConfig(tensors: FileTensors, { kind, prefix }: TextLayout, projects: boolean, file: string): Config {
  const shape = (key: string): Shape | undefined => tensors.shape(prefix + key);
  const openClip = kind === 'openClip';
  const [words, positions] = openClip
    ? ['token_embedding.weight', 'positional_embedding']
    : ['embeddings.token_embedding.weight', 'embeddings.position_embedding.weight'];
  const layer = (i: number): string =>
    openClip ? `transformer.resblocks.${i}.mlp.c_fc.weight` : `encoder.layers.${i}.mlp.fc1.weight`;
  const [vocabulary, width] = shape(words!) as [number, number];
  let layers = 0;
  while (shape(layer(layers))) layers++;
  const places = shape(positions!);
  if (layers === 0 || !places) throw lacks(file, 'whole text encoder', `${prefix}*`);
  if (width % 64 !== 0)
    throw refuse(file, `has a text encoder of another kind (${width} channels are not heads of 64)`);
  const projection = shape('text_projection');
  return {
    architectures: [projects ? 'CLIPTextModelWithProjection' : 'CLIPTextModel'],
    attention_dropout: 0,
    bos_token_id: 49406,
    eos_token_id: 49407,
    hidden_act: openClip ? 'gelu' : 'quick_gelu',
    hidden_size: width,
    intermediate_size: shape(layer(0))![0],
    layer_norm_eps: 1e-5,
    max_position_embeddings: places[0],
    model_type: 'clip_text_model',
    num_attention_heads: width / 64,
    num_hidden_layers: openClip && !projects ? Math.min(layers, SD2_TEXT_LAYERS) : layers,
    pad_token_id: openClip ? 0 : 49407,
    projection_dim: projects ? projection?.[1] : openClip ? 512 : width,
    vocab_size: vocabulary,
  };
}

function modelIndex(family: SingleFileFamily, facts: SingleFileFacts): Config {
  const xl = family === 'xl';
  return {
    _class_name: xl ? 'StableDiffusionXLPipeline' : 'StableDiffusionPipeline',
    scheduler: ['diffusers', schedulerConfig(family, facts)['_class_name']],
    text_encoder: ['transformers', 'CLIPTextModel'],
    ...(xl && { text_encoder_2: ['transformers', 'CLIPTextModelWithProjection'] }),
    tokenizer: ['transformers', 'CLIPTokenizer'],
    ...(xl && { tokenizer_2: ['transformers', 'CLIPTokenizer'] }),
    unet: ['diffusers', 'UNet2DConditionModel'],
    vae: ['diffusers', 'AutoencoderKL'],
    ...(xl
      ? { force_zeros_for_empty_prompt: true }
      : { safety_checker: [null, null], feature_extractor: [null, null], requires_safety_checker: false }),
  };
}

/** As the folders have them that diffusers takes for each family: stable-diffusion-v1-5, stable-diffusion-2-1 (or, for noise, its base) and
 *  stable-diffusion-xl-base-1.0. */
function schedulerConfig(family: SingleFileFamily, { predictionType, zeroTerminalSnr }: SingleFileFacts): Config {
  // PNDM has no such betas.
  const ddim = (family === 'sd2' && predictionType === 'v_prediction') || zeroTerminalSnr;
  return {
    _class_name: family === 'xl' ? 'EulerDiscreteScheduler' : ddim ? 'DDIMScheduler' : 'PNDMScheduler',
    beta_end: 0.012,
    beta_schedule: 'scaled_linear',
    beta_start: 0.00085,
    clip_sample: false,
    num_train_timesteps: 1000,
    prediction_type: predictionType,
    set_alpha_to_one: false,
    skip_prk_steps: true,
    steps_offset: 1,
    trained_betas: null,
    ...(family === 'xl' && {
      interpolation_type: 'linear',
      sample_max_value: 1,
      timestep_spacing: 'leading',
      use_karras_sigmas: false,
    }),
    // The last step has no signal, so sampling must begin there (arXiv 2305.08891, section 3.3).
    ...(zeroTerminalSnr && { rescale_betas_zero_snr: true, timestep_spacing: 'trailing' }),
  };
}
