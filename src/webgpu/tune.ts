/** Chooses kernel variants for an adapter by measuring those that are right on it. The record goes into a run and comes back on resume: the same record gives
 *  the same kernels, so the same bits. */
import { graphFlops } from '../graph/flops.ts';
import { Graph, type Value } from '../graph/graph.ts';
import { assert } from '../shared/assert.ts';
import { allOrNone } from '../shared/disposable.ts';
import { isWinnowError, WinnowError } from '../shared/errors.ts';
import { sizeOf } from '../shared/shape.ts';
import type { EngineDevice } from './device.ts';
import { createGpuExecutor, encodeStep } from './executor.ts';
import { gpuMs } from './gpuClock.ts';
import { planGraph } from './plan.ts';
import { gpuVariants, type KernelVariants, softwareVariants } from './variants.ts';

export interface Tuning {
  variants: KernelVariants;
  /** Milliseconds of each candidate, by `class variant`. */
  measuredMs: Record<string, number>;
  /** Why a candidate is not used here, by the same names: it does not compile, or computes something else than it should. */
  failures: Record<string, string>;
  /** The best rate a product kernel reached here, multiply and add counted as two. */
  flopsPerSecond: number;
}

/** Counts up with every change to what is raced: what was measured before is measured again. */
export const TUNER_VERSION = 2;

/** What a graph gives in float64, its inputs given: oracle/run.ts. */
export type Evaluate = (graph: Graph, feeds: ReadonlyMap<Value, Float32Array>) => (value: Value) => ArrayLike<number>;

/** One node of each class; `size` scales it to the adapter. */
export const classes: Record<string, (graph: Graph, size: number) => Value> = {
  gemm: (graph, size) => {
    const [x, weight] = [graph.input('x', [4 * size, 4 * size]), graph.input('weight', [4 * size, 4 * size])];
    return graph.op('linear', { bias: false, residual: false, scale: 1 }, [x, weight]);
  },
  conv2d: (graph, size) => {
    const [x, weight] = [graph.input('x', [2, size, 12, 12]), graph.input('weight', [size, size, 3, 3])];
    return graph.op('conv2d', { stride: 1, padding: [1, 1, 1, 1], bias: false, residual: false, scale: 1 }, [
      x,
      weight,
    ]);
  },
  conv2dGradWeight: (graph, size) => {
    const [dy, x] = [graph.input('dy', [2, size, 12, 12]), graph.input('x', [2, size, 12, 12])];
    return graph.op(
      'conv2dGradWeight',
      { stride: 1, padding: [1, 1, 1, 1], kernelHeight: 3, kernelWidth: 3, scale: 1 },
      [dy, x],
    );
  },
  attention: (graph, size) => {
    const [q, k, v] = [
      graph.input('q', [2, 2 * size, size]),
      graph.input('k', [2, 2 * size, size]),
      graph.input('v', [2, 2 * size, size]),
    ];
    return graph.op('attention', { heads: 4, causal: false }, [q, k, v]);
  },
  norm: (graph, size) => {
    const [x, weight, bias] = [
      graph.input('x', [2, size, 12, 12]),
      graph.input('weight', [size]),
      graph.input('bias', [size]),
    ];
    return graph.op('groupNorm', { groups: 8, eps: 1e-5, silu: true }, [x, weight, bias]);
  },
  reduce: (graph, size) => {
    const [pred, target] = [graph.input('pred', [2, size, 24, 24]), graph.input('target', [2, size, 24, 24])];
    return graph.op('meanSquaredError', {}, [pred, target]);
  },
};

/** A lead that decides for all classes: compiling a losing variant of each would cost seconds on a software adapter. */
const CLEAR_LEAD = 2;

/** Rejects with GpuError, OutOfGpuMemory or DeviceLost, and then has left nothing on the device. */
export async function tuneKernels(engine: EngineDevice, evaluate: Evaluate): Promise<Tuning> {
  const measuredMs: Record<string, number> = {};
  const failures: Record<string, string> = {};
  let flopsPerSecond = 0;
  const { software } = engine.adapter;
  const subgroups = engine.device.features.has('subgroups');

  if (software) {
    const { best, lead, rate } = await race({ engine, evaluate, measuredMs, failures }, 'gemm', 48);
    if (best !== 'workgroup' && lead > CLEAR_LEAD)
      return { variants: softwareVariants(subgroups), measuredMs, failures, flopsPerSecond: rate };
  }
  const size = software ? 32 : 256;
  const variants: Record<string, string> = { ...gpuVariants };
  for (const kernelClass of Object.keys(classes)) {
    const { best, rate } = await race({ engine, evaluate, measuredMs, failures }, kernelClass, size);
    variants[kernelClass] = best;
    flopsPerSecond = Math.max(flopsPerSecond, rate);
  }
  return { variants, measuredMs, failures, flopsPerSecond };
}

interface Race extends Pick<Tuning, 'measuredMs' | 'failures'> {
  engine: EngineDevice;
  evaluate: Evaluate;
}

/** Times every variant of a class that is right here on one shape. */
async function race(
  { engine, evaluate, measuredMs, failures }: Race,
  kernelClass: string,
  size: number,
): Promise<{ best: string; lead: number; rate: number }> {
  const graph = classGraph(kernelClass, size);
  using owned = new DisposableStack();
  const variants: string[] = [];
  for (const variant of raced(kernelClass, graph, engine.adapter.software, engine.device.features)) {
    const wrong = await whatIsWrong(engine, kernelClass, variant, evaluate);
    if (wrong === null) variants.push(variant);
    else failures[`${kernelClass} ${variant}`] = wrong;
  }
  if (variants.length === 0)
    throw new WinnowError(
      'GpuError',
      `Nothing that computes ${kernelClass} is right on this adapter: ${Object.values(failures).join('; ')}.`,
      'Update the graphics driver and the browser.',
    );
  const programs = await allOrNone(
    variants.map((variant) => createGpuExecutor(engine, { variants: { [kernelClass]: variant } }).compile(graph)),
  );
  for (const program of programs) owned.use(program);
  const results: { variant: string; ms: number }[] = [];
  for (const [i, program] of programs.entries()) {
    const variant = variants[i]!;
    for (const value of graph.values) {
      if (value.source.kind === 'input') program.write(value, new Float32Array(sizeOf(value.shape)).fill(0.5));
    }
    const ms = await gpuMs(engine, (pass) => program.steps.forEach((step) => encodeStep(pass, step)));
    measuredMs[`${kernelClass} ${variant}`] = ms;
    results.push({ variant, ms });
  }
  engine.check();
  results.sort((a, b) => a.ms - b.ms);
  const { variant: best, ms } = results[0]!;
  return { best, lead: (results[1]?.ms ?? Infinity) / ms, rate: graphFlops(graph) / (ms / 1000) };
}

/** A driver that computes wrongly must not train. The smallest size at which every variant takes part. */
const CHECKED_SIZE = 32;
/** Of the largest result: f32 sums of a thousand products are a hundred times as exact. */
const CHECKED_TO = 1e-4;

/** What one variant does that it should not, on this very adapter; null where it is right. */
async function whatIsWrong(
  engine: EngineDevice,
  kernelClass: string,
  variant: string,
  evaluate: Evaluate,
): Promise<string | null> {
  const graph = classGraph(kernelClass, CHECKED_SIZE);
  const output = graph.outputs.get('y')!;
  const feeds = new Map(
    graph.values
      .filter(({ source }) => source.kind === 'input')
      .map((value, i) => [
        value,
        Float32Array.from({ length: sizeOf(value.shape) }, (_, k) => Math.sin(12.9898 * (k + 1) + i)),
      ]),
  );
  let got: Float32Array;
  try {
    using program = await createGpuExecutor(engine, { variants: { [kernelClass]: variant } }).compile(graph);
    for (const [value, data] of feeds) program.write(value, data);
    await program.run();
    got = await program.read(output);
  } catch (error) {
    // What does not compile is named by its file (pipelines.ts); all else is the device's matter.
    if (!isWinnowError(error, 'GpuError') || !/\.wgsl\b/.test(error.message)) throw error;
    return `it does not compile: ${error.message.split('\n')[0]!}`;
  }
  const want = evaluate(graph, feeds)(output);
  let largest = 0;
  let worst = 0;
  got.forEach((x, i) => {
    largest = Math.max(largest, Math.abs(want[i]!));
    const error = Math.abs(x - want[i]!);
    // NaN is no error that is small.
    if (!(error <= worst)) worst = error;
  });
  return worst <= CHECKED_TO * largest
    ? null
    : `it is off by ${(worst / largest).toPrecision(2)} of its largest result`;
}

/** The variants of a class that may win on an adapter. `register` kernels run one invocation where others run a group: right where shaders run
 *  on the CPU, seconds a step on a GPU; there large tiles only take long to compile, and a few groups keep all cores busy. */
export function raced(
  kernelClass: string,
  graph: Graph,
  software: boolean,
  features: { has(feature: string): boolean },
): string[] {
  return offered(graph, kernelClass).filter(
    (variant) =>
      (variant !== 'quad' || features.has('subgroups')) &&
      (variant !== 'register' || software) &&
      (!['tile', 'spread'].includes(variant) || !software),
  );
}

export function classGraph(kernelClass: string, size: number): Graph {
  const graph = new Graph();
  graph.output('y', classes[kernelClass]!(graph, size));
  return graph;
}

/** Variants of a class, as its lowering asks for them. */
function offered(graph: Graph, kernelClass: string): readonly string[] {
  let found: readonly string[] = [];
  planGraph(graph, {
    variant: (asked, options) => {
      if (asked === kernelClass) found = options;
      return options[0]!;
    },
  });
  assert(found.length > 0, `no kernel of class ${kernelClass}`);
  return found;
}
