/** Generation parameters as text, as A1111's web UI writes them into the PNG chunk `parameters` and most viewers read them:
 *
 *    prompt, any number of lines
 *    Negative prompt: ...
 *    Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x512, Model hash: ...
 *    lines of extensions (templates, embeddings that were used), which say nothing of the picture's settings
 *
 *  https://github.com/AUTOMATIC1111/stable-diffusion-webui, modules/infotext_utils.py. Read in time linear in the text. */

import { samplerReads } from '../../diffusion/samplers/options.ts';
import { samplerCalled, samplerNames, samplers } from '../../diffusion/samplers/table.ts';

export interface ParametersText {
  prompt: string;
  negativePrompt: string;
  /** The settings line's fields, in order, under A1111's names. Of a name that stands there twice the first. */
  fields: Record<string, string>;
}

/** A1111's sampler names by diffusers class. */
export const samplerLabels: Readonly<Record<string, string>> = Object.fromEntries(
  samplerNames.map((name) => [name, samplers[name].a1111]),
);

/** The one `Schedule type` that samplers of ours know; before version 1.9 it stood behind the sampler's name: `DPM++ 2M Karras`. */
export const KARRAS = 'Karras';

/** What a sampler does unless it is told otherwise. */
const OWN_SCHEDULES: ReadonlySet<string> = new Set(['', 'automatic', 'normal', 'uniform']);

/** Our sampler for A1111's two fields, if we have it; `unknownSchedule` where it does not have the schedule, and so takes its own. */
export function samplerOf(
  sampler: string,
  scheduleType = '',
): { scheduler: string; schedulerConfig?: Record<string, unknown>; unknownSchedule?: string } | undefined {
  const [, name, behind] = /^(.*?)(?: (Karras|Exponential|Automatic|Normal|SGM Uniform|Simple|Beta))?$/is.exec(
    sampler.trim(),
  )!;
  const scheduler = samplerCalled(name!);
  if (scheduler === undefined) return undefined;
  const schedule = scheduleType.trim() || (behind ?? '');
  if (OWN_SCHEDULES.has(schedule.toLowerCase())) return { scheduler };
  return schedule.toLowerCase() === KARRAS.toLowerCase() && samplerReads(scheduler, 'karras')
    ? { scheduler, schedulerConfig: { use_karras_sigmas: true } }
    : { scheduler, unknownSchedule: schedule };
}

const NEGATIVE = 'Negative prompt:';

/** A line of settings has at least one of these: three colons in a line are not enough. */
const KNOWN: ReadonlySet<string> = new Set(['Steps', 'Sampler', 'CFG scale', 'Seed', 'Size', 'Model hash', 'Model']);

/** Of a parameters text that is read; longer ones are workflows. */
const MAX_CHARACTERS = 1_000_000;

const quote = (value: string): string => (/[,:\n"]/.test(value) ? JSON.stringify(value) : value);

export function formatParameters({ prompt, negativePrompt, fields }: ParametersText): string {
  const last = Object.entries(fields)
    .map(([name, value]) => `${name}: ${quote(value)}`)
    .join(', ');
  return [prompt, ...(negativePrompt ? [`${NEGATIVE} ${negativePrompt}`] : []), last]
    .filter((line) => line !== '')
    .join('\n');
}

/** Reads what formatParameters, A1111 or its relatives wrote. A text without a settings line is a prompt. */
export function parseParameters(text: string): ParametersText {
  const lines = text.slice(0, MAX_CHARACTERS).replaceAll('\r', '').trim().split('\n');
  const { at, fields } = settingsLine(lines);
  const prompt: string[] = [];
  const negative: string[] = [];
  let inNegative = false;
  for (const line of lines.slice(0, at).map((l) => l.trim())) {
    if (line.startsWith(NEGATIVE)) {
      inNegative = true;
      negative.push(line.slice(NEGATIVE.length).trim());
    } else (inNegative ? negative : prompt).push(line);
  }
  return { prompt: prompt.join('\n'), negativePrompt: negative.join('\n').trim(), fields };
}

/** The last line that begins with the steps, as A1111's does; else the last line of all, if it holds settings. */
function settingsLine(lines: readonly string[]): { at: number; fields: Record<string, string> } {
  const steps = lines.findLastIndex((line) => /^\s*Steps:\s*\d/.test(line));
  for (const at of new Set([steps, lines.length - 1])) {
    if (at < 0) continue;
    const fields = readFields(lines.slice(at).join('\n'));
    const names = Object.keys(fields);
    if (names.length >= 3 && names.some((name) => KNOWN.has(name))) return { at, fields };
  }
  return { at: lines.length, fields: {} };
}

/** `Name: value, Name: "quoted, value", Name: [JSON]`: up to the end of the line, or of a quoted value that goes on over it. */
function readFields(text: string): Record<string, string> {
  const fields: Record<string, string> = {};
  const isOpen = { json: true };
  let colon = -1;
  let at = 0;
  while (at < text.length && text[at] !== '\n') {
    if (colon < at) colon = text.indexOf(':', at);
    if (colon < 0) break;
    const comma = nextOf(text, at, ',\n');
    if (comma < colon) {
      // No field: what stands before the comma belongs to nothing.
      if (text[comma] === '\n') break;
      at = comma + 1;
      continue;
    }
    const name = text.slice(at, colon).trim();
    let start = colon + 1;
    while (text[start] === ' ') start++;
    const end = valueEnd(text, start, isOpen);
    if (/^\w[\w \-/.]*$/.test(name) && !Object.hasOwn(fields, name))
      fields[name] = unquote(text.slice(start, end).trim());
    at = text[end] === ',' ? end + 1 : end;
  }
  return fields;
}

/** Behind a quoted value or one of JSON in brackets, else the next comma or end of line. Brackets that nobody closes are looked for once. */
function valueEnd(text: string, start: number, isOpen: { json: boolean }): number {
  const first = text[start];
  const isJson = isOpen.json && (first === '[' || first === '{');
  const closed = first === '"' ? stringEnd(text, start) : isJson ? jsonEnd(text, start) : -1;
  if (isJson && closed < 0) isOpen.json = false;
  return nextOf(text, closed < 0 ? start : closed, ',\n');
}

/** Index of the next of these characters, or the text's length. */
function nextOf(text: string, from: number, wanted: string): number {
  let at = from;
  while (at < text.length && !wanted.includes(text[at]!)) at++;
  return at;
}

/** Behind the closing quote; -1 where there is none. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
  }
  return -1;
}

/** Behind the bracket that closes the first; -1 where there is none. */
function jsonEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const char = text[at]!;
    if (char === '"') {
      const end = stringEnd(text, at);
      if (end < 0) return -1;
      at = end - 1;
    } else if (char === '[' || char === '{') depth++;
    else if ((char === ']' || char === '}') && --depth === 0) return at + 1;
  }
  return -1;
}

function unquote(value: string): string {
  if (!value.startsWith('"') || !value.endsWith('"') || value.length < 2) return value;
  try {
    return String(JSON.parse(value.replaceAll('\n', '\\n')));
  } catch {
    return value.slice(1, -1);
  }
}
