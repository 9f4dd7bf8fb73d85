/** Times by clocks that are coarser than what they time. */
import { describe, expect, it } from 'vitest';
import { timedByFilling, timedByWall, WALL_FILL_MS } from './clock.ts';

describe('timedByFilling', () => {
  // A wait for the GPU that ends at the next tick after its work does; where in a tick it begins is chance.
  const ticking = (ms: number, tick: number, phase: number) => async (times: number) =>
    Math.ceil((ms * times + phase) / tick) * tick - phase;

  it.each([0.02, 0.7, 9, 40, 130, 700])('tells %f ms by a clock of 100 ms', async (ms) => {
    for (const phase of [0, 13, 50, 99]) {
      const timed = await timedByFilling(WALL_FILL_MS, ticking(ms, 100, phase));
      expect(timed / ms).toBeGreaterThan(0.75);
      expect(timed / ms).toBeLessThan(1.5);
    }
  });

  it('tells two kernels apart of which one takes twice the time', async () => {
    const timed = await Promise.all([3, 6].map((ms) => timedByFilling(WALL_FILL_MS, ticking(ms, 100, 70))));
    expect(timed[1]! / timed[0]!).toBeGreaterThan(1.3);
  });

  it('does not go on with a clock that stands still while the time goes on', async () => {
    const asked: number[] = [];
    const ms = await timedByFilling(2, async (times) => {
      asked.push(times);
      await new Promise((resolve) => setTimeout(resolve, 10 * times));
      return 0;
    });
    expect(ms).toBe(0);
    expect(Math.max(...asked)).toBeLessThan(100);
  });

  it('runs once what fills the time by itself, and ends where a clock stands still', async () => {
    const asked: number[] = [];
    const measure = (ms: number) => async (times: number) => (asked.push(times), ms * times);
    expect(await timedByFilling(300, measure(450))).toBe(450);
    expect(asked).toEqual([1]);
    expect(await timedByFilling(300, measure(0))).toBe(0);
    expect(asked.length).toBeLessThan(10);
  });
});

it('repeats what is short for 300 ms of the wall clock', async () => {
  let times = 0;
  const start = performance.now();
  const ms = await timedByWall(async () => {
    times++;
    await new Promise((resolve) => setTimeout(resolve, 5));
  });
  expect(performance.now() - start).toBeGreaterThanOrEqual(WALL_FILL_MS);
  expect(ms).toBeGreaterThan(4);
  expect(times).toBeGreaterThan(3);
});
