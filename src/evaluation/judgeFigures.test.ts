import { describe, expect, it } from 'vitest';
import type { Label } from '../data/labels.ts';
import { judgeFigures, scoredPair, scoredPicture } from './judgeFigures.ts';
import { wilsonInterval } from './wilson.ts';

const label = (pair: string, answer: Label['answer'], shownLeft: 0 | 1 = 0): [string, Label] => [
  pair,
  { type: 'label', id: `l ${pair}`, pair, answer, shownLeft, clearly: false, elapsedMs: 1, at: '', by: 'person' },
];
const pairs = [
  scoredPair('first is better', [3, 1]),
  scoredPair('second is better', [-2, 0.5]),
  scoredPair('they are the same', [1, 1]),
  scoredPair('nobody preferred one', [0, 9]),
  scoredPair('nobody judged it', [7, 8]),
];

describe('a judge beside labels', () => {
  const labels = new Map([
    label('first is better', 'left'),
    // The second picture stood on the left.
    label('second is better', 'left', 1),
    label('they are the same', 'right'),
    label('nobody preferred one', 'tie'),
    label('of other pairs', 'left'),
  ]);
  it('sides with them where the preferred picture has the higher score, a tie of scores counting half', () => {
    const { n, accuracy, ties, interval } = judgeFigures('a', pairs, { labels });
    expect({ n, accuracy, ties }).toEqual({ n: 3, accuracy: 2.5 / 3, ties: 1 });
    expect(interval).toEqual(wilsonInterval(2.5, 3));
  });
  it('turned round sides against them', () => {
    const turned = new Map([...labels].map(([id, one]) => label(id, one.answer, one.shownLeft === 0 ? 1 : 0)));
    expect(judgeFigures('a', pairs, { labels: turned }).accuracy).toBeCloseTo(0.5 / 3, 12);
  });
  it('ties where scores are no further apart than the margin', () => {
    expect(judgeFigures('a', pairs, { labels, tieMargin: 2 })).toMatchObject({ n: 3, ties: 2, accuracy: 2 / 3 });
  });
  it('says nothing of pairs without a preference', () => {
    const undecided = new Map([label('nobody preferred one', 'bothBad')]);
    expect(judgeFigures('a', pairs, { labels: undecided })).toMatchObject({ n: 0, accuracy: null, interval: null });
  });
});

it('margins are in the order of the pictures, and mean and median are those of all scores', () => {
  const { perPair, mean, median, n, ties, accuracy } = judgeFigures('a', pairs);
  expect(perPair[1]).toEqual({ pair: 'second is better', margin: -2.5, scores: [-2, 0.5] });
  expect({ mean, median, n, ties, accuracy }).toEqual({ mean: 2.85, median: 1, n: 5, ties: 1, accuracy: null });
});

it('single pictures have scores and no margins', () => {
  expect(judgeFigures('a', [scoredPicture('x/1.png', 2), scoredPicture('x/2.png', 4)])).toEqual({
    who: 'a',
    n: 2,
    accuracy: null,
    interval: null,
    ties: 0,
    mean: 3,
    median: 3,
    perPair: [
      { pair: 'x/1.png', margin: null, scores: [2] },
      { pair: 'x/2.png', margin: null, scores: [4] },
    ],
  });
  expect(judgeFigures('a', [])).toMatchObject({ n: 0, mean: null, median: null });
});
