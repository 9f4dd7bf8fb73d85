/** Generation parameters as text, as A1111's web UI writes them into the PNG chunk `parameters` and most viewers read them:
 *
 *    prompt, any number of lines
 *    Negative prompt: ...
 *    Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x512, Model hash: ...
 *
 *  https://github.com/AUTOMATIC1111/stable-diffusion-webui, modules/infotext_utils.py. */

import { samplerRecords } from '../../diffusion/samplers/records.ts';

export interface ParametersText {
  prompt: string;
  negativePrompt: string;
  /** The last line's fields, in order, under A1111's names. */
  fields: Record<string, string>;
}

/** A1111's sampler names by diffusers class. */
export const samplerLabels: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(samplerRecords).map(([name, { a1111 }]) => [name, a1111]),
);

const NEGATIVE = 'Negative prompt:';
const FIELD = /\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)/g;

const quote = (value: string): string => (/[,:\n]/.test(value) ? JSON.stringify(value) : value);

function unquote(value: string): string {
  if (!value.startsWith('"') || !value.endsWith('"') || value.length < 2) return value;
  try {
    return String(JSON.parse(value));
  } catch {
    return value;
  }
}

export function formatParameters({ prompt, negativePrompt, fields }: ParametersText): string {
  const last = Object.entries(fields)
    .map(([name, value]) => `${name}: ${quote(value)}`)
    .join(', ');
  return [prompt, ...(negativePrompt ? [`${NEGATIVE} ${negativePrompt}`] : []), last]
    .filter((line) => line !== '')
    .join('\n');
}

/** Reads what formatParameters or A1111 wrote. A last line with fewer than three fields belongs to the prompt, as in A1111. */
export function parseParameters(text: string): ParametersText {
  const lines = text.trim().split('\n');
  const found = [...(lines.at(-1) ?? '').matchAll(FIELD)];
  const hasFields = found.length >= 3;
  if (hasFields) lines.pop();
  const prompt: string[] = [];
  const negative: string[] = [];
  let inNegative = false;
  for (const line of lines.map((l) => l.trim())) {
    if (line.startsWith(NEGATIVE)) {
      inNegative = true;
      negative.push(line.slice(NEGATIVE.length).trim());
    } else (inNegative ? negative : prompt).push(line);
  }
  return {
    prompt: prompt.join('\n'),
    negativePrompt: negative.join('\n'),
    fields: hasFields ? Object.fromEntries(found.map((match) => [match[1]!, unquote(match[2]!.trim())])) : {},
  };
}
