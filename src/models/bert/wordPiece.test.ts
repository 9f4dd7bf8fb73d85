/** Ids written by transformers with BERT's own vocabulary (tools/judges/write_word_pieces.py). */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WordPieceTokenizer } from './wordPiece.ts';

const read = (file: string): string => readFileSync(join(import.meta.dirname, 'vocabulary', file), 'utf8');
const vocabulary = read('vocab.txt');
const golden = JSON.parse(read('tokens.golden.json')) as { prompts: string[]; ids: number[][]; counts: number[] };
const tokenizer = new WordPieceTokenizer(vocabulary, ['[DEC]', '[ENC]']);

it('has the vocabulary that was published', () => {
  expect(createHash('sha256').update(vocabulary).digest('hex')).toBe(
    '07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3',
  );
  expect(tokenizer.size).toBe(30_524);
});

it('gives the ids of transformers, cut and padded', () => {
  expect(golden.prompts.length).toBeGreaterThan(40);
  golden.prompts.forEach((prompt, i) => {
    const { ids, count } = tokenizer.encode(prompt, 35);
    expect({ prompt, ids: [...ids], count }).toEqual({ prompt, ids: golden.ids[i], count: golden.counts[i] });
  });
});

it('says what it cuts off', () => {
  expect(tokenizer.lost('snow '.repeat(33), 35)).toBe('');
  expect(tokenizer.lost(`${'snow '.repeat(32)}Moon, unaffable cliffs`, 35)).toBe(', unaffable cliffs');
  expect(tokenizer.lost(`${'snow '.repeat(32)}unaffable`, 35)).toBe('ffable');
});

describe('a vocabulary is refused', () => {
  it.each([
    ['that is of no BERT', 'a\nb\n', /vocab\.txt cannot be read: it has no \[PAD\]/],
    ['that is empty', '', /it has no \[PAD\]/],
    ['without an end', vocabulary.replace('[SEP]\n', ''), /it has no \[SEP\]/],
  ])('%s', (_, text, message) => {
    expect(() => new WordPieceTokenizer(text, [])).toThrow(message);
  });
});

it('reads lines that end as Windows ends them', () => {
  const other = new WordPieceTokenizer(vocabulary.replaceAll('\n', '\r\n'), ['[DEC]', '[ENC]']);
  expect(other.encode('a small red house', 9)).toEqual(tokenizer.encode('a small red house', 9));
});

it('cuts a word of a hundred letters, and a long text, in no time', () => {
  const started = performance.now();
  tokenizer.tokenize('qxzj'.repeat(25).concat(' ').repeat(2000));
  expect(performance.now() - started).toBeLessThan(1000);
});
