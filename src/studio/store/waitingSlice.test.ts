/** Runs that wait begin one after the other, each as it was set up, and are there after a reload. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { MemoryFileStore } from '../../service/memoryFiles.ts';
import { testRun } from '../../service/testRuns.ts';
import type { RunRecord, TrainRequest } from '../../service/types.ts';
import type { Engine } from '../app/workers.ts';
import { closeStudio, modelInfo, openStudio, pairOf, studio } from './testStudio.ts';
import { useStudio } from './useStudio.ts';

let store = new MemoryFileStore();
vi.mock('./services.ts', async (original) => ({ ...(await original<object>()), files: async () => store }));

let begun: TrainRequest[] = [];
let end: (outcome: 'finished' | 'stopped' | Error) => void = () => {};

const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve));
};

function useEngine(): void {
  begun = [];
  const engine = {
    train: (id: string, request: TrainRequest) => {
      begun.push(request);
      return new Promise<RunRecord>((resolve, reject) => {
        end = (outcome) =>
          outcome instanceof Error
            ? reject(outcome)
            : resolve({ ...testRun({ status: outcome }), id, name: request.name });
      });
    },
    runs: async () => [],
    unreadableRuns: async () => [],
    metrics: async () => [],
  };
  useStudio.setState({ engine: () => engine as unknown as Engine, engineState: 'ready' });
}

beforeEach(async () => {
  store = new MemoryFileStore();
  await openStudio({
    state: { models: [modelInfo()], readStorage: async () => undefined, readModelHashes: async () => undefined },
  });
  useEngine();
  studio().setTrainConfig({ samplePrompts: ['a cat'] });
  studio().addPairs(['a', 'b', 'c'].map((id) => pairOf(id)));
  await studio().answer('left');
});
afterEach(closeStudio);

const names = (): string[] => studio().waiting.map(({ name }) => name);

/** One run at work, and two that wait: of 5 steps and one label, of 7 and two. */
async function three(): Promise<void> {
  void studio().startTraining();
  await settle();
  studio().setTrainConfig({ steps: 5 });
  await studio().queueRun();
  await studio().answer('left');
  studio().setTrainConfig({ steps: 7 });
  await studio().queueRun();
}

it('begins one after the other, with the settings and the labels of when each was set up', async () => {
  await three();
  expect(begun).toHaveLength(1);
  expect(names()).toEqual(['Own settings 1', 'Own settings 2']);
  end('finished');
  await settle();
  expect(begun[1]).toMatchObject({
    name: 'Own settings 1',
    config: { steps: 5, samplePrompts: ['a cat'] },
    resume: false,
  });
  expect(begun[1]!.pairs).toHaveLength(1);
  // Stopped by hand is no failure.
  end('stopped');
  await settle();
  expect(begun[2]).toMatchObject({ config: { steps: 7 } });
  expect(begun[2]!.pairs).toHaveLength(2);
  end('finished');
  await settle();
  expect(begun).toHaveLength(3);
  expect(studio()).toMatchObject({ waiting: [], waitingBecause: null, activeRun: null });
});

it('loses none where somebody begins another in the moment that it is taken out', async () => {
  await three();
  const write = store.write.bind(store);
  let others = 0;
  store.write = async (path, bytes) => {
    if (path === 'waitingRuns.json' && others++ === 0) void studio().startTraining();
    return write(path, bytes);
  };
  end('finished');
  await settle();
  expect(begun).toHaveLength(2);
  expect(names()).toEqual(['Own settings 1', 'Own settings 2']);
  end('finished');
  await settle();
  expect(begun[2]).toMatchObject({ name: 'Own settings 1', config: { steps: 5 } });
});

it('loses none where the engine stops in the moment that it is taken out', async () => {
  await three();
  const write = store.write.bind(store);
  store.write = async (path, bytes) => {
    useStudio.setState({ engineState: 'failed' });
    return write(path, bytes);
  };
  end('finished');
  await settle();
  expect(begun).toHaveLength(1);
  expect(names()).toEqual(['Own settings 1', 'Own settings 2']);
  expect(studio().waitingBecause).toBe('engine');
});

it('waits for a person after a run that failed', async () => {
  await three();
  end(new Error('The disk is full.'));
  await settle();
  expect(begun).toHaveLength(1);
  expect(studio()).toMatchObject({ waitingBecause: 'failed', activeRun: null });
  await studio().startWaiting();
  await settle();
  expect(begun).toHaveLength(2);
  expect(studio().waitingBecause).toBeNull();
  end('finished');
  await settle();
  expect(begun).toHaveLength(3);
});

it('is there after a reload, and waits for a person', async () => {
  await three();
  await studio().removeWaiting(studio().waiting[0]!.run);
  const [kept] = studio().waiting;
  // The page goes, whatever was at work.
  studio().forgetActiveRun();
  useStudio.setState({ waiting: [], waitingBecause: null, training: false });
  useEngine();
  await studio().restoreWaiting();
  expect(studio().waiting).toEqual([kept]);
  expect(studio().waitingBecause).toBe('reload');
  expect(begun).toEqual([]);
  await studio().startWaiting();
  await settle();
  expect(begun).toEqual([kept]);
  useStudio.setState({ waiting: [] });
  await studio().restoreWaiting();
  expect(studio().waiting).toEqual([]);
});
