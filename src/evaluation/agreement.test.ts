/** Agreement against published worked examples and against what Python's packages compute (tools/reference/agreement.py). */
import { describe, expect, it } from 'vitest';
import { foldLabels, type Label } from '../data/labels.ts';
import { cohensKappa, krippendorffsAlpha } from './agreement.ts';
import { ratersBlocks, ratersFigures } from './raters.ts';
import { againAfter, dueAgain, OTHERS_BETWEEN, selfAgreement, SHOWN_AGAIN } from './selfAgreement.ts';

/** Rows of raters, one sign a unit, `-` for nothing said. */
const unitsOf = (...rows: string[]): string[][] =>
  [...rows[0]!].map((_, i) => rows.map((row) => row[i]!).filter((value) => value !== '-'));
const pairsOf = (a: string, b: string): [string, string][] => [...a].map((value, i) => [value, b[i]!]);

const x = '322323300113301303013111213112222333221310303200100231333212';
const y = '322323301113302103003111210112210333223320333013100331203212';
const z = '32-32330-11-301-13003112--3-102-20-1-21313--32-01--2----3-02';

describe("Cohen's kappa", () => {
  it.each([
    // Two raters, 20 and 15 alike of 50: the textbook example, kappa 0.4.
    ['y'.repeat(25) + 'n'.repeat(25), 'y'.repeat(20) + 'n'.repeat(5) + 'y'.repeat(10) + 'n'.repeat(15), 0.4],
    ['aabbdcccedda', 'babbbccceddd', 0.6842105263157895],
    [x, y, 0.6392333709131905],
  ])('%s and %s', (a, b, value) => {
    const found = cohensKappa(pairsOf(a, b));
    expect(found.value).toBeCloseTo(value, 12);
    expect(found.units).toBe(a.length);
  });
  it('is not defined where nobody ever says anything else, nor of nothing', () => {
    expect(cohensKappa(pairsOf('aa', 'aa'))).toEqual({ value: Number.NaN, units: 2, interval: null });
    expect(cohensKappa([])).toEqual({ value: Number.NaN, units: 0, interval: null });
  });
});

describe("Krippendorff's alpha", () => {
  it("gives Krippendorff's own examples", () => {
    // Computing Krippendorff's Alpha-Reliability (2011), data C: four observers, missing data. 0.743.
    const c = unitsOf('123321412---', '1233224125-3', '-3332342251-', '12332441251-');
    expect(krippendorffsAlpha(c).value).toBeCloseTo(0.743421052631579, 12);
    // The last unit has one value.
    expect(krippendorffsAlpha(c).units).toBe(11);
    // Data B: two observers, nominal. 0.692.
    expect(krippendorffsAlpha(unitsOf('aabbdcccedda', 'babbbccceddd')).value).toBeCloseTo(0.6919642857142858, 12);
  });
  it('gives what the krippendorff package does', () => {
    expect(krippendorffsAlpha(unitsOf(x, y, z)).value).toBeCloseTo(0.6141998101065513, 12);
  });
});

describe('the interval', () => {
  it('is that of 10,000 resamples by numpy, to what a thousand can tell', () => {
    const [low, high] = cohensKappa(pairsOf(x, y)).interval!;
    expect(Math.abs(low - 0.4796)).toBeLessThan(0.02);
    expect(Math.abs(high - 0.7774)).toBeLessThan(0.02);
    const [from, to] = krippendorffsAlpha(unitsOf(x, y, z)).interval!;
    expect(Math.abs(from - 0.4833)).toBeLessThan(0.02);
    expect(Math.abs(to - 0.7303)).toBeLessThan(0.02);
  });
  it('is the same every time, and narrows with the square root of the units', () => {
    const width = (times: number): number => {
      const [low, high] = cohensKappa(pairsOf(x.repeat(times), y.repeat(times))).interval!;
      return high - low;
    };
    expect(width(1)).toBe(width(1));
    expect(width(1) / width(16)).toBeGreaterThan(3.4);
    expect(width(1) / width(16)).toBeLessThan(4.6);
  });
  it('is not claimed of few units, or where nobody disagrees', () => {
    expect(cohensKappa(pairsOf(x.slice(0, 19), y.slice(0, 19))).interval).toBeNull();
    expect(cohensKappa(pairsOf(x, x)).interval).toBeNull();
  });
});

const label = (pair: string, answer: Label['answer'], more: Partial<Label> = {}): Label => ({
  type: 'label',
  id: crypto.randomUUID(),
  pair,
  answer,
  shownLeft: 0,
  clearly: false,
  elapsedMs: 1000,
  at: '2026-01-01T00:00:00Z',
  by: 'person',
  ...more,
});

const personOf = (labels: readonly Label[]) => foldLabels(labels).byRater.get('person')!;

describe('pairs that are shown again', () => {
  const ids = Array.from({ length: 20_000 }, (_, i) => `pair ${i}`);
  it('are 5 to 10 of a hundred, others for each rater', () => {
    const share = (by: string): number => ids.filter((id) => againAfter(by, id) < Infinity).length / ids.length;
    for (const by of ['person', 'person:Ann']) expect(Math.abs(share(by) - SHOWN_AGAIN)).toBeLessThan(0.01);
    const both = ids.filter((id) => ['person', 'person:Ann'].every((by) => againAfter(by, id) < Infinity));
    expect(both.length / ids.length).toBeLessThan(0.02);
  });
  it('come after at least 20 others, once', () => {
    const chosen = ids.find((id) => againAfter('person', id) < Infinity)!;
    const after = againAfter('person', chosen);
    expect(after).toBeGreaterThanOrEqual(OTHERS_BETWEEN[0]);
    const rest = ids.filter((id) => againAfter('person', id) === Infinity);
    const labels = [label(chosen, 'left'), ...rest.slice(0, after).map((id) => label(id, 'tie'))];
    expect(dueAgain(personOf(labels.slice(0, -1)), 'person')).toBeUndefined();
    expect(dueAgain(personOf(labels), 'person')).toBe(labels[0]);
    const answered = [...labels, label(chosen, 'right', { shownLeft: 1, again: true })];
    expect(dueAgain(personOf(answered), 'person')).toBeUndefined();
    // Skipped ones are not judged: they are no others.
    const skipped = labels.map((one, i) => (i === 1 ? { ...one, answer: 'skip' as const } : one));
    expect(dueAgain(personOf(skipped), 'person')).toBeUndefined();
  });
  it('agree where the same picture is meant, whichever side it stood on', () => {
    const again = (pair: string, answer: Label['answer']) => label(pair, answer, { shownLeft: 1, again: true });
    const labels = [label('a', 'left'), label('b', 'left'), label('c', 'tie'), label('d', 'skip'), label('e', 'right')];
    const seconds = [again('a', 'right'), again('b', 'left'), again('c', 'tie'), again('d', 'tie'), again('e', 'skip')];
    expect(selfAgreement(personOf([...labels, ...seconds]))).toMatchObject({ n: 3, agreed: 2, rate: 2 / 3 });
    // Judged anew afterwards: what was said before is what counts.
    expect(selfAgreement(personOf([...labels, ...seconds, label('a', 'right')]))).toMatchObject({ n: 3, agreed: 2 });
  });
});

it('tells of every rater, of every two, and of what they come to', () => {
  const of = (by: string, answers: string, at = 0): Label[] =>
    [...answers].map((sign, i) =>
      label(`p${at + i}`, sign === 'l' ? 'left' : sign === 'r' ? 'right' : sign === 's' ? 'skip' : 'tie', { by }),
    );
  const ann = of('person:Ann', 'llrrts');
  const bo = of('person:Bo', 'lrrrtl');
  const two = ratersFigures(foldLabels([...ann, ...bo]));
  expect(two.raters.map(({ by, labels, left, usable }) => [by, labels, left, usable])).toEqual([
    ['person:Ann', 6, 2, 4],
    ['person:Bo', 6, 2, 5],
  ]);
  // Five pairs of which both said something: 4 alike; kappa by hand: (0.8 - (2·1 + 2·3 + 1·1) / 25) / (1 - 9 / 25).
  expect(two.agreement).toMatchObject({ statistic: 'kappa', units: 5, interval: null });
  expect(two.agreement!.value).toBeCloseTo((0.8 - 9 / 25) / (1 - 9 / 25), 12);
  expect([two.disputed, two.merged.usable, two.merged.tie]).toEqual([1, 4, 2]);
  const three = ratersFigures(foldLabels([...ann, ...bo, ...of('import:3', 'lr', 3)]));
  expect(three.agreement?.statistic).toBe('alpha');
  expect(three.pairwise.map(({ a, b, units }) => [a, b, units])).toEqual([
    ['person:Ann', 'person:Bo', 5],
    ['person:Ann', 'import:3', 2],
    ['person:Bo', 'import:3', 2],
  ]);
  expect(ratersBlocks(three, (by) => by).map(({ kind }) => kind)).toEqual(['table', 'text', 'table']);
  expect(ratersFigures(foldLabels(ann)).agreement).toBeNull();
});
