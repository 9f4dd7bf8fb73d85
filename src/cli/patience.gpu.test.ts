/** Waiting for a GPU that is the processors does not keep one of them busy. */
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { Graph } from '../graph/graph.ts';
import { createGpuExecutor } from '../webgpu/executor.ts';
import { openNodeDevice } from './device.ts';

it('looks for the GPU’s news once a millisecond where it is the processors', async () => {
  const engine = await openNodeDevice();
  if (!engine.adapter.software) return engine.destroy();
  const graph = new Graph();
  const [x, w] = [graph.input('x', [256, 256]), graph.input('w', [256, 256])];
  graph.output('y', graph.op('linear', { bias: false, residual: false, scale: 1 }, [x, w]));
  const executor = createGpuExecutor(engine);
  const immediate = globalThis.setImmediate;
  let looks = 0;
  globalThis.setImmediate = ((...args: Parameters<typeof immediate>) => {
    looks++;
    return immediate(...args);
  }) as typeof immediate;
  const start = performance.now();
  using program = await executor.compile(graph);
  for (let i = 0; i < 5; i++) await program.run();
  const ms = performance.now() - start;
  globalThis.setImmediate = immediate;
  expect(looks).toBeGreaterThan(0);
  expect(looks).toBeLessThan(2 * ms + 20);
  engine.destroy();
});

it('leaves all other uses of setImmediate alone', async () => {
  await openNodeDevice().then((engine) => engine.destroy());
  const order: string[] = [];
  setTimeout(() => order.push('timer'), 5);
  await new Promise<void>((resolve) => setImmediate((what: string) => (order.push(what), resolve()), 'given'));
  const bound = new Promise<void>((resolve) => setImmediate(resolve.bind(null)));
  await bound;
  expect(order).toEqual(['given']);
  await expect(promisify(setImmediate)('value')).resolves.toBe('value');
  const cancelled = setImmediate(() => order.push('cancelled'));
  clearImmediate(cancelled);
  await promisify(setImmediate)();
  expect(order).toEqual(['given']);
});
