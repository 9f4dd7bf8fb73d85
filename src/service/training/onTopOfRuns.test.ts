/** Runs on top of runs: each is trained on, and stands for, what was there when it began. On the oracle. */
import { expect, it } from 'vitest';
import { writeJson } from '../../data/files.ts';
import { WAITING_RUNS } from '../../data/waitingRuns.ts';
import { modelKey, tunedModel } from '../../studio/store/models.ts';
import { ModelPool, type ResolvedModel } from '../model/modelPool.ts';
import { testEnvironment } from '../testEnvironment.ts';
import { testRun } from '../testRuns.ts';
import type { ModelRef, RunRecord, TrainConfig } from '../types.ts';
import { folderOnDisk, leaning, testConfig, TestTraining, tiny } from './testTraining.ts';

const resolve = (t: TestTraining, ref: ModelRef): Promise<ResolvedModel> =>
  new ModelPool(testEnvironment({ files: t.files, openModel: folderOnDisk }), t.runs).resolve(ref);

/** Run `s` on top of the last step of run `r`; `s` has a step left. */
async function onTop(change: Partial<TrainConfig> = {}): Promise<TestTraining> {
  const t = await TestTraining.open({ pairs: 2 });
  const first = t.start({
    config: testConfig({ steps: 3, saveEvery: 1, ...change }),
    onEvent: (event) => void (event.type === 'checkpoint' && first.command('stop')),
  });
  expect(await first.record).toMatchObject({ status: 'stopped', step: 1 });
  const second = t.start({
    run: 's',
    model: { base: tiny, adapters: [{ kind: 'run', run: 'r', strength: 0.5 }] },
    config: testConfig({ steps: 2, saveEvery: 1 }),
    onEvent: (event) => void (event.type === 'checkpoint' && second.command('stop')),
  });
  expect(await second.record).toMatchObject({ status: 'stopped', step: 1 });
  return t;
}

it('a run brings what it was trained on, once, on the command line and in the studio', async () => {
  const t = await onTop();
  const run = await t.runs.load('s');
  const file = async (id: string): Promise<RunRecord['checkpoints'][number]> => (await t.runs.load(id)).checkpoints[0]!;
  expect(await file('r')).toMatchObject({ step: 1 });
  for (const ref of [
    { base: tiny, adapters: [{ kind: 'run' as const, run: 's', strength: 1 }] },
    tunedModel(run),
    tunedModel(run, 1),
  ]) {
    const { changes } = await resolve(t, ref);
    expect(changes.map(({ strength }) => strength)).toEqual([0.5, 1]);
  }
});

it("a run's result predicts what the run was told that its model predicts", () => {
  const model: ModelRef = { base: tiny, adapters: [], predictionType: 'v_prediction' };
  const tuned = tunedModel(testRun({ model }));
  expect(tuned.predictionType).toBe('v_prediction');
  expect(modelKey(tuned)).not.toBe(modelKey({ ...tuned, predictionType: 'epsilon' }));
});

it.each([
  ['goes on', {}],
  ['goes on and keeps its last checkpoint alone', { keepCheckpoints: 1 }],
])('a run stays on top of the step that it was trained on, when the run below %s', async (_, change) => {
  const t = await onTop(change);
  const before = await resolve(t, tunedModel(await t.runs.load('s')));
  expect(await t.start({ resume: true, pairs: [] }).record).toMatchObject({ status: 'finished', step: 3 });
  expect((await t.runs.load('s')).model.adapters).toEqual([{ kind: 'run', run: 'r', step: 1, strength: 0.5 }]);
  expect((await resolve(t, tunedModel(await t.runs.load('s')))).hash).toBe(before.hash);
  const { model } = await t.runs.load('s');
  expect(await t.start({ run: 's', model, resume: true, pairs: [] }).record).toMatchObject({ status: 'finished' });
});

it('a run does not go back past the step that another began from: it stops, and the one on top stays what it was', async () => {
  const t = await leaning(2);
  const config = testConfig({
    steps: 40,
    keepCheckpoints: 20,
    heldOut: 0,
    driftGuard: 'back',
    lrSchedule: 'constant',
    beta: 10_000,
    learningRate: 0.12,
    warmupSteps: 40,
  });
  const first = t.start({
    config,
    onEvent: (event) => void (event.type === 'checkpoint' && event.checkpoint.step === 4 && first.command('stop')),
  });
  expect(await first.record).toMatchObject({ status: 'stopped', step: 4 });
  const model: ModelRef = { base: tiny, adapters: [{ kind: 'run', run: 'r', strength: 1 }] };
  expect(await t.start({ run: 's', model, config: testConfig({ steps: 1 }) }).record).toMatchObject({
    status: 'finished',
  });
  const before = await resolve(t, tunedModel(await t.runs.load('s')));
  const record = await t.start({ resume: true }).record;
  expect(record).toMatchObject({ status: 'finished', ended: { by: 'drift guard', step: record.step } });
  expect(record.setbacks).toBeUndefined();
  expect(record.ended!.words).toMatch(
    /did not go back to the checkpoint of step 2: another run began from that of step 4/,
  );
  expect((await resolve(t, tunedModel(await t.runs.load('s')))).hash).toBe(before.hash);
});

it('a run keeps the step that another one, which waits for it, is to begin from', async () => {
  const t = await TestTraining.open({ pairs: 2 });
  const model: ModelRef = { base: tiny, adapters: [{ kind: 'run', run: 'r', step: 1, strength: 1 }] };
  const { record } = t.start({
    config: testConfig({ steps: 3, saveEvery: 1, keepCheckpoints: 1 }),
    // Set up while it is at work.
    onEvent: (event) =>
      void (event.type === 'checkpoint' && event.checkpoint.step === 1
        ? writeJson(t.files, WAITING_RUNS, {
            version: 1,
            runs: [{ run: 's', name: 's', model, pairs: [], config: {} }],
          })
        : undefined),
  });
  expect((await record).checkpoints.map(({ step }) => step)).toEqual([1, 3]);
  expect((await resolve(t, model)).changes).toHaveLength(1);
});
