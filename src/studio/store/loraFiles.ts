/** LoRA files as they come: alone, with PEFT's adapter_config.json, or in a folder. The command line's names and order (cli/modelRef.ts). */
import { plural, t } from '@lingui/core/macro';
import { isAdapter } from '../../data/formats/loraKinds.ts';
import { openSafetensors } from '../../data/formats/safetensors.ts';
import type { LoraPartCounts } from '../../service/types.ts';
import { WinnowError } from '../../shared/errors.ts';
import type { ModelFiles } from './modelFiles.ts';
import type { Preferences } from './persisted.ts';

export interface LoraFiles {
  file: File;
  /** PEFT's adapter_config.json, which says how strong the LoRA is. */
  config?: File;
}

const isConfig = (name: string): boolean => name === 'adapter_config.json';
const isTensors = (name: string): boolean => /\.safetensors$/i.test(name);
const named = ['adapter_model.safetensors', 'pytorch_lora_weights.safetensors'];

/** Files that were brought together: PEFT's config goes with the LoRA beside it. Throws BadFile where it is alone, or for whom is not clear. */
export function withConfigs(files: readonly File[]): LoraFiles[] {
  const config = files.find(({ name }) => isConfig(name));
  const others = files.filter((file) => file !== config);
  if (!config) return others.map((file) => ({ file }));
  const tensors = others.filter(({ name }) => isTensors(name));
  const owner = tensors.length === 1 ? tensors[0] : tensors.find((one) => one.name === named[0]);
  const { name } = config;
  if (!owner || others.some((one) => isConfig(one.name)))
    throw new WinnowError(
      'BadFile',
      tensors.length > 1
        ? t`${name} says how strong one LoRA is, and does not say which of these.`
        : t`${name} says how strong one LoRA is.`,
      t`Bring it together with that LoRA alone, or their folder.`,
    );
  return others.map((file) => (file === owner ? { file, config } : { file }));
}

/** The LoRA of a folder that is no model's; null for any other folder. */
export async function loraOfFolder({ name, files }: ModelFiles): Promise<LoraFiles | null> {
  if (files.some(({ path }) => path === 'model_index.json')) return null;
  const tensors = files.filter(({ path }) => isTensors(path));
  const known = tensors.filter(({ file }) => named.includes(file.name));
  const [one, ...more] = known.length > 0 ? known : tensors;
  if (!one || !isAdapter(await openSafetensors(one.file, one.file.name))) return null;
  const some = [one, ...more].slice(0, 3).map(({ path }) => path);
  if (more.length > 0) {
    const list = some.join(', ');
    throw new WinnowError(
      'BadFile',
      t`The folder ${name} holds several files: ${list}.`,
      t`Bring one LoRA, with its adapter_config.json if it has one.`,
    );
  }
  const beside = one.path.slice(0, -one.file.name.length);
  const config = files.find(({ path }) => path === `${beside}adapter_config.json`)?.file;
  return { file: one.file, ...(config && { config }) };
}

/** A net of a LoRA and its layers. */
function partInWords(part: keyof LoraPartCounts, layers: number, isOne: boolean): string {
  switch (part) {
    case 'unet':
      return t`${plural(layers, { one: `UNet, ${layers} layer`, other: `UNet, ${layers} layers` })}`;
    case 'text_encoder':
      return isOne
        ? t`${plural(layers, { one: `text encoder, ${layers} layer`, other: `text encoder, ${layers} layers` })}`
        : t`${plural(layers, {
            one: `first text encoder, ${layers} layer`,
            other: `first text encoder, ${layers} layers`,
          })}`;
    case 'text_encoder_2':
      return t`${plural(layers, {
        one: `second text encoder, ${layers} layer`,
        other: `second text encoder, ${layers} layers`,
      })}`;
    default:
      return part satisfies never;
  }
}

/** What a LoRA holds, in words. */
export function loraSummary({ rank, parts }: Pick<Preferences['loras'][number], 'rank' | 'parts'>): string {
  const isOne = parts?.text_encoder_2 === undefined;
  const nets = Object.entries(parts ?? {}).map(([part, layers]) =>
    partInWords(part as keyof LoraPartCounts, layers, isOne),
  );
  return [t({ message: `Rank ${rank}`, comment: 'of a LoRA' }), ...nets].join(' · ');
}
