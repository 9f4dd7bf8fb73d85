/** The store and the end of its engine: nothing waits for ever, and nothing is cut off that was promised to be saved. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { deferred, WorkerForTests } from '../app/workerForTests.ts';
import { foldLabels } from '../../data/labels.ts';
import { labelEvent } from '../../records/testRecords.ts';
import type { ModelInfo } from '../../service/types.ts';
import { WinnowError } from '../../shared/errors.ts';
import { closeStudio, idleEngine, modelInfo, never, openStudio, pairOf, studio } from './testStudio.ts';
import { useStudio } from './useStudio.ts';

const verbs = {
  ...idleEngine,
  generate: never,
  makePairs: never,
  importModel: never,
  train: never,
};

beforeEach(async () => {
  await openStudio({ engine: verbs });
  expect(studio().engineState).toBe('ready');
});

afterEach(closeStudio);

const theWorker = (): WorkerForTests => WorkerForTests.made.at(-1)!;
const states = () => studio().jobs.map(({ state }) => state);
const bringIn = () => studio().importModel({ name: 'folder', files: [] });

/** One of each kind of work: pictures, pairs that wait behind them, a model on its way in. */
async function work(): Promise<{ ended: Promise<unknown> }> {
  studio().setDraft({ prompt: 'a house' });
  const working = [studio().generate(), studio().makePairs(2), bringIn()];
  await vi.waitFor(() => expect(states()).toEqual(['waiting', 'waiting']));
  expect(studio().modelWork).not.toBeNull();
  return { ended: Promise.all(working) };
}

it('ends every job with an engine that crashed, and says so', async () => {
  const { ended } = await work();
  theWorker().dispatchEvent(Object.assign(new Event('error'), { message: 'boom' }));
  await ended;
  expect(states()).toEqual(['failed', 'failed']);
  expect(studio().jobs.map(({ problem }) => problem?.name)).toEqual(['EngineCrashed', 'EngineCrashed']);
  expect(studio()).toMatchObject({ modelWork: null, engineState: 'failed' });
  expect(studio().modelsProblem?.name).toBe('EngineCrashed');
  expect(studio().engineProblem?.message).toContain('boom');
  await studio().generate();
  expect(studio().generateProblem?.name).toBe('EngineEnded');
});

it('says no longer, once it runs again, that there is no engine', async () => {
  const { ended } = await work();
  theWorker().dispatchEvent(Object.assign(new Event('error'), { message: 'boom' }));
  await ended;
  await studio().makeComparison();
  await studio().planDownload({ host: 'https://h', id: 'a/b' });
  const problems = () =>
    [studio().generateProblem, studio().modelsProblem, studio().engineProblem].map((problem) => problem?.name);
  expect(problems()).toEqual(['EngineCrashed', 'EngineEnded', 'EngineCrashed']);
  // The banner says how it runs again, whatever else rejected.
  expect(studio().engineProblem?.message).toMatch(/Start it again/);
  await studio().restartEngine();
  expect(problems()).toEqual([undefined, undefined, undefined]);
  // What did not come is still said, by the job, and not as if there were no engine.
  for (const { state, problem } of studio().jobs) {
    expect(state).toBe('failed');
    expect(problem?.message).toMatch(/boom\. What was finished is kept/);
  }
});

it('says of an engine that crashes while it starts that it can be started again', async () => {
  WorkerForTests.verbs = { ...verbs, start: never };
  const starting = studio().restartEngine();
  theWorker().dispatchEvent(Object.assign(new Event('error'), { message: 'boom' }));
  await starting;
  expect(studio()).toMatchObject({ engineState: 'failed' });
  expect(studio().engineProblem?.message).toMatch(/boom\. Start it again/);
});

it('works again after the engine was started anew, with nothing left over', async () => {
  const { ended } = await work();
  const before = theWorker();
  await studio().restartEngine();
  await ended;
  expect(before.terminated).toBe(true);
  expect(studio().engineState).toBe('ready');
  expect(states()).toEqual(['failed', 'failed']);
  expect(studio().modelWork).toBeNull();
  const imported = deferred<ModelInfo>();
  WorkerForTests.verbs = { ...verbs, importModel: () => imported.promise };
  await studio().restartEngine();
  const bringing = bringIn();
  imported.resolve(modelInfo('new'));
  expect(await bringing).toBe('model');
  expect(studio().viewedModel).toBe('new');
  expect(studio().modelsProblem).toBeNull();
});

it('starts anew while it starts: the engine that was left says nothing more', async () => {
  WorkerForTests.verbs = { ...verbs, start: never };
  const first = studio().restartEngine();
  expect(studio().engineState).toBe('starting');
  WorkerForTests.verbs = verbs;
  await studio().restartEngine();
  await first;
  expect(studio()).toMatchObject({ engineState: 'ready', engineProblem: null });
});

it('says what is wrong where the browser makes no worker', async () => {
  vi.stubGlobal('Worker', function refuse() {
    throw new DOMException('blocked', 'SecurityError');
  });
  await studio().restartEngine();
  expect(studio().engineState).toBe('failed');
  expect(studio().engineProblem?.message).toContain('blocked');
});

/** A run at work, past its preparation. */
async function train(command: () => unknown): Promise<void> {
  WorkerForTests.verbs = { ...verbs, command };
  await studio().restartEngine();
  useStudio.setState({
    activeRun: 'r',
    live: {
      preparing: null,
      memory: null,
      etaSeconds: null,
      resumedAt: null,
      unchecked: null,
      awake: false,
      lastSavedAt: null,
    },
  });
}

function askToLetGo(): void {
  const channel = new BroadcastChannel('winnow-owner');
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a BroadcastChannel takes none
  channel.postMessage('let go');
  setTimeout(() => channel.close(), 500);
}

it('lets another tab take over only when what trains is saved', async () => {
  const saved = deferred<void>();
  const command = vi.fn(() => saved.promise);
  await train(command);
  const worker = theWorker();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  askToLetGo();
  await vi.waitFor(() => expect(command).toHaveBeenCalledWith('r', 'save'));
  // A step of a large model and the writing of its state may take this long.
  await vi.advanceTimersByTimeAsync(40_000);
  expect([studio().engineState, worker.terminated]).toEqual(['otherTab', false]);
  saved.resolve();
  await vi.waitFor(() => expect(worker.terminated).toBe(true));
  expect(studio().activeRun).toBeNull();
});

it('waits a minute, and no longer, for an engine that does not answer', async () => {
  const command = vi.fn(never);
  await train(command);
  const worker = theWorker();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  askToLetGo();
  await vi.waitFor(() => expect(command).toHaveBeenCalled());
  await vi.advanceTimersByTimeAsync(60_000);
  expect(worker.terminated).toBe(true);
});

it('does not wait for an engine that has crashed when another tab takes over', async () => {
  await train(never);
  const worker = theWorker();
  worker.dispatchEvent(new Event('error'));
  useStudio.setState({ activeRun: 'r' });
  askToLetGo();
  await vi.waitFor(() => expect(studio().activeRun).toBeNull());
  expect(studio().engineState).toBe('otherTab');
});

it('begins one run, however often Start is clicked', async () => {
  const train = vi.fn(never);
  WorkerForTests.verbs = { ...verbs, train };
  await studio().restartEngine();
  useStudio.setState({ pairs: [pairOf('p')], labels: foldLabels([labelEvent('l', 'p')]) });
  studio().setTrainConfig({ samplePrompts: ['p'] });
  void studio().startTraining();
  void studio().startTraining();
  await vi.waitFor(() => expect(train).toHaveBeenCalled());
  void studio().startTraining();
  await new Promise((wait) => setTimeout(wait, 50));
  expect(train).toHaveBeenCalledTimes(1);
});

it('keeps no pairs ahead where they were refused, and says why', async () => {
  const makePairs = vi.fn(() => {
    throw new WinnowError('OutOfGpuMemory', 'The GPU is full.', 'Use a smaller size.');
  });
  WorkerForTests.verbs = { ...verbs, makePairs };
  await studio().restartEngine();
  studio().setPreference('keepMakingPairs', true);
  vi.stubGlobal('fetch', async () => new Response('p\n'));
  await studio().topUpPairs();
  expect(studio().labelProblem?.name).toBe('OutOfGpuMemory');
  await studio().topUpPairs();
  expect(makePairs).toHaveBeenCalledTimes(1);
});
