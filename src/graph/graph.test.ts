/** Where a parameter in half width may stand, and where not. */
import { describe, expect, it } from 'vitest';
import { backward } from '../autodiff/backward.ts';
import { Graph } from './graph.ts';

const linear = { bias: false, residual: false, scale: 1 };

describe('a half-width parameter', () => {
  it('is a weight, and nothing else', () => {
    const graph = new Graph();
    const half = graph.parameter('proj.weight', [4, 4], 'f16');
    graph.op('linear', linear, [graph.input('x', [2, 4]), half]);
    const refused = (build: () => unknown, why: string): void => expect(build).toThrow(why);
    refused(
      () => graph.scope('block', () => graph.op('linear', linear, [half, graph.input('w', [3, 4])], 'proj')),
      'block.proj: linear cannot read proj.weight, which is kept in f16, as its input 0',
    );
    refused(() => graph.op('reshape', { shape: [16] }, [half]), 'reshape cannot read proj.weight');
    refused(() => graph.op('add', {}, [graph.input('y', [4, 4]), half]), 'add cannot read proj.weight');
    refused(() => graph.input('z', [2], 'bf16'), 'z: only parameters are kept in half width');
  });

  it('has no gradient, but lets one through', () => {
    const graph = new Graph();
    const half = graph.parameter('proj.weight', [3, 4], 'bf16');
    const x = graph.input('x', [2, 4]);
    const y = graph.op('linear', linear, [x, half]);
    const seeds = [{ value: y, grad: graph.input('dy', [2, 3]) }];
    expect(() => backward(graph, seeds, [half])).toThrow(
      'proj.weight is kept in bf16: a gradient can be taken by f32 tensors only',
    );
    backward(graph, seeds, [x]);
    expect(graph.nodes.map(({ op }) => op)).toContain('linearGradInput');
  });
});
