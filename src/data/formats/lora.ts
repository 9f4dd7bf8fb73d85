/** LoRA files of a UNet: kohya's keys (diffusers, ComfyUI, A1111), PEFT's and diffusers' own, read and written.
 *
 *  A module is named by its path in diffusers, `down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q`:
 *    kohya      lora_unet_<path, dots as _>.lora_down.weight, .lora_up.weight, .alpha
 *    peft       unet.<path>.lora_A.weight, .lora_B.weight                         alpha in the metadata, or equal to the rank
 *    diffusers  unet.<path>.lora.down.weight, .lora.up.weight                     likewise
 *    processor  unet.<...attn1>.processor.to_q_lora.down.weight, ...              likewise; diffusers before 0.20
 *  down is [rank, in, (kh, kw)], up [out, rank, (1, 1)]; the weight moves by (alpha / rank) up down. */
import { WinnowError } from '../../shared/errors.ts';
import type { LoraModule } from '../../shared/lora.ts';
import { sameShape, type Shape, sizeOf } from '../../shared/shape.ts';
import type { TensorToWrite } from './safetensors.ts';

/** A layer that can carry an adapter. */
export interface LoraSite {
  path: string;
  /** Of the base weight: [out, in] or [out, in, kh, kw]. */
  weightShape: Shape;
}

export type LoraFormat = 'kohya' | 'peft';

export interface LoraFile {
  /** By module path, in the order of the sites. */
  modules: Map<string, LoraModule>;
  format: 'kohya' | 'peft' | 'diffusers';
  /** Keys for text encoders: read by nobody here, so the person should be told. */
  textEncoderKeys: string[];
}

/** The part of an opened safetensors file that is needed here. */
interface TensorFile {
  readonly names: readonly string[];
  readonly metadata?: Readonly<Record<string, string>>;
  shape(name: string): Shape | undefined;
  read(name: string): Promise<Float32Array>;
}

type Part = 'down' | 'up' | 'alpha';

export const kohyaKey = (path: string): string => `lora_unet_${path.replaceAll('.', '_')}`;

const otherModel = 'Choose a LoRA that was made for this model.';
const show = (shape: Shape): string => `[${shape.join(', ')}]`;

/** Which module and which tensor of it a key means; `path` may be kohya's spelling. */
function parseKey(key: string): { path: string; part: Part; format: LoraFile['format'] } | undefined {
  const kohya = /^lora_unet_(.+)\.(?:lora_(down|up)\.weight|(alpha))$/.exec(key);
  if (kohya) return { path: kohya[1]!, part: (kohya[2] ?? kohya[3]) as Part, format: 'kohya' };
  const bare = key.replace(/^base_model\.model\./, '').replace(/^unet\./, '');
  const peft = /^(.+)\.lora_([AB])(?:\.default)?\.weight$/.exec(bare);
  if (peft) return { path: peft[1]!, part: peft[2] === 'A' ? 'down' : 'up', format: 'peft' };
  const processor = /^(.+)\.processor\.(to_q|to_k|to_v|to_out)_lora\.(down|up)\.weight$/.exec(bare);
  if (processor)
    return {
      path: `${processor[1]}.${processor[2] === 'to_out' ? 'to_out.0' : processor[2]}`,
      part: processor[3] as Part,
      format: 'diffusers',
    };
  const diffusers = /^(.+)\.lora\.(down|up)\.weight$/.exec(bare);
  if (diffusers) return { path: diffusers[1]!, part: diffusers[2] as Part, format: 'diffusers' };
  const alpha = /^(.+)\.alpha$/.exec(bare);
  return alpha ? { path: alpha[1]!, part: 'alpha', format: 'peft' } : undefined;
}

/** alpha by module from diffusers' `lora_adapter_metadata`, a PEFT config as JSON under `unet.`. */
function metadataAlpha(metadata: Readonly<Record<string, string>> | undefined): (path: string) => number | undefined {
  const text = metadata?.['lora_adapter_metadata'];
  if (!text) return () => undefined;
  let config: Record<string, unknown>;
  try {
    config = JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new WinnowError(
      'BadFile',
      "The LoRA file's lora_adapter_metadata is not valid JSON.",
      'Export the LoRA again.',
    );
  }
  const patterns = (config['unet.alpha_pattern'] ?? {}) as Record<string, number>;
  const alpha = config['unet.lora_alpha'];
  return (path) => {
    // PEFT: a pattern is a whole module path or the end of one.
    const match = Object.keys(patterns).find((pattern) => path === pattern || path.endsWith(`.${pattern}`));
    return match === undefined ? (typeof alpha === 'number' ? alpha : undefined) : patterns[match];
  };
}

/** Reads an adapter for a model whose layers are `sites`. Rejects with BadFile (unknown or missing keys, by name) or WrongShape. */
export async function readLora(file: TensorFile, sites: readonly LoraSite[]): Promise<LoraFile> {
  const bySpelling = new Map(
    sites.flatMap((site) => [[site.path, site] as const, [site.path.replaceAll('.', '_'), site] as const]),
  );
  const parts = new Map<LoraSite, Partial<Record<Part, string>>>();
  const unknown: string[] = [];
  const textEncoderKeys: string[] = [];
  const formats = new Set<LoraFile['format']>();
  for (const key of file.names) {
    if (/^(lora_te\d?_|text_encoder(_\d)?\.)/.test(key)) {
      textEncoderKeys.push(key);
      continue;
    }
    const parsed = parseKey(key);
    const site = parsed && bySpelling.get(parsed.path);
    if (!site) {
      unknown.push(key);
      continue;
    }
    formats.add(parsed.format);
    const known = parts.get(site) ?? {};
    if (known[parsed.part])
      throw new WinnowError(
        'BadFile',
        `The LoRA file has both ${known[parsed.part]} and ${key}.`,
        'Export the LoRA again in one format.',
      );
    parts.set(site, { ...known, [parsed.part]: key });
  }
  if (unknown.length > 0) {
    const more = unknown.length > 3 ? ` and ${unknown.length - 3} more` : '';
    throw new WinnowError(
      'BadFile',
      `The LoRA file has keys this model has no layer for: ${unknown.slice(0, 3).join(', ')}${more}.`,
      otherModel,
    );
  }
  if (parts.size === 0)
    throw new WinnowError(
      'BadFile',
      'The file holds no LoRA for a UNet.',
      'Choose a LoRA file with kohya or PEFT keys.',
    );

  const alphaOf = metadataAlpha(file.metadata);
  const modules = new Map<string, LoraModule>();
  for (const site of sites) {
    const keys = parts.get(site);
    if (!keys) continue;
    const { down: downKey, up: upKey, alpha: alphaKey } = keys;
    if (!downKey || !upKey)
      throw new WinnowError(
        'BadFile',
        `The LoRA file has ${downKey ?? upKey ?? alphaKey} without its ${downKey ? 'up' : 'down'} half.`,
        'Export the LoRA again.',
      );
    const rank = file.shape(downKey)![0] ?? 0;
    const [out, ...rest] = site.weightShape;
    checkShape(downKey, file.shape(downKey)!, [rank, ...rest], site.path);
    checkShape(upKey, file.shape(upKey)!, [out!, rank, ...rest.slice(1).map(() => 1)], site.path);
    const [down, up] = [await file.read(downKey), await file.read(upKey)];
    const alpha = alphaKey ? (await file.read(alphaKey))[0] : alphaOf(site.path);
    modules.set(site.path, { down, up, rank, alpha: alpha ?? rank });
  }
  const format = formats.has('kohya') ? 'kohya' : formats.has('diffusers') ? 'diffusers' : 'peft';
  return { modules, format, textEncoderKeys };
}

/** A 1x1 convolution's halves may be written as matrices, and a matrix's as 1x1 convolutions: the numbers are the same. */
function checkShape(key: string, found: Shape, wanted: Shape, path: string): void {
  const bare = (shape: Shape): Shape =>
    shape.length === 4 && shape[2] === 1 && shape[3] === 1 ? shape.slice(0, 2) : shape;
  if (wanted[0]! > 0 && wanted[1]! > 0 && sizeOf(found) > 0 && sameShape(bare(found), bare(wanted))) return;
  throw new WinnowError('WrongShape', `${key} has shape ${show(found)}; ${path} needs ${show(wanted)}.`, otherModel);
}

/** Tensors of a file, for writeSafetensors. peft has no alpha of its own: where it is not the rank it is folded into up. */
export function writeLora(
  modules: ReadonlyMap<string, LoraModule>,
  sites: readonly LoraSite[],
  format: LoraFormat,
): Record<string, TensorToWrite> {
  const tensors: Record<string, TensorToWrite> = {};
  for (const { path, weightShape } of sites) {
    const module = modules.get(path);
    if (!module) continue;
    const { down, up, rank, alpha } = module;
    const [out, ...rest] = weightShape;
    const downShape = [rank, ...rest];
    const upShape = [out!, rank, ...rest.slice(1).map(() => 1)];
    if (format === 'kohya') {
      tensors[`${kohyaKey(path)}.lora_down.weight`] = { shape: downShape, data: down };
      tensors[`${kohyaKey(path)}.lora_up.weight`] = { shape: upShape, data: up };
      tensors[`${kohyaKey(path)}.alpha`] = { shape: [], data: Float32Array.of(alpha) };
    } else {
      const scale = alpha / rank;
      tensors[`unet.${path}.lora_A.weight`] = { shape: downShape, data: down };
      tensors[`unet.${path}.lora_B.weight`] = { shape: upShape, data: scale === 1 ? up : up.map((x) => x * scale) };
    }
  }
  const strangers = [...modules.keys()].filter((path) => !sites.some((site) => site.path === path));
  if (strangers.length > 0) throw new Error(`the model has no layer ${strangers.join(', ')}`);
  return tensors;
}

/** One adapter that does what several do together, each at its strength: ranks are concatenated. */
export function sumLora(
  adapters: readonly { modules: ReadonlyMap<string, LoraModule>; strength: number }[],
): Map<string, LoraModule> {
  const paths = new Set(adapters.flatMap(({ modules }) => [...modules.keys()]));
  return new Map(
    [...paths].map((path) => {
      const parts = adapters.flatMap(({ modules, strength }) => {
        const module = modules.get(path);
        return module ? [{ module, scale: (strength * module.alpha) / module.rank }] : [];
      });
      const rank = parts.reduce((sum, { module }) => sum + module.rank, 0);
      // One scale for all where they agree, so that nothing is rounded; else each part's goes into its up.
      const [first] = parts as [(typeof parts)[number]];
      const shared = first.scale !== 0 && parts.every(({ scale }) => scale === first.scale) ? first.scale : 1;
      const down = new Float32Array(parts.reduce((sum, { module }) => sum + module.down.length, 0));
      const outs = first.module.up.length / first.module.rank;
      const up = new Float32Array(outs * rank);
      let row = 0;
      let at = 0;
      for (const { module, scale } of parts) {
        down.set(module.down, at);
        for (let o = 0; o < outs; o++) {
          for (let r = 0; r < module.rank; r++)
            up[o * rank + row + r] = module.up[o * module.rank + r]! * (scale / shared);
        }
        at += module.down.length;
        row += module.rank;
      }
      return [path, { down, up, rank, alpha: shared * rank }];
    }),
  );
}
