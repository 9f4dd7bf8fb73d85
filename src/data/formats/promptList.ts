/** Prompt lists: text files with a prompt on each line; lines that begin with # are remarks. */
import { WinnowError } from '../../shared/errors.ts';

export function parsePrompts(text: string): string[] {
  const prompts = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith('#'));
  if (!prompts.length)
    throw new WinnowError('BadFile', 'This file holds no prompts.', 'Write one prompt on each line.');
  return prompts;
}
