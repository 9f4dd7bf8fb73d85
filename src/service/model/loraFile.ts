/** A LoRA file opened for a model: one way for the command line and the studio's import. */
import type { FileStore } from '../../data/files.ts';
import { type LoraFile, type LoraPart, loraParts, type LoraSites, readLora } from '../../data/formats/lora.ts';
import { openSafetensors } from '../../data/formats/safetensors.ts';
import { textLoraTargets, unprefixedTextNames } from '../../models/clip/textEncoder.ts';
import { finiteTensors, type TensorSource } from '../../models/weights.ts';
import { WinnowError } from '../../shared/errors.ts';
import type { LoraModule } from '../../shared/lora.ts';
import { withLora } from '../../training/lora.ts';
import type { Environment } from '../environment.ts';
import type { ModelFolder, TextEncoders } from './modelFolder.ts';

/** PEFT's name for the config that belongs to a file in the same folder. */
export const ADAPTER_CONFIG = 'adapter_config.json';

/** Far more than a pattern for every layer takes. */
const MAX_CONFIG_BYTES = 4e6;

export interface OpenedLora extends LoraFile {
  /** SHA-256 of the file; where something beside it counts too (its config, that text encoders are changed), one over all that. */
  hash: string;
}

/** Layers of a model that an adapter may sit on. */
export function loraSites({ unet, textEncoders }: Pick<ModelFolder, 'unet' | 'textEncoders'>): LoraSites {
  const [first, second] = textEncoders;
  return {
    unet: unet.model.loraTargets('all'),
    ...(first && { text_encoder: textLoraTargets(first.config) }),
    ...(second && { text_encoder_2: textLoraTargets(second.config) }),
  };
}

/** The text of the adapter_config.json in a file's folder; undefined where there is none. */
export async function configBeside(files: FileStore, file: string): Promise<string | undefined> {
  const path = `${file.slice(0, file.lastIndexOf('/') + 1)}${ADAPTER_CONFIG}`;
  if (!(await files.exists(path))) return undefined;
  checkConfigSize(await files.size(path));
  return new TextDecoder().decode(await files.read(path));
}

export function checkConfigSize(bytes: number): void {
  if (bytes > MAX_CONFIG_BYTES)
    throw new WinnowError(
      'BadFile',
      `${ADAPTER_CONFIG} has ${(bytes / 1e6).toFixed(0)} MB.`,
      'Choose the config that PEFT wrote beside the LoRA.',
    );
}

/** Rejects with what is wrong with the file (data/formats/lora.ts), and with BadFile where PEFT wrote it and its config is not there. */
export async function openLora(
  folder: ModelFolder,
  { bytes, name, config }: { bytes: Uint8Array; name: string; config: string | undefined },
  { sha256 }: Pick<Environment, 'sha256'>,
): Promise<OpenedLora> {
  const file = await openSafetensors(bytes, name);
  const lora = await readLora(file, loraSites(folder), config);
  const counts = [
    ...(lora.format === 'peft' && config !== undefined ? [config] : []),
    ...(file.metadata['lora_adapter_metadata'] === undefined ? [] : ['lora_adapter_metadata']),
    ...(lora.modules.text_encoder.size + lora.modules.text_encoder_2.size > 0 ? ['text encoders'] : []),
  ];
  const own = await sha256(bytes);
  return {
    ...lora,
    hash: counts.length === 0 ? own : await sha256(new TextEncoder().encode([own, ...counts].join('\n'))),
  };
}

export const alphaMissing = (name: string): WinnowError =>
  new WinnowError(
    'BadFile',
    `${name} was written by PEFT, which keeps its strength in ${ADAPTER_CONFIG}, and that is not beside it.`,
    `Put ${ADAPTER_CONFIG} into the same folder, or bring both together.`,
  );

/** The text encoders with adapters merged, in the order of `adapters`. */
export function changedTexts(
  { textEncoders }: Pick<ModelFolder, 'textEncoders'>,
  adapters: readonly { texts: readonly ReadonlyMap<string, LoraModule>[]; strength: number; hash: string }[],
): TextEncoders {
  const active = adapters.filter(({ texts, strength }) => strength !== 0 && texts.some(({ size }) => size > 0));
  if (active.length === 0) return { encoders: textEncoders, key: '' };
  return {
    encoders: textEncoders.map((encoder, i) => {
      const layers = active.filter(({ texts }) => texts[i]!.size > 0);
      return {
        ...encoder,
        weights:
          layers.length === 0
            ? encoder.weights
            : finiteMerge(
                layers.reduce(
                  (weights, { texts, strength }) => withLora(weights, [{ lora: underAllNames(texts[i]!), strength }]),
                  encoder.weights,
                ),
              ),
      };
    }),
    key: active.map(({ hash, strength }) => `${hash}*${strength}`).join('+'),
  };
}

/** What adapters make of weights; reading rejects with NotFinite what is no number any more. */
export const finiteMerge = (merged: TensorSource): TensorSource =>
  finiteTensors(
    merged,
    () => 'the model with its adapters',
    'An adapter is damaged, or its strength is too high: choose a lower one, or another save.',
  );

/** A file of transformers 5 has its tensors without the prefix. */
const underAllNames = (modules: ReadonlyMap<string, LoraModule>): Map<string, LoraModule> =>
  new Map([...modules].flatMap(([path, module]) => [path, ...unprefixedTextNames(path)].map((name) => [name, module])));

/** How many layers of each net a LoRA changes. */
export const partCounts = ({ modules }: LoraFile): Partial<Record<LoraPart, number>> =>
  Object.fromEntries(loraParts.flatMap((part) => (modules[part].size > 0 ? [[part, modules[part].size]] : [])));
