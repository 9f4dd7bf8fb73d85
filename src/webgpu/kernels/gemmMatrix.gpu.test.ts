/** Products by subgroup matrices: every module through Tint, which Dawn's null backend has with all features; and a few run against the float64 oracle, by
 *  matrices of f16 where the device has them (lavapipe of Mesa 26.1), else spread by hand (testMatrices.ts), as those of f32 are. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openNodeDevice, type NodeDevice } from '../../cli/device.ts';
import { buildCase, weightDtypes } from '../../graph/caseData.ts';
import { cases } from '../../graph/cases.ts';
import { Graph, type ParameterDtype, type Value } from '../../graph/graph.ts';
import { evaluate } from '../../oracle/run.ts';
import { sizeOf } from '../../shared/shape.ts';
import { type HalfMatrix, halfMatrixNames, MATRIX_FEATURE, SIZE_FEATURE } from '../../shared/subgroupMatrices.ts';
import { createGpuExecutor } from '../executor.ts';
import { planGraph } from '../plan.ts';
import { moduleOf } from '../specialize.ts';
import { raceInHalf } from '../tuneHalf.ts';
import { rewriting, spreadByHand } from '../testMatrices.ts';
import { compiledOn, nullAdapter } from '../testNullDevice.ts';
import { chooseVariant, inHalf } from '../variants.ts';
import { heaviestTasks } from '../workload.ts';
import type { Dispatch } from './dispatch.ts';

let engine: NodeDevice;
beforeAll(async () => {
  engine = await openNodeDevice({ matrices: true });
  console.log(`matrices of f16: ${engine.halfMatrix ?? 'spread by hand'}, on ${engine.driver}`);
});
afterAll(() => engine?.destroy());

const forward = ['linear', 'conv2d'] as const;
const all = [...forward, 'linearGradInput', 'linearGradWeight', 'conv2dGradInput'] as const;

/** Code → of which case, of every case by the matrices of a name; in f16 those of forward passes. */
function modulesOf(matrix: 'matrix' | HalfMatrix): Map<string, string> {
  const modules = new Map<string, string>();
  const arithmetic = matrix === 'matrix' ? 'f32' : 'f16';
  const variant = chooseVariant({ gemm: 'matrix', [inHalf('gemm')]: matrix, default: 'workgroup' }, arithmetic);
  for (const op of arithmetic === 'f32' ? all : forward)
    for (const testCase of cases[op])
      for (const weights of weightDtypes(op)) {
        const { graph } = buildCase(op, testCase as never, 1, weights);
        for (const { dispatch } of planGraph(graph, { variant, arithmetic }).dispatches)
          if (dispatch.kernel.name.startsWith('gemm.matrix'))
            modules.set(moduleOf(dispatch), `${matrix}: ${op}, ${testCase.name}`);
      }
  return modules;
}

it('compiles, and keeps to the least that WebGPU offers', async () => {
  const adapter = await nullAdapter();
  expect(adapter.info.subgroupMaxSize, 'the most there is').toBe(128);
  const requiredFeatures = ['subgroups', 'shader-f16', MATRIX_FEATURE, SIZE_FEATURE] as GPUFeatureName[];
  const device = await adapter.requestDevice({ requiredFeatures });
  for (const matrix of ['matrix', ...halfMatrixNames] as const) {
    const modules = modulesOf(matrix);
    expect(modules.size).toBeGreaterThan(matrix === 'matrix' ? 20 : 10);
    for (const [code, name] of modules) await expect(compiledOn(device, code), name).resolves.toBeDefined();
  }
  // It is strict about what could not work.
  device.pushErrorScope('validation');
  const [code] = modulesOf('matrix').keys();
  await expect(compiledOn(device, code!.replace('PITCH);\n', 'index);\n'))).rejects.toThrow();
  expect((await device.popErrorScope())?.message).toContain('uniform');
  device.destroy();
});

/** Numbers that f16 has. */
const noise = (i: number): number => Math.round(512 * Math.sin(12.9898 * (i + 1))) / 512;

/** By matrices, on this device; what ran. */
async function byMatrices(
  graph: Graph,
  matrix: 'matrix' | HalfMatrix = 'matrix',
  number: (i: number, name: string) => number = noise,
): Promise<readonly Dispatch[]> {
  const { subgroupMinSize, subgroupMaxSize } = engine.device.adapterInfo;
  expect(subgroupMinSize).toBe(subgroupMaxSize);
  const arithmetic = matrix === 'matrix' ? 'f32' : 'f16';
  const variants = { gemm: 'matrix', [inHalf('gemm')]: matrix, default: 'workgroup' };
  let rewritten = 0;
  const device =
    matrix === engine.halfMatrix
      ? engine
      : rewriting(engine, matrix === 'matrix' ? undefined : matrix, (code) => {
          rewritten++;
          return spreadByHand(code, subgroupMaxSize!);
        });
  using program = await createGpuExecutor(device, { variants, arithmetic }).compile(graph);
  const feeds = new Map<Value, Float32Array>();
  for (const [i, value] of graph.values.entries())
    if (value.source.kind === 'input' || value.source.kind === 'parameter')
      feeds.set(
        value,
        Float32Array.from({ length: sizeOf(value.shape) }, (_, k) => number(k + i, value.name)),
      );
  for (const [value, numbers] of feeds) program.write(value, numbers);
  const y = graph.outputs.get('y')!;
  const [got] = await program.runAndRead([y]);
  const want = evaluate(graph, feeds)(y);
  const largest = want.reduce((top, x) => Math.max(top, Math.abs(x)), 0);
  for (const [i, x] of want.entries())
    expect(Math.abs(got![i]! - x), `element ${i}`).toBeLessThanOrEqual(4e-6 * largest);
  expect(rewritten).toBe(device === engine ? 0 : 1);
  const dispatches = program.steps.map(({ dispatch }) => dispatch);
  expect(dispatches[0]!.kernel.name).toBe(matrix === 'matrix' ? 'gemm.matrix' : 'gemm.matrix.half');
  return dispatches;
}

it('multiplies past the edges of several tiles, with a bias and what it is added to', async () => {
  const graph = new Graph();
  const [x, weight] = [graph.input('x', [71, 44]), graph.input('weight', [67, 44])];
  const [bias, residual] = [graph.input('bias', [67]), graph.input('residual', [71, 67])];
  graph.output('y', graph.op('linear', { bias: true, residual: true, scale: 0.5 }, [x, weight, bias, residual]));
  const [product] = await byMatrices(graph);
  expect(product!.workgroups).toEqual([2, 2, 1]);
});

it('reads neither operand along the depth, and adds up slices of it', async () => {
  const graph = new Graph();
  const [dy, x] = [graph.input('dy', [515, 20]), graph.input('x', [515, 36])];
  graph.output('y', graph.op('linearGradWeight', { bias: false, scale: 0.25 }, [dy, x]));
  const [product, sum] = await byMatrices(graph);
  expect([product!.workgroups, sum!.kernel.name]).toEqual([[1, 1, 2], 'splitSum']);
});

it.each([
  ['low', [8, 32], [132, 32], [2, 1, 1], 'f32'],
  ['narrow', [132, 32], [8, 32], [1, 2, 1], 'f16'],
] as const)('has a tile for what is %s', async (_, left, right, workgroups, dtype: ParameterDtype) => {
  const graph = new Graph();
  const [x, weight] = [graph.input('x', left), graph.parameter('weight', right, dtype)];
  graph.output('y', graph.op('linear', { bias: false, residual: false, scale: 1 }, [x, weight]));
  const [product] = await byMatrices(graph);
  expect(product!.workgroups).toEqual(workgroups);
});

it('takes 1x1 convolutions of several pictures', async () => {
  const graph = new Graph();
  const [x, weight] = [graph.input('x', [3, 20, 4, 6]), graph.input('weight', [36, 20, 1, 1])];
  const [bias, residual] = [graph.input('bias', [36]), graph.input('residual', [3, 36, 4, 6])];
  const params = { stride: 1, padding: [0, 0, 0, 0] as const, bias: true, residual: true, scale: 2 };
  graph.output('y', graph.op('conv2d', params, [x, weight, bias, residual]));
  const [product] = await byMatrices(graph);
  expect(product!.workgroups).toEqual([2, 1, 1]);
});

/** The adapter's own ones; else by hand such as GPUs have, of 16 rows too, which are the narrow tile's fewest. */
it.each(['matrix8x8x8', 'matrix16x16x16'] as const)(
  'keeps what f16 would lose where later steps are a million times as large as the first, by %s',
  async (matrix) => {
    const graph = new Graph();
    const [rows, depth] = [132, 56];
    const [x, weight] = [graph.input('x', [rows, depth]), graph.parameter('weight', [8, depth], 'f16')];
    graph.output('y', graph.op('linear', { bias: false, residual: false, scale: 1 }, [x, weight]));
    // Beyond what f16 holds; small again at the end.
    const steps = [2 ** -4, 2 ** 16, 2 ** 6, 2 ** -2];
    const number = (i: number, name: string): number =>
      noise(i) * (name === 'x' ? steps[Math.floor((i % depth) / 16)]! : 1);
    const [product] = await byMatrices(graph, matrix, number);
    expect(product!.constants).toMatchObject({ SUBGROUPS_Y: 4, M: matrix === 'matrix8x8x8' ? 8 : 16 });
  },
);

it('multiplies every product of a forward pass in f16, where the device has matrices for it', async ({ skip }) => {
  const matrix = engine.halfMatrix;
  if (!matrix) return skip(`${engine.adapterName} has no subgroup matrices of f16`);
  let products = 0;
  for (const op of forward)
    for (const testCase of cases[op]) {
      const { graph, feeds, results } = buildCase(op, testCase as never, 1, 'f32');
      const variants = { [inHalf('gemm')]: matrix, default: 'workgroup' };
      using program = await createGpuExecutor(engine, { variants, arithmetic: 'f16' }).compile(graph);
      if (!program.steps.some(({ dispatch }) => dispatch.kernel.name === 'gemm.matrix.half')) continue;
      products++;
      for (const [value, numbers] of feeds) program.write(value, numbers);
      const wantOf = evaluate(graph, feeds);
      for (const value of results as readonly Value[]) {
        await program.run();
        const got = await program.read(value);
        const want = wantOf(value);
        const largest = want.reduce((top, y) => Math.max(top, Math.abs(y)), 0);
        const worst = want.reduce((most, y, i) => Math.max(most, Math.abs(got[i]! - y)), 0);
        // Operands are rounded to 11 digits.
        expect(worst / largest, `${op}, ${testCase.name}`).toBeLessThan(1e-3);
      }
    }
  expect(products).toBeGreaterThan(5);
});

it('are raced beside tiles in f16, where the device has them', async ({ skip }) => {
  const matrix = engine.halfMatrix;
  if (!matrix) return skip(`${engine.adapterName} has no subgroup matrices of f16`);
  const graph = new Graph();
  const [x, weight] = [graph.input('x', [72, 64]), graph.input('weight', [64, 64])];
  graph.output('y', graph.op('linear', { bias: false, residual: false, scale: 1 }, [x, weight]));
  const { variants, measuredMs, failures } = await raceInHalf(
    engine,
    evaluate,
    heaviestTasks(graph, engine.device.limits),
    { variants: { gemm: 'workgroup' }, flopsPerSecond: 0 },
  );
  expect(failures).toEqual({});
  for (const name of ['half', matrix, 'f32']) expect(measuredMs[`${inHalf('gemm')} ${name}`]).toBeGreaterThan(0);
  const ms = (name: string): number => measuredMs[`${inHalf('gemm')} ${name}`]!;
  const order = ['half', matrix].filter((name) => ms(name) <= ms('f32')).toSorted((a, b) => ms(a) - ms(b));
  expect(variants).toEqual({ [inHalf('gemm')]: order.join(' ') || 'workgroup' });
});
