/** Products and attention in f16 against the float64 oracle, where an adapter offers `shader-f16` (Mesa's lavapipe; SwiftShader does not): every case of
 *  linear, conv2d and attention that large tiles take, heads of models, and numbers that f16 does not hold. */
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { openNodeDevice, type NodeDevice } from '../cli/device.ts';
import { buildCase, weightDtypes } from '../graph/caseData.ts';
import { cases } from '../graph/cases.ts';
import { Graph, type ParameterDtype, type Value } from '../graph/graph.ts';
import { evaluate } from '../oracle/run.ts';
import { sizeOf } from '../shared/shape.ts';
import { createGpuExecutor } from './executor.ts';
import { planGraph } from './plan.ts';
import { raceInHalf, whatIsWrongInHalf } from './tuneHalf.ts';
import { heaviestTasks } from './workload.ts';

let engine: NodeDevice;
let half = false;

beforeAll(async () => {
  engine = await openNodeDevice();
  half = engine.device.features.has('shader-f16');
  console.log(`products in f16: ${half ? 'run' : 'left out, as there is no shader-f16,'} on ${engine.driver}`);
});
afterAll(() => engine?.destroy());

const needsHalf = ({ skip }: TestContext): void => {
  if (!half) skip(`${engine.adapterName} does not offer shader-f16`);
};

/** Of the largest result: operands are rounded to 11 digits, and so is each sum of up to eight products. 6e-4 was seen. */
const OF_LARGEST = 1.5e-3;
/** The same of attention, which rounds scores and sums of up to twenty and thirty-two products so: 1.6e-3 was seen. */
const OF_LARGEST_ATTENDED = 3e-3;
/** What is off by 2^-11 of a score of forty is by a fiftieth of a weight. 1.5e-2 was seen. */
const OF_LARGEST_SHARP = 3e-2;

const isHalf = (graph: Graph): boolean =>
  planGraph(graph, { arithmetic: 'f16' }).dispatches.some(({ dispatch }) => dispatch.kernel.name.endsWith('.half'));

async function ran(graph: Graph, feeds: ReadonlyMap<Value, Float32Array | Int32Array>): Promise<Float32Array> {
  using program = await createGpuExecutor(engine, { arithmetic: 'f16' }).compile(graph);
  for (const [value, data] of feeds) program.write(value, data);
  const [result] = await program.runAndRead([graph.outputs.get('out0')!]);
  expect(program.memory.allocatedBytes).toBe(program.memory.plannedBytes.total);
  return result!;
}

/** The largest error, of the largest result; Infinity where a result is no number. */
function worstOf(got: Float32Array, want: Float64Array): number {
  const largest = want.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return got.reduce((most, x, k) => {
    const error = Math.abs(x - want[k]!) / largest;
    return Number.isNaN(error) ? Infinity : Math.max(most, error);
  }, 0);
}

/** Of these weights of every width: read in fours, and one by one. */
const inHalves = new Set(['in fours, past tiles', 'wide, past tiles', '3 to 17, 11x13']);
const widthsOf = (op: 'linear' | 'conv2d', name: string): readonly ParameterDtype[] =>
  inHalves.has(name) ? weightDtypes(op) : ['f32'];

describe.each(['linear', 'conv2d'] as const)('%s', (op) => {
  const tiled = cases[op].filter((testCase) => isHalf(buildCase(op, testCase as never).graph));
  it.for(tiled.flatMap((testCase) => widthsOf(op, testCase.name).map((weights) => ({ testCase, weights }))))(
    '$testCase.name, weights in $weights',
    async ({ testCase, weights }, context) => {
      needsHalf(context);
      const { graph, feeds } = buildCase(op, testCase as never, 1, weights);
      const worst = worstOf(await ran(graph, feeds), evaluate(graph, feeds)(graph.outputs.get('out0')!));
      expect(worst).toBeLessThan(OF_LARGEST);
      // Else it was not f16.
      expect(worst).toBeGreaterThan(1e-6);
    },
  );
});

interface Heads {
  batch?: number;
  queries: number;
  keys: number;
  heads?: number;
  headSize: number;
  /** Of queries, keys and values. */
  scales?: readonly [number, number, number];
}

/** Attention alone, over numbers that look random. */
function attentionOf({ batch = 1, queries, keys, heads = 1, headSize, scales = [1, 1, 1] }: Heads): {
  graph: Graph;
  feeds: Map<Value, Float32Array>;
} {
  const graph = new Graph();
  const feeds = new Map<Value, Float32Array>();
  const inputs = [queries, keys, keys].map((tokens, i) => {
    const value = graph.input('qkv'.charAt(i), [batch, tokens, heads * headSize]);
    const at = (k: number): number => 43758.5453 * Math.sin(12.9898 * (k + 1 + i / 12.9898));
    const data = Float32Array.from({ length: sizeOf(value.shape) }, (_, k) => at(k) - Math.floor(at(k)));
    feeds.set(
      value,
      data.map((x) => scales[i]! * (2 * x - 1)),
    );
    return value;
  });
  graph.output('out0', graph.node('attention', { heads, causal: false }, inputs)[0]!);
  return { graph, feeds };
}

describe('attention', () => {
  const compared = async (graph: Graph, feeds: ReadonlyMap<Value, Float32Array | Int32Array>): Promise<number> => {
    expect(isHalf(graph)).toBe(true);
    return worstOf(await ran(graph, feeds), evaluate(graph, feeds)(graph.outputs.get('out0')!));
  };
  const sides: Heads[] = [
    { queries: 98, keys: 100, heads: 64, headSize: 40 },
    { batch: 2, queries: 40, keys: 77, headSize: 64 },
    { queries: 17, keys: 35, heads: 2, headSize: 80 },
    { queries: 40, keys: 33, headSize: 160 },
    { queries: 16, keys: 4096, headSize: 8 },
  ];

  it.for(sides)('$queries queries, $keys keys, heads of $headSize', async (asked, context) => {
    needsHalf(context);
    const { graph, feeds } = attentionOf(asked);
    const worst = await compared(graph, feeds);
    expect(worst).toBeLessThan(OF_LARGEST_ATTENDED);
    expect(worst).toBeGreaterThan(1e-6);
  });

  it('what each query sees', async (context) => {
    needsHalf(context);
    const causal = cases.attention.find(({ name }) => name === 'causal 77')!;
    const { graph, feeds } = buildCase('attention', causal as never);
    expect(await compared(graph, feeds)).toBeLessThan(OF_LARGEST_ATTENDED);
  });

  it.for([
    { name: 'scores up to 40: few keys count', scales: [6, 6, 1], to: OF_LARGEST_SHARP },
    { name: 'scores past 65,504: one key counts', scales: [1e3, 1e3, 1] },
    { name: 'queries and values of 1e6', scales: [1e6, 1e-6, 1e6] },
    { name: 'queries and keys of 1e-6', scales: [1e-6, 1e-6, 1] },
    { name: 'values of 1e-12', scales: [1, 1, 1e-12] },
  ] as const)('$name', async ({ scales, ...rest }, context) => {
    needsHalf(context);
    const { graph, feeds } = attentionOf({ queries: 40, keys: 77, headSize: 40, scales });
    expect(await compared(graph, feeds)).toBeLessThan('to' in rest ? rest.to : OF_LARGEST_ATTENDED);
  });

  it('what is infinite is not hidden', async (context) => {
    needsHalf(context);
    const { graph, feeds } = attentionOf({ queries: 40, keys: 77, headSize: 40 });
    const values = feeds.get(graph.values.find(({ name }) => name === 'v')!)!;
    values[40 * 5 + 3] = Infinity;
    const got = await ran(graph, feeds);
    expect(Array.from({ length: 40 }, (_, query) => got[40 * query + 3]!).some(Number.isFinite)).toBe(false);
  });
});

describe('numbers that f16 does not hold', () => {
  const SIDE = 64;
  const graph = new Graph();
  const [x, weight] = [graph.input('x', [SIDE, SIDE]), graph.input('weight', [SIDE, SIDE])];
  graph.output('out0', graph.op('linear', { bias: false, residual: false, scale: 1 }, [x, weight]));
  const numbers = (scale: number, seed: number): Float32Array =>
    Float32Array.from({ length: SIDE * SIDE }, (_, i) => scale * Math.sin(12.9898 * i * (i + seed)));

  it.for([
    { name: 'activations of 1e6', scales: [1e6, 1] as const, outlier: 0 },
    { name: 'products of 1e12', scales: [1e6, 1e6] as const, outlier: 0 },
    { name: 'one of 1e6 among those of 1', scales: [1, 1] as const, outlier: 1e6 },
    { name: 'activations of 1e-12', scales: [1e-12, 1] as const, outlier: 0 },
    { name: 'products below f16', scales: [1e-6, 1e-6] as const, outlier: 0 },
    { name: 'zeros', scales: [0, 1] as const, outlier: 0 },
  ])('$name', async ({ scales, outlier }, context) => {
    needsHalf(context);
    const feeds = new Map([
      [x, numbers(scales[0], 3)],
      [weight, numbers(scales[1], 7)],
    ]);
    if (outlier) feeds.get(x)![SIDE * 17 + 5] = outlier;
    const want = evaluate(graph, feeds)(graph.outputs.get('out0')!);
    const got = await ran(graph, feeds);
    if (scales[0] === 0) return expect(got.every((value) => value === 0)).toBe(true);
    expect(worstOf(got, want)).toBeLessThan(OF_LARGEST);
    // Rows without the outlier are as exact as if it were not there: it is a million times as large, no more.
    const row = (all: Float32Array | Float64Array): number[] => [...all.subarray(20 * SIDE, 21 * SIDE)];
    expect(worstOf(Float32Array.from(row(got)), Float64Array.from(row(want)))).toBeLessThan(OF_LARGEST);
  });

  it('what is infinite is not hidden', async (context) => {
    needsHalf(context);
    const feeds = new Map([
      [x, numbers(1, 3)],
      [weight, numbers(1, 7)],
    ]);
    feeds.get(x)![SIDE * 17 + 5] = Infinity;
    const got = await ran(graph, feeds);
    expect(got.subarray(17 * SIDE, 18 * SIDE).some(Number.isFinite)).toBe(false);
  });
});

it('is raced against what a class runs by in f32, and taken where it is faster', async (context) => {
  needsHalf(context);
  const graph = new Graph();
  const [x, weight] = [graph.input('x', [64, 64]), graph.input('weight', [64, 64])];
  graph.output('y', graph.op('linear', { bias: false, residual: false, scale: 1 }, [x, weight]));
  const tasks = heaviestTasks(graph, engine.device.limits);
  const before = { variants: { gemm: 'tile workgroup' }, flopsPerSecond: 0 };
  const { variants, measuredMs, failures } = await raceInHalf(engine, evaluate, tasks, before);
  expect(failures).toEqual({});
  expect(Object.keys(measuredMs)).toEqual(['gemm f16 half', 'gemm f16 f32']);
  const faster = measuredMs['gemm f16 half']! <= measuredMs['gemm f16 f32']!;
  expect(variants).toEqual({ 'gemm f16': faster ? 'half' : 'tile workgroup' });
  // An oracle that says otherwise: what is wrong is not used.
  const wrong = await raceInHalf(engine, () => (value) => new Float32Array(sizeOf(value.shape)).fill(1), tasks, before);
  expect(wrong.variants).toEqual({ 'gemm f16': 'tile workgroup' });
  expect(wrong.failures['gemm f16 half']).toMatch(/^it is off by .*, of linear 64x64 by 64x64$/);
});

it('says whether an adapter has it, and right', async () => {
  const wrong = await whatIsWrongInHalf(engine, evaluate);
  if (half) expect(wrong).toBeNull();
  else {
    expect(wrong).toBe('it does not offer shader-f16');
    expect(() => createGpuExecutor(engine, { arithmetic: 'f16' })).toThrow(/does not offer shader-f16/);
  }
});
