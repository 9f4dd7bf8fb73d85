/** How a tensor comes from its file to its storage. */
import { describe, expect, it } from 'vitest';
import { Graph, type ParameterDtype } from '../graph/graph.ts';
import { cpuExecutor } from '../oracle/run.ts';
import { encodeHalf, type HalfDtype } from '../shared/float16.ts';
import { Layers } from './layers.ts';
import { ParameterStore } from './parameterStore.ts';
import { storedDtypes, type TensorSource, type WeightPolicy } from './weights.ts';

const numbers = Float32Array.of(1, -0.1, 3e-6, 1 + 2 ** -11, 5, 1000);

/** A linear layer's file; `half` says how the weight is stored there, if in half width. `reads` counts what was asked of it. */
function fileOf(half?: HalfDtype, weight = numbers): { source: TensorSource; reads: string[] } {
  const reads: string[] = [];
  const source: TensorSource = {
    names: ['proj.weight', 'proj.bias'],
    shape: (name) => (name === 'proj.weight' ? [2, 3] : [2]),
    half: (name) => (name === 'proj.weight' ? half : undefined),
    async read(name) {
      reads.push(`read ${name}`);
      return name === 'proj.weight' ? weight : Float32Array.of(0.1, 0.2);
    },
    async readHalf(name) {
      reads.push(`readHalf ${name}`);
      return encodeHalf(half!, weight);
    },
  };
  return { source, reads };
}

function linear(dtypeOf?: (key: string) => ParameterDtype): Graph {
  const graph = new Graph();
  graph.output('y', new Layers(graph, dtypeOf ? { dtypeOf } : {}).linear('proj', graph.input('x', [1, 3]), 2));
  return graph;
}

const rounded = (dtype: ParameterDtype): number[] => [
  ...(dtype === 'f32' ? numbers : dtype === 'f16' ? numbers.map((x) => f16(x)) : numbers.map((x) => bf16(x))),
];
// The same roundings by arithmetic: 11 and 8 significant bits (f16's least step is 2^-24).
const toStep = (x: number, bits: number, least: number): number => {
  const step = Math.max(2 ** (Math.floor(Math.log2(Math.abs(x))) - bits + 1), least);
  const [down, rest] = [Math.floor(x / step), x / step - Math.floor(x / step)];
  return step * (rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down);
};
const f16 = (x: number): number => toStep(x, 11, 2 ** -24);
const bf16 = (x: number): number => toStep(x, 8, 0);

describe('ParameterStore', () => {
  it.each<[stored: HalfDtype | undefined, policy: WeightPolicy, kept: ParameterDtype, asked: string]>([
    ['f16', 'stored', 'f16', 'readHalf'],
    ['bf16', 'stored', 'bf16', 'readHalf'],
    [undefined, 'stored', 'f32', 'read'],
    ['f16', 'f32', 'f32', 'read'],
    [undefined, 'f16', 'f16', 'read'],
    ['f16', 'bf16', 'bf16', 'read'],
    ['bf16', 'bf16', 'bf16', 'readHalf'],
  ])('a file in %s under the policy %s is kept in %s', async (half, policy, kept, asked) => {
    const { source, reads } = fileOf(half);
    const graph = linear(storedDtypes(source, policy));
    const store = new ParameterStore(cpuExecutor(), source);
    const bound = await store.bindings(graph);
    const weight = [...bound].find(([{ name }]) => name === 'proj.weight')!;
    expect(weight[0].dtype).toBe(kept);
    expect([...(await weight[1].read())]).toEqual(rounded(kept));
    expect(reads).toEqual([`${asked} proj.weight`, 'read proj.bias']);
    expect(store.bytes).toBe(6 * (kept === 'f32' ? 4 : 2) + 2 * 4);
    await store.bindings(linear(storedDtypes(source, policy)));
    expect(reads).toHaveLength(2);
  });

  it('refuses a number that the width cannot hold, and a second width for one tensor', async () => {
    const { source } = fileOf(undefined, Float32Array.of(1, 2, 3, 70000, 5, 6));
    await expect(new ParameterStore(cpuExecutor(), source).bindings(linear(() => 'f16'))).rejects.toThrow(
      'proj.weight has a number that f16 cannot hold',
    );
    const store = new ParameterStore(cpuExecutor(), source);
    await store.bindings(linear(() => 'bf16'));
    await expect(store.bindings(linear())).rejects.toThrow(
      'proj.weight is kept in bf16, another graph wants it in f32',
    );
  });
});
