/** Prompts of a run, encoded: of the first in memory, of those beyond as files, read again at each use. A data set may bring more prompts than memory
 *  holds. */
import type { FileStore } from '../../data/files.ts';
import { openSafetensors, writeSafetensors } from '../../data/formats/safetensors.ts';
import type { PromptEncoding } from '../../models/conditioning.ts';
import { WinnowError } from '../../shared/errors.ts';
import type { AtUse } from '../../training/runStep.ts';
import type { Environment } from '../environment.ts';
import type { ResolvedModel } from '../model/modelPool.ts';

/** Some two thousand prompts of Stable Diffusion. */
const HELD_BYTES = 512 * 2 ** 20;

export class EncodedTexts {
  private readonly env: Pick<Environment, 'files' | 'sha256'>;
  private readonly model: Pick<ResolvedModel, 'folder' | 'texts'>;
  private readonly known = new Map<string, AtUse<PromptEncoding>>();
  private left: number;

  constructor(
    env: Pick<Environment, 'files' | 'sha256'>,
    model: Pick<ResolvedModel, 'folder' | 'texts'>,
    heldBytes = HELD_BYTES,
  ) {
    this.env = env;
    this.model = model;
    this.left = heldBytes;
  }

  /** Encodes a prompt unless that was done, in this run or, of those that are kept as files, in an earlier one. */
  async of(prompt: string, encode: (prompt: string) => Promise<PromptEncoding>): Promise<AtUse<PromptEncoding>> {
    const known = this.known.get(prompt);
    if (known) return known;
    const found = this.left > 0 ? await this.held(prompt, encode) : await this.kept(prompt, encode);
    this.known.set(prompt, found);
    return found;
  }

  private async held(prompt: string, encode: (prompt: string) => Promise<PromptEncoding>): Promise<PromptEncoding> {
    const text = await encode(prompt);
    this.left -= text.context.byteLength + text.pooled.byteLength;
    return text;
  }

  private async kept(
    prompt: string,
    encode: (prompt: string) => Promise<PromptEncoding>,
  ): Promise<() => Promise<PromptEncoding>> {
    const { files, sha256 } = this.env;
    const { folder, texts } = this.model;
    const by = Object.entries(folder.parts).filter(([part]) => /^(text_encoder|tokenizer|pipeline)/.test(part));
    const key = await sha256(new TextEncoder().encode(JSON.stringify([by, texts.key, prompt])));
    const file = `encoded/texts/${key}.safetensors`;
    if (!(await files.exists(file))) {
      const { context, pooled } = await encode(prompt);
      const flat = (data: Float32Array): { shape: number[]; data: Float32Array } => ({ shape: [data.length], data });
      await files.write(file, writeSafetensors({ context: flat(context), pooled: flat(pooled) }));
    }
    return () => readText(files, file);
  }
}

async function readText(files: FileStore, file: string): Promise<PromptEncoding> {
  const opened = await openSafetensors(await files.read(file), file);
  if (!opened.shape('context') || !opened.shape('pooled'))
    throw new WinnowError('MissingTensor', `${file} is no encoded prompt.`, 'Delete the file: it is made anew.');
  return { context: await opened.read('context'), pooled: await opened.read('pooled') };
}
