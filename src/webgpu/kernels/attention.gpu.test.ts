/** Attention large enough to have its loops written out (attention.ts), against the float64 oracle: forward and all gradients. The cases of
 *  graph/cases.ts are too small for that. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openNodeDevice, type NodeDevice } from '../../cli/device.ts';
import { Graph, type Value } from '../../graph/graph.ts';
import { evaluate } from '../../oracle/run.ts';
import { createGpuExecutor } from '../executor.ts';
import type { Dispatch } from './dispatch.ts';

let engine: NodeDevice;
beforeAll(async () => {
  engine = await openNodeDevice();
});
afterAll(() => engine?.destroy());

/** Deterministic numbers in [-1, 1). */
const wave = (elements: number, seed: number): Float32Array =>
  Float32Array.from({ length: elements }, (_, i) => ((((i + 1) * 7919 * seed) % 65521) / 65521) * 2 - 1);

interface Asked {
  batch: number;
  queries: number;
  keys: number;
  heads: number;
  headSize: number;
  /** Of the gradients that come in. */
  scale?: number;
}

/** Forward and all gradients. */
function attentionOf({ batch, queries, keys, heads, headSize, scale = 1 }: Asked): {
  graph: Graph;
  feeds: Map<Value, Float32Array>;
  results: Value[];
} {
  const graph = new Graph();
  const feeds = new Map<Value, Float32Array>();
  const input = (name: string, tokens: number, by = 1): Value => {
    const value = graph.input(name, [batch, tokens, heads * headSize]);
    feeds.set(
      value,
      wave(batch * tokens * heads * headSize, feeds.size + 1).map((x) => by * x),
    );
    return value;
  };
  const [q, k, v, grad] = [input('q', queries), input('k', keys), input('v', keys), input('do', queries, scale)];
  const params = { heads, causal: false };
  const [o, lse] = graph.node('attention', params, [q, k, v]) as [Value, Value];
  const [dq, delta] = graph.node('attentionGradQuery', params, [grad, q, k, v, lse, o]) as [Value, Value];
  const results = [o, lse, dq, delta, ...graph.node('attentionGradKeyValue', params, [grad, q, k, v, lse, delta])];
  results.forEach((value, i) => graph.output(`out${i}`, value));
  return { graph, feeds, results };
}

/** The kernels that ran. */
async function compare(variant: string, asked: Asked): Promise<Dispatch[]> {
  const { graph, feeds, results } = attentionOf(asked);
  using program = await createGpuExecutor(engine, { variants: { default: variant } }).compile(graph);
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
  return program.plan.dispatches.map(({ dispatch }) => dispatch);
}

it('written-out loops compute what the oracle does', async () => {
  const dispatches = await compare('quad', { batch: 2, queries: 131, keys: 130, heads: 4, headSize: 32 });
  expect(dispatches.filter(({ kernel }) => kernel.code.includes('c < WIDTH'))).toEqual([]);
});

/** Heads of models, and what large tiles make of them: rows of a workgroup, over 8 * threads invocations; parts of the queries; dk and dv apart. */
it.each([
  { batch: 1, queries: 300, keys: 77, heads: 2, headSize: 64, scale: 1e-12, threads: [8, 8, 8], sums: 2, apart: false },
  { batch: 2, queries: 17, keys: 35, heads: 1, headSize: 80, threads: [8, 8, 8], sums: 0, apart: false },
  { batch: 1, queries: 40, keys: 33, heads: 1, headSize: 160, threads: [8, 8, 8], sums: 0, apart: true },
  { batch: 1, queries: 98, keys: 100, heads: 64, headSize: 40, threads: [8, 16, 16], sums: 0, apart: false },
])('large tiles of heads of $headSize: $queries queries, $keys keys', async ({ threads, sums, apart, ...asked }) => {
  const dispatches = await compare('tile', asked);
  const tiles = dispatches.filter(({ kernel }) => kernel.name.endsWith('.tile'));
  expect(tiles.map(({ constants }) => constants['THREADS_Y'])).toEqual(threads);
  expect(tiles.at(-1)!.constants['APART']).toBe(apart);
  expect(dispatches.filter(({ kernel }) => kernel.name === 'splitSum')).toHaveLength(sums);
});
