/** What the lowerings of small ops decide, without a device: widths, written-out loops, grids beyond a dimension's limit, splits. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Graph, type Node, type Value } from '../../graph/graph.ts';
import type { OpKind, OpParams } from '../../graph/ops.ts';
import { DEFAULT_LIMITS } from '../plan.ts';
import { specialize } from '../specialize.ts';
import { type Dispatch, kernelOf, type LowerToWgsl, type Scratch } from './dispatch.ts';
import { mergedAxes } from './elementwise.ts';
import { scalar } from './lanes.ts';
import { lower } from './lower.ts';
import { unroll } from './unroll.ts';

function lowered<K extends OpKind>(
  op: K,
  params: OpParams[K],
  shapes: readonly (readonly number[])[],
  variant = 'register',
  same = false,
): Dispatch[] {
  const graph = new Graph();
  const inputs: Value[] = shapes.map((shape, i) => graph.state(`in${i}`, shape));
  graph.node(op, params, same ? [inputs[0]!, inputs[0]!] : inputs);
  const rule = lower[op] as LowerToWgsl<K>;
  return rule(graph.nodes[0] as unknown as Node<K>, {
    limits: DEFAULT_LIMITS,
    variant: (_, options) => (options.includes(variant) ? variant : options[0]!),
  });
}

it('merges neighbouring axes of one kind, innermost first', () => {
  expect(mergedAxes([2, 5, 3, 7], [2, 5, 1, 1])).toEqual([
    { size: 21, stride: 0 },
    { size: 10, stride: 1 },
  ]);
  expect(mergedAxes([3, 1, 7, 6], [1, 1, 7, 6])).toEqual([
    { size: 42, stride: 1 },
    { size: 3, stride: 0 },
  ]);
  expect(mergedAxes([2, 3, 4], [2, 1, 4])).toEqual([
    { size: 4, stride: 1 },
    { size: 3, stride: 0 },
    { size: 2, stride: 4 },
  ]);
  expect(mergedAxes([1, 1], [1, 1])).toEqual([{ size: 1, stride: 1 }]);
});

it('turns the named aliases into single elements', () => {
  const kernel = { name: 'k', code: 'alias Lanes = vec4f; // wide\nalias Ints = vec4i;\nfn f(x: Lanes) {}' };
  expect(scalar(kernel).code).toBe('alias Lanes = f32; // wide\nalias Ints = i32;\nfn f(x: Lanes) {}');
  expect(scalar(kernel, 'Ints').code).toContain('alias Lanes = vec4f;');
  expect(scalar(kernel)).toBe(scalar(kernel));
});

it('writes out loops, nested ones too, and refuses one that leaves early', () => {
  const kernel = (body: string) => ({ name: 'k', code: `for (var c = 0u; c < WIDTH; c++) {${body}}` });
  expect(unroll(kernel(' y[c] = 1; '), 'WIDTH', 2).code).toBe(
    '{ const c = 0u; y[c] = 1; }\n{ const c = 1u; y[c] = 1; }',
  );
  expect(
    unroll(kernel(' for (var d = 0u; d < WIDTH; d++) { if (a) { b(c, d); } } '), 'WIDTH', 3).code.match(/b\(c, d\)/g),
  ).toHaveLength(9);
  expect(() => unroll(kernel(' if (a) { break; } '), 'WIDTH', 2)).toThrow('leaves early');
});

describe('dispatches', () => {
  it('reads four at a time where four divides, with no shape in the pipeline', () => {
    const [wide] = lowered('add', {}, [
      [2, 3, 4],
      [2, 3, 4],
    ]);
    const [narrow] = lowered('add', {}, [
      [2, 3, 5],
      [2, 3, 5],
    ]);
    expect(wide!.constants).toEqual({});
    expect(wide!.kernel.code).toContain('alias Lanes = vec4f;');
    expect(narrow!.constants).toEqual({ SIZE: 30 });
    expect(narrow!.kernel.code).toContain('alias Lanes = f32;');
  });

  it('folds a grid that is too long for one dimension', () => {
    const elements = 4 * 64 * 65535 + 4;
    const [zero] = lowered('zero', {}, [[elements]]);
    expect(zero!.workgroups).toEqual([65535, 2, 1]);
  });

  it('binds no value twice', () => {
    for (const op of ['add', 'mul'] as const) {
      const [dispatch] = lowered(op, {}, [[3, 5]], 'register', true);
      expect(dispatch!.reads).toHaveLength(1);
    }
    const parts = lowered('concat', { axis: 1 }, [[2, 3]], 'register', true);
    expect(parts.map(({ reads }) => reads.length)).toEqual([1, 1]);
  });

  it('concatenates two by two', () => {
    const parts = lowered('concat', { axis: 1 }, [
      [2, 4, 3],
      [2, 8, 3],
      [2, 12, 3],
    ]);
    expect(parts.map(({ constants }) => constants['START'])).toEqual([0, 9]);
  });

  it('splits a long sum that few invocations would do', () => {
    const shape = [1, 1 << 20];
    for (const variant of ['register', 'workgroup']) {
      const [first, second] = lowered('sumTo', { shape: [1, 1], factor: 0.5 }, [shape], variant);
      expect(first!.constants['SPLITS'], variant).toBeGreaterThan(16);
      expect(first!.constants['FACTOR'], variant).toBe(1);
      expect(second!.constants['FACTOR'], variant).toBe(0.5);
    }
    expect(lowered('sumTo', { shape: [1, 96], factor: 1 }, [[576, 96]])).toHaveLength(1);
  });

  it('fits attention into the workgroup memory every device has, up to a head of 256', () => {
    for (const headSize of [1, 5, 24, 64, 80, 160, 255, 256]) {
      const shape = [1, 20, headSize];
      const [forward] = lowered('attention', { heads: 1, causal: false }, [shape, shape, shape], 'workgroup');
      const [gradient] = lowered(
        'attentionGradQuery',
        { heads: 1, causal: false },
        [shape, shape, shape, shape, [1, 1, 20], shape],
        'workgroup',
      );
      for (const { constants } of [forward!, gradient!]) {
        const { TILE, PER_LANE, LANES } = constants as Record<string, number>;
        const staged = 2 * TILE! * 4 * PER_LANE! * LANES! * 4;
        expect(staged + 16 * TILE! * 4 * ('SCORE_SCALE' in constants ? 8 : 4), `head ${headSize}`).toBeLessThanOrEqual(
          DEFAULT_LIMITS.maxComputeWorkgroupStorageSize,
        );
      }
    }
  });

  it('gives attention large tiles where heads and rows fill them', () => {
    const named = (tokens: number, headSize: number): string => {
      const shape = [1, tokens, 2 * headSize];
      return lowered('attention', { heads: 2, causal: false }, [shape, shape, shape], 'tile')[0]!.kernel.name;
    };
    for (const headSize of [4, 40, 44, 64, 80, 160, 256]) expect(named(16, headSize)).toBe('attention.tile');
    for (const headSize of [1, 42, 260]) expect(named(16, headSize)).toBe('attention.workgroup');
    expect(named(15, 64)).toBe('attention.workgroup');
  });

  it('takes by Winograd what it saves more of than it moves, in pieces of bounded memory', () => {
    type Shape = readonly [batch: number, channels: number, rows: number, side: number];
    const dispatches = ([batch, channels, rows, side]: Shape, stride = 1, kernel = 3): Dispatch[] =>
      lowered(
        'conv2d',
        { stride, padding: [1, 1, 1, 1], bias: false, residual: false, scale: 1 },
        [
          [batch, channels, side, side],
          [rows, channels, kernel, kernel],
        ],
        'winograd',
      );
    const isTaken = (all: Dispatch[]): boolean => all[0]!.kernel.name === 'conv2dWeights.winograd';
    // Of Stable Diffusion 1.5, a pair: the widest, and those of the smallest picture but one.
    for (const [shape, pieces] of [
      [[2, 960, 320, 64], 1 + 4 * 3],
      [[2, 1280, 1280, 16], 4],
      [[2, 2560, 1280, 16], 4 + 3],
    ] as const) {
      const taken = dispatches(shape);
      expect(isTaken(taken)).toBe(true);
      expect(taken).toHaveLength(pieces);
      for (const { scratch, elements } of taken.flatMap(({ reads, writes }) => [...reads, ...writes]) as Scratch[])
        if (scratch) expect(4 * elements).toBeLessThanOrEqual((scratch === 'transformed weights' ? 128 : 32) * 2 ** 20);
      const flops = taken.reduce((sum, one) => sum + (one.flops ?? 0), 0);
      expect(flops).toBe((2 * 9 * 4 * shape[0] * shape[1] * shape[2] * shape[3] ** 2) / 9);
    }
    // The smallest picture, the first and the last layer, a LoRA's, and what is no 3x3 of stride 1.
    for (const shape of [
      [2, 1280, 1280, 8],
      [2, 4, 320, 64],
      [2, 320, 4, 64],
      [2, 320, 16, 64],
    ] as const)
      expect(isTaken(dispatches(shape))).toBe(false);
    expect(isTaken(dispatches([2, 320, 320, 64], 2))).toBe(false);
    expect(isTaken(dispatches([2, 320, 320, 64], 1, 5))).toBe(false);
  });

  it('splits the queries of few keys, and makes dk and dv of a large head apart', () => {
    const gradient = (queries: number, keys: number, headSize: number): Dispatch[] => {
      const [q, k, stats] = [
        [2, queries, 8 * headSize],
        [2, keys, 8 * headSize],
        [2, 8, queries],
      ] as const;
      const params = { heads: 8, causal: false };
      return lowered('attentionGradKeyValue', params, [q, q, k, k, stats, stats], 'tile');
    };
    const [parts, ...sums] = gradient(4096, 77, 40);
    expect(parts!.workgroups).toEqual([3 * 6, 8, 2]);
    expect(parts!.constants['SPLIT']).toBe(704);
    expect(sums.map(({ kernel, constants }) => [kernel.name, constants['SPLITS']])).toEqual([
      ['splitSum', 6],
      ['splitSum', 6],
    ]);
    expect(gradient(4096, 4096, 40).map(({ workgroups }) => workgroups)).toEqual([[64, 8, 2]]);
    expect(gradient(64, 64, 160).map(({ workgroups }) => workgroups)).toEqual([[2 * 2, 8, 2]]);
  });

  it('writes attention out only where the work pays for the compilation', () => {
    const code = (tokens: number): string => {
      const [dispatch] = lowered(
        'attention',
        { heads: 4, causal: false },
        [
          [4, tokens, 96],
          [4, tokens, 96],
          [4, tokens, 96],
        ],
        'quad',
      );
      return specialize(dispatch!.kernel, dispatch!.constants);
    };
    expect(code(36)).not.toContain('c < WIDTH');
    expect(code(9)).toContain('c < WIDTH');
  });
});

it('says everything once: what several kernels call lies in shared/', () => {
  const root = new URL('../../', import.meta.url);
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.wgsl'));
  const homes = new Map<string, string[]>();
  for (const file of files) {
    const code = readFileSync(new URL(file, root), 'utf8');
    for (const [text] of code.matchAll(/^fn (?!main\b)[^]*?^\}|^struct [^}]*\}/gm))
      homes.set(text, [...(homes.get(text) ?? []), file]);
  }
  expect(homes.size).toBeGreaterThan(20);
  expect([...homes].filter(([, { length }]) => length > 1)).toEqual([]);
});

it('joins a kernel and its pieces, its own lines first', () => {
  const own = 'enable subgroups;\nfn main() {}\n';
  expect(kernelOf('k', own, 'fn a() {}', 'fn b() {}')).toEqual({
    name: 'k',
    code: 'enable subgroups;\nfn main() {}\n\nfn a() {}\nfn b() {}',
  });
});
