/** Values of arguments: numbers, seeds, sizes, prompts. Each throws BadArguments with the option's name. */
import { readFile } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { parsePrompts } from '../data/formats/promptList.ts';
import { WinnowError } from '../shared/errors.ts';
import { badArguments } from './verb.ts';

/** Absolute, with `/`. */
export const absolute = (path: string): string => resolve(path).split(sep).join('/');

export function number(option: string, text: string, { min = -Infinity, max = Infinity, whole = false } = {}): number {
  const value = Number(text);
  if (
    text.trim() === '' ||
    !Number.isFinite(value) ||
    value < min ||
    value > max ||
    (whole && !Number.isInteger(value))
  ) {
    const kind = whole ? 'a whole number' : 'a number';
    const range = max === Infinity ? (min === -Infinity ? '' : ` from ${min}`) : ` from ${min} to ${max}`;
    throw badArguments(`--${option} is ${JSON.stringify(text)}.`, `Give ${kind}${range}.`);
  }
  return value;
}

export const count = (option: string, text: string, min = 1): number => number(option, text, { min, whole: true });

/** `0-3,7` → 0, 1, 2, 3, 7. */
export function seeds(option: string, text: string): number[] {
  return text.split(',').flatMap((part) => {
    const range = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part);
    const first = Number(range?.[1]);
    const last = Number(range?.[2] ?? range?.[1]);
    if (!range || last < first || last - first >= 1e6 || last > 2 ** 32 - 1)
      throw badArguments(`--${option} is ${JSON.stringify(text)}.`, 'Give seeds as 0-3,7.');
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** `96x64` → width 96, height 64; `96` is a square. */
export function size(option: string, text: string): { width: number; height: number } {
  const match = /^(\d+)(?:x(\d+))?$/i.exec(text.trim());
  if (!match)
    throw badArguments(`--${option} is ${JSON.stringify(text)}.`, 'Give width and height in pixels, as 96x96.');
  return { width: Number(match[1]), height: Number(match[2] ?? match[1]) };
}

export function oneOf<const T extends string>(option: string, text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined)
    throw badArguments(`--${option} is ${JSON.stringify(text)}.`, `Choose one of ${choices.join(', ')}.`);
  return found;
}

export async function textFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    throw new WinnowError('NotFound', `The file ${path} cannot be read.`, 'Check the path.');
  }
}

/** Prompts given one by one, or as a file with one on each line. */
export async function prompts(values: { prompt?: readonly string[]; prompts: string | undefined }): Promise<string[]> {
  const given = values.prompt ?? [];
  if (values.prompts === undefined && given.length === 0)
    throw badArguments('There is no prompt.', `Give ${values.prompt ? '--prompt TEXT or ' : ''}--prompts FILE.`);
  return [...given, ...(values.prompts === undefined ? [] : parsePrompts(await textFile(values.prompts)))];
}

/** Refuses options that were given and do nothing here. */
export function doNothing(values: Readonly<Record<string, unknown>>, options: readonly string[], where: string): void {
  const given = options.find((option) => values[option] !== undefined && values[option] !== false);
  if (given !== undefined) throw badArguments(`--${given} does nothing ${where}.`, 'Leave it out.');
}

/** The option's value; BadArguments where it was left out. */
export function required(option: string, value: string | undefined): string {
  if (value === undefined) throw badArguments(`--${option} is missing.`, `Give --${option}.`);
  return value;
}
