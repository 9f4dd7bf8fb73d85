// @vitest-environment happy-dom
/** A chart as a table, and what of it is drawn as a point. */
import { expect, it } from 'vitest';
import { csvOf, hasOneValue } from './Chart.tsx';

it('a row a step and a column a series, as measured, with gaps where a series has nothing', async () => {
  const csv = await csvOf([
    { label: 'loss', color: 'red', points: [0.7, 0.6].map((y, x) => ({ x: x + 1, y })) },
    {
      label: 'another run, loss',
      color: 'blue',
      overlay: true,
      points: [
        { x: 2, y: 0.5 },
        { x: 4, y: 0.25 },
      ],
    },
  ]);
  expect(csv.split('\r\n')).toEqual(['step,loss,"another run, loss"', '1,0.7,', '2,0.6,0.5', '4,,0.25']);
});

it('draws the only value of a series as a point', () => {
  const data: [number[], ...(number | null)[][]] = [
    [1, 2, 3],
    [null, 0.5, null],
    [0.1, null, 0.2],
    [null, null, null],
  ];
  expect([1, 2, 3].map((series) => hasOneValue({ data }, series))).toEqual([true, false, false]);
});
