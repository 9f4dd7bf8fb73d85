/** JSON from outside: whatever is in it, it is read within bounds, and what is wrong is said by the name of its file. */
import { type ErrorName, WinnowError } from './errors.ts';

/** Deeper than any file of ours or of the field's, and shallow enough for everything that walks a value by calling itself. */
const MAX_DEPTH = 64;

export interface JsonSource {
  /** As it is called in errors. */
  file: string;
  /** What to do where it cannot be read. */
  remedy?: string;
  error?: ErrorName;
  /** In bytes of a file, or characters of a text. */
  limit?: number;
}

/** A tokenizer of 250,000 tokens takes 20 MB; a config some KB. */
const DEFAULT_LIMIT = 64 * 2 ** 20;

/** Parses a file's bytes (UTF-8) or a text, with or without a byte order mark. Throws `error` (BadFile unless told otherwise). */
export function parseJson(
  source: string | Uint8Array,
  { file, remedy = 'Download or export it again.', error = 'BadFile', limit = DEFAULT_LIMIT }: JsonSource,
): unknown {
  const wrong = (what: string, todo = remedy): WinnowError => new WinnowError(error, `${file} ${what}.`, todo);
  if (source.length > limit) throw wrong(`has ${source.length} bytes, more than a file of its kind can have`);
  let text: string;
  try {
    text =
      typeof source === 'string'
        ? source.replace(/^\uFEFF/, '')
        : new TextDecoder('utf-8', { fatal: true }).decode(source);
  } catch {
    throw wrong('is not UTF-8 text');
  }
  if (isDeeper(text, MAX_DEPTH)) throw wrong(`is nested more than ${MAX_DEPTH} levels deep`);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    if (/^(<{7}|={7}|>{7})/m.test(text))
      throw wrong('holds the marks of an unfinished merge (<<<<<<<)', `Take one of its two versions. ${remedy}`);
    if (text.startsWith('version https://git-lfs'))
      throw wrong('is a Git LFS pointer, the file itself was not fetched', 'Run git lfs pull, or download it again.');
    throw wrong('is not valid JSON');
  }
}

/** The same, of a file that must hold an object. */
export function parseJsonObject(source: string | Uint8Array, how: JsonSource): Record<string, unknown> {
  const value = parseJson(source, how);
  if (isRecord(value)) return value;
  const { file, remedy = 'Download or export it again.', error = 'BadFile' } = how;
  throw new WinnowError(error, `${file} is JSON, but not an object.`, remedy);
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a table has under a name that came from outside: `constructor` and the like are names of every object. */
export const own = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

/** A value as an error shows it: however long or deep it is, about a line. */
export function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    return 'a value that is nested too deeply';
  }
  return text.length <= 120 ? text : `${text.slice(0, 100)}… (${text.length} characters)`;
}

/** Whether brackets stand inside one another more than `most` times. */
function isDeeper(text: string, most: number): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x22: // "
        for (i++; i < text.length && text.charCodeAt(i) !== 0x22; i++) if (text.charCodeAt(i) === 0x5c) i++;
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > most) return true;
        break;
      case 0x5d:
      case 0x7d:
        depth--;
    }
  }
  return false;
}
