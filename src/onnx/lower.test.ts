/** Every forward op's cases, emitted as ONNX, run by onnxruntime on wasm, against the float64 oracle. */
import { afterAll, describe, expect, test } from 'vitest';
import { buildCase, type BuiltCase, type Case, weightDtypes } from '../graph/caseData.ts';
import { cases } from '../graph/cases.ts';
import type { Tensor } from '../graph/feed.ts';
import { Graph, isHalf, type ParameterDtype, type Value } from '../graph/graph.ts';
import type { ForwardOp } from '../graph/ops.ts';
import { evaluate } from '../oracle/run.ts';
import { emitOnnx } from './emit.ts';
import { lower } from './lower.ts';
import { createSession } from './session.ts';

/** f32 sums of up to a few thousand terms; the norm of the error against the norm of the result. */
const rtol = 3e-6;
/** Per number, relative to max(|expected|, 1): large ones must not hide small ones. */
const elementTolerance = 2e-5;

let worst = { error: 0, where: '' };
afterAll(() => console.log(`largest relative error ${worst.error.toExponential(1)} (${worst.where})`));

/** The case's op as models use it: the first input is fed, f32 operands after it are parameters, which onnxruntime folds. So are weights of
 *  half width, whichever input they are. */
function asModel<K extends ForwardOp>(
  op: K,
  { node, feeds }: BuiltCase<K>,
): { graph: Graph; tensors: Map<string, Float32Array>; feeds: Record<string, Tensor> } {
  const graph = new Graph();
  const tensors = new Map<string, Float32Array>();
  const fed: Record<string, Tensor> = {};
  const operands = node.inputs.map((value, i) => {
    const data = feeds.get(value)!;
    if (data instanceof Float32Array && (i > 0 || isHalf(value.dtype))) {
      tensors.set(`weights.${i}`, data);
      return graph.parameter(`weights.${i}`, value.shape, isHalf(value.dtype) ? value.dtype : 'f32');
    }
    fed[value.name] = { data, shape: value.shape };
    return graph.input(value.name, value.shape, value.dtype);
  });
  graph.output('out0', graph.op(op, node.params, operands));
  return { graph, tensors, feeds: fed };
}

async function run(bytes: Uint8Array, feeds: Record<string, Tensor>): Promise<Float32Array> {
  await using session = await createSession(bytes, { provider: 'wasm', threads: 1 });
  const { out0 } = await session.run(feeds);
  return out0!;
}

function compare(actual: Float32Array, expected: Float64Array, where: string): void {
  expect(actual.length).toBe(expected.length);
  let difference = 0;
  let norm = 0;
  let element = 0;
  expected.forEach((e, i) => {
    difference += (actual[i]! - e) ** 2;
    norm += e * e;
    element = Math.max(element, Math.abs(actual[i]! - e) / Math.max(Math.abs(e), 1));
  });
  const error = Math.sqrt(difference / (norm || 1));
  if (error > worst.error) worst = { error, where };
  expect(error).toBeLessThan(rtol);
  expect(element).toBeLessThan(elementTolerance);
}

function suite<K extends ForwardOp>(op: K): void {
  describe(op, () => {
    const runs = cases[op].flatMap((testCase) =>
      weightDtypes(op).map((weights) => ({ name: testCase.name, testCase, weights })),
    );
    test.each(runs)(
      '$name, weights in $weights',
      async ({ name, testCase, weights }: { name: string; testCase: Case<K>; weights: ParameterDtype }) => {
        const built = buildCase(op, testCase, 1, weights);
        const expected = evaluate(built.graph, built.feeds)(built.node.outputs[0]!);
        built.graph.outputs.delete('out1'); // statistics and log-sum-exp are not exported

        if (weights === 'f32') {
          const feeds = Object.fromEntries(
            [...built.feeds].map(([value, data]: [Value, Float32Array | Int32Array]) => [
              value.name,
              { data, shape: value.shape },
            ]),
          );
          compare(await run(emitOnnx(built.graph, noTensors), feeds), expected, `${op}, ${name}`);
        }

        const model = asModel(op, built);
        compare(
          await run(
            emitOnnx(model.graph, (key) => model.tensors.get(key)!),
            model.feeds,
          ),
          expected,
          `${op}, ${name}, weights inside in ${weights}`,
        );
      },
    );
  });
}

function noTensors(name: string): never {
  throw new Error(`${name} is not a parameter`);
}

for (const op of Object.keys(lower) as ForwardOp[]) suite(op);
