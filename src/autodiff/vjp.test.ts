/** Every derivative rule against central differences, in float64, on the cases of its op.
 *
 *  L = <dy, op(x)> with dy random. With a step h = 2e-5 (times the input's scale where that is below 1) the central difference is
 *  off by h²/6 of L's third derivative, 1e-10 and for the sharpest attention 1e-7 of the gradient, and by rounding, 1e-16/h = 5e-12 of L's
 *  terms; the bound is 1e-6 of the gradient's own scale. */
import { describe, expect, test } from 'vitest';
import { buildCase, type Case, generator } from '../graph/caseData.ts';
import { cases } from '../graph/cases.ts';
import { Graph, type Value } from '../graph/graph.ts';
import type { ForwardOp } from '../graph/ops.ts';
import { derivatives } from '../oracle/kernels/elementwise.ts';
import { evaluate } from '../oracle/run.ts';
import { sizeOf } from '../shared/shape.ts';
import { backward } from './backward.ts';
import { vjp } from './vjp.ts';

const tolerance = 1e-6;

const inner = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const rms = (a: Float64Array): number => Math.sqrt(inner(a, a) / a.length);
const random = (key: string, length: number): Float64Array => {
  const uniform = generator(key);
  return Float64Array.from({ length }, () => 2 * uniform() - 1);
};

/** Directions to move an input along: three that move every element, and six single elements. */
function directions(key: string, length: number): Float64Array[] {
  const uniform = generator(`${key} elements`);
  const dense = [0, 1, 2].map((i) => random(`${key} direction ${i}`, length));
  const single = Array.from({ length: Math.min(6, length) }, () =>
    new Float64Array(length).fill(1, ...((at) => [at, at + 1] as const)(Math.floor(uniform() * length))),
  );
  return [...dense, ...single];
}

/** Relu's derivative jumps at 0, so differences are taken elsewhere; at 0 it is 0, as in PyTorch. */
function awayFromKinks(testCase: Case<ForwardOp>, data: Float32Array | Int32Array): Float64Array {
  const relu = 'fn' in testCase.params && testCase.params.fn === 'relu';
  return Float64Array.from(data, (x) => (relu && Math.abs(x) < 1e-3 ? 0.1 : x));
}

/** Where a rule has no derivative by an input (ids, indices, timesteps). */
const constantInputs: Partial<Record<ForwardOp, readonly number[]>> = {
  timestepEmbedding: [0, 1],
  embedding: [1],
  takeToken: [1],
};

function everyCase(): [string, ForwardOp, Case<ForwardOp>][] {
  return (Object.keys(vjp) as ForwardOp[]).flatMap((op) =>
    (cases[op] as readonly Case<ForwardOp>[]).map((testCase): [string, ForwardOp, Case<ForwardOp>] => [
      `${op}: ${testCase.name}`,
      op,
      testCase,
    ]),
  );
}

describe('vjp', () => {
  test.each(everyCase())('%s', (name, op, testCase) => {
    const { graph, node, feeds } = buildCase(op, testCase);
    const y = node.outputs[0]!;
    const dy = graph.input('dy', y.shape);
    const wrt = node.inputs.filter((_, i) => !constantInputs[op]?.includes(i));
    const gradients = backward(graph, [{ value: y, grad: dy }], wrt);
    const numbers = new Map<Value, Float64Array>(
      [...feeds].map(([value, data]) => [value, awayFromKinks(testCase, data)]),
    );
    numbers.set(dy, random(`${name} dy`, sizeOf(y.shape)));
    const read = evaluate(graph, numbers);

    // Differences need the forward op only.
    const forward = buildCase(op, testCase);
    const loss = (input: Value, moved: Float64Array): number => {
      const moving = new Map(
        [...forward.feeds].map(([value, data]) => [
          value,
          value.name === input.name ? moved : awayFromKinks(testCase, data),
        ]),
      );
      return inner(numbers.get(dy)!, evaluate(forward.graph, moving)(forward.node.outputs[0]!));
    };
    for (const input of wrt) {
      const x = numbers.get(input)!;
      const gradient = read(gradients.get(input)!);
      expect(gradient.length).toBe(x.length);
      const h = 2e-5 * Math.min(1, rms(x));
      for (const direction of directions(`${name} ${input.name}`, x.length)) {
        const up = loss(
          input,
          x.map((v, i) => v + h * direction[i]!),
        );
        const down = loss(
          input,
          x.map((v, i) => v - h * direction[i]!),
        );
        const scale = rms(gradient) * Math.sqrt(inner(direction, direction)) + 1e-6;
        expect(Math.abs((up - down) / (2 * h) - inner(gradient, direction)) / scale, `${input.name}`).toBeLessThan(
          tolerance,
        );
      }
    }
  });

  test('relu has derivative 0 at 0, as in PyTorch', () => {
    expect([-1, 0, 1].map(derivatives.relu)).toEqual([0, 0, 1]);
  });

  test('inputs without a derivative are refused by name', () => {
    const graph = new Graph();
    const timestep = graph.input('timestep', [2]);
    const y = graph.op('timestepEmbedding', { flipSinToCos: true }, [timestep, graph.input('freqs', [3])], 'time_proj');
    expect(() => backward(graph, [{ value: y, grad: graph.input('dy', [2, 6]) }], [timestep])).toThrow(
      'time_proj: timestepEmbedding has no derivative by its input 0 (timestep)',
    );
  });
});
