/** What the embedded model is said to know is what its captions say. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ClipTokenizer } from '../../models/clip/tokenizer.ts';
import { knownWords, unknownWords, withWords } from './prompts.ts';

const site = join(import.meta.dirname, '../../../public');

beforeEach(() =>
  vi.stubGlobal(
    'fetch',
    async (url: string) => new Response(readFileSync(join(site, url.slice(url.indexOf('prompts/'))))),
  ),
);
afterEach(() => vi.unstubAllGlobals());

it('every word on offer is one token of the embedded model’s tokenizer, and things of every kind are on offer', async () => {
  const folder = join(site, 'models/postcard/tokenizer');
  const json = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'));
  const tokenizer = new ClipTokenizer({ 'tokenizer.json': json('tokenizer.json') });
  const { kinds, known } = await knownWords();
  expect(kinds.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(['creatures', 'buildings', 'garden', 'travel', 'colours', 'land', 'time of day', 'light']),
  );
  const offered = kinds.flatMap(({ words }) => words);
  expect(offered).toEqual(expect.arrayContaining(['fox', 'windmill', 'red', 'by the sea', 'at sunset']));
  for (const words of offered) expect(unknownWords(words, known), words).toEqual([]);
  const pieces = [...known].filter((word) => tokenizer.tokenize(word).length !== 1);
  expect(pieces).toEqual([]);
});

it('words that the model has never met are named once, whatever their case', async () => {
  const { known } = await knownWords();
  expect(unknownWords('A red dragon, a Dragon and 2 foxes by the sea', known)).toEqual(
    known.has('and') ? ['dragon'] : ['dragon', 'and'],
  );
  expect(unknownWords('', known)).toEqual([]);
});

it('a word is put behind the others, set apart where captions do so', () => {
  expect(withWords('', 'fox', false)).toBe('fox');
  expect(withWords('two ', 'foxes', false)).toBe('two foxes');
  expect(withWords('a fox', 'the sun to the left', true)).toBe('a fox, the sun to the left');
  expect(withWords('a fox,', 'in the fog', true)).toBe('a fox, in the fog');
});
