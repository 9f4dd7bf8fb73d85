/** Attention large enough to have its loops written out (attention.ts), against the float64 oracle: forward and all gradients. The cases of
 *  graph/cases.ts are too small for that. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openNodeDevice, type NodeDevice } from '../../cli/device.ts';
import { Graph, type Value } from '../../graph/graph.ts';
import { evaluate } from '../../oracle/run.ts';
import { createGpuExecutor } from '../executor.ts';

let engine: NodeDevice;
beforeAll(async () => {
  engine = await openNodeDevice();
});
afterAll(() => engine?.destroy());

/** Deterministic numbers in [-1, 1). */
const wave = (elements: number, seed: number): Float32Array =>
  Float32Array.from({ length: elements }, (_, i) => ((((i + 1) * 7919 * seed) % 65521) / 65521) * 2 - 1);

it('written-out loops compute what the oracle does', async () => {
  const [batch, queries, keys, heads, headSize] = [2, 131, 130, 4, 32];
  const graph = new Graph();
  const feeds = new Map<Value, Float32Array>();
  const input = (name: string, tokens: number): Value => {
    const value = graph.input(name, [batch, tokens, heads * headSize]);
    feeds.set(value, wave(batch * tokens * heads * headSize, feeds.size + 1));
    return value;
  };
  const [q, k, v, grad] = [input('q', queries), input('k', keys), input('v', keys), input('do', queries)];
  const params = { heads, causal: false };
  const [o, lse] = graph.node('attention', params, [q, k, v]) as [Value, Value];
  const delta = graph.op('attentionDelta', { heads }, [grad, o]);
  const results = [
    o,
    lse,
    ...graph.node('attentionGradQuery', params, [grad, q, k, v, lse, delta]),
    ...graph.node('attentionGradKeyValue', params, [grad, q, k, v, lse, delta]),
  ];
  results.forEach((value, i) => graph.output(`out${i}`, value));

  using program = await createGpuExecutor(engine, { variants: { default: 'quad' } }).compile(graph);
  const kernels = program.plan.dispatches.map(({ dispatch }) => dispatch.kernel);
  expect(kernels.filter(({ code }) => code.includes('c < WIDTH'))).toEqual([
    expect.objectContaining({ name: 'attentionDelta' }),
  ]);
  for (const [value, data] of feeds) program.write(value, data);
  await program.run();
  const want = evaluate(graph, feeds);
  for (const value of results) {
    const got = await program.read(value);
    const expected = want(value);
    const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    // Sums of 130 products in f32 and exp2's own error: 2e-6 of the largest result.
    const worst = got.reduce((most, x, i) => Math.max(most, Math.abs(x - expected[i]!)), 0);
    expect(worst / largest, value.name).toBeLessThan(2e-6);
  }
});
