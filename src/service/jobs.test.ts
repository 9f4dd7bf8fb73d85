import { expect, it } from 'vitest';
import { Jobs } from './jobs.ts';

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

it('gives one turn at a time, alternating between jobs', async () => {
  const jobs = new Jobs();
  const log: string[] = [];
  let running = 0;
  const work = (name: string): Promise<void> =>
    jobs.run(name, async (signal) => {
      for (let i = 0; i < 3; i++) {
        await signal.turn(async () => {
          expect(++running).toBe(1);
          await pause();
          log.push(name);
          running--;
        });
      }
    });
  await Promise.all([work('a'), work('b')]);
  expect(log.toSorted()).toEqual(['a', 'a', 'a', 'b', 'b', 'b']);
  expect(log.slice(0, 4)).toEqual(['a', 'b', 'a', 'b']);
});

it('ends a cancelled job at its next turn and leaves the others', async () => {
  const jobs = new Jobs();
  let turns = 0;
  const cancelled = jobs.run('a', async (signal) => {
    for (;;) {
      await signal.turn(async () => {
        if (++turns === 2) void jobs.cancel('a');
      });
    }
  });
  await expect(cancelled).rejects.toMatchObject({ name: 'Cancelled' });
  expect(turns).toBe(2);
  await expect(jobs.run('b', (signal) => signal.turn(async () => 5))).resolves.toBe(5);
});

it('tells of a cancellation when the job has ended, and at once of one that is not at work', async () => {
  const jobs = new Jobs();
  let ended = false;
  const job = jobs.run('a', async (signal) => {
    while (!signal.aborted.aborted) await signal.turn(pause);
    await pause();
    ended = true;
  });
  await pause();
  await jobs.cancel('a');
  expect(ended).toBe(true);
  await job;
  await jobs.cancel('a');
});

it('ends every job, also one that failed', async () => {
  const jobs = new Jobs();
  const [a, b] = [
    jobs.run('a', (signal) => signal.turn(() => Promise.reject(new Error('broken')))),
    jobs.run('b', async (signal) => {
      for (;;) await signal.turn(pause);
    }),
  ];
  const settled = Promise.allSettled([a, b]);
  await jobs.cancelAll();
  expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});

it('goes on after a turn that failed', async () => {
  const jobs = new Jobs();
  await expect(jobs.run('a', (signal) => signal.turn(() => Promise.reject(new Error('broken'))))).rejects.toThrow(
    'broken',
  );
  await expect(jobs.run('a', (signal) => signal.turn(async () => 1))).resolves.toBe(1);
});
