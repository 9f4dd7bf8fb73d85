/** What the executor, the profiler and the tuner leave on a real device where it has no room for a buffer: nothing. Each buffer that they ask for
 *  is refused once. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type NodeDevice, openNodeDevice } from '../cli/device.ts';
import { Graph } from '../graph/graph.ts';
import '../shared/disposable.ts';
import { createGpuExecutor, type GpuExecutor } from './executor.ts';
import { countBuffers, type LiveBuffers } from './liveBuffers.ts';
import { profileProgram } from './profiler.ts';
import { tuneKernels } from './tune.ts';
import { evaluate } from '../oracle/run.ts';

let engine: NodeDevice;
let executor: GpuExecutor;
let buffers: LiveBuffers;

beforeAll(async () => {
  engine = await openNodeDevice();
  buffers = countBuffers(engine.device);
  executor = createGpuExecutor(engine, { variants: { default: 'quad register' } });
});
afterAll(() => engine?.destroy());

/** Refuses every buffer that is asked for, up to the most. */
async function refusedAtEveryBuffer(work: () => Promise<void>, most = Infinity): Promise<number> {
  for (let n = 1; n <= most; n++) {
    buffers.refuse(n);
    const before = buffers.asked;
    const error = await work().catch((thrown: unknown) => thrown);
    const refused = buffers.asked - before >= n;
    buffers.refuse(Infinity);
    expect([...buffers.live.keys(), ...buffers.staging]).toEqual([]);
    if (!refused) {
      expect(error).toBeUndefined();
      return n - 1;
    }
    expect((error as Error).name).toMatch(/^(OutOfGpuMemory|GpuError)$/);
    engine.check();
  }
  await work();
  return most;
}

function product(): { graph: Graph; x: ReturnType<Graph['input']>; weight: ReturnType<Graph['parameter']> } {
  const graph = new Graph();
  const [x, weight] = [graph.input('x', [2, 4]), graph.parameter('weight', [3, 4])];
  const bias = graph.constant('bias', [3], Float32Array.of(1, 2, 3));
  const y = graph.op('linear', { bias: true, residual: false, scale: 1 }, [x, weight, bias]);
  graph.output('y', graph.op('unary', { fn: 'relu' }, [y]));
  return { graph, x, weight };
}

it('leaves nothing of a program that is refused, and makes it the next time', async () => {
  const { graph, x, weight } = product();
  const refused = await refusedAtEveryBuffer(async () => {
    using storage = executor.storage('weight', 12);
    storage.write(new Float32Array(12).fill(1));
    using program = await executor.compile(graph, { bindings: new Map([[weight, storage]]) });
    program.write(x, new Float32Array(8).fill(1));
    const [y] = await program.runAndRead([graph.outputs.get('y')!]);
    expect(y).toEqual(Float32Array.of(5, 6, 7, 5, 6, 7));
    expect(await storage.read(0, 1)).toEqual(Float32Array.of(1));
  });
  // The storage, input and constant, two slots, and what carries two results back.
  expect(refused).toBeGreaterThanOrEqual(6);
});

it('says at once what a storage was refused, not when a program that reads it is done', async () => {
  const { graph, weight } = product();
  buffers.refuse(1);
  {
    using storage = executor.storage('weight', 12);
    await expect(executor.compile(graph, { bindings: new Map([[weight, storage]]) })).rejects.toMatchObject({
      name: 'GpuError',
    });
  }
  expect(buffers.live.size).toBe(0);
});

it('leaves nothing where profiling or tuning is refused', async () => {
  const { graph } = product();
  for (const clock of ['timestamp-query', 'submit'] as const) {
    if (!engine.device.features.has(clock) && clock === 'timestamp-query') continue;
    await refusedAtEveryBuffer(async () => {
      using program = await executor.compile(graph);
      expect((await profileProgram(engine, program, clock)).rows).toHaveLength(2);
    });
  }
  // Then it times: windows of its own buffers, as many as the clock takes.
  await refusedAtEveryBuffer(async () => {
    expect((await tuneKernels(engine, evaluate)).flopsPerSecond).toBeGreaterThan(0);
  }, 12);
}, 300_000);

it('names the loss of the device wherever it strikes', async () => {
  const { graph, x } = product();
  for (const verb of ['compile', 'runAndRead', 'read', 'tune'] as const) {
    const lost = await openNodeDevice();
    const its = countBuffers(lost.device);
    const own = createGpuExecutor(lost);
    const work = async (): Promise<unknown> => {
      if (verb === 'tune') {
        lost.destroy();
        return tuneKernels(lost, evaluate);
      }
      if (verb === 'compile') {
        const made = own.compile(graph);
        lost.destroy();
        using _ = await made;
        return undefined;
      }
      using program = await own.compile(graph);
      lost.destroy();
      return verb === 'read' ? await program.read(x) : await program.runAndRead([x]);
    };
    await expect(work(), verb).rejects.toMatchObject({ name: 'DeviceLost' });
    expect([verb, ...its.live.keys(), ...its.staging]).toEqual([verb]);
  }
});
