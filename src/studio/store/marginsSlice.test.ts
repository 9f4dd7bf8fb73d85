/** A run's pairs beside what is said of them since. */
import { expect, it } from 'vitest';
import { foldLabels } from '../../data/labels.ts';
import { pairsFor } from '../../data/pairs.ts';
import { labelEvent, pairRecord } from '../../records/testRecords.ts';
import { testRun } from '../../service/testRuns.ts';
import { judgedSince, winnerFirst } from './marginsSlice.ts';

const pairs = ['p', 'q', 'r'].map((id) => pairRecord(id));
const given = pairs.map(({ id }) => labelEvent(`first ${id}`, id));
const { config } = testRun();
const run = { config, pairs: pairsFor(config, pairs, foldLabels(given)) };

it('shows pictures as the run took them, whatever was said since, and which were judged otherwise', () => {
  const again = { ...labelEvent('second p', 'p'), answer: 'right' as const, at: '2026-01-02T00:00:00.000Z' };
  const same = { ...labelEvent('second q', 'q'), at: '2026-01-02T00:00:00.000Z' };
  const tie = { ...labelEvent('second r', 'r'), answer: 'tie' as const, at: '2026-01-02T00:00:00.000Z' };
  const turned = { ...run.pairs[0]!, winnerLatents: run.pairs[0]!.loserLatents };
  expect(winnerFirst(pairs[0]!.images, run.pairs[0]!).map(({ id }) => id)).toEqual(['p-0', 'p-1']);
  expect(winnerFirst(pairs[0]!.images, turned).map(({ id }) => id)).toEqual(['p-1', 'p-0']);
  expect([...judgedSince(run, pairs, foldLabels(given))]).toEqual([]);
  expect([...judgedSince(run, pairs, foldLabels([...given, again, same, tie]))]).toEqual(['p', 'r']);
  // Of a pair that is not here any more nothing was said since.
  expect([...judgedSince(run, pairs.slice(1), foldLabels([...given, again]))]).toEqual([]);
});
