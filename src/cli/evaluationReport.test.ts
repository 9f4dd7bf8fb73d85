/** What `winnow evaluate` prints. */
import { expect, it } from 'vitest';
import { armFigures } from '../evaluation/armFigures.ts';
import { describe } from './evaluationReport.ts';

it('prints beside a win rate how sure its direction is', () => {
  const items = [1, 2, 3, 4, 5, 6].map((seed) => ({ prompt: `prompt ${seed}`, seed }));
  const scores = [0, 1].map((lead) => items.map(({ seed }) => ({ appeal: seed + lead })));
  const text = describe({
    names: ['base', 'tuned'],
    items,
    tieMargin: 0,
    diversity: null,
    sameNoise: true,
    backend: 'nothing',
    judged: [
      {
        judge: {
          name: 'b',
          title: 'Judge b',
          kind: 'winnow-scorer',
          from: 'model',
          scales: [{ name: 'appeal', title: 'Appeal', needs: ['image'] }],
          about: { purpose: '', weakness: '' },
          imageSize: null,
        },
        arithmetic: 'f32',
        labelled: [],
        scores,
        figures: armFigures(items, { scales: ['appeal'], scores, tieMargin: 0 }),
      },
    ],
  });
  const [, , , , head, row] = text.split('\n').map((line) => line.trim().split(/ {2,}/));
  expect(head!.slice(1, 8)).toEqual(['95 % interval', 'wins', 'losses', 'ties', 'n', 'sign test p', 'appeal gain']);
  // Six of six: 2 / 2^6.
  expect(row!.slice(0, 8)).toEqual(['2 over 1', '100.0 %', '61.0 % to 100.0 %', '6', '0', '0', '6', '0.031']);
});
