/** Prompts and ids written by transformers (tools/reference/kinds/tokenizer.py). */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { openSafetensors } from '../../data/formats/safetensors.ts';
import { ClipTokenizer, type TokenizerFiles } from './tokenizer.ts';

const cases = join(import.meta.dirname, '../../../tools/reference/cases');

function load(folder: string): TokenizerFiles {
  const read = (name: string): string | undefined =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : undefined;
  const json = (name: string): unknown => {
    const text = read(name);
    return text === undefined ? undefined : JSON.parse(text);
  };
  return {
    'tokenizer.json': json('tokenizer.json'),
    'vocab.json': json('vocab.json'),
    'merges.txt': read('merges.txt'),
    'tokenizer_config.json': json('tokenizer_config.json'),
    'special_tokens_map.json': json('special_tokens_map.json'),
  };
}

describe.each(readdirSync(cases).filter((name) => name.startsWith('tokenizer-')))('%s', (name) => {
  const { prompts } = JSON.parse(readFileSync(join(cases, name, 'case.json'), 'utf8')) as { prompts: string[] };
  const tokenizer = new ClipTokenizer(load(join(cases, name, 'tokenizer')));

  it.each(prompts.map((prompt, row) => [prompt.slice(0, 40), prompt, row] as const))('%j', async (_, prompt, row) => {
    const file = await openSafetensors(readFileSync(join(cases, name, 'expected.safetensors')));
    const ids = await file.readInt32('input_ids');
    expect([...tokenizer.encode(prompt, 77)]).toEqual([...ids.subarray(row * 77, (row + 1) * 77)]);
  });
});

it('refuses what is no CLIP tokenizer', () => {
  expect(() => new ClipTokenizer({})).toThrow(/neither tokenizer\.json/);
  expect(() => new ClipTokenizer({ 'tokenizer.json': { model: { type: 'Unigram' } } })).toThrow(/Unigram/);
});

it('looks up as many pairs of a word as it has letters, a few times over', () => {
  const merges = ['a a', 'aa aa', 'aaaa aaaa', 'a a</w>'];
  const pieces = ['a', 'a</w>', 'aa', 'aaaa', 'aaaaaaaa', 'aa</w>', '<|endoftext|>', '<|startoftext|>'];
  const tokenizer = new ClipTokenizer({
    'vocab.json': Object.fromEntries(pieces.map((piece, id) => [piece, id])),
    'merges.txt': merges.join('\n'),
  });
  expect(tokenizer.tokenize('a'.repeat(15))).toEqual([4, 3, 2, 1]);
  const lookUps = vi.spyOn(Map.prototype, 'get');
  try {
    expect(tokenizer.tokenize('a'.repeat(2001))).toEqual([...Array<number>(250).fill(4), 1]);
    expect(lookUps.mock.calls.length).toBeLessThan(20 * 2001);
  } finally {
    lookUps.mockRestore();
  }
});

it('finds a token of whole words where no letter touches it, also one of two units', () => {
  const tokenizer = new ClipTokenizer({
    'vocab.json': { '<|startoftext|>': 0, '<|endoftext|>': 1 },
    'merges.txt': '',
    'added_tokens.json': {},
    'tokenizer.json': {
      added_tokens: [
        { id: 2, content: '<x>', single_word: true, lstrip: true, rstrip: true, normalized: false, special: false },
      ],
      model: {
        type: 'BPE',
        vocab: { '<|startoftext|>': 0, '<|endoftext|>': 1 },
        merges: [],
        end_of_word_suffix: '</w>',
      },
    },
  });
  const count = (text: string): number => tokenizer.tokenize(text).filter((id) => id === 2).length;
  expect(['<x>', ' <x> ', '🌳<x>🌳', 'a <x> b'].map(count)).toEqual([1, 1, 1, 1]);
  expect(['a<x>', '<x>a', '𝐚<x>', '<x>𝐚', '_<x>'].map(count)).toEqual([0, 0, 0, 0, 0]);
  expect(tokenizer.tokenize('   <x>   ')).toEqual([2]);
});

/** batch_decode of what CLIPTokenizer (transformers 5.23) cuts off at 32 tokens. */
it.each([
  [
    `${Array.from({ length: 8 }, (_, i) => `a red house number ${i}`).join(' ')} and a huge blue whale, Ünïcode café!`,
    'number 3 a red house number 4 a red house number 5 a red house number 6 a red house number 7 and a huge blue whale , ünïcode café !',
  ],
  ['a red house', ''],
  ['x'.repeat(60), 'x'.repeat(30)],
  ['the   CAT,'.repeat(12), 'the cat , the cat ,'],
  ['夜の灯台 🐈 '.repeat(4), '\uFFFD\uFFFD 夜の灯台 🐈 夜の灯台 🐈'],
])('tells what is cut off, as transformers does: %j', (prompt, lost) => {
  const tokenizer = new ClipTokenizer(load(join(import.meta.dirname, '../../../public/models/postcard/tokenizer')));
  expect(tokenizer.lost(prompt, 32)).toBe(lost);
});
