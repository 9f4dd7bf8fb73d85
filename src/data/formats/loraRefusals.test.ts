/** What is no LoRA that can be read for a model is refused, and called what it is. */
import { describe, expect, it } from 'vitest';
import { type LoraSites, readLora } from './lora.ts';
import { isAdapter } from './loraKinds.ts';
import { openSafetensors, type TensorToWrite, writeSafetensors } from './safetensors.ts';

const path = 'down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k';
const kohya = `lora_unet_${path.replaceAll('.', '_')}`;
const text = 'text_model.encoder.layers.0.self_attn.q_proj';
const sites: LoraSites = {
  unet: [{ path, weightShape: [320, 768] }],
  text_encoder: [{ path: text, weightShape: [768, 768] }],
};

const tensor = (...shape: number[]): TensorToWrite => ({
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5),
});
const plain = (width = 768): Record<string, TensorToWrite> => ({
  [`${kohya}.lora_down.weight`]: tensor(2, width),
  [`${kohya}.lora_up.weight`]: tensor(320, 2),
});
const peft = {
  [`unet.${path}.lora_A.weight`]: tensor(2, 768),
  [`unet.${path}.lora_B.weight`]: tensor(320, 2),
};

async function refusal(
  tensors: Record<string, TensorToWrite>,
  metadata?: Record<string, string>,
  adapterConfig?: string,
): Promise<Error> {
  const file = await openSafetensors(writeSafetensors(tensors, metadata));
  // What is dropped on the studio comes here, too, and not to a model's door.
  if (tensors !== wholeModel && Object.keys(tensors).length > 0) expect(isAdapter(file)).toBe(true);
  return readLora(file, sites, adapterConfig).then(
    () => expect.fail('it was read'),
    (error: Error) => error,
  );
}

const wholeModel = { 'model.diffusion_model.input_blocks.0.0.weight': tensor(1) };

it.each<[string, Record<string, TensorToWrite>]>([
  ['a textual inversion embedding', { emb_params: tensor(2, 768) }],
  ['a textual inversion embedding', { clip_l: tensor(2, 768), clip_g: tensor(2, 1280) }],
  ['a textual inversion embedding', { '<cat-toy>': tensor(768) }],
  ['a textual inversion embedding', { ...plain(), 'bundle_emb.cat.string_to_param.*': tensor(2, 768) }],
  ['a DoRA', { ...plain(), [`${kohya}.dora_scale`]: tensor(320, 1) }],
  ['a DoRA', { ...peft, [`unet.${path}.lora_magnitude_vector`]: tensor(320) }],
  ['a LoHa', { [`${kohya}.hada_w1_a`]: tensor(320, 2), [`${kohya}.hada_w1_b`]: tensor(2, 768) }],
  ['a LoHa', { [`base_model.model.${path}.hada_w1_a`]: tensor(320, 2) }],
  ['a LoKr', { [`${kohya}.lokr_w1`]: tensor(4, 4), [`${kohya}.lokr_w2_a`]: tensor(80, 2) }],
  ['an IA3', { [`${kohya}.weight`]: tensor(320), [`${kohya}.on_input`]: tensor(1) }],
  ['an IA3', { [`base_model.model.${path}.ia3_l`]: tensor(320, 1) }],
  ['an OFT', { [`${kohya}.oft_blocks`]: tensor(4, 8, 8) }],
  ['an OFT', { [`base_model.model.${path}.oft_R.weight`]: tensor(4, 8) }],
  ['a BOFT', { [`base_model.model.${path}.boft_R`]: tensor(1, 4, 8, 8) }],
  ['a GLoRA', { [`${kohya}.a1.weight`]: tensor(2, 768), [`${kohya}.b1.weight`]: tensor(2, 768) }],
  ['full weight differences', { [`${kohya}.diff`]: tensor(320, 768) }],
  ['a LoCon with Tucker decomposition', { ...plain(), [`${kohya}.lora_mid.weight`]: tensor(2, 2, 3, 3) }],
  ['a LoRA with biases (lora_bias)', { ...peft, [`unet.${path}.lora_B.bias`]: tensor(320) }],
  ['a VeRA', { [`base_model.model.${path}.vera_lambda_b`]: tensor(320) }],
  ["an adapter by another of PEFT's methods", { [`base_model.model.${path}.hra_u`]: tensor(768, 2) }],
  ["an adapter by another of PEFT's methods", { [`base_model.model.${path}.vblora_logits_A`]: tensor(2, 1, 4) }],
  ["an adapter by another of PEFT's methods", { [`base_model.model.${path}.fourierft_spectrum`]: tensor(16) }],
  ['an AdaLoRA', { ...peft, [`base_model.model.${path}.lora_E`]: tensor(2, 1) }],
  ['a ControlNet', { lora_controlnet: tensor(1), 'input_blocks.0.0.up': tensor(1, 1) }],
  ['a Custom Diffusion adapter', { ...plain(), 'a.processor.to_k_custom_diffusion.weight': tensor(1, 1) }],
])('%s', async (what, tensors) => {
  const error = await refusal(tensors);
  expect(error).toMatchObject({ name: 'BadFile' });
  expect(error.message).toContain(`holds ${what} (`);
});

it('a whole model, and nothing at all', async () => {
  expect((await refusal(wholeModel)).message).toMatch(
    /no LoRA: its first tensor is model\.diffusion_model.*as the base/,
  );
  expect((await refusal({})).message).toMatch(/no LoRA/);
});

describe("another model's LoRA is said to be for that", () => {
  const at = (key: string, width = 64): Record<string, TensorToWrite> => ({
    [`${key}.lora_A.weight`]: tensor(2, width),
    [`${key}.lora_B.weight`]: tensor(64, 2),
  });
  it.each<[string, Record<string, TensorToWrite>, Record<string, string> | undefined]>([
    ['Stable Diffusion 2', plain(1024), undefined],
    ['Stable Diffusion XL', at('unet.down_blocks.2.attentions.1.transformer_blocks.9.attn2.to_v', 2048), undefined],
    ['Stable Diffusion XL', at('text_encoder_2.text_model.encoder.layers.0.mlp.fc1'), undefined],
    ["Stable Diffusion XL's refiner", plain(1280), undefined],
    ['Flux', at('transformer.single_transformer_blocks.0.attn.to_q'), undefined],
    ['Flux', { 'lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight': tensor(2, 3072) }, undefined],
    ['Stable Diffusion 3', { 'lora_unet_joint_blocks_0_x_block_mlp_fc1.lora_down.weight': tensor(2, 64) }, undefined],
    ['Stable Diffusion 3', at('transformer.transformer_blocks.0.attn.add_k_proj'), undefined],
    ['Wan', at('diffusion_model.blocks.0.self_attn.q'), undefined],
    ['a diffusion transformer, such as Flux or Stable Diffusion 3', at('transformer.layers.0.to_q'), undefined],
    ['Stable Diffusion XL', at('unet.mid_block.resnets.7.conv1'), { ss_base_model_version: 'sdxl_base_v1-0' }],
  ])('%s', async (family, tensors, metadata) => {
    expect((await refusal(tensors, metadata)).message).toContain(`It seems to be for ${family}. Choose a LoRA`);
  });

  it('but not where it is the kind of the model itself', async () => {
    const error = await refusal({ ...plain(), 'lora_unet_no_such_layer.lora_down.weight': tensor(2, 2) });
    expect(error.message).toMatch(/no layer for: lora_unet_no_such_layer\.lora_down\.weight\. Choose/);
  });
});

it.each<[string, RegExp, string | undefined]>([
  ['DoRA', /a DoRA \(use_dora\)/, '{"use_dora": true}'],
  ['biases', /lora_bias/, '{"lora_bias": true}'],
  ['trained biases', /bias "all"/, '{"bias": "all"}'],
  ['another type', /kind "LOHA"/, '{"peft_type": "LOHA"}'],
  ['whole layers', /modules_to_save/, '{"modules_to_save": ["conv_in"]}'],
  ['a changed base', /init_lora_weights "pissa_niter_4"/, '{"init_lora_weights": "pissa_niter_4"}'],
  ['no JSON', /not valid JSON/, '{"lora_alpha": '],
  ['no object', /not an object/, '[]'],
  ['alpha that is no number', /lora_alpha is "16"/, '{"lora_alpha": "16"}'],
  ['a pattern of text', /alpha_pattern "to_k" is null/, '{"alpha_pattern": {"to_k": null}}'],
  ['patterns that are none', /alpha_pattern is \["to_k"\]/, '{"alpha_pattern": ["to_k"]}'],
  ['an expression that is none', /expression "\(to_k"/, '{"alpha_pattern": {"(to_k": 2}}'],
  ['an expression that refers back', /cannot be read/, '{"alpha_pattern": {"(to)_\\\\1": 2}}'],
  ['another rank', /rank 64, the LoRA file has rank 2/, '{"r": 64, "lora_alpha": 64}'],
  ['another rank by pattern', /rank 3, the LoRA file has rank 2/, '{"r": 2, "rank_pattern": {"attn2.*": 3}}'],
])('a config with %s', async (_, message, config) => {
  expect((await refusal(peft, undefined, config)).message).toMatch(message);
  const inside = config!.replaceAll(/(?<=[{,] ?)"(?=[a-z_]+": )(?!to_k|attn2)/g, '"unet.');
  expect((await refusal(peft, { lora_adapter_metadata: inside })).message).toMatch(message);
});

it.each<[string, Record<string, TensorToWrite>, string, RegExp]>([
  ['half an adapter', { [`${kohya}.lora_down.weight`]: tensor(2, 768) }, 'BadFile', /without its up half/],
  ['an alpha alone', { ...plain(), [`lora_te_${text.replaceAll('.', '_')}.alpha`]: tensor() }, 'BadFile', /down half/],
  ['one module twice', { ...plain(), ...peft }, 'BadFile', /both lora_unet_.* and unet\./],
  ['another width', { ...peft, [`unet.${path}.lora_A.weight`]: tensor(2, 1) }, 'WrongShape', /\[2, 1\].*\[2, 768\]/],
  ['two ranks', { ...peft, [`unet.${path}.lora_B.weight`]: tensor(320, 1) }, 'WrongShape', /lora_B/],
  ['many alphas', { ...plain(), [`${kohya}.alpha`]: tensor(2) }, 'WrongShape', /alpha has shape \[2\]/],
  ['an unknown layer', { ...peft, 'unet.x.lora_A.weight': tensor(1, 1) }, 'BadFile', /unet\.x\.lora_A/],
  ['an unknown key', { ...peft, [`unet.${path}.weight`]: tensor(1, 1) }, 'BadFile', /to_k\.weight/],
])('%s', async (_, tensors, name, message) => {
  const error = await refusal(tensors);
  expect(error.message).toMatch(message);
  expect(error).toMatchObject({ name });
});

it.each([NaN, Infinity, -Infinity])('a number that is %s, in any tensor', async (value) => {
  for (const key of [`${kohya}.lora_down.weight`, `${kohya}.lora_up.weight`, `${kohya}.alpha`]) {
    const tensors = { ...plain(), [`${kohya}.alpha`]: tensor() };
    tensors[key] = { shape: tensors[key]!.shape, data: (tensors[key]!.data as Float32Array).map(() => value) };
    const error = await refusal(tensors);
    expect(error).toMatchObject({ name: 'BadFile' });
    expect(error.message).toContain(`${key} has a number that is not finite (${value})`);
  }
});

it('numbers whose product is beyond f32', async () => {
  const tensors = plain();
  for (const key of Object.keys(tensors)) (tensors[key]!.data as Float32Array).fill(1e30);
  expect((await refusal(tensors)).message).toMatch(/no weight can take/);
  expect(
    (await refusal({ ...plain(), [`${kohya}.alpha`]: { shape: [], data: Float32Array.of(3e38) } })).message,
  ).toMatch(/no weight can take/);
});
