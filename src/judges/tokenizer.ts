/** The tokenizer that lies in a judge's folder: its own, whatever the model's is whose pictures it judges. */
import { ClipTokenizer, type TokenizerFiles } from '../models/clip/tokenizer.ts';
import { isWinnowError } from '../shared/errors.ts';
import { parseJson } from '../shared/json.ts';
import type { JudgeFolder } from './judge.ts';

const files = [
  'tokenizer.json',
  'vocab.json',
  'merges.txt',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
] as const satisfies readonly (keyof TokenizerFiles)[];

/** From the folder itself, as the hub has it, or from `tokenizer/`; undefined where there is none. Rejects with BadFile for one that is no CLIP's. */
export async function readTokenizer(folder: JudgeFolder): Promise<ClipTokenizer | undefined> {
  for (const place of ['', 'tokenizer/']) {
    const found: TokenizerFiles = {};
    for (const name of files) {
      const bytes = await optional(folder.read(`${place}${name}`));
      if (!bytes) continue;
      if (name === 'merges.txt') found[name] = new TextDecoder().decode(bytes);
      else
        found[name] = parseJson(bytes, {
          file: `${folder.path}${place}${name}`,
          remedy: 'Take another copy of the judge.',
        });
    }
    if (found['tokenizer.json'] !== undefined || found['vocab.json'] !== undefined) return new ClipTokenizer(found);
  }
  return undefined;
}

/** Undefined for a file that is not there. */
export async function optional<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isWinnowError(error, 'NotFound')) return undefined;
    throw error;
  }
}
