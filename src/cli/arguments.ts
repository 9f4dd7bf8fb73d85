/** Values of arguments: numbers, seeds, sizes, prompts. Each throws BadArguments with the option's name. */
import { readFile, stat } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { byteRanges } from '../data/formats/bytes.ts';
import { checkPrompt } from '../data/formats/promptList.ts';
import type { ListedPrompt } from '../data/formats/promptSets.ts';
import type { Source } from '../data/importers/importer.ts';
import { formatsOf, importAs } from '../data/importers/table.ts';
import { MAX_TEXT_BYTES } from '../data/formats/text.ts';
import { isWinnowError, WinnowError } from '../shared/errors.ts';
import { limits } from '../shared/limits.ts';
import { badArguments } from './verb.ts';

/** Absolute, with `/`. */
export const absolute = (path: string): string => resolve(path).split(sep).join('/');

/** A decimal number, as people write it: neither hexadecimal nor a word. Every number of the command line has two bounds. */
export function number(
  option: string,
  text: string,
  { min = -1e9, max = 1e9, whole = false }: { min?: number; max?: number; whole?: boolean } = {},
): number {
  const value = Number(text);
  if (
    !/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text) ||
    value < min ||
    value > max ||
    (whole && !Number.isInteger(value))
  ) {
    const kind = whole ? 'a whole number' : 'a number';
    throw badArguments(`--${option} is ${shown(text)}.`, `Give ${kind} from ${min} to ${max}.`);
  }
  return value;
}

export const count = (option: string, text: string, { min = 1, max = limits.count as number } = {}): number =>
  number(option, text, { min, max, whole: true });

/** An argument in a message. */
const shown = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);

/** `0-3,7` → 0, 1, 2, 3, 7. */
export function seeds(option: string, text: string): number[] {
  const found: number[] = [];
  const refuse = (remedy: string): never => {
    throw badArguments(`--${option} is ${shown(text)}.`, remedy);
  };
  for (const part of text.split(',')) {
    const range = /^\s*(\d{1,12})(?:-(\d{1,12}))?\s*$/.exec(part);
    const first = Number(range?.[1]);
    const last = Number(range?.[2] ?? range?.[1]);
    if (!range || last < first || last > limits.seed) refuse(`Give seeds as 0-3,7, each at most ${limits.seed}.`);
    if (found.length + last - first >= limits.count) refuse(`Give at most ${limits.count} seeds at a time.`);
    for (let seed = first; seed <= last; seed++) found.push(seed);
  }
  return found;
}

/** Each once, in order. What was given twice is told: it would be one picture that counts as two. */
export function distinct<T>(what: string, values: readonly T[], say: (text: string) => void): T[] {
  const once = [...new Set(values)];
  const twice = values.length - once.length;
  if (twice > 0) say(`${twice} of ${values.length} ${what} were given before; each counts once.`);
  return once;
}

/** Throws BadArguments for more pictures than one command makes. */
export function checkTotal(prompts: number, seeds: number): void {
  if (prompts * seeds <= limits.count) return;
  throw badArguments(
    `${prompts} prompts with ${seeds} seeds are ${prompts * seeds} pictures.`,
    `Ask for at most ${limits.count} at a time.`,
  );
}

/** `96x64` → width 96, height 64; `96` is a square. */
export function size(option: string, text: string): { width: number; height: number } {
  const match = /^(\d{1,9})(?:x(\d{1,9}))?$/i.exec(text.trim());
  const [width, height] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (!match || Math.min(width, height) < 1 || Math.max(width, height) > limits.side)
    throw badArguments(
      `--${option} is ${shown(text)}.`,
      `Give width and height in pixels, as 96x96, each from 1 to ${limits.side}.`,
    );
  return { width, height };
}

export function oneOf<const T extends string>(option: string, text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw badArguments(`--${option} is ${shown(text)}.`, `Choose one of ${choices.join(', ')}.`);
  return found;
}

/** A file that is brought, or a pipe, by its path; read whole. */
export async function pathSource(path: string): Promise<Source> {
  let bytes: Uint8Array;
  try {
    if ((await stat(path)).size > MAX_TEXT_BYTES)
      throw new WinnowError('BadFile', `${path} is too large for a text.`, 'Choose a text file.');
    bytes = await readFile(path);
  } catch (error) {
    if (isWinnowError(error)) throw error;
    throw new WinnowError('NotFound', `The file ${path} cannot be read.`, 'Check the path.');
  }
  return { ...byteRanges(bytes), name: path };
}

/** What `--prompts FILE` takes. */
export const promptsHelp = formatsOf('prompts');

/** Prompts given one by one, or in a file. */
export const prompts = async (values: { prompt?: readonly string[]; prompts: string | undefined }): Promise<string[]> =>
  (await promptSet({ ...values, prompts: values.prompts === undefined ? [] : [values.prompts] })).map(
    ({ prompt }) => prompt,
  );

/** Of several files, with the categories that they have. */
export async function promptSet(values: {
  prompt?: readonly string[];
  prompts: readonly string[];
}): Promise<ListedPrompt[]> {
  const given = values.prompt ?? [];
  if (values.prompts.length === 0 && given.length === 0)
    throw badArguments('There is no prompt.', `Give ${values.prompt ? '--prompt TEXT or ' : ''}--prompts FILE.`);
  for (const prompt of given) checkPrompt(prompt);
  const listed: ListedPrompt[] = [];
  for (const file of values.prompts) listed.push(...(await importAs(await pathSource(file), 'prompts')));
  if (given.length + listed.length > limits.count)
    throw badArguments(`${given.length + listed.length} prompts were given.`, `Give at most ${limits.count}.`);
  return [...given.map((prompt) => ({ prompt })), ...listed];
}

/** Refuses options that were given and do nothing here. */
export function doNothing(values: Readonly<Record<string, unknown>>, options: readonly string[], where: string): void {
  const given = options.find((option) => values[option] !== undefined && values[option] !== false);
  if (given !== undefined) throw badArguments(`--${given} does nothing ${where}.`, 'Leave it out.');
}

/** The option's value; BadArguments where it was left out, or is a shell's variable that was not set. */
export function required(option: string, value: string | undefined): string {
  if (value === undefined || value.trim() === '') throw badArguments(`--${option} is missing.`, `Give --${option}.`);
  return value;
}
