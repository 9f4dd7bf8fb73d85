/** The tuner chooses by what kernels take, whatever clock the browser has. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NodeDevice, openNodeDevice } from '../cli/device.ts';
import { classes, classGraph, raced, tuneKernels, type Tuning } from './tune.ts';
import { evaluate } from '../oracle/run.ts';

let engine: NodeDevice;
const tuned = new Map<string, Tuning>();

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Without timestamps; waits for the GPU end at ticks of so many milliseconds, as in Firefox. */
function dullClock(device: GPUDevice, tick: number): void {
  const features = new Set([...device.features].filter((name) => name !== 'timestamp-query'));
  Object.defineProperty(device, 'features', { value: features, configurable: true });
  const done = device.queue.onSubmittedWorkDone.bind(device.queue);
  device.queue.onSubmittedWorkDone = async () => {
    await done();
    if (tick > 0) await wait(tick - (performance.now() % tick));
    return undefined;
  };
}

beforeAll(async () => {
  engine = await openNodeDevice();
  for (const [clock, tick] of [
    ['own', undefined],
    ['submit', 0],
    ['ticks of 100 ms', 100],
  ] as const) {
    if (tick !== undefined) dullClock(engine.device, tick);
    tuned.set(clock, await tuneKernels(engine, evaluate));
  }
}, 300_000);
afterAll(() => engine?.destroy());

describe.each(['own', 'submit', 'ticks of 100 ms'])('by the clock: %s', (clock) => {
  it('chooses the same kernels', () => {
    const { variants, measuredMs, flopsPerSecond } = tuned.get(clock)!;
    expect(variants).toEqual(tuned.get('own')!.variants);
    expect(Object.values(measuredMs).every((ms) => ms > 0)).toBe(true);
    expect(flopsPerSecond).toBeGreaterThan(0);
  });
});

describe('raced', () => {
  const subgroups = new Set(['subgroups']);
  const of = (kernelClass: string, software: boolean, features = subgroups): string[] =>
    raced(kernelClass, classGraph(kernelClass, 256), software, features);

  it.each(Object.keys(classes))('%s: no kernel of one invocation a group on a GPU', (kernelClass) => {
    expect(of(kernelClass, false)).toContain('workgroup');
    expect(of(kernelClass, false)).not.toContain('register');
    expect(of(kernelClass, false, new Set())).not.toContain('quad');
  });

  it('offers norms and reductions of one invocation a group where shaders run on the CPU', () => {
    for (const kernelClass of ['norm', 'reduce']) expect(of(kernelClass, true)).toContain('register');
  });
});

it('leaves out what computes wrongly here, and says which', async () => {
  let calls = 0;
  const { variants, failures } = await tuneKernels(engine, (graph, feeds) => {
    const right = evaluate(graph, feeds);
    calls += 1;
    return calls === 1 ? (value) => right(value).map((x) => 1.001 * x) : right;
  });
  const [wrong] = Object.keys(failures);
  expect(failures).toEqual({
    [wrong!]: expect.stringMatching(/^it is off by 0.00\d+ of its largest result$/) as string,
  });
  const [kernelClass, variant] = wrong!.split(' ');
  expect((variants[kernelClass!] ?? variants['default'])!.split(' ')[0]).not.toBe(variant);
});

it('trains nothing where nothing is right', async () => {
  const off = tuneKernels(engine, (graph, feeds) => (value) => evaluate(graph, feeds)(value).map((x) => 2 * x));
  await expect(off).rejects.toThrow('Nothing that computes gemm is right on this adapter');
});
