/** What the library lists, and in which order. */
import { expect, it } from 'vitest';
import { foldLabels } from '../../data/labels.ts';
import { imageRecord, labelEvent } from '../../records/testRecords.ts';
import { testRun } from '../../service/testRuns.ts';
import { type ImageFilter, imagesListed, pairsListed, runsListed } from './librarySelectors.ts';
import { pictureName } from './librarySlice.ts';
import { modelKey } from './models.ts';
import { pairOf } from './testStudio.ts';

const everything: ImageFilter = { text: '', model: 'all', run: 'all', starred: false, order: 'newest' };
const ids = (records: readonly { id: string }[]): string => records.map(({ id }) => id).join('');

it('images are found by words, seed, model, run and star, and put in order', () => {
  const base = { base: 'm', adapters: [] };
  const tuned = { base: 'm', adapters: [{ kind: 'run' as const, run: 'r', step: 4, strength: 1 }] };
  const images = [
    imageRecord('a', { prompt: 'a red fox', seed: 7, model: base }),
    imageRecord('b', { prompt: 'a red car', seed: 9, model: tuned, starred: true }),
    imageRecord('c', { prompt: 'a blue fox', seed: 8, model: base, starred: false }),
  ];
  const listed = (filter: Partial<ImageFilter>): string => ids(imagesListed(images, { ...everything, ...filter }));
  expect(listed({})).toBe('abc');
  expect(listed({ text: 'FOX' })).toBe('ac');
  expect(listed({ text: 'red 9' })).toBe('b');
  expect(listed({ model: modelKey(base) })).toBe('ac');
  expect(listed({ run: 'r' })).toBe('b');
  expect(listed({ run: 'another' })).toBe('');
  expect(listed({ starred: true })).toBe('b');
  expect(listed({ order: 'oldest' })).toBe('cba');
  expect(listed({ order: 'prompt' })).toBe('cba');
  expect(listed({ order: 'seed' })).toBe('acb');
  // The list that was given stays as it is.
  expect(ids(images)).toBe('abc');
});

it('pairs are found by what was said of them', () => {
  const pairs = ['a', 'b', 'c'].map((id) => pairOf(id));
  const { byPair } = foldLabels([
    { ...labelEvent('1', 'a'), answer: 'left' },
    { ...labelEvent('2', 'b'), answer: 'tie' },
  ]);
  const listed = (said: Parameters<typeof pairsListed>[2]['said']): string =>
    ids(pairsListed(pairs, byPair, { text: '', from: 'all', said, order: 'oldest' }));
  expect([listed('all'), listed('preferred'), listed('tie'), listed('bothBad'), listed('none')]).toEqual([
    'abc',
    'a',
    'b',
    '',
    'c',
  ]);
});

it('runs are found by name and by what they were trained on', () => {
  const runs = [
    testRun({ id: 'a', name: 'Vivid', step: 3, model: { base: 'm', adapters: [] }, createdAt: '2026-01-02' }),
    testRun({ id: 'b', name: 'Calm', step: 9, model: { base: 'n', adapters: [] }, createdAt: '2026-01-01' }),
  ];
  const all = { text: '', base: 'all', order: 'newest' } as const;
  expect(ids(runsListed(runs, all))).toBe('ab');
  expect(ids(runsListed(runs, { ...all, order: 'name' }))).toBe('ba');
  expect(ids(runsListed(runs, { ...all, order: 'steps' }))).toBe('ba');
  expect(ids(runsListed(runs, { ...all, base: 'n' }))).toBe('b');
  expect(ids(runsListed(runs, { ...all, text: 'viv' }))).toBe('a');
});

it('a file is called after what the picture shows, and no two are called the same', () => {
  const taken = new Set<string>();
  const name = (prompt: string): string => pictureName({ prompt, seed: 7 }, taken);
  expect([name('a fox/../x?'), name(''), name('')]).toEqual(['a fox_x_-7.png', 'image-7.png', 'image-7-2.png']);
});
