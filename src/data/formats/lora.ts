/** LoRA files of a UNet and its text encoders, read and written. Keys: loraKeys.ts. Beside kohya's (diffusers, ComfyUI, A1111) there are
 *    peft       unet.<path>.lora_A.weight, .lora_B.weight               alpha by PEFT's config, in the metadata or beside the file
 *    diffusers  unet.<path>.lora.down.weight, .lora.up.weight           alpha equal to the rank
 *    processor  unet.<...attn1>.processor.to_q_lora.down.weight, ...    likewise; diffusers before 0.20
 *  down is [rank, in, (kh, kw)], up [out, rank, (1, 1)]; the weight moves by (alpha / rank) up down. */
import { WinnowError } from '../../shared/errors.ts';
import type { LoraModule } from '../../shared/lora.ts';
import { sameShape, type Shape, sizeOf } from '../../shared/shape.ts';
import {
  dottedSpellings,
  type LoraFormat,
  type LoraKey,
  parseLoraKey,
  spellings,
  writtenKohyaKey,
} from './loraKeys.ts';
import { isAdapter, madeFor, type NamedTensors, otherMethod, textWidth } from './loraKinds.ts';
import { type AlphaOf, parsePeftConfig, peftAlpha } from './peftConfig.ts';
import type { TensorToWrite } from './safetensors.ts';

/** The nets that an adapter may sit on, by their folders in diffusers' layout. */
export const loraParts = ['unet', 'text_encoder', 'text_encoder_2'] as const;
export type LoraPart = (typeof loraParts)[number];

/** A layer that can carry an adapter. */
export interface LoraSite {
  path: string;
  /** Of the base weight: [out, in] or [out, in, kh, kw]. */
  weightShape: Shape;
  /** Its path in the original Stable Diffusion layout, `input_blocks.4.1...`, where it has one. */
  original?: string;
}

/** The layers of a model, net by net; a part that the model has not is left out. */
export type LoraSites = Readonly<Partial<Record<LoraPart, readonly LoraSite[]>>>;

/** By module path, in the order of the sites. */
export type LoraModules = Readonly<Partial<Record<LoraPart, ReadonlyMap<string, LoraModule>>>>;

export interface LoraFile {
  modules: Record<LoraPart, Map<string, LoraModule>>;
  format: LoraFormat;
  /** PEFT wrote it, whose adapter_config.json was not at hand: alpha is taken for the rank. */
  alphaUnknown: boolean;
}

/** The part of an opened safetensors file that is needed here. */
export interface LoraTensors extends NamedTensors {
  read(name: string): Promise<Float32Array>;
}

const show = (shape: Shape): string => `[${shape.join(', ')}]`;

type Keys = Partial<Record<LoraKey['tensor'], string>>;

interface Found {
  part: LoraPart;
  site: LoraSite;
  keys: Keys;
  /** Whether alpha may come from a config. */
  format: LoraFormat;
  fromPeft: boolean;
  /** What PEFT's patterns are matched with. */
  named: string[];
  prefixed: boolean;
}

/** Reads an adapter for a model whose layers are `sites`. `adapterConfig`: the text of the adapter_config.json beside the file, if there is one.
 *  Rejects with BadFile (another method than LoRA, unknown or missing keys, by name; numbers that are none) or WrongShape. */
export async function readLora(file: LoraTensors, sites: LoraSites, adapterConfig?: string): Promise<LoraFile> {
  const other = otherMethod(file);
  if (other)
    throw new WinnowError(
      'BadFile',
      `The file holds ${other.what} (${other.key}), which Winnow does not read.`,
      'Choose a plain LoRA; some other tools can merge this one into a model.',
    );
  if (!isAdapter(file))
    throw new WinnowError(
      'BadFile',
      `The file holds no LoRA${file.names.length > 0 ? `: its first tensor is ${file.names[0]}` : ''}.`,
      'Choose a LoRA file; a whole model is opened as the base.',
    );
  const found = findModules(file, sites);
  const alphaOf = alphaRules(file, adapterConfig);
  const modules: LoraFile['modules'] = { unet: new Map(), text_encoder: new Map(), text_encoder_2: new Map() };
  let alphaUnknown = false;
  for (const part of loraParts) {
    for (const site of sites[part] ?? []) {
      const one = found.get(site);
      if (!one) continue;
      const { down: downKey, up: upKey, alpha: alphaKey } = one.keys;
      if (!downKey || !upKey)
        throw new WinnowError(
          'BadFile',
          `The LoRA file has ${downKey ?? upKey ?? alphaKey} without its ${downKey ? 'up' : 'down'} half.`,
          'Export the LoRA again.',
        );
      const rank = file.shape(downKey)![0] ?? 0;
      const [out, ...rest] = site.weightShape;
      checkShape(file, downKey, [rank, ...rest], site, sites);
      checkShape(file, upKey, [out!, rank, ...rest.slice(1).map(() => 1)], site, sites);
      const [down, up] = [await finite(file, downKey), await finite(file, upKey)];
      const rule = alphaKey === undefined ? alphaOf(one) : undefined;
      if (alphaKey === undefined && !rule && one.fromPeft) alphaUnknown = true;
      const alpha = alphaKey === undefined ? rule?.(one.named, rank) : await scalar(file, alphaKey);
      const module = { down, up, rank, alpha: alpha ?? rank };
      checkSize(module, upKey);
      modules[part].set(site.path, module);
    }
  }
  const formats = new Set([...found.values()].map(({ format }) => format));
  const format = (['kohya', 'diffusers'] as const).find((one) => formats.has(one)) ?? 'peft';
  return { modules, format, alphaUnknown };
}

/** Every key of the file at its layer. */
function findModules(file: LoraTensors, sites: LoraSites): Map<LoraSite, Found> {
  const bySpelling = new Map(
    loraParts.map((part) => [
      part,
      new Map(
        (sites[part] ?? []).flatMap((site) => spellings(site.path, site.original).map((name) => [name, site] as const)),
      ),
    ]),
  );
  const found = new Map<LoraSite, Found>();
  const unknown: string[] = [];
  for (const key of file.names) {
    const parsed = parseLoraKey(key);
    const homes = (parsed?.part ? [parsed.part] : parsed ? loraParts : []).flatMap((part) => {
      const path = parsed!.paths.find((name) => bySpelling.get(part)!.has(name));
      return path === undefined ? [] : [{ part, site: bySpelling.get(part)!.get(path)! }];
    });
    const [home] = homes;
    if (!parsed || !home) {
      unknown.push(key);
      continue;
    }
    if (homes.length > 1)
      throw new WinnowError(
        'BadFile',
        `The LoRA file does not say for which of the two text encoders ${key} is.`,
        'Export it with the keys of kohya or diffusers.',
      );
    const one = found.get(home.site) ?? {
      ...home,
      keys: {} as Keys,
      format: parsed.format,
      fromPeft: parsed.fromPeft,
      // PEFT's own files have the module names of where they were trained; others those of files, with a prefix that may have been none there.
      named: parsed.fromPeft ? parsed.paths : dottedSpellings(home.site.path),
      prefixed: parsed.part !== undefined,
    };
    if (one.keys[parsed.tensor])
      throw new WinnowError(
        'BadFile',
        `The LoRA file has both ${one.keys[parsed.tensor]} and ${key}.`,
        'Export the LoRA again in one format.',
      );
    one.keys[parsed.tensor] = key;
    found.set(home.site, one);
  }
  if (unknown.length > 0) {
    const more = unknown.length > 3 ? ` and ${unknown.length - 3} more` : '';
    throw new WinnowError(
      'BadFile',
      `The LoRA file has keys this model has no layer for: ${unknown.slice(0, 3).join(', ')}${more}.`,
      otherModel(file, sites),
    );
  }
  return found;
}

/** Where a module's alpha is said, if not by a tensor: by the config in the metadata, which stands for one net each, or by the one beside. */
function alphaRules(file: LoraTensors, adapterConfig: string | undefined): (module: Found) => AlphaOf | undefined {
  const text = file.metadata?.['lora_adapter_metadata'];
  const where = "The LoRA file's lora_adapter_metadata";
  const inside = text === undefined ? {} : parsePeftConfig(text, where);
  const rules = new Map<string, AlphaOf>();
  for (const prefix of ['', ...loraParts.map((part) => `${part}.`)]) {
    const own = Object.entries(inside).flatMap(([key, value]) =>
      prefix === ''
        ? loraParts.some((part) => key.startsWith(`${part}.`))
          ? []
          : [[key, value]]
        : key.startsWith(prefix)
          ? [[key.slice(prefix.length), value]]
          : [],
    );
    if (own.length > 0) rules.set(prefix, peftAlpha(Object.fromEntries(own) as Record<string, unknown>, where));
  }
  const beside =
    adapterConfig === undefined
      ? undefined
      : peftAlpha(parsePeftConfig(adapterConfig, 'adapter_config.json'), 'adapter_config.json');
  return ({ part, format, prefixed }) =>
    rules.get(`${part}.`) ?? (prefixed ? undefined : rules.get('')) ?? (format === 'peft' ? beside : undefined);
}

function otherModel(file: LoraTensors, sites: LoraSites): string {
  const own = sites.unet?.find(({ path }) => path.endsWith('.attn2.to_k'))?.weightShape[1];
  const made = own !== undefined && textWidth(file) === own ? undefined : madeFor(file);
  return `${made ? `It seems to be for ${made}. ` : ''}Choose a LoRA that was made for this model.`;
}

/** A 1x1 convolution's halves may be written as matrices, and a matrix's as 1x1 convolutions: the numbers are the same. */
function checkShape(file: LoraTensors, key: string, wanted: Shape, { path }: LoraSite, sites: LoraSites): void {
  const found = file.shape(key)!;
  const bare = (shape: Shape): Shape =>
    shape.length === 4 && shape[2] === 1 && shape[3] === 1 ? shape.slice(0, 2) : shape;
  if (wanted[0]! > 0 && wanted[1]! > 0 && sizeOf(found) > 0 && sameShape(bare(found), bare(wanted))) return;
  throw new WinnowError(
    'WrongShape',
    `${key} has shape ${show(found)}; ${path} needs ${show(wanted)}.`,
    otherModel(file, sites),
  );
}

async function finite(file: LoraTensors, key: string): Promise<Float32Array> {
  const data = await file.read(key);
  const at = data.findIndex((x) => !Number.isFinite(x));
  if (at < 0) return data;
  throw new WinnowError(
    'BadFile',
    `The LoRA file's ${key} has a number that is not finite (${data[at]}): its training broke down, or half precision was too narrow.`,
    'Choose an earlier save of it.',
  );
}

async function scalar(file: LoraTensors, key: string): Promise<number> {
  const data = await finite(file, key);
  if (data.length === 1) return data[0]!;
  throw new WinnowError(
    'WrongShape',
    `${key} has shape ${show(file.shape(key)!)}; it should be one number.`,
    'Export the LoRA again.',
  );
}

/** What it adds to a weight has room in f32, at any strength that can be asked for. */
function checkSize({ down, up, rank, alpha }: LoraModule, key: string): void {
  const largest = (data: Float32Array): number => data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  if (Math.abs(alpha) * largest(down) * largest(up) < 1e34 && Math.abs(alpha) / rank < 1e34) return;
  throw new WinnowError(
    'BadFile',
    `The LoRA file's ${key} has numbers (up to ${largest(up)}, alpha ${alpha}) that no weight can take.`,
    'Choose an earlier save of it, or check its alpha.',
  );
}

/** Tensors of a file, for writeSafetensors. kohya's files have one alpha for all their modules: diffusers gives every attention layer the most
 *  common one. Where a module's own differs, the scale is folded into up; likewise for PEFT's, which have none. */
export function writeLora(
  modules: LoraModules,
  sites: LoraSites,
  format: 'kohya' | 'peft',
): Record<string, TensorToWrite> {
  const tensors: Record<string, TensorToWrite> = {};
  const texts = Object.keys(sites).filter((part) => part !== 'unet').length;
  const readable = Object.fromEntries(loraParts.map((part) => [part, evenRanks(modules[part])]));
  const all = loraParts.flatMap((part) => [...(readable[part]?.values() ?? [])]);
  const shared = all.find(({ alpha }) => alpha !== 0)?.alpha ?? 1;
  for (const part of loraParts) {
    const own = readable[part];
    for (const { path, weightShape } of sites[part] ?? []) {
      const module = own?.get(path);
      if (!module) continue;
      const { down, up, rank, alpha } = module;
      const [out, ...rest] = weightShape;
      const downShape = [rank, ...rest];
      const upShape = [out!, rank, ...rest.slice(1).map(() => 1)];
      const scaled = (scale: number): Float32Array => (scale === 1 ? up : up.map((x) => x * scale));
      if (format === 'kohya') {
        const key = writtenKohyaKey(path, part, texts);
        tensors[`${key}.lora_down.weight`] = { shape: downShape, data: down };
        tensors[`${key}.lora_up.weight`] = { shape: upShape, data: scaled(alpha / shared) };
        tensors[`${key}.alpha`] = { shape: [], data: Float32Array.of(shared) };
      } else {
        tensors[`${part}.${path}.lora_A.weight`] = { shape: downShape, data: down };
        tensors[`${part}.${path}.lora_B.weight`] = { shape: upShape, data: scaled(alpha / rank) };
      }
    }
    const strangers = [...(own?.keys() ?? [])].filter((path) => !sites[part]?.some((site) => site.path === path));
    if (strangers.length > 0) throw new Error(`the model has no layer ${strangers.join(', ')}`);
  }
  return tensors;
}

/** diffusers takes a text encoder's projection to have the rank of most of its layers, and stops where it has not: all get the largest, of zeros. */
function evenRanks(modules: ReadonlyMap<string, LoraModule> | undefined): ReadonlyMap<string, LoraModule> | undefined {
  if (!modules?.has('text_projection')) return modules;
  const largest = Math.max(...[...modules.values()].map(({ rank }) => rank));
  return new Map([...modules].map(([path, module]) => [path, filledUp(module, largest)]));
}

function filledUp(module: LoraModule, rank: number): LoraModule {
  if (module.rank === rank) return module;
  const down = new Float32Array((module.down.length / module.rank) * rank);
  down.set(module.down);
  const up = new Float32Array((module.up.length / module.rank) * rank);
  for (const [i, x] of module.up.entries()) up[Math.floor(i / module.rank) * rank + (i % module.rank)] = x;
  return { down, up, rank, alpha: (module.alpha / module.rank) * rank };
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
