/** What the screen shows of a run at work never goes back, whatever is asked of the engine meanwhile. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { testRun } from '../../service/testRuns.ts';
import type { RunRecord, StepMetrics, TrainEvent } from '../../service/types.ts';
import type { Engine } from '../app/workers.ts';
import { closeStudio, openStudio, studio } from './testStudio.ts';
import { canResume, forecastQuestion } from './trainSlice.ts';
import { useStudio } from './useStudio.ts';

const step = (n: number): TrainEvent => ({
  type: 'step',
  metrics: { step: n, pairs: [] as StepMetrics['pairs'] } as StepMetrics,
  steps: 100,
  etaSeconds: 1,
});

/** An engine whose answers come when the test lets them. */
function fakeEngine(record: RunRecord) {
  let tell: (event: TrainEvent) => void = () => {};
  let end: (outcome: RunRecord | Error) => void = () => {};
  const engine = {
    train: (_: string, __: unknown, listener: typeof tell) => {
      tell = listener;
      return new Promise<RunRecord>((resolve, reject) => {
        end = (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome));
      });
    },
    runs: async () => [record],
    unreadableRuns: async () => [{ id: 'bad', problem: { name: 'BadFile', message: 'It has no record.' } }],
    metrics: async () => [],
    renameRun: async (_: string, name: string) => ({ ...record, name }),
    deleteRun: async () => undefined,
  };
  useStudio.setState({ engine: () => engine as unknown as Engine, engineState: 'ready' });
  return { tell: (event: TrainEvent) => tell(event), end: (outcome: RunRecord | Error) => end(outcome) };
}

const stale = testRun({ status: 'running', step: 2 });
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
const shown = (): RunRecord => studio().runs.find(({ id }) => id === 'r')!;

beforeEach(() =>
  openStudio({ state: { runs: [testRun({ status: 'stopped', step: 2 })], readStorage: async () => undefined } }),
);
afterEach(closeStudio);

it('keeps the steps of a run at work when it is renamed, or all runs are read anew', async () => {
  const { tell, end } = fakeEngine(stale);
  const resuming = studio().resumeRun('r');
  await settle();
  tell({ type: 'started', record: stale, memory: { parts: {} } as never, resumedAt: 2, unchecked: 'Not compared.' });
  for (const n of [2, 3, 4]) tell(step(n));
  expect(studio().live).toMatchObject({ resumedAt: 2, unchecked: 'Not compared.' });
  await studio().renameRun('r', 'Renamed');
  expect(shown()).toMatchObject({ name: 'Renamed', step: 5 });
  await studio().readRuns();
  expect(shown()).toMatchObject({ name: 'Renamed', step: 5 });
  end({ ...stale, name: 'Renamed', step: 6, status: 'finished' });
  await resuming;
  expect(shown()).toMatchObject({ step: 6, status: 'finished' });
  expect(studio().activeRun).toBeNull();
});

it('goes back to the last save where the device was lost, and on from there', async () => {
  const { tell, end } = fakeEngine(stale);
  const resuming = studio().resumeRun('r');
  await settle();
  for (const n of [2, 3, 4]) tell(step(n));
  const recovery = { at: '2026-01-01T00:00:00Z', loss: 'The GPU was taken away.', lostAt: 5, from: 3 };
  tell({ type: 'recovered', recovery, record: { ...stale, status: 'preparing', step: 3, recoveries: [recovery] } });
  expect(shown()).toMatchObject({ step: 3, status: 'preparing', recoveries: [recovery] });
  expect(studio().metrics['r']!.map((one) => one.step)).toEqual([2]);
  tell(step(3));
  expect(studio().metrics['r']!.map((one) => one.step)).toEqual([2, 3]);
  expect(shown()).toMatchObject({ step: 4, status: 'running', recoveries: [recovery] });
  end({ ...stale, step: 6, status: 'finished', recoveries: [recovery] });
  await resuming;
  expect(shown().recoveries).toEqual([recovery]);
});

it('leaves events out that come after the end', async () => {
  const { tell, end } = fakeEngine(stale);
  const resuming = studio().resumeRun('r');
  await settle();
  end({ ...stale, step: 6, status: 'finished' });
  // Its port is another one than the result's.
  await Promise.resolve().then(() => tell({ type: 'status', record: stale }));
  tell(step(3));
  await resuming;
  expect(shown()).toMatchObject({ step: 6, status: 'finished' });
});

it('shows a run whose resumption was refused as it is on disk, and says why', async () => {
  const onDisk = testRun({ status: 'stopped', step: 2 });
  const { end } = fakeEngine(onDisk);
  const resuming = studio().resumeRun('r');
  await settle();
  end(Object.assign(new Error('This run began with something else: the VAE has changed.'), { name: 'SourceChanged' }));
  await resuming;
  expect(shown()).toEqual(onDisk);
  expect(studio().trainProblem).toMatchObject({ name: 'SourceChanged' });
});

it('lists what cannot be read, until it is deleted', async () => {
  fakeEngine(stale);
  await studio().readRuns();
  expect(studio().unreadableRuns).toEqual([{ id: 'bad', problem: { name: 'BadFile', message: 'It has no record.' } }]);
  expect(studio().runs).toHaveLength(1);
  await studio().deleteRun('bad');
  expect(studio().unreadableRuns).toEqual([]);
});

it('keeps nothing of the steps of a run that is deleted, also where they come after', async () => {
  const { tell, end } = fakeEngine(stale);
  const resuming = studio().resumeRun('r');
  await settle();
  tell(step(2));
  end({ ...stale, step: 3, status: 'finished' });
  await resuming;
  expect(studio().metrics).toHaveProperty('r');
  await studio().deleteRun('r');
  expect(studio().metrics).toEqual({});
  await studio().readMetrics('r');
  expect(studio().metrics).toEqual({});
});

it.each(['preparing', 'running', 'paused', 'stopped', 'failed'] as const)(
  'lets a run go on that was left %s, with and without a save, and at its last step',
  (status) => {
    const { config } = testRun();
    const checkpoints = [{ step: 2, file: 'runs/r/checkpoints/step-000002.safetensors', at: '' }];
    for (const left of [
      testRun({ status }),
      testRun({ status, step: 2, checkpoints }),
      testRun({ status, step: config.steps, checkpoints }),
    ]) {
      expect(canResume(left, null)).toBe(true);
      expect(canResume(left, 'r')).toBe(false);
    }
  },
);

it('has nothing to go on with where a run is finished', () => {
  expect(canResume(testRun({ status: 'finished' }), null)).toBe(false);
});

it('a bad settings file is the settings’ problem, until others are taken', async () => {
  const before = studio().trainConfig;
  await studio().loadTrainFile(new File(['{"steps": "many"}'], 'settings.json'));
  expect(studio().settingsProblem?.message).toContain('settings.json');
  expect(studio()).toMatchObject({ trainProblem: null, trainConfig: before });
  await studio().loadTrainConfig('{');
  expect(studio().settingsProblem).not.toBeNull();
  await studio().loadTrainConfig(JSON.stringify({ ...before, steps: 7 }));
  expect(studio()).toMatchObject({ settingsProblem: null, trainConfig: { ...before, steps: 7 } });
});

it('asks for a forecast again when the run at work has ended', () => {
  const during = forecastQuestion({ ...studio(), activeRun: 'r' });
  expect(forecastQuestion({ ...studio(), activeRun: null })).not.toBe(during);
});

it('says what a run does between its steps, and what it was told and has not done yet', async () => {
  const { tell, end } = fakeEngine(stale);
  let carriedOut = (): void => undefined;
  const engine = studio().engine();
  const command = () => new Promise<void>((resolve) => (carriedOut = resolve));
  useStudio.setState({ engine: () => ({ ...engine, command }) as unknown as Engine });
  const resuming = studio().resumeRun('r');
  await settle();
  tell({ type: 'started', record: stale, memory: { parts: {} } as never, resumedAt: 2, unchecked: null });
  const doing = { what: 'Drawing samples', done: 1, total: 6 };
  tell({ type: 'doing', doing });
  expect(studio().live?.doing).toEqual(doing);
  tell({ type: 'doing', doing: null });
  expect(studio().live?.doing).toBeNull();
  const pausing = studio().commandRun('pause');
  await settle();
  expect(studio().commanding).toBe('pause');
  carriedOut();
  await pausing;
  expect(studio().commanding).toBeNull();
  end({ ...stale, status: 'finished' });
  await resuming;
});
