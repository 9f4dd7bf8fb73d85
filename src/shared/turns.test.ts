import { expect, it } from 'vitest';
import { Turns } from './turns.ts';

it('runs what has one key in order, also after a failure, and lets other keys by', async () => {
  const turns = new Turns();
  const log: string[] = [];
  const work = (name: string, ms: number) => async (): Promise<void> => {
    log.push(`${name} starts`);
    await new Promise((resolve) => setTimeout(resolve, ms));
    log.push(`${name} ends`);
    if (name === 'a') throw new Error('broken');
  };
  const results = await Promise.allSettled([
    turns.run('x', work('a', 20)),
    turns.run('x', work('b', 1)),
    turns.run('y', work('c', 1)),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  expect(log).toEqual(['a starts', 'c starts', 'c ends', 'a ends', 'b starts', 'b ends']);
});
