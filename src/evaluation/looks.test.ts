import { describe, expect, it } from 'vitest';
import type { Look, LookFigures } from '../records/runs.ts';
import { accuracyOf, bestCheckpoint, bestLook, hasStalled, lossOf } from './looks.ts';
import { accuracyInterval, lookBlocks, lookInWords } from './lookWords.ts';

const figures = (changes: Partial<LookFigures> = {}): LookFigures => ({
  pairs: 10,
  right: 8,
  margin: 0.5,
  loss: 0.5,
  winnerError: 1,
  ...changes,
});
const looks = (...losses: number[]): Look[] =>
  losses.map((loss, i) => ({ step: 10 * (i + 1), draws: 2, heldOut: figures({ loss }), training: figures() }));
const at = (step: number): { step: number; file: string; at: string } => ({ step, file: `${step}`, at: '' });

describe('the best look', () => {
  it('has the lowest held-out loss, the first of equal ones', () => {
    expect(bestLook(looks(0.6, 0.4, 0.5))?.step).toBe(20);
    expect(bestLook(looks(0.4, 0.4))?.step).toBe(10);
  });

  it('is none where no look is better than the start, or those that are have drifted or run away', () => {
    expect(bestLook(looks(0.7, 0.9))).toBeUndefined();
    expect(bestLook(undefined)).toBeUndefined();
    const drifted = looks(0.3).map((look) => ({ ...look, heldOut: figures({ loss: 0.3, winnerError: 1.4 }) }));
    expect(bestLook(drifted)).toBeUndefined();
    const away = looks(0.1).map((look) => ({ ...look, heldOut: figures({ loss: 0.1, margin: 260 }) }));
    expect(bestLook(away)).toBeUndefined();
  });

  it('names the checkpoint to take; else the last one', () => {
    const checkpoints = [at(10), at(20), at(30)];
    expect(bestCheckpoint({ checkpoints, looks: looks(0.6, 0.4, 0.5) })).toBe(checkpoints[1]);
    expect(bestCheckpoint({ checkpoints })).toBe(checkpoints[2]);
    expect(bestCheckpoint({ checkpoints: checkpoints.slice(2), looks: looks(0.6, 0.4, 0.5) })).toBe(checkpoints[2]);
  });
});

it.each([
  [[0.6, 0.4, 0.5, 0.5], 2, true],
  [[0.6, 0.4, 0.5], 2, false],
  [[0.8, 0.9], 2, true],
  [[0.6, 0.5, 0.4], 1, false],
  [[0.9, 0.9, 0.9], 0, false],
])('looks of losses %j with a patience of %i have stalled: %s', (losses, patience, stalled) => {
  expect(hasStalled(looks(...losses), patience)).toBe(stalled);
});

it('a loss is as good whatever the size of the margins, and that of small ones is the plain one', () => {
  const fourOfFive = [30, 25, -20, 35, 30];
  expect(lossOf(fourOfFive)).toBeLessThan(Math.LN2);
  expect(lossOf(fourOfFive)).toBeCloseTo(lossOf(fourOfFive.map((margin) => margin / 10)), 12);
  expect(lossOf([30, -30])).toBeGreaterThan(Math.LN2);
  expect(lossOf([0.5, -0.2])).toBeCloseTo((Math.log1p(Math.exp(-0.5)) + Math.log1p(Math.exp(0.2))) / 2, 12);
  expect(lossOf([0, 0])).toBe(Math.LN2);
});

it('a tie counts half, in the share and in its interval', () => {
  expect(accuracyOf(figures({ right: 7.5 }))).toBe(0.75);
  const [low, high] = accuracyInterval(figures({ right: 7.5 }));
  expect(low).toBeGreaterThan(0.4);
  expect(high).toBeLessThan(0.95);
});

it('a look in words, and for a report', () => {
  const [look] = looks(0.5);
  expect(lookInWords(look!)).toBe(
    'held-out 8 of 10 right (80 %, 49 to 94 %), margin +0.50; training 8 of 10, margin +0.50',
  );
  expect(lookBlocks(undefined)).toEqual([]);
  expect(lookBlocks(looks(0.6, 0.4)).map(({ kind }) => kind)).toEqual(['share', 'lines', 'lines']);
});
