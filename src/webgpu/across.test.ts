/** Which transposes take no dispatch, and which have to. No device. */
import { describe, expect, it } from 'vitest';
import { Graph, type Value } from '../graph/graph.ts';
import type { Padding } from '../graph/ops.ts';
import { acrossIn } from './across.ts';
import { DEFAULT_LIMITS, type Plan, planGraph } from './plan.ts';
import { transformerBlock } from '../training/testTransformer.ts';

const transposes = (plan: Plan): string[] =>
  plan.dispatches.filter(({ dispatch }) => dispatch.kernel.name === 'transpose').map(({ node }) => node.name);

describe.each(['conv', 'linear'] as const)('a block of projections by %s', (projections) => {
  it.each(['all', 'lora'] as const)('transposes nothing, there or back, %s trained', (trained) => {
    const { graph } = transformerBlock({ shape: [2, 8, 5, 3], projections, trained });
    expect(graph.nodes.filter(({ op }) => op === 'transpose')).toHaveLength(4);
    expect(transposes(planGraph(graph))).toEqual([]);
  });
});

it('transposes what is cut into windows', () => {
  const { graph } = transformerBlock({ shape: [2, 8, 16, 8], projections: 'conv', trained: 'all' });
  const limits = { ...DEFAULT_LIMITS, maxStorageBufferBindingSize: 4096 };
  expect(transposes(planGraph(graph, { limits, onExceeded: () => {} }))).toHaveLength(4);
  expect(transposes(planGraph(graph))).toHaveLength(0);
});

const pointwise = { stride: 1, padding: [0, 0, 0, 0] as Padding, bias: false, residual: false, scale: 1 };
const linear = { bias: false, residual: false, scale: 1 };

/** A picture [2, 4, 3, 3] by a 1x1 convolution, as tokens [2, 3, 3, 4]. */
function asTokens(): { graph: Graph; made: Value; tokens: Value } {
  const graph = new Graph();
  const made = graph.op('conv2d', pointwise, [graph.input('x', [2, 4, 3, 3]), graph.input('w', [4, 4, 1, 1])], 'conv');
  return { graph, made, tokens: graph.op('transpose', { perm: [0, 2, 3, 1] }, [made], 'to_tokens') };
}
const across = (graph: Graph): string[] =>
  [...acrossIn(graph, graph.nodes, 2 ** 27).values].map(({ name }) => name).toSorted();

it('writes across what is only read as tokens', () => {
  const { graph, tokens } = asTokens();
  graph.output('y', graph.op('unary', { fn: 'silu' }, [tokens]));
  expect(across(graph)).toEqual(['conv']);
});

it('rather reads across: tokens that products read, whoever made the picture', () => {
  const { graph, tokens } = asTokens();
  const flat = graph.op('reshape', { shape: [2, 9, 4] }, [tokens], 'flat');
  graph.output('y', graph.op('linear', linear, [flat, graph.input('v', [5, 4])]));
  expect(across(graph)).toEqual(['flat', 'to_tokens']);
});

it.each<[string, (given: ReturnType<typeof asTokens>) => void]>([
  ['another reads the picture', ({ graph, made }) => graph.output('z', graph.op('unary', { fn: 'silu' }, [made]))],
  ['the picture is an output', ({ graph, made }) => graph.output('z', made)],
  [
    'the picture is added to what lies as it should',
    ({ graph, made }) => {
      const inputs = [graph.input('x2', [2, 4, 3, 3]), graph.input('w2', [4, 4, 1, 1]), made];
      const sum = graph.op('conv2d', { ...pointwise, residual: true }, inputs);
      graph.output('z', graph.op('unary', { fn: 'silu' }, [sum]));
    },
  ],
  ['the picture is a place in an arena', ({ graph, made }) => graph.place(made, graph.state('arena', [256]), 64)],
])('transposes where %s', (_, also) => {
  const given = asTokens();
  given.graph.output('y', given.graph.op('unary', { fn: 'silu' }, [given.tokens]));
  also(given);
  expect(across(given.graph)).toEqual([]);
});

it('transposes what is read in rows of all samples together, and what a 3x3 convolution makes', () => {
  const { graph, tokens } = asTokens();
  const rows = graph.op('reshape', { shape: [18, 4] }, [tokens], 'rows');
  graph.output('y', graph.op('linear', linear, [rows, graph.input('v', [5, 4])]));
  graph.output('z', graph.op('unary', { fn: 'silu' }, [graph.nodes[0]!.outputs[0]!]));
  expect(across(graph)).toEqual([]);
  const threes = new Graph();
  const inputs = [threes.input('x', [2, 4, 3, 3]), threes.input('w', [4, 4, 3, 3])];
  const made = threes.op('conv2d', { ...pointwise, padding: [1, 1, 1, 1] }, inputs);
  const turned = threes.op('transpose', { perm: [0, 2, 3, 1] }, [made]);
  threes.output('y', threes.op('unary', { fn: 'silu' }, [turned]));
  expect(across(threes)).toEqual([]);
});
