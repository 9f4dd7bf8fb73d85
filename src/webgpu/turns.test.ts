/** A slow adapter is not held for long: what a submit holds is bounded, and a grid that runs in turns is covered once. No device. */
import { expect, it } from 'vitest';
import { flopsOf } from '../graph/flops.ts';
import { Graph } from '../graph/graph.ts';
import { planGraph } from './plan.ts';
import { moduleOf } from './specialize.ts';
import { inTurns, maxFlops, submitGroups } from './turns.ts';
import { chooseVariant } from './variants.ts';

const kernel = { name: 'k', code: 'const FIRST_X = 0u;' };
const dispatch = (workgroups: readonly [number, number, number]) =>
  ({ kernel, constants: { HEADS: 8 }, reads: [], writes: [], workgroups }) as const;

it.each([
  { grid: [5, 8, 2], parts: 2, turns: 2 },
  { grid: [5, 8, 2], parts: 5, turns: 8 },
  { grid: [5, 8, 2], parts: 16, turns: 16 },
  { grid: [256, 8, 2], parts: 24, turns: 32 },
  { grid: [7, 3, 1], parts: 1000, turns: 21 },
  { grid: [7, 1, 1], parts: 4, turns: 7 },
] as const)('covers a grid of $grid once, in $parts parts or more', ({ grid, parts, turns }) => {
  const made = inTurns(dispatch(grid), 1000, 1000 / parts);
  expect(made).toHaveLength(turns);
  const seen = new Map<string, number>();
  let sum = 0;
  for (const { dispatch: turn, flops } of made) {
    expect(turn.constants['HEADS']).toBe(8);
    sum += flops;
    const [x, y, z] = turn.workgroups;
    const first = (axis: string): number => turn.constants[`FIRST_${axis}`] as number;
    for (let i = 0; i < x * y * z; i++) {
      const at = [
        first('X') + (i % x),
        first('Y') + (Math.floor(i / x) % y),
        first('Z') + Math.floor(i / x / y),
      ].join();
      seen.set(at, (seen.get(at) ?? 0) + 1);
    }
  }
  expect(seen.size).toBe(grid[0] * grid[1] * grid[2]);
  expect(Math.max(...seen.values())).toBe(1);
  expect(sum).toBeCloseTo(1000);
});

it('runs at once what is little, and what has no turns', () => {
  expect(inTurns(dispatch([5, 8, 2]), 1000, 1000)).toEqual([{ dispatch: dispatch([5, 8, 2]), flops: 1000 }]);
  const whole = { ...dispatch([5, 8, 2]), kernel: { name: 'k', code: '' } };
  expect(inTurns(whole, 1000, 1)).toEqual([{ dispatch: whole, flops: 1000 }]);
});

it('takes an adapter that was not measured for a slow one', () => {
  expect(gpuAt(0).submit).toBeLessThan(gpuAt(1e11).submit);
  // A sixteenth of a second of a product's rate: attention and weight gradients take up to four times the time.
  expect(gpuAt(2e12)).toEqual({ submit: 1.25e11, dispatch: 1.25e11 });
  // Nobody waits for a GPU that is none.
  expect(maxFlops({ software: true }, 5e9)).toEqual({ submit: 2e11, dispatch: Infinity });
});

const gpuAt = (flopsPerSecond: number) => maxFlops({ software: false }, flopsPerSecond);

/** The self-attention of Stable Diffusion 1.5 at 512 px, two samples, with its gradients. */
function attention(): Graph {
  const graph = new Graph();
  const [q, k, v, dout] = ['q', 'k', 'v', 'dout'].map((name) => graph.input(name, [2, 4096, 320])) as [
    never,
    never,
    never,
    never,
  ];
  const params = { heads: 8, causal: false };
  const [o, lse] = graph.node('attention', params, [q, k, v]);
  const [dq, delta] = graph.node('attentionGradQuery', params, [dout, q, k, v, lse!, o!]);
  graph.output('dq', dq!);
  graph
    .node('attentionGradKeyValue', params, [dout, q, k, v, lse!, delta!])
    .forEach((x, i) => graph.output(`d${i}`, x));
  return graph;
}

it('cuts an attention gradient by samples, heads and rows, at the rate of an old integrated GPU', () => {
  const graph = attention();
  const { submit, dispatch: most } = gpuAt(5.8e10);
  const whole = planGraph(graph);
  const { dispatches, bytes } = planGraph(graph, { maxFlops: most });
  expect(flopsOf(graph.nodes.at(-1)!)).toBe(8 * 2 * 4096 * 4096 * 320);
  expect(Math.max(...whole.dispatches.map(({ flops }) => flops))).toBeGreaterThan(20 * most);
  expect(Math.max(...dispatches.map(({ flops }) => flops))).toBeLessThanOrEqual(most);
  expect(bytes.activations).toBe(whole.bytes.activations);
  // Where each turn begins.
  expect(bytes.total - whole.bytes.total).toBeLessThan(256 * dispatches.length);
  const total = (list: readonly { flops: number }[]): number => list.reduce((sum, { flops }) => sum + flops, 0);
  expect(total(dispatches)).toBeCloseTo(total(whole.dispatches), -3);
  for (const group of submitGroups(dispatches, submit)) expect(total(group)).toBeLessThanOrEqual(submit);
  // A desktop GPU runs each at once.
  expect(planGraph(graph, { maxFlops: gpuAt(3e12).dispatch }).dispatches).toHaveLength(whole.dispatches.length);
});

it.each(['workgroup', 'quad', 'tile workgroup'])('compiles a kernel once for all its turns, %s', (order) => {
  const { dispatches } = planGraph(attention(), {
    variant: chooseVariant({ default: order }),
    maxFlops: gpuAt(0).dispatch,
  });
  const modules = (list: typeof dispatches): number => new Set(list.map(({ dispatch }) => moduleOf(dispatch))).size;
  const turns = dispatches.filter(({ dispatch }) => 'FIRST_X' in dispatch.constants);
  expect(turns.length).toBeGreaterThan(40);
  expect(modules(turns)).toBe(3);
});
