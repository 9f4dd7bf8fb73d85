/** The backward pass on whole graphs: the gradients of a small network, sums, frozen weights, and gradients placed in an arena. */
import { describe, expect, test } from 'vitest';
import { generator } from '../graph/caseData.ts';
import { Graph, storageRoot, type Value } from '../graph/graph.ts';
import { cpuExecutor, evaluate } from '../oracle/run.ts';
import { sizeOf } from '../shared/shape.ts';
import { backward } from './backward.ts';
import { buildTinyNet } from './tinyNet.ts';

/** Numbers for every input, parameter and state of a graph, by name, so that two graphs of one network get the same. */
function feeds(graph: Graph, more: Record<string, number[]> = {}): Map<Value, Float64Array> {
  const map = new Map<Value, Float64Array>();
  for (const value of graph.values) {
    if (!['input', 'parameter', 'state'].includes(value.source.kind)) continue;
    const uniform = generator(value.name);
    map.set(
      value,
      more[value.name]
        ? Float64Array.from(more[value.name]!)
        : Float64Array.from({ length: sizeOf(value.shape) }, () => 1.2 * uniform() - 0.6),
    );
  }
  return map;
}

const fixed = { timestep: [3, 500], seed: [0.7, -1.3] };

describe('backward', () => {
  test('every gradient of a small UNet agrees with central differences', () => {
    const graph = new Graph();
    const net = buildTinyNet(graph);
    const wrt = [...net.parameters.values(), net.sample, net.context];
    const gradients = backward(graph, [{ value: net.errors, grad: graph.input('seed', [2]) }], wrt);
    const numbers = feeds(graph, fixed);
    const read = evaluate(graph, numbers);

    const forward = new Graph();
    const { errors } = buildTinyNet(forward);
    const base = feeds(forward, fixed);
    const loss = (): number => {
      const m = evaluate(forward, base)(errors);
      return fixed.seed[0]! * m[0]! + fixed.seed[1]! * m[1]!;
    };
    const h = 1e-5;
    for (const x of wrt) {
      const gradient = read(gradients.get(x)!);
      const data = [...base].find(([value]) => value.name === x.name)![1];
      const scale = Math.max(1e-3, ...gradient.map(Math.abs));
      for (let i = 0; i < data.length; i += Math.ceil(data.length / 3)) {
        const at = data[i]!;
        data[i] = at + h;
        const up = loss();
        data[i] = at - h;
        const down = loss();
        data[i] = at;
        // h² and 1e-16/h leave 1e-10 of L, which is about 1.
        expect(Math.abs((up - down) / (2 * h) - gradient[i]!) / scale, `${x.name}[${i}]`).toBeLessThan(1e-6);
      }
    }
  });

  test('frozen weights cost nothing: an adapter alone gets no weight or norm gradients of the base', () => {
    const graph = new Graph();
    const net = buildTinyNet(graph);
    const adapter = [...net.parameters].filter(([name]) => name.includes('lora')).map(([, value]) => value);
    const begin = graph.nodes.length;
    const gradients = backward(graph, [{ value: net.errors, grad: graph.input('seed', [2]) }], adapter);
    const ops = graph.nodes.slice(begin).map((node) => node.op);
    expect(gradients.size).toBe(4);
    expect(ops.filter((op) => op === 'linearGradWeight')).toHaveLength(4);
    for (const op of ['conv2dGradWeight', 'groupNormGradParams', 'layerNormGradParams', 'sumTo'])
      expect(ops).not.toContain(op);
    // Nothing below the first adapter is differentiated.
    expect(
      graph.nodes.slice(begin).some((node) => node.name.startsWith('conv_in') || node.name.startsWith('resnets')),
    ).toBe(false);
  });

  test('what is wanted together is made together: a weight and its bias, a norm with its weights', () => {
    const graph = new Graph();
    const net = buildTinyNet(graph);
    const begin = graph.nodes.length;
    backward(graph, [{ value: net.errors, grad: graph.input('seed', [2]) }], [...net.parameters.values()]);
    const gradients = graph.nodes.slice(begin);
    const named = (suffix: string): string[] =>
      gradients.map(({ name }) => name).filter((name) => name.endsWith(suffix));
    expect(named('.grad.bias')).toEqual([]);
    expect(named('.grad.params')).toEqual([]);
    expect(gradients.filter(({ op }) => op === 'groupNormGradInput').map(({ outputs }) => outputs.length)).toContain(3);
  });

  test('a norm whose weight is its input as well gets the sum of both gradients', () => {
    const of = (same: boolean): Float64Array[] => {
      const graph = new Graph();
      const [x, bias, seed] = ['x', 'bias', 'seed'].map((name) => graph.input(name, [5])) as [Value, Value, Value];
      const weight = same ? x : graph.input('weight', [5]);
      const [y] = graph.node('layerNorm', { eps: 1e-5 }, [x, weight, bias], 'norm') as [Value];
      const gradients = backward(graph, [{ value: y, grad: seed }], [...new Set([x, weight, bias])]);
      const numbers = feeds(graph);
      if (!same) numbers.set(weight, numbers.get(x)!);
      const read = evaluate(graph, numbers);
      return [x, weight].map((value) => read(gradients.get(value)!));
    };
    const [ofX, ofWeight] = of(false) as [Float64Array, Float64Array];
    of(true)[0]!.forEach((g, i) => expect(g).toBeCloseTo(ofX[i]! + ofWeight[i]!, 12));
  });

  test('names follow the forward node', () => {
    const graph = new Graph();
    const net = buildTinyNet(graph);
    backward(graph, [{ value: net.errors, grad: graph.input('seed', [2]) }], [net.parameters.get('conv1.weight')!]);
    expect(graph.nodes.at(-1)!.name).toBe('resnets.0.conv1.grad.weight');
  });

  test('a value used twice gets the sum, as the residual of a linear where one comes later', async () => {
    const graph = new Graph();
    const x = graph.input('x', [1, 2]);
    const w = graph.parameter('w', [2, 2]);
    const y = graph.op('linear', { bias: false, residual: true, scale: 3 }, [x, w, x]);
    const z = graph.op('mul', {}, [y, x]);
    const gradients = backward(graph, [{ value: z, grad: graph.constant('ones', [1, 2], Float32Array.of(1, 1)) }], [x]);
    const ops = graph.nodes.map((node) => node.op);
    expect(ops).toContain('linearGradInput');
    const read = evaluate(
      graph,
      new Map([
        [x, Float64Array.of(2, 5)],
        [w, Float64Array.of(1, 10, 100, 1000)],
      ]),
    );
    // z = 3 (x W^T) x + x x: dz/dx0 = 3 (w00 2 x0 + w01 x1 + w10 x1) + 2 x0, dz/dx1 likewise.
    expect([...read(gradients.get(x)!)]).toEqual([3 * (4 + 50 + 500) + 4, 3 * (20 + 200 + 10000) + 10]);
    const fused = graph.nodes.find((node) => node.op === 'linearGradInput')!;
    expect(fused.params).toEqual({ residual: true, scale: 3 });
  });

  test('seeds of one value are summed; a value out of reach gets zeros', () => {
    const graph = new Graph();
    const x = graph.parameter('x', [3]);
    const unused = graph.parameter('unused', [2, 2]);
    const y = graph.op('affine', { factor: 2, shift: 1 }, [x]);
    const seed = (k: number): Value => graph.constant(`seed${k}`, [3], Float32Array.of(k, 10 * k, 100 * k));
    const gradients = backward(
      graph,
      [
        { value: y, grad: seed(1) },
        { value: y, grad: seed(2) },
      ],
      [x, unused],
    );
    const read = evaluate(graph, new Map());
    expect([...read(gradients.get(x)!)]).toEqual([6, 60, 600]);
    expect([...read(gradients.get(unused)!)]).toEqual([0, 0, 0, 0]);
  });

  test('every gradient can be placed in an arena, also those that the rules alone would share', async () => {
    const graph = new Graph();
    // a, b and, reshaped, c receive the same value 2 dy, which the gradient of w reads too; d receives the seed itself.
    const [a, b, c, d, w] = [
      graph.parameter('a', [1, 2]),
      graph.parameter('b', [1, 2]),
      graph.parameter('c', [2]),
      graph.parameter('d', [1, 2]),
      graph.parameter('w', [2, 2]),
    ];
    const product = graph.op('linear', { bias: false, residual: false, scale: 1 }, [graph.input('x', [1, 2]), w]);
    const inner = [b, graph.op('reshape', { shape: [1, 2] }, [c]), product].reduce(
      (sum, term) => graph.op('add', {}, [sum, term]),
      a,
    );
    const sum = graph.op('add', {}, [graph.op('affine', { factor: 2, shift: 0 }, [inner]), d]);
    const unused = graph.parameter('unused', [2]);
    const wrt = [a, b, c, d, w, unused];
    const gradients = backward(graph, [{ value: sum, grad: graph.input('dy', [1, 2]) }], wrt);
    const arena = graph.state('grad', [64 * wrt.length]);
    const roots = wrt.map((x) => storageRoot(graph, gradients.get(x)!).root);
    expect(new Set(roots).size).toBe(wrt.length);
    // On the GPU a placed value is part of a buffer that gradient nodes write: none of them may read it.
    for (const node of graph.nodes)
      for (const x of node.inputs) if (node.op !== 'reshape') expect(roots).not.toContain(storageRoot(graph, x).root);
    wrt.forEach((x, i) => graph.place(gradients.get(x)!, arena, 64 * i));
    const program = await cpuExecutor().compile(graph);
    for (const value of graph.values)
      if (value.source.kind === 'input')
        program.write(value, value.name === 'dy' ? Float32Array.of(3, 4) : Float32Array.of(5, 6));
    program.write(arena, new Float32Array(64 * wrt.length).fill(-1));
    await program.run();
    const flat = await program.read(arena);
    expect(wrt.map((x, i) => Array.from(flat.subarray(64 * i, 64 * i + sizeOf(x.shape))))).toEqual([
      [6, 8],
      [6, 8],
      [6, 8],
      [3, 4],
      [30, 36, 40, 48],
      [0, 0],
    ]);
  });

  test('two parameters whose gradient is one unread value get one storage each', () => {
    const graph = new Graph();
    const [a, b] = [graph.parameter('a', [2]), graph.parameter('b', [2])];
    const y = graph.op('affine', { factor: 2, shift: 0 }, [graph.op('add', {}, [a, b])]);
    const gradients = backward(graph, [{ value: y, grad: graph.constant('dy', [2], Float32Array.of(1, 3)) }], [a, b]);
    expect(gradients.get(a)).not.toBe(gradients.get(b));
    const read = evaluate(graph, new Map());
    for (const x of [a, b]) expect([...read(gradients.get(x)!)]).toEqual([2, 6]);
  });

  test('a view of a flat state is a parameter like any other', () => {
    const graph = new Graph();
    const arena = graph.state('params', [6]);
    const w = graph.view('w', arena, 4, [2]);
    const y = graph.op('mul', {}, [graph.input('x', [2]), w]);
    const gradients = backward(graph, [{ value: y, grad: graph.input('dy', [2]) }], [w]);
    const inputs = new Map(
      graph.values.filter((v) => v.source.kind === 'input').map((v) => [v, Float64Array.of(2, 3)]),
    );
    expect([...evaluate(graph, inputs)(gradients.get(w)!)]).toEqual([4, 9]);
  });

  test('gradient and step ops cannot be differentiated', () => {
    const graph = new Graph();
    const x = graph.parameter('x', [2]);
    const y = graph.op('unaryGrad', { fn: 'silu' }, [x, x], 'twice');
    expect(() => backward(graph, [{ value: y, grad: graph.input('dy', [2]) }], [x])).toThrow(
      'twice: unaryGrad cannot be differentiated',
    );
  });
});
