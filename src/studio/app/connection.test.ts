/** Calls to a worker that ends: every one settles, by name. */
import { afterEach, expect, it, vi } from 'vitest';
import { WinnowError } from '../../shared/errors.ts';
import { connect, type EngineConnection } from './connection.ts';
import { listener } from './workers.ts';
import { WorkerForTests } from './workerForTests.ts';

const never = (): Promise<never> => new Promise(() => {});

function connected(): { connection: EngineConnection; worker: WorkerForTests; crashes: WinnowError[] } {
  WorkerForTests.verbs = {
    generate: never,
    train: never,
    models: () => ['a'],
    runs: () => {
      throw new WinnowError('NoDiskSpace', 'There is no room.', 'Make some.');
    },
    makePairs: (_job: string, _request: object, on: (event: string) => void) => {
      on('first');
      return never();
    },
  };
  const worker = new WorkerForTests();
  const crashes: WinnowError[] = [];
  return { worker, crashes, connection: connect(worker as unknown as Worker, (error) => crashes.push(error)) };
}

afterEach(() => {
  for (const worker of WorkerForTests.made.splice(0)) worker.terminate();
  vi.unstubAllGlobals();
});

it('passes answers, errors and events on', async () => {
  const { connection, crashes } = connected();
  expect(await connection.engine.models()).toEqual(['a']);
  await expect(connection.engine.runs()).rejects.toMatchObject({ name: 'NoDiskSpace' });
  const events: unknown[] = [];
  const working = connection.engine.makePairs(
    'job',
    {} as never,
    listener((event) => events.push(event)),
  );
  await vi.waitFor(() => expect(events).toEqual(['first']));
  connection.end();
  await expect(working).rejects.toMatchObject({ name: 'EngineEnded' });
  expect(crashes).toEqual([]);
});

const ends: [string, (worker: WorkerForTests) => void, string][] = [
  ['throws', (worker) => worker.dispatchEvent(Object.assign(new Event('error'), { message: 'boom' })), 'boom.'],
  ['cannot be loaded', (worker) => worker.dispatchEvent(new Event('error')), 'could not be loaded.'],
  [
    'says what cannot be read',
    (worker) => worker.dispatchEvent(new MessageEvent('messageerror')),
    'could not be read.',
  ],
];

it.each(ends)('rejects every verb of a worker that %s, those at work and those to come', async (_, end, why) => {
  const { connection, worker, crashes } = connected();
  const atWork = [
    connection.engine.generate('a', {} as never, vi.fn()),
    connection.engine.train('b', {} as never, vi.fn()),
  ];
  end(worker);
  for (const verb of [...atWork, connection.engine.models()]) {
    const error: unknown = await verb.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ name: 'EngineCrashed', message: expect.stringContaining(why) });
  }
  expect(worker.terminated).toBe(true);
  end(worker);
  connection.end();
  expect(crashes).toHaveLength(1);
});

it('notices an end that raises no event by the lock that the worker held', async () => {
  const granted: (() => void)[] = [];
  vi.stubGlobal('navigator', {
    locks: {
      request: (name: string, work: () => void) => {
        expect(name).toBe('of this worker');
        return new Promise<void>((resolve) => granted.push(() => resolve(work())));
      },
    },
  });
  const { connection, worker, crashes } = connected();
  worker.dispatchEvent(new MessageEvent('message', { data: { heldLock: 'of this worker' } }));
  const working = connection.engine.generate('a', {} as never, vi.fn());
  granted[0]!();
  await expect(working).rejects.toMatchObject({ name: 'EngineCrashed' });
  expect(crashes).toHaveLength(1);
});

it('says of a worker that was ended on purpose that it was, and raises no alarm', async () => {
  const { connection, crashes } = connected();
  const working = connection.engine.generate('a', {} as never, vi.fn());
  connection.end();
  await expect(working).rejects.toMatchObject({ name: 'EngineEnded' });
  await expect(connection.engine.models()).rejects.toMatchObject({ name: 'EngineEnded' });
  expect(crashes).toEqual([]);
});
