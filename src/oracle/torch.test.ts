/** The oracle and the derivative rules against PyTorch in float64 (tools/reference-ops/ops.py): the conventions that a finite difference
 *  cannot check. Both sides are float64 and the file has 12 digits, so 1e-10 of the largest element is generous. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { backward } from '../autodiff/backward.ts';
import { Graph, type Value } from '../graph/graph.ts';
import type { ForwardOp, OpParams } from '../graph/ops.ts';
import { evaluate } from './run.ts';

interface Numbers {
  shape: number[];
  data: number[];
}

interface Reference {
  ops: {
    op: ForwardOp;
    name: string;
    params: OpParams[ForwardOp];
    inputs: Numbers[];
    i32: number[];
    outputs: Numbers[];
    dy: Numbers;
    grads: (Numbers | null)[];
  }[];
  losses: { params: OpParams['preferenceLoss']; inputs: Numbers[]; outputs: Numbers[] }[];
  adamw: {
    lr: number;
    betas: [number, number];
    eps: number;
    weight_decay: number;
    max_grad_norm: number;
    param: Numbers;
    steps: { grad: Numbers; norm: number; param: Numbers }[];
  };
}

const reference = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../tools/reference-ops/ops.json'), 'utf8'),
) as Reference;

function expectClose(actual: Float64Array, expected: Numbers, what: string): void {
  expect(actual.length, what).toBe(expected.data.length);
  const scale = Math.max(...expected.data.map(Math.abs), 1e-30);
  actual.forEach((x, i) =>
    expect(Math.abs(x - expected.data[i]!) / scale, `${what}[${i}]: ${x} against ${expected.data[i]}`).toBeLessThan(
      1e-10,
    ),
  );
}

describe('PyTorch', () => {
  test.each(reference.ops.map((entry) => [`${entry.op}: ${entry.name}`, entry] as const))(
    '%s',
    (_, { op, params, inputs, i32, outputs, dy, grads }) => {
      const graph = new Graph();
      const values = inputs.map(({ shape }, i) => graph.input(`in${i}`, shape, i32.includes(i) ? 'i32' : 'f32'));
      const results = graph.node(op, params, values);
      const seed = graph.input('dy', dy.shape);
      const wrt = values.filter((_, i) => grads[i]);
      const gradients = backward(graph, [{ value: results[0]!, grad: seed }], wrt);
      const feeds = new Map<Value, Float64Array>([
        ...values.map((value, i) => [value, Float64Array.from(inputs[i]!.data)] as const),
        [seed, Float64Array.from(dy.data)],
      ]);
      const read = evaluate(graph, feeds);
      outputs.forEach((expected, i) => {
        expect(results[i]!.shape).toEqual(expected.shape);
        expectClose(read(results[i]!), expected, `output ${i}`);
      });
      values.forEach((value, i) => {
        if (grads[i]) expectClose(read(gradients.get(value)!), grads[i], `gradient ${i}`);
      });
    },
  );

  test.each(reference.losses.map((entry) => [`${entry.params.loss} ${JSON.stringify(entry.params)}`, entry] as const))(
    'preferenceLoss: %s',
    (_, { params, inputs, outputs }) => {
      const graph = new Graph();
      const values = inputs.map(({ shape }, i) => graph.input(`in${i}`, shape));
      const results = graph.node('preferenceLoss', params, values);
      const read = evaluate(graph, new Map(values.map((value, i) => [value, Float64Array.from(inputs[i]!.data)])));
      results.forEach((value, i) => expectClose(read(value), outputs[i]!, ['loss', 'logit', 'dm'][i]!));
    },
  );

  test('adamw: three steps with clipping, as torch.optim.AdamW after clip_grad_norm_', () => {
    const { lr, betas, eps, weight_decay, max_grad_norm, param, steps } = reference.adamw;
    let state: Float64Array[] = [
      Float64Array.from(param.data),
      new Float64Array(param.data.length),
      new Float64Array(param.data.length),
    ];
    steps.forEach((step, k) => {
      const graph = new Graph();
      const [p, m, v] = ['param', 'm', 'v'].map((name) => graph.state(name, param.shape)) as [Value, Value, Value];
      const [grad, hyper] = [graph.input('grad', param.shape), graph.input('hyper', [8])];
      const norm = graph.op('globalNorm', {}, [grad]);
      graph.node('adamw', {}, [p, grad, m, v, norm, hyper]);
      const numbers = [
        lr,
        ...betas,
        eps,
        weight_decay,
        1 - betas[0] ** (k + 1),
        1 - betas[1] ** (k + 1),
        max_grad_norm,
      ];
      const read = evaluate(
        graph,
        new Map([
          [p, state[0]!],
          [m, state[1]!],
          [v, state[2]!],
          [grad, Float64Array.from(step.grad.data)],
          [hyper, Float64Array.from(numbers)],
        ]),
      );
      expectClose(read(norm), { shape: [1], data: [step.norm] }, 'norm');
      expectClose(read(p), step.param, `param after step ${k}`);
      state = [read(p), read(m), read(v)];
    });
  });
});
