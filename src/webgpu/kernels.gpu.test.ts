/** Every kernel, in every variant, against the float64 oracle, on every case of graph/cases.ts; gradients at a scale of 1e-12 too. */
import { afterAll, beforeAll, describe, type ExpectStatic, it } from 'vitest';
import { openNodeDevice, type NodeDevice } from '../cli/device.ts';
import { buildCase, gradScales, weightDtypes } from '../graph/caseData.ts';
import { cases } from '../graph/cases.ts';
import { Graph, type Value } from '../graph/graph.ts';
import type { OpKind } from '../graph/ops.ts';
import { evaluate } from '../oracle/run.ts';
import { decodeHalf } from '../shared/float16.ts';
import { sizeOf } from '../shared/shape.ts';
import { createGpuExecutor, type GpuExecutor } from './executor.ts';
import { planGraph } from './plan.ts';
import { hasFeatureOf } from './variants.ts';

let engine: NodeDevice;
const executors = new Map<string, GpuExecutor>();

beforeAll(async () => {
  engine = await openNodeDevice();
  console.log(`kernels on ${engine.driver}`);
});
afterAll(() => engine?.destroy());

function executorOf(variant: string): GpuExecutor {
  let executor = executors.get(variant);
  if (!executor) executors.set(variant, (executor = createGpuExecutor(engine, { variants: { default: variant } })));
  return executor;
}

/** f32 carries 6e-8; sums of a few thousand products in fixed order stay within 2e-6 of the largest result, and functions of WGSL's
 *  built-ins (exp, tanh: 3 + 2 |x| ulp) within 1e-5 of each. */
const RELATIVE = 1e-5;
const OF_LARGEST = 2e-6;

function compare(expect: ExpectStatic, got: Float32Array, want: Float64Array, name: string): void {
  expect(got.length, name).toBe(want.length);
  const largest = want.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  let worst = 0;
  let at = 0;
  got.forEach((x, i) => {
    const error = Math.abs(x - want[i]!) / (RELATIVE * Math.abs(want[i]!) + OF_LARGEST * largest + Number.MIN_VALUE);
    if (!(error <= worst)) [worst, at] = [error, i];
  });
  expect(
    worst,
    `${name}: element ${at} is ${got[at]}, should be ${want[at]} (largest ${largest}); error in tolerances`,
  ).toBeLessThanOrEqual(1);
}

/** Names of all variants that the graph's nodes offer, and that this device compiles. */
function variantsOf(graph: Graph): string[] {
  const offered = new Set<string>();
  planGraph(graph, {
    variant: (_, options) => {
      for (const name of options) if (hasFeatureOf(name, engine.device.features)) offered.add(name);
      return options[0]!;
    },
  });
  return offered.size > 0 ? [...offered] : ['only'];
}

for (const op of Object.keys(cases) as OpKind[]) {
  describe(op, () => {
    for (const testCase of cases[op]) {
      const runs = gradScales(testCase as never).flatMap((scale) =>
        weightDtypes(op).map((weights) => ({ scale, weights })),
      );
      for (const { scale, weights } of runs) {
        it.concurrent(
          `${testCase.name}${weights === 'f32' ? '' : `, weights in ${weights}`}${scale === 1 ? '' : `, gradients times ${scale}`}`,
          async ({ expect }) => {
            const { graph, feeds, results } = buildCase(op, testCase as never, scale, weights);
            const wantOf = evaluate(graph, feeds);
            const by = new Map<string, Float32Array[]>();
            for (const variant of variantsOf(graph)) {
              // What it loads it loads as `tile` does: a minute of compiling would tell no more.
              if (variant === 'tile2' && !(weights === 'f32' && scale === 1)) continue;
              using program = await executorOf(variant).compile(graph);
              for (const [value, data] of feeds) program.write(value, data);
              await program.run();
              const got: Float32Array[] = [];
              for (const [i, value] of (results as readonly Value[]).entries()) {
                got.push(await program.read(value));
                compare(expect, got[i]!, wantOf(value), `${variant}: result ${i}`);
              }
              by.set(variant, got);
              expect(program.memory.allocatedBytes).toBe(program.memory.plannedBytes.total);
            }
            // However many steps lie in workgroup memory, depths are added up in one order.
            expect(by.get('tile2'), 'the bits of tile').toEqual(by.has('tile2') ? by.get('tile') : undefined);
          },
        );
      }
    }
  });
}

/** The cases are light, and take their shape as data (kernels/anyShape.ts). */
const conv = { stride: 1, padding: [1, 1, 1, 1], scale: 1 } as const;
it.concurrent.for([
  ['linear', { bias: false, residual: false, scale: 1 }, [256, 250], [256, 250]],
  ['conv2d', { ...conv, bias: false, residual: false }, [1, 33, 15, 15], [230, 33, 3, 3]],
  ['conv2dGradInput', { ...conv, residual: false, height: 15, width: 15 }, [1, 230, 15, 15], [230, 33, 3, 3]],
  ['conv2dGradWeight', { ...conv, kernelHeight: 3, kernelWidth: 3, bias: false }, [1, 230, 15, 15], [1, 33, 15, 15]],
] as const)('a heavy %s, whose shape is baked in', async ([op, params, ...shapes], { expect }) => {
  const graph = new Graph();
  const inputs = shapes.map((shape, i) => graph.input(`input ${i}`, shape));
  const y = graph.op<OpKind>(op, params, inputs);
  graph.output('y', y);
  const feeds = new Map(
    inputs.map((value) => [value, Float32Array.from({ length: sizeOf(value.shape) }, (_, i) => Math.sin(i * 1.7))]),
  );
  using program = await executorOf('quad').compile(graph);
  expect(program.steps.map(({ dispatch }) => dispatch.kernel.data)).toEqual([undefined]);
  for (const [value, data] of feeds) program.write(value, data);
  await program.run();
  compare(expect, await program.read(y), evaluate(graph, feeds)(y), op);
});

/** Numbers below f32's normal range (bf16 has some) may be flushed by a GPU; f16's own subnormals may not. */
it.concurrent.for(['f16', 'bf16'] as const)('reads every %s number exactly', async (dtype, { expect }) => {
  const [exponents, step] = dtype === 'f16' ? [0x7c00, 0x400] : [0x7f80, 0x80];
  const bits = Uint16Array.from({ length: 65536 }, (_, half) => half).filter(
    (half) => (half & exponents) !== exponents && (dtype === 'f16' || (half & 0x7fff) >= step),
  );
  const numbers = decodeHalf(dtype, bits);
  const graph = new Graph();
  const weight = graph.parameter('weight', [bits.length, 1], dtype);
  const [x, ids] = [graph.input('x', [1, 1]), graph.input('ids', [bits.length], 'i32')];
  graph.output('product', graph.op('linear', { bias: false, residual: false, scale: 1 }, [x, weight]));
  graph.output('rows', graph.op('embedding', {}, [weight, ids]));
  for (const variant of ['workgroup', 'quad']) {
    using storage = executorOf(variant).storage('weight', bits.length, dtype);
    storage.write(bits);
    const program = await executorOf(variant).compile(graph, { bindings: new Map([[weight, storage]]) });
    program.write(x, Float32Array.of(1));
    program.write(ids, Int32Array.from(bits.keys()));
    const [product, rows] = await program.runAndRead([...graph.outputs.values()]);
    // A sum that starts at 0 has no -0.
    expect(product, variant).toEqual(numbers.map((n) => n + 0));
    expect(rows, variant).toEqual(numbers);
    expect(program.memory.allocatedBytes).toBe(program.memory.plannedBytes.total);
  }
});

it.concurrent.for(['f16', 'bf16'] as const)(
  'a product with weights in %s gives the bits of the same numbers in f32',
  async (dtype, { expect }) => {
    // An odd depth, and one whose words are read in pairs; rows and columns past a block's edge.
    for (const [rows, columns, depth] of [
      [21, 37, 50],
      [5, 18, 33],
    ] as const) {
      const bits = Uint16Array.from(
        { length: columns * depth },
        (_, i) => 0x2000 + ((i * 2654435761) % 0x1e00) + (i % 3 === 0 ? 0x8000 : 0),
      );
      const x = Float32Array.from({ length: rows * depth }, (_, i) => Math.sin(i) + 0.01);
      for (const variant of ['workgroup', 'quad']) {
        const results: Float32Array[] = [];
        for (const kept of ['f32', dtype] as const) {
          const graph = new Graph();
          const weight = graph.parameter('weight', [columns, depth], kept);
          const input = graph.input('x', [rows, depth]);
          graph.output('y', graph.op('linear', { bias: false, residual: false, scale: 1 }, [input, weight]));
          using storage = executorOf(variant).storage('weight', bits.length, kept);
          storage.write(kept === 'f32' ? decodeHalf(dtype, bits) : bits);
          using program = await executorOf(variant).compile(graph, { bindings: new Map([[weight, storage]]) });
          program.write(input, x);
          results.push(...(await program.runAndRead([...graph.outputs.values()])));
        }
        expect(results[1], variant).toEqual(results[0]);
        expect(new Set(results[0]).size).toBeGreaterThan(rows);
      }
    }
  },
);

it.concurrent.for([
  ['linear', [132, 40], [72, 40]],
  ['conv2d', [1, 4, 9, 9], [36, 4, 3, 3]],
  // Of 128 x 64, which are for what has a hundred of them; an odd number of steps.
  ['linear', [16_384, 24], [64, 24]],
] as const)('%s with halves by two tiles at a time has the bits of one', async ([op, ...shapes], { expect }) => {
  const results: Float32Array[] = [];
  for (const variant of ['tile', 'tile2']) {
    const graph = new Graph();
    const [x, weight] = [graph.input('x', shapes[0]), graph.parameter('weight', shapes[1], 'f16')];
    const plain = { bias: false, residual: false, scale: 1 };
    const y = op === 'linear' ? graph.op(op, plain, [x, weight]) : graph.op(op, { ...conv, ...plain }, [x, weight]);
    graph.output('y', y);
    using program = await executorOf(variant).compile(graph);
    expect(program.steps.map(({ dispatch }) => dispatch.kernel.name.split('.')[1])).toEqual([variant]);
    // Numbers that f16 has.
    const noise = (_: unknown, i: number): number => Math.round(512 * Math.sin(1.7 * i)) / 512;
    const feeds = new Map(
      [x, weight].map((value) => [value, Float32Array.from({ length: sizeOf(value.shape) }, noise)]),
    );
    for (const [value, numbers] of feeds) program.write(value, numbers);
    const [got] = await program.runAndRead([y]);
    compare(expect, got!, evaluate(graph, feeds)(y), variant);
    results.push(got!);
  }
  expect(results[1]).toEqual(results[0]);
  expect(new Set(results[0]).size).toBeGreaterThan(100);
});
