/** What a file brought to the window is for: its settings, a model, a LoRA, a training config, a prompt list. A model is never read whole. */
import { readParameters } from '../../data/imageParameters.ts';
import { readPngText } from '../../data/formats/png.ts';
import { isAdapter } from '../../data/formats/loraKinds.ts';
import { openSafetensors } from '../../data/formats/safetensors.ts';
import { decodeText } from '../../data/formats/text.ts';
import type { ImageRecord } from '../../service/types.ts';
import { WinnowError } from '../../shared/errors.ts';

export type Dropped =
  | {
      kind: 'image';
      name: string;
      bytes: Uint8Array<ArrayBuffer>;
      parameters: Partial<ImageRecord> | null;
      /** What is written in it and is not among the parameters, in words. */
      notTaken: string[];
    }
  | { kind: 'checkpoint' | 'lora'; name: string; file: File }
  | { kind: 'config'; name: string; text: string }
  | { kind: 'prompts'; name: string; bytes: Uint8Array };

/** Of a picture or a text: more is no such thing. */
const MAX_BYTES = 256 * 2 ** 20;

async function whole(file: File): Promise<Uint8Array<ArrayBuffer>> {
  if (file.size > MAX_BYTES)
    throw new WinnowError(
      'BadFile',
      `${file.name} has ${(file.size / 2 ** 20).toFixed(0)} MiB.`,
      `Choose a picture or a text of at most ${MAX_BYTES / 2 ** 20} MiB.`,
    );
  return new Uint8Array(await file.arrayBuffer());
}

export async function readDropped(file: File): Promise<Dropped> {
  const name = file.name;
  if (/\.png$/i.test(name)) {
    const bytes = await whole(file);
    return { kind: 'image', name, bytes, ...readParameters(readPngText(bytes)) };
  }
  if (/\.(jpe?g|webp)$/i.test(name))
    return { kind: 'image', name, bytes: await whole(file), parameters: null, notTaken: [] };
  if (/\.safetensors$/i.test(name))
    return {
      // An adapter that is no LoRA, too: the engine says what it is.
      kind: isAdapter(await openSafetensors(file, name)) ? 'lora' : 'checkpoint',
      name,
      file,
    };
  if (/\.(ckpt|pt|pth|bin|pkl)$/i.test(name)) {
    throw new WinnowError(
      'PickleRefused',
      `${name} is a pickle file, which can run code when it is opened.`,
      'Ask for the same model or LoRA as .safetensors.',
    );
  }
  if (/\.json$/i.test(name)) return { kind: 'config', name, text: decodeText(await whole(file), name) };
  if (/\.txt$/i.test(name)) return { kind: 'prompts', name, bytes: await whole(file) };
  throw new WinnowError(
    'BadFile',
    `Winnow has no use for ${name}.`,
    'It takes model folders, .safetensors models and LoRAs, PNG images, training config .json and prompt list .txt files.',
  );
}
