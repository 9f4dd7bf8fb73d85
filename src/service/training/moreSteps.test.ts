/** More steps of a run that has taken all of its own. On the oracle. */
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { readJson } from '../../data/files.ts';
import { statePath } from '../../data/runStore.ts';
import type { RunRecord, StepMetrics } from '../types.ts';
import { testConfig, TestTraining } from './testTraining.ts';

const onDisk = (t: TestTraining): Promise<RunRecord> => readJson<RunRecord>(t.files, 'runs/r/run.json');
const stateOf = async ({ files }: TestTraining): Promise<string> =>
  createHash('sha256')
    .update(await files.read(statePath('r')))
    .digest('hex');
const numbers = (metrics: StepMetrics[]): unknown[] => metrics.map(({ elapsedMs: _, ...rest }) => rest);

it('come to the same bits as if the run had been as long from the first', async () => {
  const whole = await TestTraining.open();
  await whole.start({ config: testConfig({ steps: 4, lrSchedule: 'constant' }) }).record;

  const t = await TestTraining.open();
  await t.start({ config: testConfig({ steps: 2, lrSchedule: 'constant' }) }).record;
  const longer = t.start({ resume: true, pairs: [], more: 2 });
  expect(await longer.record).toMatchObject({ status: 'finished', step: 4 });
  expect(longer.events.find((event) => event.type === 'started')).toMatchObject({ resumedAt: 2 });
  expect(await stateOf(t)).toBe(await stateOf(whole));
  expect(numbers(await t.runs.metrics('r'))).toEqual(numbers(await whole.runs.metrics('r')));
  const { config, extensions } = await onDisk(t);
  expect(config.steps).toBe(4);
  expect(extensions).toMatchObject([{ from: 2, to: 4 }]);
});

it('are gone on with like any, where they are stopped, and can be asked for again at their end', async () => {
  const t = await TestTraining.open();
  await t.start({ config: testConfig({ steps: 1 }) }).record;
  const longer = t.start({ resume: true, pairs: [], more: 2, onEvent: ({ type }) => type === 'step' && stop() });
  const stop = (): void => void longer.command('stop').catch(() => undefined);
  expect(await longer.record).toMatchObject({ status: 'stopped', step: 2 });
  await expect(t.start({ resume: true, pairs: [], more: 1 }).record).rejects.toThrow('has taken 2 of its 3 steps');
  expect(await t.start({ resume: true, pairs: [] }).record).toMatchObject({ status: 'finished', step: 3 });
  expect(await t.start({ resume: true, pairs: [], more: 1 }).record).toMatchObject({ step: 4 });
  expect((await onDisk(t)).extensions).toMatchObject([
    { from: 1, to: 3 },
    { from: 3, to: 4 },
  ]);
});

it('are refused by name, and nothing is written, where there is no end to go on from or the number is none', async () => {
  const t = await TestTraining.open();
  await t.start({ config: testConfig({ steps: 1 }) }).record;
  const before = await onDisk(t);
  for (const more of [0, -1, 0.5, Number.NaN, 1e6])
    await expect(t.start({ resume: true, pairs: [], more }).record).rejects.toMatchObject({ name: 'BadArguments' });
  expect(await onDisk(t)).toEqual(before);
  const ended = { by: 'early stop' as const, step: 1, words: 'The last look was no better.' };
  await t.runs.update('r', (record) => ({ ...record, ended }));
  await expect(t.start({ resume: true, pairs: [], more: 1 }).record).rejects.toThrow('ended at step 1 by itself');
});
