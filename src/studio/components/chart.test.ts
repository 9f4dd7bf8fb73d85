// @vitest-environment happy-dom
/** A chart as a table. */
import { expect, it } from 'vitest';
import { csvOf } from './Chart.tsx';

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
