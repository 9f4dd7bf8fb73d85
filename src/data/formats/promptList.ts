/** Prompt lists: text files with a prompt on each line; lines that begin with # are remarks. */
import { WinnowError } from '../../shared/errors.ts';
import { limits } from '../../shared/limits.ts';

/** Line feeds, with or without carriage returns, or those alone. */
export function parsePrompts(text: string, file = 'This file'): string[] {
  if (holdsData(text))
    throw new WinnowError(
      'BadFile',
      `${file} is JSON, not a list of prompts.`,
      'Take the prompts out of it, one on each line.',
    );
  const prompts = text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\r|\n/)
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith('#'));
  if (!prompts.length) throw new WinnowError('BadFile', `${file} holds no prompts.`, 'Write one prompt on each line.');
  for (const prompt of prompts) checkPrompt(prompt);
  return prompts;
}

/** Benchmarks come as JSON or as JSON lines: each line of those would be a prompt of braces. */
function holdsData(text: string): boolean {
  if (!/^\uFEFF?\s*[{[]/.test(text)) return false;
  const isData = (part: string): boolean => {
    try {
      const value: unknown = JSON.parse(part);
      return typeof value === 'object' && value !== null;
    } catch {
      return false;
    }
  };
  const whole = text.replace(/^\uFEFF/, '').trim();
  return isData(whole) || isData(whole.split('\n', 1)[0]!);
}

/** Throws BadPrompt for what no text encoder reads: it takes 77 tokens. */
export function checkPrompt(prompt: string): void {
  if (prompt.length > limits.prompt)
    throw new WinnowError(
      'BadPrompt',
      `A prompt has ${prompt.length} characters (${JSON.stringify(prompt.slice(0, 40))}…).`,
      `Give at most ${limits.prompt}; the model reads far fewer.`,
    );
}
