/** Figures of several models: counted by hand where that is possible, else by the statistics that have tests of their own. */
import { describe, expect, it } from 'vitest';
import { armFigures, type ComparedItem } from './armFigures.ts';
import { duelFigures, type Judged } from './duels.ts';
import { standardCells, standardMarkdown, standardTable } from './standardTable.ts';
import { wilsonInterval } from './wilson.ts';

const items: ComparedItem[] = ['a cat', 'a dog', 'a house'].flatMap((prompt, i) =>
  [0, 1].map((seed) => ({ prompt, seed, category: i < 2 ? 'animals' : 'buildings' })),
);
/** [model][item] */
const appeal = [
  [1, 2, 3, 4, 5, 6],
  [2, 2, 4, 3, 6, 7],
  [0, 5, 5, 5, 5, 9],
];
const scores = appeal.map((values) => values.map((value) => ({ appeal: value, alignment: -value })));
const judged = { scales: ['appeal', 'alignment'], scores, tieMargin: 0 };

describe('categories', () => {
  const tallies = (categories: readonly (string | undefined)[]): unknown[][] => {
    const some = items.map(({ prompt, seed }, i) => ({ prompt, seed, category: categories[i >> 1] }));
    const { appeal: figures } = armFigures(some, judged);
    return figures!.comparisons[0]!.categories.map(({ category, rate }) => [
      category,
      rate.wins,
      rate.losses,
      rate.ties,
    ]);
  };
  it('come to all comparisons: what has none where others do is a row', () => {
    expect(tallies(['pets', undefined, 'buildings'])).toEqual([
      ['buildings', 2, 0, 0],
      ['pets', 1, 0, 1],
      [null, 1, 1, 0],
    ]);
    expect(tallies(['pets', undefined, undefined])).toEqual([
      ['pets', 1, 0, 1],
      [null, 3, 1, 0],
    ]);
  });
  it('are none where there is nothing to tell apart', () => {
    expect(tallies([undefined, undefined, undefined])).toEqual([]);
    expect(tallies(['pets', 'pets', 'pets'])).toEqual([]);
  });
});

describe('figures of three models', () => {
  const { appeal: first, alignment: second } = armFigures(items, judged);
  it('compare every model with those before it', () => {
    expect(first!.comparisons.map(({ a, b }) => [a, b])).toEqual([
      [0, 1],
      [0, 2],
      [1, 2],
    ]);
    expect(first!.comparisons[0]!.rate).toMatchObject({ wins: 4, losses: 1, ties: 1, n: 5, rate: 0.8 });
    expect(second!.comparisons[0]!.rate).toMatchObject({ wins: 1, losses: 4, ties: 1 });
    expect(first!.strengths!.map(({ strength }) => Math.sign(strength))).toEqual([0, 1, 1]);
  });
  it('by category', () => {
    expect(
      first!.comparisons[0]!.categories.map(({ category, rate }) => [category, rate.wins, rate.losses, rate.ties]),
    ).toEqual([
      ['animals', 2, 1, 1],
      ['buildings', 2, 0, 0],
    ]);
  });
  it('with gains in the unit of the first of the two', () => {
    const { gain, deviations, otherSeeds } = first!.comparisons[0]!;
    expect(gain.mean).toBeCloseTo(3 / 6);
    // Two seeds one apart: a variance of a half within each prompt.
    expect(deviations!.deviation).toBeCloseTo(Math.SQRT1_2);
    expect(deviations!.gain).toBeCloseTo(0.5 / Math.SQRT1_2);
    // cat: 2 to 2 and 2 to 1; dog: 4 to 4 and 3 to 3; house: 6 to 6 and 7 to 5.
    expect(otherSeeds!.rate).toBeCloseTo((0.75 + 0.5 + 0.75) / 3);
  });
  it('a margin for ties is on the scale that decides', () => {
    const { appeal: wide, alignment: other } = armFigures(items, { ...judged, tieMargin: 1 });
    expect(wide!.comparisons[0]!.rate).toMatchObject({ wins: 0, losses: 0, ties: 6 });
    expect(wide!.comparisons[0]!.rate.rate).toBeNaN();
    expect(wide!.comparisons[0]!.overPrompts).toBeNull();
    expect(other!.comparisons[0]!.rate.ties).toBe(1);
  });
});

it('one seed a prompt has no deviation within a prompt, and everything else', () => {
  const alone = items.filter(({ seed }) => seed === 0);
  const { appeal: figures } = armFigures(alone, {
    ...judged,
    scores: scores.map((all) => all.filter((_, i) => i % 2 === 0)),
  });
  expect(figures!.comparisons[0]).toMatchObject({ deviations: null, otherSeeds: null });
  expect(figures!.comparisons[0]!.rate.n).toBe(3);
});

describe('who beat whom', () => {
  const of = (a: number, b: number, outcome: Judged['outcome']): Judged => ({ a, b, outcome, prompt: 'p' });
  it('counts two models the same in either order', () => {
    const { duels } = duelFigures(2, [of(0, 1, 'win'), of(1, 0, 'loss'), of(1, 0, 'win'), of(0, 1, 'tie')]);
    expect(duels).toHaveLength(1);
    expect(duels[0]!.rate).toMatchObject({ wins: 2, losses: 1, ties: 1 });
  });
  it('says nothing of models that never met, and of nothing at all', () => {
    expect(duelFigures(3, [of(0, 1, 'win')])).toMatchObject({ strengths: null, duels: [{ a: 0, b: 1 }] });
    expect(duelFigures(3, [])).toEqual({ duels: [], strengths: null });
    const [tied] = duelFigures(2, [of(0, 1, 'tie'), of(0, 1, 'tie')]).duels;
    expect(tied!.rate).toMatchObject({ n: 0, ties: 2, interval: [0, 1], pValue: 1 });
  });
});

it('the table that papers print counts ties half, over the first model', () => {
  const { appeal: a, alignment: b } = armFigures(items, judged);
  const table = standardTable(
    ['base', 'tuned', 'other'],
    [
      { title: 'B appeal', optimised: false, figures: a! },
      { title: 'A appeal', optimised: true, figures: b!, factor: 100 },
    ],
  );
  expect(table.rows[0]!.average).toBeNull();
  expect(table.rows[1]!.cells[0]!.winRate).toBeCloseTo(4.5 / 6);
  expect(table.rows[1]!.cells[0]!.interval).toEqual(wilsonInterval(4.5, 6));
  // What labelled is shown and does not count.
  expect(table.rows[1]!.average).toBeCloseTo(4.5 / 6);
  expect(table.rows[1]!.cells[1]!.mean).toBeCloseTo(-400);
  const { head, rows } = standardCells(table);
  expect(head.filter((cell) => cell.endsWith('†'))).toEqual(['A appeal †']);
  expect(rows[1]!.slice(0, 4)).toEqual(['tuned', '4.000', '3.500', '75.0 [36.5, 94.0]']);
  expect(standardMarkdown(table).split('\n')).toHaveLength(5);
});
