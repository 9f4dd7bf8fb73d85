/** A grid over two things: what stands along its axes, and that each of its pictures is made once, a model at a time. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { testRun } from '../../service/testRuns.ts';
import type { GenerateRequest, ImageRecord, ModelRef } from '../../service/types.ts';
import { axisKinds, axisOf, cellAt, numbersIn, placesOf } from './compareGrid.ts';
import { pictureIn } from './compareSelectors.ts';
import { closeStudio, openStudio, studio } from './testStudio.ts';

const whole = { min: 1, max: 200, digits: 0 };
const base: ModelRef = { base: 'm', adapters: [] };

it('numbers go on as they began', () => {
  expect(numbersIn('4, 8, .., 20', whole)).toEqual([4, 8, 12, 16, 20]);
  expect(numbersIn('20 16 … 5', whole)).toEqual([20, 16, 12, 8, 5]);
  expect(numbersIn('0, 0.1, .., 0.3', { min: 0, max: 1, digits: 2 })).toEqual([0, 0.1, 0.2, 0.3]);
  expect(numbersIn('3; 3, 1', whole)).toEqual([3, 1]);
});

it('what is no number of the axis is none', () => {
  for (const text of [
    '',
    '..',
    '1, ..',
    '1, .., 5',
    '1, 2, ..',
    '2, 2, .., 9',
    '1, 2, .., -9',
    '1.5',
    '0',
    '201',
    'x',
    '1, 2, .., 1e9',
  ])
    expect(numbersIn(text, whole), text).toBeNull();
});

let requests: GenerateRequest[];

beforeEach(async () => {
  requests = [];
  const hashOf = (ref: ModelRef): string => JSON.stringify(ref);
  await openStudio({
    engine: {
      modelHash: hashOf,
      runs: () => [
        testRun({
          id: 'r',
          model: base,
          checkpoints: [2, 10].map((step) => ({ step, createdAt: '', file: `${step}` })) as never,
        }),
      ],
      generate: (_job: string, request: GenerateRequest): ImageRecord[] => {
        requests.push(request);
        const { items, ...settings } = request;
        return items.map((item) => {
          const id = crypto.randomUUID();
          const modelHash = hashOf(settings.model);
          return { ...settings, ...item, id, modelHash, ranOn: 'engine', createdAt: '', file: id, latentsFile: id };
        });
      },
    },
  });
  studio().setCompare({
    compareA: base,
    compareB: base,
    comparePrompts: ['a house', 'a fox'],
    compareSeeds: [1, 2],
    gridRun: 'r',
  });
});
afterEach(closeStudio);

it('every kind of axis has places, or says why not', () => {
  for (const kind of axisKinds) {
    const { places, problem } = placesOf(axisOf(kind), studio());
    expect(places.length, `${kind}: ${problem}`).toBeGreaterThan(0);
    expect(new Set(places.map(({ label }) => label)).size, kind).toBe(places.length);
  }
  studio().setCompare({ gridRun: null });
  expect(placesOf(axisOf('checkpoint'), studio())).toEqual({ places: [], problem: 'Choose a run with checkpoints.' });
  expect(placesOf({ kind: 'steps', text: 'many' }, studio()).problem).toContain('Type numbers from 1 to 200');
  expect(placesOf({ kind: 'steps', text: '1, 2, .., 50' }, studio()).places).toHaveLength(16);
});

it('draws what is missing, each once, all of a model in turn', async () => {
  studio().setCompare({ gridX: { kind: 'guidanceScale', text: '1, 3' }, gridY: axisOf('checkpoint') });
  await studio().makeGrid();
  expect(studio().compareProblem).toBeNull();
  const drawn = requests.map(({ model, guidanceScale }) => [
    model.adapters[0]?.kind === 'run' ? model.adapters[0].step : 'base',
    guidanceScale,
  ]);
  expect(drawn).toEqual([
    ['base', 1],
    ['base', 3],
    [2, 1],
    [2, 3],
    [10, 1],
    [10, 3],
  ]);
  await studio().makeGrid();
  expect(requests).toHaveLength(6);
  // All of them are where the grid looks for them.
  const { gridX, gridY } = studio();
  for (const x of placesOf(gridX, studio()).places)
    for (const y of placesOf(gridY, studio()).places) {
      const cell = cellAt(x, y, studio())!;
      const picture = pictureIn(studio())(cell.model, cell.prompt, cell.seed, cell.settings);
      expect(picture).toMatchObject({ prompt: 'a house', seed: 1, model: cell.model, ...cell.settings });
    }
});

it('strength changes what is trained, and a bare model not', () => {
  const places = (text: string) => placesOf({ kind: 'strength', text }, studio()).places;
  const [checkpoint] = placesOf(axisOf('checkpoint'), studio()).places.slice(-1);
  const [bare] = placesOf(axisOf('checkpoint'), studio()).places;
  const [twice] = places('2');
  expect(cellAt(checkpoint!, twice!, studio())!.model.adapters).toMatchObject([{ run: 'r', step: 10, strength: 2 }]);
  expect(cellAt(bare!, twice!, studio())!.model).toEqual(base);
});

it('one picture through training is drawn once a checkpoint', async () => {
  await studio().makeScrub();
  expect(requests.map(({ model, items }) => [model.adapters.length, items.length])).toEqual([
    [0, 1],
    [1, 1],
    [1, 1],
  ]);
});
