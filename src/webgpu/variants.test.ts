/** Which kernels a record stands for on a device that has less than the one it was measured on. */
import { describe, expect, it } from 'vitest';
import { Graph, type Value } from '../graph/graph.ts';
import { MATRIX_FEATURE } from '../shared/subgroupMatrices.ts';
import { planGraph } from './plan.ts';
import { chooseVariant, compilable, type KernelVariants } from './variants.ts';

it('takes the next of a record’s order where a device does not compile the first', () => {
  const record = { gemm: 'matrix subgroup tile workgroup', default: 'workgroup' };
  const chosen = (...features: string[]): string =>
    chooseVariant(compilable(record, new Set(features)))('gemm', ['workgroup', 'quad', 'tile', 'subgroup', 'matrix']);
  expect(chosen('subgroups', MATRIX_FEATURE)).toBe('matrix');
  expect(chosen('subgroups')).toBe('subgroup');
  expect(chosen()).toBe('tile');
});

describe('in f16', () => {
  const graph = new Graph();
  const [x, weight] = [graph.input('x', [128, 64]), graph.input('weight', [64, 64])];
  const y = graph.op('linear', { bias: false, residual: false, scale: 1 }, [x, weight]);
  const [kernel] = [graph.input('kernel', [64, 8, 3, 3])];
  const picture = graph.op('reshape', { shape: [1, 8, 32, 32] }, [y]);
  const padding = [1, 1, 1, 1] as const;
  graph.output(
    'c',
    graph.op('conv2d', { stride: 1, padding, bias: false, residual: false, scale: 1 }, [picture, kernel]),
  );
  const q = graph.op('reshape', { shape: [1, 128, 64] }, [y]);
  graph.output('o', graph.node('attention', { heads: 1, causal: false }, [q, q, q] as Value[])[0]!);
  const kernels = (record: KernelVariants, arithmetic: 'f16' | 'f32' = 'f16'): string[] =>
    planGraph(graph, { arithmetic, variant: chooseVariant(record, arithmetic) }).dispatches.map(
      ({ dispatch }) => dispatch.kernel.name,
    );

  it('takes f16 where nothing was raced, whatever f32 runs by', () => {
    const all = ['gemm.tile.half', 'conv2d.tile.half', 'attention.tile.half'];
    expect(kernels({})).toEqual(all);
    expect(kernels({ gemm: 'tile2 workgroup', default: 'workgroup' })).toEqual(all);
  });

  it('takes for each class what was raced in it, and leaves f32 alone', () => {
    const raced = {
      'gemm f16': 'tile2 workgroup',
      'attention f16': 'tile',
      'conv2d f16': 'half',
      default: 'workgroup',
    };
    expect(kernels(raced)).toEqual(['gemm.tile2', 'conv2d.tile.half', 'attention.tile']);
    expect(kernels(raced, 'f32')).toEqual(['gemm.workgroup', 'conv2d.workgroup', 'attention.workgroup']);
  });
});
