/** What a safetensors file with an adapter in it is, by its names and shapes: a LoRA, something else that changes a model, for which model. */
import type { Shape } from '../../shared/shape.ts';

export interface NamedTensors {
  readonly names: readonly string[];
  readonly metadata?: Readonly<Record<string, string>>;
  shape(name: string): Shape | undefined;
}

export const EMBEDDING = 'a textual inversion embedding';

/** Every method but plain LoRA, by what its tensors are called: kohya, LyCORIS, PEFT and diffusers write these. */
const otherMethods: readonly (readonly [RegExp, string])[] = [
  [/(^|\.)(emb_params|string_to_(param|token).*)$|^clip_[lg]$|^bundle_emb\./, EMBEDDING],
  [/[._](dora_scale|lora_magnitude_vector)\b/, 'a DoRA'],
  [/[._]hada_[wt]\d/, 'a LoHa'],
  [/[._]lokr_[wt]\d/, 'a LoKr'],
  [/\.on_input$|\.ia3_l\b/, 'an IA3'],
  [/\.boft_[sR]\b/, 'a BOFT'],
  [/\.oft_(blocks|diag|[rR])\b/, 'an OFT'],
  [/\.[ab][12]\.weight$|\.glora_/, 'a GLoRA'],
  [/\.(diff|diff_b|w_norm|b_norm)$/, 'full weight differences'],
  [/\.lora_mid\.weight$/, 'a LoCon with Tucker decomposition'],
  [/\.lora_([AB](\.[\w-]+)?|up|down)\.bias$/, 'a LoRA with biases (lora_bias)'],
  [/\.lora_embedding_[AB]\b/, 'a LoRA of an embedding table'],
  [/\.vera_lambda_/, 'a VeRA'],
  [/\.lora_E\b/, 'an AdaLoRA'],
  [/\.scalar$/, 'a LyCORIS adapter with trained scalars'],
  [/^lora_controlnet$|^control_model\.|^controlnet_/, 'a ControlNet'],
  [/(^|\.)motion_modules\./, 'a motion module of AnimateDiff'],
  [/_custom_diffusion\b/, 'a Custom Diffusion adapter'],
  [/^(ip_adapter|image_proj)\./, 'an IP-Adapter'],
  // PEFT has some thirty, each with a prefix of its own: hra_u, fourierft_spectrum, vblora_logits_A.
  [/^base_model\.model\..*\.(?!lora_)[a-z\d]+_\w+$/, "an adapter by another of PEFT's methods"],
];

/** diffusers writes an embedding under its token: one matrix or vector for each text encoder, and nothing else. */
const isEmbedding = ({ names, shape }: NamedTensors): boolean =>
  names.length > 0 &&
  names.length <= 4 &&
  names.every((name) => !name.includes('.') && [1, 2].includes(shape(name)!.length));

/** Whether a file changes a model instead of being one. */
export const isAdapter = (file: NamedTensors): boolean =>
  file.names.some((name) =>
    /(^|[._])lora[._]|^lycoris_|^base_model\.model\.|[._](hada|lokr|oft|boft|vera|ia3|dora)_/.test(name),
  ) ||
  file.names.some((name) => otherMethods[0]![0].test(name)) ||
  isEmbedding(file);

/** What the file is if it is no plain LoRA, with a key that shows it. */
export function otherMethod(file: NamedTensors): { what: string; key: string } | undefined {
  for (const [pattern, what] of otherMethods) {
    const key = file.names.find((name) => pattern.test(name));
    if (key !== undefined) return { what, key };
  }
  return isEmbedding(file) ? { what: EMBEDDING, key: file.names[0]! } : undefined;
}

const familiesByName: readonly (readonly [RegExp, string])[] = [
  [/double_blocks|single_blocks|single_transformer_blocks/, 'Flux'],
  [/img_mlp|txt_mlp/, 'Qwen-Image'],
  [/joint_blocks|add_[qkv]_proj|^lora_te3_|^text_encoder_3\./, 'Stable Diffusion 3'],
  [/^lora_prior_unet_/, 'Stable Cascade'],
  [/(^|[._])blocks[._]\d+[._](self|cross)_attn/, 'Wan'],
  [
    /^(lora_)?transformer[._]|^diffusion_model\.(layers|blocks|transformer)/,
    'a diffusion transformer, such as Flux or Stable Diffusion 3',
  ],
];

/** By the width of the text that the UNet attends to. */
const familiesByWidth: Readonly<Record<number, string>> = {
  768: 'Stable Diffusion 1',
  1024: 'Stable Diffusion 2',
  1280: "Stable Diffusion XL's refiner",
  2048: 'Stable Diffusion XL',
};

/** By what trainers write: kohya's `ss_base_model_version`, Stability's `modelspec.architecture`. */
const familiesByMetadata: readonly (readonly [RegExp, string])[] = [
  [/^(sd3|stable-diffusion-3)/i, 'Stable Diffusion 3'],
  [/^flux/i, 'Flux'],
  [/xl/i, 'Stable Diffusion XL'],
  [/^(sd_v2|stable-diffusion-v2)/, 'Stable Diffusion 2'],
  [/^(sd_v1|stable-diffusion-v1)/, 'Stable Diffusion 1'],
];

const attendsText = /attn2[._](processor\.)?to_[kv].*(down|lora_A)/;

/** The width of text that a LoRA's layers take; undefined where it has none of them. */
export function textWidth({ names, shape }: NamedTensors): number | undefined {
  const key = names.find((name) => attendsText.test(name));
  return key === undefined ? undefined : shape(key)![1];
}

/** Which model a LoRA was made for, as far as it shows. */
export function madeFor(file: NamedTensors): string | undefined {
  const named = familiesByName.find(([pattern]) => file.names.some((name) => pattern.test(name)));
  if (named) return named[1];
  const byWidth = familiesByWidth[textWidth(file) ?? 0];
  if (byWidth) return byWidth;
  if (file.names.some((name) => /^(lora_te2_|text_encoder_2\.)|transformer_blocks[._]([2-9]|1\d)[._]/.test(name)))
    return familiesByWidth[2048];
  const written = file.metadata?.['ss_base_model_version'] ?? file.metadata?.['modelspec.architecture'] ?? '';
  return familiesByMetadata.find(([pattern]) => pattern.test(written))?.[1];
}
