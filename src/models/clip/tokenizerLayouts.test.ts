/** Folders whose small files say a thing twice, or leave it out: what transformers takes from them (tools/reference/write_layouts.py). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ClipTokenizer, type TokenizerFiles } from './tokenizer.ts';

const reference = join(import.meta.dirname, '../../../tools/reference');
const read = (path: string): string => readFileSync(join(reference, path), 'utf8');
const vocabulary = 'cases/tokenizer-pad-zero/tokenizer';
const vocab = JSON.parse(read(`${vocabulary}/vocab.json`)) as Record<string, number>;
const merges = read(`${vocabulary}/merges.txt`);

interface Layout {
  files: Record<string, Record<string, unknown>>;
  roles: { bos: number; eos: number; unk: number; pad: number };
  length: number | null;
  ids: number[][];
}
const { prompts, layouts } = JSON.parse(
  readFileSync(process.env['WINNOW_LAYOUTS'] ?? join(reference, 'layouts/tokenizers.json'), 'utf8'),
) as { prompts: string[]; layouts: Record<string, Layout> };

/** The vocabulary as tokenizer.json where the layout has fields for it, else as vocab.json and merges.txt; and the layout's files. */
function filesOf({ files }: Layout): TokenizerFiles {
  const whole = files['tokenizer.json'];
  if (!whole) return { ...files, 'vocab.json': vocab, 'merges.txt': merges };
  const model = { type: 'BPE', vocab, merges: merges.split('\n').slice(1, -1), end_of_word_suffix: '</w>' };
  return { ...files, 'tokenizer.json': { model, ...whole } };
}

it.each(Object.entries(layouts))('%s: roles, length and ids are those of transformers', (_, layout) => {
  const tokenizer = new ClipTokenizer(filesOf(layout));
  const { bosId, eosId, padId, lengthLimit } = tokenizer;
  expect({ bosId, eosId, padId, lengthLimit: lengthLimit ?? null }).toEqual({
    bosId: layout.roles.bos,
    eosId: layout.roles.eos,
    padId: layout.roles.pad,
    lengthLimit: layout.length,
  });
  expect(prompts.map((prompt) => [...tokenizer.encode(prompt)])).toEqual(layout.ids);
});

it('pads a Stable Diffusion 2 folder as published with `!`, whatever its config says', () => {
  const { files } = layouts['sd2-published']!;
  expect(files['tokenizer_config.json']!['pad_token']).toBe('<|endoftext|>');
  expect(new ClipTokenizer(filesOf(layouts['sd2-published']!)).padId).toBe(vocab['!']);
});

describe('a tokenizer that cannot be one', () => {
  const whole = { 'vocab.json': vocab, 'merges.txt': merges };
  it.each<[string, TokenizerFiles, RegExp]>([
    ['an empty vocabulary', { ...whole, 'vocab.json': {} }, /its vocabulary is empty/],
    [
      'an empty vocabulary in tokenizer.json',
      { 'tokenizer.json': { model: { type: 'BPE', vocab: {}, merges: [], end_of_word_suffix: '</w>' } } },
      /its vocabulary is empty/,
    ],
    ['an id below 0', { ...whole, 'vocab.json': { ...vocab, a: -1 } }, /not a table of ids/],
    ['an id of 1e12', { ...whole, 'vocab.json': { ...vocab, a: 1e12 } }, /not a table of ids/],
    ['a length of 1e5', { ...whole, 'tokenizer_config.json': { model_max_length: 1e5 } }, /model_max_length is 100000/],
    ['a length of -5', { ...whole, 'tokenizer_config.json': { model_max_length: -5 } }, /model_max_length is -5/],
    ['a role that is a number', { ...whole, 'special_tokens_map.json': { pad_token: 0 } }, /special token is 0/],
    ['a config that is a list', { ...whole, 'tokenizer_config.json': [] }, /tokenizer_config.json is not an object/],
    ['added tokens without ids', { ...whole, 'added_tokens.json': { '<foo>': null } }, /the id of "<foo>" is null/],
  ])('is refused by name: %s', (_, files, message) => {
    expect(() => new ClipTokenizer(files)).toThrow(message);
    expect(() => new ClipTokenizer(files)).toThrow(expect.objectContaining({ name: 'BadFile' }));
  });

  it('takes a vocabulary of 300,000 tokens', () => {
    const large = { ...vocab, ...Object.fromEntries(Array.from({ length: 300_000 }, (_, i) => [`w${i}`, 1000 + i])) };
    expect(new ClipTokenizer({ 'vocab.json': large, 'merges.txt': merges }).largestId).toBe(300_999);
  });
});

it('knows the same tokenizer by its content, in whichever files it came', () => {
  const [files, whole] = [layouts['config-alone']!, layouts['config-alone']!].map(filesOf) as [
    TokenizerFiles,
    TokenizerFiles,
  ];
  const model = { type: 'BPE', vocab, merges: merges.split('\n').slice(1, -1), end_of_word_suffix: '</w>' };
  const { 'vocab.json': _, 'merges.txt': __, ...small } = whole;
  const other = { ...small, 'tokenizer.json': { model } };
  expect(new ClipTokenizer(other).content).toBe(new ClipTokenizer(files).content);
  expect(new ClipTokenizer(filesOf(layouts['sd2-published']!)).content).not.toBe(new ClipTokenizer(files).content);
});
