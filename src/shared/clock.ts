/** Times what is short beside the steps of the clock. */

/** Some browsers end every wait for the GPU at the next tick of 100 ms (Firefox; Mozilla's bug 1870699). */
export const WALL_FILL_MS = 300;

export const MOST_TIMES = 2 ** 14;

/** Milliseconds of one run, from as many as fill `fillMs`; 0 where even very many take no time by this clock, or where it stands still while the
 *  wall's goes on.
 *  @param measure runs something so many times and gives the milliseconds of all. */
export async function timedByFilling(fillMs: number, measure: (times: number) => Promise<number>): Promise<number> {
  const start = performance.now();
  for (let times = 1; ;) {
    const ms = await measure(times);
    const stands = ms === 0 && performance.now() - start >= WALL_FILL_MS;
    if (ms >= fillMs || times >= MOST_TIMES || stands) return ms / times;
    times = Math.min(MOST_TIMES, Math.ceil(times * Math.min(8, Math.max(2, (1.2 * fillMs) / ms))));
  }
}

/** The same by the wall clock, of what runs one after another. */
export const timedByWall = (work: () => Promise<unknown>): Promise<number> =>
  timedByFilling(WALL_FILL_MS, async (times) => {
    const start = performance.now();
    for (let i = 0; i < times; i++) await work();
    return performance.now() - start;
  });
