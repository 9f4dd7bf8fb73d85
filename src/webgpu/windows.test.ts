/** What a node is cut into computes what the node does, on the float64 oracle; no window is larger than it may be; and what no window can hold
 *  stays whole. No device. */
import { describe, expect, it } from 'vitest';
import { bytesPerElement, Graph, type Node, type Value } from '../graph/graph.ts';
import { evaluate } from '../oracle/run.ts';
import { kernels } from '../oracle/kernels.ts';
import type { Tensor } from '../oracle/tensor.ts';
import { sizeOf } from '../shared/shape.ts';
import { ALIGNMENT, stretchOf } from './kernels/dispatch.ts';
import { DEFAULT_LIMITS, planGraph } from './plan.ts';
import { built, conv, cut, cuts } from './testWindows.ts';
import { inWindows } from './windows.ts';

/** Runs nodes whose operands are windows of one another's arrays. */
function run(nodes: readonly Node[], arrays: Map<Value, Float64Array>): void {
  const data = (value: Value): Float64Array => {
    const { source, shape } = value;
    const size = sizeOf(shape);
    if (source.kind === 'view') {
      const all = data(source.of);
      if (source.rowStride === undefined) return all.subarray(source.offset, source.offset + size);
      const width = size / shape[0]!;
      return Float64Array.from(
        { length: size },
        (_, i) => all[source.offset + Math.floor(i / width) * source.rowStride! + (i % width)]!,
      );
    }
    let found = arrays.get(value);
    if (!found) arrays.set(value, (found = new Float64Array(size).fill(NaN)));
    return found;
  };
  const tensor = (value: Value): Tensor => ({ shape: value.shape, data: data(value) });
  for (const { op, params, inputs, outputs } of nodes) {
    const ins = inputs.map((value) =>
      outputs.includes(value) ? { ...tensor(value), data: data(value).slice() } : tensor(value),
    );
    (kernels[op] as (...operands: unknown[]) => void)(params, ins, outputs.map(tensor));
  }
}

describe.each(cuts)('$name', (asked) => {
  const { graph, node, feeds } = built(asked);
  const pieces = inWindows(node, asked.most);

  it('is the sum of its windows', () => {
    expect(pieces).toHaveLength(asked.pieces);
    const want = evaluate(graph, feeds);
    const arrays = new Map([...feeds].map(([value, numbers]) => [value, Float64Array.from(numbers)]));
    run(pieces, arrays);
    for (const output of node.outputs) {
      const got = arrays.get(output)!;
      want(output).forEach((x, i) => expect(got[i], `${output.name} ${i}`).toBeCloseTo(x, 12));
    }
  });

  it('binds no more at a time, from where a binding may begin', () => {
    for (const variant of [
      'workgroup',
      'quad',
      'register',
      'tile',
      'tile2',
      'subgroup',
      'subgroup16',
      'matrix',
      'winograd',
    ]) {
      const plan = planGraph(graph, {
        limits: { ...DEFAULT_LIMITS, maxStorageBufferBindingSize: asked.most },
        variant: (_, options) => (options.includes(variant) ? variant : options[0]!),
        onExceeded: ({ name, neededBytes }) => expect.fail(`${name}: ${neededBytes} bytes`),
      });
      for (const { places } of plan.dispatches)
        for (const { offset, size, buffer } of places) {
          expect(offset % ALIGNMENT).toBe(0);
          expect(offset + size).toBeLessThanOrEqual(plan.buffers[buffer]!.bytes);
        }
    }
  });

  it('is as it was where nothing is too large', () => {
    expect(inWindows(node, 2 ** 27)).toEqual([node]);
  });
});

it('cuts a table of half width by its entries, each asked once', () => {
  const graph = new Graph();
  const table = graph.parameter('table', [100, 32], 'f16');
  const ids = graph.input('ids', [3, 5], 'i32');
  graph.output('rows', graph.op('embedding', {}, [table, ids]));
  const pieces = inWindows(graph.nodes[0]!, 2048);
  const entries = pieces.map(({ inputs }) => inputs[0]!);
  expect(entries.map(({ shape }) => shape[0])).toEqual([28, 28, 28, 16]);
  expect(entries.map((part) => stretchOf(part).first)).toEqual([0, 0, 0, 0]);
  const { dispatches } = planGraph(graph, { limits: { ...DEFAULT_LIMITS, maxStorageBufferBindingSize: 2048 } });
  expect(dispatches.map(({ dispatch }) => dispatch.constants['FIRST'])).toEqual([0, 28, 56, 84]);
  expect(dispatches.map(({ places }) => places[0]!.size / (32 * bytesPerElement.f16))).toEqual([28, 28, 28, 16]);
});

it('leaves whole what no window can hold', () => {
  const { node } = built(cut('', 'groupNorm', { groups: 2, eps: 1e-5, silu: false }, [[1, 8, 8, 8], [8], [8]], 0, 1));
  expect(inWindows(node, 512)).toEqual([node]);
  const planes = built(cut('', 'upsampleNearest', { height: 14, width: 14 }, [[1, 12, 7, 7]], 0, 1));
  expect(inWindows(planes.node, 2048)).toEqual([planes.node]);
  // The second picture begins at byte 972.
  const pictures = built(
    cut(
      '',
      'conv2d',
      conv(false, false),
      [
        [2, 3, 9, 9],
        [3, 3, 3, 3],
      ],
      0,
      1,
    ),
  );
  expect(inWindows(pictures.node, 1024)).toEqual([pictures.node]);
});
