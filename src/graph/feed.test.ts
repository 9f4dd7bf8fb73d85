import { expect, it } from 'vitest';
import { feed, type Feeds, type Numbers } from './feed.ts';
import { Graph } from './graph.ts';

const graph = new Graph();
graph.input('x', [2, 3]);
graph.input('ids', [2], 'i32');
graph.parameter('weight', [3]);

const x = new Float32Array(6);
const ids = Int32Array.of(1, 2);

function given(feeds: Feeds): [string, Numbers][] {
  const writes: [string, Numbers][] = [];
  try {
    feed(graph, feeds, ({ name }, data) => writes.push([name, data]));
  } catch (error) {
    expect(writes).toEqual([]);
    throw error;
  }
  return writes;
}

it('gives every input its numbers, with a shape or without one', () => {
  expect(given({ ids, x: { data: x, shape: [2, 3] } })).toEqual([
    ['x', x],
    ['ids', ids],
  ]);
  expect(given({ ids, x })).toHaveLength(2);
});

it.each<[string, Feeds, string]>([
  ['an input that is missing', { x }, 'the input ids [2] was not given'],
  ['one that there is not', { x, ids, y: x }, 'there is no input y; the graph'],
  ['a parameter', { x, ids, weight: x }, 'there is no input weight'],
  [
    'another shape of as many numbers',
    { ids, x: { data: x, shape: [3, 2] } },
    'the input x is [2, 3], given were 6 numbers of [3, 2]',
  ],
  ['too few numbers', { ids, x: x.subarray(1) }, 'given were 5 numbers'],
  ['too few for their own shape', { ids, x: { data: x.subarray(1), shape: [2, 3] } }, 'given were 5 numbers'],
  ['floats as ids', { x, ids: new Float32Array(2) }, 'the input ids is i32'],
  ['ids as floats', { ids, x: new Int32Array(6) }, 'the input x is f32'],
])('refuses %s, and has given nothing then', (_, feeds, message) => {
  expect(() => given(feeds)).toThrow(message);
});
