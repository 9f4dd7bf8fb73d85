/** Sessions under Node (wasm): order, failures, threads. The webgpu provider needs a browser. */
import { beforeAll, expect, test } from 'vitest';
import { Graph } from '../graph/graph.ts';
import { emitOnnx } from './emit.ts';
import { createSession, type OnnxSession } from './session.ts';

/** y = factor * x, through enough matrix products to take a moment. */
function model(factor: number): Uint8Array {
  const graph = new Graph();
  const identity = new Float32Array(64 * 64);
  for (let i = 0; i < 64; i++) identity[i * 65] = 1;
  let x = graph.input('x', [64, 64]);
  for (let i = 0; i < 8; i++)
    x = graph.op('linear', { bias: false, residual: false, scale: i === 0 ? factor : 1 }, [
      x,
      graph.parameter('identity', [64, 64]),
    ]);
  graph.output('y', x);
  return emitOnnx(graph, () => identity);
}

const feeds = (value: number) => ({ x: { data: new Float32Array(64 * 64).fill(value), shape: [64, 64] } });
const wasm = { provider: 'wasm', threads: 1 } as const;

let doubles: OnnxSession;
let negates: OnnxSession;

beforeAll(async () => {
  // Both at once: creation is serialised.
  [doubles, negates] = await Promise.all([createSession(model(2), wasm), createSession(model(-1), wasm)]);
});

test('runs asked for at once keep to their own sessions and feeds', async () => {
  const runs = Array.from({ length: 12 }, (_, i) => (i % 2 ? negates : doubles).run(feeds(i)));
  const results = await Promise.all(runs);
  results.forEach(({ y }, i) => expect([...new Set(y)]).toEqual([i * (i % 2 ? -1 : 2)]));
});

test('results stay what they are after the next run', async () => {
  const { y } = await doubles.run(feeds(3));
  await doubles.run(feeds(4));
  expect(y![0]).toBe(6);
});

test('a file that is no model, and feeds that do not fit, are OnnxRuntimeFailed and stop nobody else', async () => {
  await expect(createSession(new Uint8Array(64).fill(255), wasm)).rejects.toMatchObject({ name: 'OnnxRuntimeFailed' });
  await expect(doubles.run({ x: { data: new Float32Array(4), shape: [2, 2] } })).rejects.toMatchObject({
    name: 'OnnxRuntimeFailed',
  });
  await expect(doubles.run({})).rejects.toMatchObject({ name: 'OnnxRuntimeFailed' });
  expect((await doubles.run(feeds(1))).y![0]).toBe(2);
});

test('a released session fails, others go on', async () => {
  const session = await createSession(model(5), wasm);
  await session[Symbol.asyncDispose]();
  await expect(session.run(feeds(1))).rejects.toMatchObject({ name: 'OnnxRuntimeFailed' });
  expect((await negates.run(feeds(7))).y![0]).toBe(-7);
});

test('the number of threads is fixed by the first session', async () => {
  expect(doubles.threads).toBe(1);
  await expect(createSession(model(2), { provider: 'wasm', threads: 2 })).rejects.toThrow(
    /^onnxruntime runs on 1 threads, which cannot become 2/,
  );
});
