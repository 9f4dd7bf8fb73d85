/** Verbs of the store: one at a time where the button says so, a problem where one is, and always an end. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { WinnowError } from '../../shared/errors.ts';
import { deferred } from '../app/workerForTests.ts';
import { type Action, actions } from './action.ts';
import { idleEngine, closeStudio, modelInfo, openStudio, studio } from './testStudio.ts';
import { useStudio } from './useStudio.ts';

let action: Action;
beforeEach(async () => {
  await openStudio();
  action = actions(useStudio.setState, useStudio.getState);
});
afterEach(closeStudio);

const full = new WinnowError('NoDiskSpace', 'The disk is full.', 'Delete something.');
const fail = (error: Error) => (): never => {
  throw error;
};

it('says why a verb failed, whether at once or later, and no longer when it is tried again', async () => {
  const how = { problem: 'compareProblem', busy: 'comparing' } as const;
  for (const work of [fail(full), async () => fail(full)()]) {
    expect(await action(how, work)).toBeUndefined();
    expect(studio()).toMatchObject({ compareProblem: { name: 'NoDiskSpace' }, comparing: false });
    const done = deferred<number>();
    const trying = action(how, () => done.promise);
    expect(studio()).toMatchObject({ compareProblem: null, comparing: true });
    done.resolve(3);
    expect(await trying).toBe(3);
    expect(studio().comparing).toBe(false);
  }
});

it('takes being cancelled for no failure', async () => {
  await action({ problem: 'compareProblem' }, fail(new WinnowError('Cancelled', 'Stopped.', '')));
  expect(studio().compareProblem).toBeNull();
});

it('begins no second one while the first is at work', async () => {
  const done = deferred<void>();
  const first = action({ problem: 'trainProblem', busy: 'training' }, () => done.promise);
  const second = vi.fn();
  await action({ problem: 'trainProblem', busy: 'training' }, second);
  expect(second).not.toHaveBeenCalled();
  expect(studio().training).toBe(true);
  done.resolve();
  await first;
  expect(studio().training).toBe(false);
});

it('says nothing more of one whose place a later one has taken', async () => {
  const how = { problem: 'forecastProblem', busy: 'forecasting', latest: true } as const;
  const [old, current] = [deferred<void>(), deferred<void>()];
  let oldSignal: AbortSignal | undefined;
  const first = action(how, (signal) => ((oldSignal = signal), old.promise.then(fail(full))));
  const second = action(how, () => current.promise);
  expect(oldSignal?.aborted).toBe(true);
  old.resolve();
  await first;
  expect(studio()).toMatchObject({ forecastProblem: null, forecasting: true });
  current.resolve();
  await second;
  expect(studio().forecasting).toBe(false);
});

it('leaves what is said alone in the background, until there is something new', async () => {
  await action({ problem: 'labelProblem' }, fail(full));
  await action({ problem: 'labelProblem', background: true }, () => undefined);
  expect(studio().labelProblem?.name).toBe('NoDiskSpace');
  await action({ problem: 'labelProblem', background: true }, fail(new Error('other')));
  expect(studio().labelProblem?.name).not.toBe('NoDiskSpace');
});

it('makes the pictures of a comparison once, however often Make is clicked', async () => {
  const hash = deferred<string>();
  const generate = vi.fn(() => []);
  await openStudio({ engine: { ...idleEngine, modelHash: () => hash.promise, generate } });
  const base = { base: modelInfo().id, adapters: [] };
  const compareB = { ...base, adapters: [{ kind: 'file' as const, file: 'loras/a', strength: 1 }] };
  studio().setCompare({ compareA: base, compareB, comparePrompts: ['a house'], compareSeeds: [1] });
  const making = [studio().makeComparison(), studio().makeComparison()];
  expect(studio().comparing).toBe(true);
  hash.resolve('h');
  await Promise.all(making);
  expect(generate).toHaveBeenCalledTimes(2);
  expect(studio()).toMatchObject({ compareProblem: null, comparing: false });
});

it('keeps pairs ahead once, however often it is asked to', async () => {
  const makePairs = vi.fn(() => []);
  await openStudio({ engine: { ...idleEngine, makePairs } });
  vi.stubGlobal('fetch', async () => new Response('a house\na tree'));
  studio().setPreference('keepMakingPairs', true);
  await Promise.all([studio().topUpPairs(), studio().topUpPairs()]);
  expect(makePairs).toHaveBeenCalledTimes(1);
  expect(studio().preferences.keepMakingPairs).toBe(true);
});

it('takes one thing away at a time, and the next one when it failed', async () => {
  const made = deferred<never>();
  const first = studio().take('LoRA', (onProgress) => (onProgress(0.5), made.promise));
  expect(studio().taking).toEqual({ what: 'LoRA', share: 0.5 });
  const second = vi.fn();
  expect(await studio().take('report', second)).toBeUndefined();
  expect(second).not.toHaveBeenCalled();
  made.resolve(Promise.reject(full) as never);
  await expect(first).rejects.toThrow('The disk is full.');
  expect(await studio().take('labels', () => ({ name: 'a', bytes: '', type: '' }))).toMatchObject({ name: 'a' });
});

it('has nothing under way once taking it away has failed, whatever progress is still reported', async () => {
  let report!: (share: number) => void;
  const failing = studio().take('diffusers', (onProgress) => ((report = onProgress), Promise.reject(full)));
  await expect(failing).rejects.toThrow('The disk is full.');
  report(0.18);
  expect(studio().taking).toBeNull();
  expect(await studio().take('labels', () => ({ name: 'a', bytes: '', type: '' }))).toMatchObject({ name: 'a' });
});
