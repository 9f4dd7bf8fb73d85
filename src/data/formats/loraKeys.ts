/** Keys of LoRA files, by every habit that diffusers reads. A module is named by its path in diffusers; kohya writes it with `_` for `.`, and
 *  the UNet's also by its place in the original layout (`input_blocks.4.1...`), as sd-scripts does for SDXL and ComfyUI for all. */
import type { LoraPart } from './lora.ts';

export type LoraFormat = 'kohya' | 'peft' | 'diffusers';

export interface LoraKey {
  /** Which net; undefined where the key does not say, as PEFT's own do not. */
  part: LoraPart | undefined;
  /** Spellings of the module, the likely one first. */
  paths: string[];
  tensor: 'down' | 'up' | 'alpha';
  format: LoraFormat;
  /** PEFT's own `base_model.model.`: the scale is in adapter_config.json, and nowhere else. */
  fromPeft: boolean;
}

const kohyaParts: Readonly<Record<string, LoraPart>> = {
  unet: 'unet',
  te: 'text_encoder',
  te1: 'text_encoder',
  te2: 'text_encoder_2',
};

/** Undefined for a key of no layout that is read. */
export function parseLoraKey(key: string): LoraKey | undefined {
  const kohya = /^lora_(unet|te|te1|te2)_([^.]+)\.(?:lora_(down|up)\.weight|(alpha))$/.exec(key);
  if (kohya)
    return {
      part: kohyaParts[kohya[1]!],
      paths: [kohya[2]!],
      tensor: (kohya[3] ?? kohya[4]) as LoraKey['tensor'],
      format: 'kohya',
      fromPeft: false,
    };
  const bare = key.replace(/^base_model\.model\./, '');
  const prefix = /^(?:(unet|text_encoder|text_encoder_2)|(?:model\.)?diffusion_model)\./.exec(bare);
  const part = prefix ? ((prefix[1] ?? 'unet') as LoraPart) : undefined;
  const rest = bare.slice(prefix?.[0].length ?? 0);
  const found = (paths: string[], tensor: string, format: LoraFormat): LoraKey => ({
    part,
    paths,
    tensor: tensor as LoraKey['tensor'],
    format,
    fromPeft: bare !== key,
  });
  const peft = /^(.+?)\.lora_([AB])(?:\.[\w-]+)?\.weight$/.exec(rest);
  if (peft) return found([peft[1]!], peft[2] === 'A' ? 'down' : 'up', 'peft');
  // Attention processors of diffusers before 0.20, of the UNet and of text encoders.
  const processor = /^(.+?)(?:\.processor)?\.to_(q|k|v|out)_lora\.(down|up)\.weight$/.exec(rest);
  if (processor) {
    const [, at, name, tensor] = processor as unknown as [string, string, string, string];
    return found([`${at}.to_${name === 'out' ? 'out.0' : name}`, `${at}.${name}_proj`], tensor, 'diffusers');
  }
  const diffusers = /^(.+?)\.(?:lora_|lora\.|lora_linear_layer\.)(down|up)\.weight$/.exec(rest);
  if (diffusers) return found([diffusers[1]!], diffusers[2]!, 'diffusers');
  const alpha = /^(.+)\.alpha$/.exec(rest);
  return alpha ? found([alpha[1]!], 'alpha', 'diffusers') : undefined;
}

/** A module's path in diffusers, and without the prefix that transformers 5 dropped. */
export const dottedSpellings = (path: string): string[] => [
  path,
  ...(path.startsWith('text_model.') ? [path.slice('text_model.'.length)] : []),
];

/** All spellings of a module. */
export function spellings(path: string, original: string | undefined): string[] {
  const dotted = [...dottedSpellings(path), ...(original === undefined ? [] : [original])];
  return [...dotted, ...dotted.map((name) => name.replaceAll('.', '_'))];
}

const kohyaPrefixes = (texts: number): Readonly<Record<LoraPart, string>> => ({
  unet: 'lora_unet_',
  text_encoder: texts > 1 ? 'lora_te1_' : 'lora_te_',
  text_encoder_2: 'lora_te2_',
});

/** Layers that diffusers drops without a word from kohya's keys under their own names (`_convert_unet_lora_key`), and reads, as other tools do,
 *  under the original ones. */
const byOriginal: Readonly<Record<string, string>> = {
  'add_embedding.linear_1': 'label_emb.0.0',
  'add_embedding.linear_2': 'label_emb.0.2',
};

/** The key of a module in a file that other tools are to read. */
export const writtenKohyaKey = (path: string, part: LoraPart, texts: number): string =>
  kohyaKey(byOriginal[path] ?? path, part, texts);

/** `texts`: how many text encoders the model has. */
export const kohyaKey = (path: string, part: LoraPart = 'unet', texts = 1): string =>
  kohyaPrefixes(texts)[part] + path.replaceAll('.', '_');
