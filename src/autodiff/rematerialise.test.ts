/** Rematerialisation changes memory, never a bit of a result. */
import { describe, expect, test } from 'vitest';
import { generator } from '../graph/caseData.ts';
import { Graph, type Value } from '../graph/graph.ts';
import { printGraph } from '../graph/print.ts';
import { evaluate } from '../oracle/run.ts';
import { sizeOf } from '../shared/shape.ts';
import { backward } from './backward.ts';
import { lastUses, peakBytes } from './peak.ts';
import { rematerialise, type RematerialiseMode } from './rematerialise.ts';
import { buildTinyNet } from './tinyNet.ts';

/** Forward, loss, backward and an update of everything (or of the adapter), as a training step is. */
function trainingStep(trained: 'all' | 'adapter'): { graph: Graph; arenas: Value[] } {
  const graph = new Graph();
  const views: Value[] = [];
  const param = graph.state('param', [8192]);
  let end = 0;
  const net = buildTinyNet(graph, (name, shape) => {
    if (trained === 'adapter' && !name.includes('lora')) return graph.parameter(name, shape);
    views.push(graph.view(name, param, end, shape));
    end += sizeOf(shape);
    return views.at(-1)!;
  });
  const [loss, , dm] = graph.node('preferenceLoss', { loss: 'sigmoid', params: { labelSmoothing: 0 } }, [
    net.errors,
    graph.input('r', [2]),
    graph.constant('beta', [1], Float32Array.of(50)),
    graph.constant('scale', [1], Float32Array.of(1)),
    graph.constant('preference', [1], Float32Array.of(1)),
  ]);
  const gradients = backward(graph, [{ value: net.errors, grad: dm! }], views);
  const [grad, m, v] = ['grad', 'm', 'v'].map((name) => graph.state(name, [8192])) as [Value, Value, Value];
  let offset = 0;
  for (const view of views) {
    graph.place(gradients.get(view)!, grad, offset);
    offset += sizeOf(view.shape);
  }
  const norm = graph.op('globalNorm', {}, [grad]);
  graph.node('adamw', {}, [
    param,
    grad,
    m,
    v,
    norm,
    graph.constant('hyper', [8], Float32Array.of(1e-2, 0.9, 0.999, 1e-8, 0.01, 0.1, 0.001, 1)),
  ]);
  graph.output('loss', loss!);
  graph.output('pred', net.pred);
  return { graph, arenas: [param, grad, m, v] };
}

/** The same numbers for values of the same name. */
function run(graph: Graph): (value: Value) => Float64Array {
  const feeds = new Map<Value, Float64Array>();
  for (const value of graph.values) {
    if (!['input', 'parameter', 'state'].includes(value.source.kind) || ['m', 'v', 'grad'].includes(value.name))
      continue;
    const uniform = generator(value.name);
    feeds.set(
      value,
      Float64Array.from({ length: sizeOf(value.shape) }, () => uniform() - 0.5),
    );
  }
  return evaluate(graph, feeds);
}

describe('rematerialise', () => {
  test.each([
    ['all', 'none'],
    ['all', 'cheap'],
    ['all', 'blocks'],
    ['adapter', 'cheap'],
    ['adapter', 'blocks'],
  ] as const)('training %s, mode %s: the same numbers', (trained, mode) => {
    const { graph, arenas } = trainingStep(trained);
    const again = rematerialise(graph, { mode });
    const [before, after] = [run(graph), run(again.graph)];
    for (const value of [...arenas, ...graph.outputs.values()])
      expect(after(again.map.get(value)!), value.name).toEqual(before(value));
    expect([...again.graph.outputs.keys()]).toEqual([...graph.outputs.keys()]);
    expect(again.graph.placements.size).toBe(graph.placements.size);
    for (const value of graph.values) expect(again.map.get(value)!.name).toBe(value.name);
    if (mode === 'none') {
      expect(printGraph(again.graph).replaceAll(/%\d+/g, '%')).toBe(printGraph(graph).replaceAll(/%\d+/g, '%'));
      expect(again.recomputed).toBe(0);
    }
  });

  test('training everything: each mode needs less memory than the one before', () => {
    const { graph } = trainingStep('all');
    const peaks = (['none', 'cheap', 'blocks'] as RematerialiseMode[]).map((mode) =>
      peakBytes(rematerialise(graph, { mode }).graph),
    );
    expect(peaks[0]).toBe(peakBytes(graph));
    expect(peaks[1]).toBeLessThan(peaks[0]!);
    expect(peaks[2]).toBeLessThan(peaks[1]!);
  });

  test('a chain of cheap ops runs again from what is kept, before its first use', () => {
    const graph = new Graph();
    const weights = [0, 1, 2].map((i) => graph.parameter(`w${i}`, [4, 4]));
    const linear = (x: Value, i: number): Value =>
      graph.op('linear', { bias: false, residual: false, scale: 1 }, [x, weights[i]!], `linear${i}`);
    let x = linear(graph.input('x', [3, 4]), 0);
    for (const i of [1, 2]) {
      const silu = graph.op('unary', { fn: 'silu' }, [x], `silu${i}`);
      x = linear(graph.op('unary', { fn: 'tanh' }, [silu], `tanh${i}`), i);
    }
    const gradients = backward(
      graph,
      [
        {
          value: graph.op('meanSquaredError', {}, [x, graph.input('target', [3, 4])], 'm'),
          grad: graph.input('seed', [3]),
        },
      ],
      weights,
    );
    weights.forEach((w, i) => graph.output(`dw${i}`, gradients.get(w)!));
    const again = rematerialise(graph);
    expect(again.recomputed).toBe(4);
    expect(
      again.graph.nodes.map((node) => node.name).slice(graph.nodes.findIndex((node) => node.name === 'm') + 1),
    ).toEqual([
      'm.grad.pred',
      'silu2.again',
      'tanh2.again',
      'linear2.grad.weight',
      'linear2.grad.x',
      'tanh2.grad.x',
      'silu2.grad.x',
      'silu1.again',
      'tanh1.again',
      'linear1.grad.weight',
      'linear1.grad.x',
      'tanh1.grad.x',
      'silu1.grad.x',
      'linear0.grad.weight',
    ]);
    expect(peakBytes(again.graph)).toBeLessThan(peakBytes(graph));
  });

  test('a forward graph passes unchanged', () => {
    const graph = new Graph();
    const net = buildTinyNet(graph);
    graph.output('pred', net.pred);
    const again = rematerialise(graph);
    expect(again.recomputed).toBe(0);
    expect(again.graph.nodes).toHaveLength(graph.nodes.length);
  });
});

describe('peakBytes', () => {
  test('counts what is alive at once, by hand', () => {
    const graph = new Graph();
    const x = graph.input('x', [10]);
    const a = graph.op('affine', { factor: 1, shift: 0 }, [x]); // 40 bytes
    const b = graph.op('affine', { factor: 1, shift: 0 }, [a]); // 40, a is still read by c
    const c = graph.op('concat', { axis: 0 }, [a, graph.op('reshape', { shape: [10] }, [b])]); // 80
    const d = graph.op('slice', { axis: 0, start: 0, length: 1 }, [c]); // 4
    graph.output('d', d);
    expect(peakBytes(graph)).toBe(160);
    expect(lastUses(graph).get(d)).toBe(graph.nodes.length);
    graph.place(c, graph.state('arena', [20]), 0);
    expect(peakBytes(graph)).toBe(80);
  });
});
