/** Ids written by transformers with CLIP's own vocabulary (tools/reference/write_clip_tokens.py, which also holds it against open_clip's). */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ClipTokenizer } from '../tokenizer.ts';
import { type ClipPadding, clipTokenizerFile, clipVocabulary } from './vocabulary.ts';

const merges = readFileSync(join(import.meta.dirname, 'merges.txt'), 'utf8');

interface Golden {
  size: number;
  /** Of the tokens in order of id, one a line. */
  sha256: string;
  prompts: string[];
  ids: Record<ClipPadding, number[][]>;
}
const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'tokens.golden.json'), 'utf8')) as Golden;

it('has the tokens of the original', () => {
  const ordered = Object.entries(clipVocabulary(merges)).sort(([, a], [, b]) => a - b);
  expect(ordered.length).toBe(golden.size);
  expect(
    createHash('sha256')
      .update(ordered.map(([token]) => token).join('\n'))
      .digest('hex'),
  ).toBe(golden.sha256);
});

describe.each(Object.keys(golden.ids) as ClipPadding[])('padded with %s', (pad) => {
  const json = (name: string): unknown => JSON.parse(clipTokenizerFile(merges, pad, name)!);
  const tokenizer = new ClipTokenizer({
    'vocab.json': json('vocab.json'),
    'merges.txt': clipTokenizerFile(merges, pad, 'merges.txt'),
    'tokenizer_config.json': json('tokenizer_config.json'),
  });
  it.each(golden.prompts.map((prompt, row) => [prompt.slice(0, 40), prompt, row] as const))('%j', (_, prompt, row) => {
    expect([...tokenizer.encode(prompt)]).toEqual(golden.ids[pad][row]);
  });
});
