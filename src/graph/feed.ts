/** What goes into a graph: numbers for each of its inputs, by the inputs' names. */
import { assert } from '../shared/assert.ts';
import { sameShape, type Shape, sizeOf } from '../shared/shape.ts';
import type { Graph, Value } from './graph.ts';

export type Numbers = Float32Array | Int32Array;

/** Row-major. */
export interface Tensor {
  data: Numbers;
  shape: Shape;
}

/** By the names of a graph's inputs. Numbers without a shape lie as the input does. */
export type Feeds = Readonly<Record<string, Tensor | Numbers>>;

export const inputsOf = (graph: Graph): Value[] => graph.values.filter(({ source }) => source.kind === 'input');

/** Hands every input its numbers, whatever runs the graph. Throws before the first of them where one is missing, or is of another shape or
 *  dtype, or where something is given that the graph does not ask for. */
export function feed(graph: Graph, feeds: Feeds, give: (input: Value, data: Numbers) => void): void {
  const inputs = inputsOf(graph);
  const names = new Set(inputs.map(({ name }) => name));
  const unknown = Object.keys(feeds).filter((name) => !names.has(name));
  assert(unknown.length === 0, `there is no input ${unknown.join(', ')}; the graph's are ${[...names].join(', ')}`);
  const given = inputs.map((input): [Value, Numbers] => {
    const { name, shape, dtype } = input;
    const fed = feeds[name];
    assert(fed !== undefined, `the input ${name} [${shape.join(', ')}] was not given`);
    const tensor = 'shape' in fed ? fed : { data: fed, shape };
    assert(
      sameShape(tensor.shape, shape) && tensor.data.length === sizeOf(shape),
      `the input ${name} is [${shape.join(', ')}], given were ${tensor.data.length} numbers of [${tensor.shape.join(', ')}]`,
    );
    assert(
      tensor.data instanceof Int32Array === (dtype === 'i32'),
      `the input ${name} is ${dtype}, and not of that dtype was what was given`,
    );
    return [input, tensor.data];
  });
  for (const [input, data] of given) give(input, data);
}
