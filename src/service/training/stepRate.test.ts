/** A step's time is its own, and a forecast that says it was measured was. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { writeJson } from '../../data/files.ts';
import { saveChoices, savedChoices } from '../choices.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import { testRun } from '../testRuns.ts';
import { savedRunRate, saveRunRate, StepTimes } from './stepRate.ts';
import { f32Executor, testConfig, TestTraining, WatchedFiles } from './testTraining.ts';

describe('the usual time of a step', () => {
  const timesOf = (...ms: number[]): StepTimes => {
    const times = new StepTimes();
    for (const one of ms) times.add(one);
    return times;
  };

  it('is the median, without the first step, and measured from four steps on', () => {
    expect(timesOf().usualMs).toBeUndefined();
    expect(timesOf(900).usualMs).toBe(900);
    expect(timesOf(900, 10, 12).measuredMs).toBeUndefined();
    expect(timesOf(900, 10, 12, 11).measuredMs).toBe(11);
    // A hidden tab, a laptop that slept.
    expect(timesOf(900, 10, 12, 60_000, 11, 12).measuredMs).toBe(12);
  });
});

describe('a saved rate', () => {
  it('is of an adapter and a reference', async () => {
    const files = new MemoryFileStore();
    await saveRunRate(files, 'a', 'engine', 1e9);
    await saveRunRate(files, 'a', 'onnx', 2e9);
    await saveRunRate(files, 'b', 'onnx', 3e9);
    expect(await savedRunRate(files, 'a', 'engine')).toBe(1e9);
    expect(await savedRunRate(files, 'a', 'onnx')).toBe(2e9);
    expect(await savedRunRate(files, 'b', 'engine')).toBeUndefined();
  });

  it.each([
    ['of before, with other jobs in it', { a: 5 }],
    ['of another version', { version: 3, rates: { 'a | engine': 5 } }],
    ['that is none', { version: 2, rates: { 'a | engine': -1 } }],
    ['that is text', { version: 2, rates: { 'a | engine': 'fast' } }],
    ['that is null', null],
  ])('%s is not read, and goes with the next run', async (_, value) => {
    const files = new MemoryFileStore();
    await writeJson(files, 'settings/speed.json', value);
    expect(await savedRunRate(files, 'a', 'engine')).toBeUndefined();
    await saveRunRate(files, 'a', 'engine', 7);
    expect(await savedRunRate(files, 'a', 'engine')).toBe(7);
  });
});

it.each([null, {}, [], { kernelVariants: 5 }, { ...testRun().choices, sampler: 'magic' }])(
  'choices that cannot be read, %j, are measured anew',
  async (value) => {
    const files = new MemoryFileStore();
    await writeJson(files, 'settings/choices-k.json', value);
    expect(await savedChoices(files, 'k')).toBeUndefined();
    await saveChoices(files, 'k', testRun().choices);
    expect(await savedChoices(files, 'k')).toEqual(testRun().choices);
  },
);

it('counts no turn of another job, no pause, no sample and no save into a step', async () => {
  let clock = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => clock);
  const files = new WatchedFiles();
  // A step takes 10, a picture in between 1000, a person 500, a change of a file 7.
  const t = await TestTraining.open({ files, executor: f32Executor(() => (clock += 10)) });
  files.before = () => (clock += 7);
  const training = { on: true };
  const pictures = t.jobs.run('pictures', async (signal) => {
    while (training.on)
      await signal.turn(async () => {
        clock += 1000;
        await new Promise((resolve) => setTimeout(resolve));
      });
  });
  const run = t.start({
    config: testConfig({ steps: 6, saveEvery: 1, sampleEvery: 3, samplePrompts: ['a tree'], sampleSeeds: [0] }),
    onEvent(event) {
      if (event.type === 'step' && event.metrics.step === 1) void run.command('pause');
      if (event.type === 'status' && event.record.status === 'paused') {
        clock += 500;
        void run.command('resume');
      }
    },
  });
  await run.record.finally(() => (training.on = false));
  await pictures;
  expect((await t.runs.metrics('r')).map(({ elapsedMs }) => elapsedMs)).toEqual([10, 10, 10, 10, 10, 10]);
  const started = run.events.find(({ type }) => type === 'started');
  const { flopsPerStep } = started?.type === 'started' ? started.memory : { flopsPerStep: 0 };
  expect(await savedRunRate(t.files, 'the oracle', 'engine')).toBeCloseTo(flopsPerStep / 0.01, 3);
}, 60_000);

it('says as time left what steps, saves and rounds of samples then take', async () => {
  let clock = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => clock);
  const files = new WatchedFiles();
  const t = await TestTraining.open({ files, executor: f32Executor(() => (clock += 100)) });
  files.before = () => (clock += 1);
  const said: { step: number; at: number; eta: number }[] = [];
  const run = t.start({
    config: testConfig({ steps: 7, saveEvery: 2, sampleEvery: 3, samplePrompts: ['a tree'], sampleSeeds: [0, 1] }),
    onEvent(event) {
      if (event.type === 'step') said.push({ step: event.metrics.step, at: clock, eta: 1000 * event.etaSeconds });
    },
  });
  await run.record;
  // Each kind has been timed once by then; what a step itself writes is not foreseen.
  const late = said.slice(2);
  expect(late).toHaveLength(5);
  for (const { at, eta, step } of late) expect(Math.abs(clock - at - eta), `step ${step}`).toBeLessThan(20);
}, 60_000);

afterEach(() => void vi.restoreAllMocks());
