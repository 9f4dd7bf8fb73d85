/** A run that trains in one tab, as another one sees it. */
import { afterEach, expect, it, vi } from 'vitest';
import { deferred } from '../app/workerForTests.ts';
import { foldLabels } from '../../data/labels.ts';
import { labelEvent } from '../../records/testRecords.ts';
import { testRun } from '../../service/testRuns.ts';
import type { Listener, RunRecord, StepMetrics, TrainEvent } from '../../service/types.ts';
import type { RunNews } from './runNews.ts';
import { closeStudio, never, openStudio, pairOf, studio } from './testStudio.ts';
import { useStudio } from './useStudio.ts';

let other: BroadcastChannel | undefined;
const heard: RunNews[] = [];

afterEach(() => {
  other?.close();
  heard.length = 0;
  closeStudio();
});

function otherTab(): BroadcastChannel {
  other = new BroadcastChannel('winnow-run');
  other.addEventListener('message', ({ data }: MessageEvent<RunNews>) => heard.push(data));
  return other;
}

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a BroadcastChannel takes none
const tell = (news: RunNews): void => other!.postMessage(news);

const metrics = (step: number): StepMetrics => ({
  step,
  loss: Math.LN2,
  implicitAccuracy: 0.5,
  logit: 0,
  winnerError: 1,
  loserError: 1,
  winnerReferenceError: 1,
  loserReferenceError: 1,
  gradNorm: 1,
  learningRate: 1,
  elapsedMs: 1,
  pairs: [],
});
const step = (at: number): TrainEvent => ({ type: 'step', metrics: metrics(at), steps: 4, etaSeconds: 9 });
const sample = { step: 0, prompt: 'p', seed: 1, file: 'runs/r/samples/step-000000-0.png' };

it('the tab that trains tells of its run: to whoever comes all of it, then what happens', async () => {
  const ended = deferred<RunRecord>();
  let on: Listener<TrainEvent> = () => undefined;
  await openStudio({
    engine: {
      train: (_: string, __: object, listener: Listener<TrainEvent>) => {
        on = listener;
        return ended.promise;
      },
    },
  });
  otherTab();
  useStudio.setState({ pairs: [pairOf('p')], labels: foldLabels([labelEvent('l', 'p')]) });
  studio().setTrainConfig({ samplePrompts: ['p'] });
  const training = studio().startTraining();
  await vi.waitFor(() => expect(studio().activeRun).not.toBeNull());
  const id = studio().activeRun!;
  await vi.waitFor(() => expect(on).not.toBe(undefined));
  const record = testRun({ id, status: 'running' });
  await vi.waitFor(() => {
    on({ type: 'started', record, memory: { peakBytes: 1 } as never, resumedAt: null, unchecked: null });
    expect(studio().runs).toHaveLength(1);
  });
  on(step(0));
  await vi.waitFor(() => expect(studio().metrics[id]).toHaveLength(1));
  heard.length = 0;
  tell({ type: 'hello' });
  await vi.waitFor(() => expect(heard).toHaveLength(1));
  expect(heard[0]).toMatchObject({ type: 'run', run: { id, record: { id, step: 1 }, metrics: [{ step: 0 }] } });
  on(step(1));
  await vi.waitFor(() => expect(heard[1]).toEqual({ type: 'event', id, event: step(1) }));
  ended.resolve({ ...record, status: 'finished', step: 4 });
  await training;
  await vi.waitFor(() => expect(heard.at(-1)).toEqual({ type: 'run', run: null }));
});

/** A tab that finds another one at work. @param owned whether that one is still there. */
async function look(owned = (): boolean => true): Promise<void> {
  await openStudio();
  vi.stubGlobal('navigator', {
    gpu: {},
    locks: {
      request: (_: string, options: object, work?: (lock: null) => unknown) =>
        'ifAvailable' in options ? work!(null) : never(),
      query: async () => ({ held: owned() ? [{ name: 'winnow-owner' }] : [] }),
    },
  });
  await studio().boot();
  expect(studio().engineState).toBe('otherTab');
}

it('a tab that looks follows it, and has no command for it', async () => {
  otherTab();
  await look();
  await vi.waitFor(() => expect(heard).toContainEqual({ type: 'hello' }));
  const record = testRun({ status: 'running', step: 2 });
  const live = {
    preparing: null,
    memory: null,
    etaSeconds: 5,
    resumedAt: null,
    awake: false,
    lastSavedAt: null,
    unchecked: null,
  };
  tell({ type: 'run', run: { id: 'r', record, live, metrics: [metrics(0), metrics(1)] } });
  await vi.waitFor(() => expect(studio()).toMatchObject({ activeRun: 'r', runs: [{ step: 2 }] }));
  tell({ type: 'event', id: 'r', event: step(2) });
  tell({ type: 'event', id: 'r', event: { type: 'sample', sample } });
  await vi.waitFor(() => expect(studio().runs).toMatchObject([{ step: 3, samples: [sample] }]));
  expect(studio().metrics['r']!.map((one) => one.step)).toEqual([0, 1, 2]);
  expect(studio().live).toMatchObject({ etaSeconds: 9 });
  await studio().commandRun('stop');
  await studio().deleteRun('r');
  expect(studio().trainProblem?.name).toBe('SecondTab');
  expect(studio().runs).toHaveLength(1);
  tell({ type: 'run', run: null });
  await vi.waitFor(() => expect(studio()).toMatchObject({ activeRun: null, live: null }));
});

it('a tab that looks sees that the one at work was closed', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  let owned = true;
  await look(() => owned);
  useStudio.setState({ activeRun: 'r' });
  await vi.advanceTimersByTimeAsync(3000);
  expect(studio()).toMatchObject({ ownerGone: false, activeRun: 'r' });
  owned = false;
  await vi.advanceTimersByTimeAsync(3000);
  expect(studio()).toMatchObject({ ownerGone: true, activeRun: null });
});
