/** Runs as the studio names them. */
import { expect, it } from 'vitest';
import { testRun } from '../../service/testRuns.ts';
import { modelNames, namedRuns, titleOf, toldApart, tunedModel } from './models.ts';
import { useStudio } from './useStudio.ts';

it('tells runs of one name apart, and keeps what each is called when a newer one comes', () => {
  const at = '2026-01-01T00:00:00.000Z';
  const run = (id: string, name: string, day: number) =>
    testRun({
      id,
      name,
      createdAt: `2026-01-0${day}T00:00:00.000Z`,
      checkpoints: [{ step: 4, file: `runs/${id}/checkpoints/step-000004.safetensors`, at }],
    });
  const older = [run('b', 'Cats', 2), run('a', 'Cats', 1)];
  const named = (runs: typeof older): [string, string][] => {
    useStudio.setState({ runs });
    const state = useStudio.getState();
    const ids = namedRuns(state).map(({ id }) => id);
    expect(ids).toEqual(runs.map(({ id }) => id));
    return runs.map((one) => [one.id, titleOf(tunedModel(one, 4), modelNames(state))]);
  };
  const before = [
    ['b', 'Cats (2) · step 4'],
    ['a', 'Cats · step 4'],
  ];
  expect(named(older)).toEqual(before);
  expect(named([run('c', 'Cats', 3), ...older])).toEqual([['c', 'Cats (3) · step 4'], ...before]);
});

it('makes no name that is there already', () => {
  const names = toldApart(['Cats', 'Cats (2)', 'Cats', 'LoRA files', 'LoRA files']);
  expect(names).toEqual(['Cats', 'Cats (2)', 'Cats (3)', 'LoRA files', 'LoRA files (2)']);
});
