/** Timing where the clocks that are offered tell nothing. */
import { afterEach, expect, it, vi } from 'vitest';
import { MOST_TIMES } from '../shared/clock.ts';
import type { EngineDevice } from './device.ts';
import { gpuMs } from './gpuClock.ts';

afterEach(() => void vi.restoreAllMocks());

/** A device whose every dispatch takes so long; its timestamps, where it offers them, are all 0. */
function deviceOf(msEach: number, features: string[] = []) {
  const passes: number[] = [];
  let dispatched = 0;
  const object = { destroy() {}, mapAsync: async () => {}, getMappedRange: () => new ArrayBuffer(16) };
  const device = {
    features: new Set(features),
    createQuerySet: () => object,
    createBuffer: () => object,
    createCommandEncoder: () => ({
      beginComputePass: () => ({ end() {} }),
      resolveQuerySet() {},
      copyBufferToBuffer() {},
      finish: () => {},
    }),
    queue: {
      submit: () => {
        passes.push(dispatched);
        dispatched = 0;
      },
      onSubmittedWorkDone: () => new Promise<void>((done) => setTimeout(done, msEach * passes.at(-1)!)),
    },
  };
  object.mapAsync = device.queue.onSubmittedWorkDone;
  const engine = { device, wait: <T>(work: Promise<T>) => work, check() {} } as unknown as EngineDevice;
  return { engine, passes, encode: () => void dispatched++ };
}

it('ends, with a time, where the clock is too coarse for any number of them', async () => {
  vi.spyOn(performance, 'now').mockReturnValue(1000);
  const { engine, passes, encode } = deviceOf(0);
  const ms = await gpuMs(engine, encode);
  expect(ms).toBeGreaterThan(0);
  expect(ms).toBeLessThan(1e-3);
  expect(Math.max(...passes)).toBe(MOST_TIMES);
});

it('times by the wall clock what timestamps that are never written do not tell', async () => {
  vi.stubGlobal('GPUBufferUsage', {});
  vi.stubGlobal('GPUMapMode', {});
  const { engine, passes, encode } = deviceOf(20, ['timestamp-query']);
  const ms = await gpuMs(engine, encode);
  vi.unstubAllGlobals();
  expect(ms).toBeGreaterThan(15);
  expect(ms).toBeLessThan(40);
  expect(Math.max(...passes)).toBeLessThan(100);
});
