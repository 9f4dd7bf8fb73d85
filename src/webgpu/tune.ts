/** Chooses kernel variants for an adapter by measuring those that are right on it, on the shapes that are to run. The record goes into a run and comes
 *  back on resume: the same record gives the same kernels, so the same bits. */
import { graphFlops } from '../graph/flops.ts';
import { Graph, type Value } from '../graph/graph.ts';
import type { Arithmetic } from '../shared/arithmetic.ts';
import { assert } from '../shared/assert.ts';
import { allOrNone } from '../shared/disposable.ts';
import { isWinnowError, WinnowError } from '../shared/errors.ts';
import { sizeOf } from '../shared/shape.ts';
import type { EngineDevice } from './device.ts';
import { createGpuExecutor, encodeStep } from './executor.ts';
import { gpuMs } from './gpuClock.ts';
import { planGraph } from './plan.ts';
import { CompilesTooLong, compileWithin, timeTask } from './taskClock.ts';
import { chooseVariant, gpuVariants, hasFeatureOf, type KernelVariants, softwareVariants } from './variants.ts';
import { alone, cutOf, type Task } from './workload.ts';

export interface Tuning {
  variants: KernelVariants;
  /** Milliseconds of each candidate, by `class variant`: of the shapes of its class that were timed, as often as they come in what is to run. */
  measuredMs: Record<string, number>;
  /** Why a candidate is not used here, by the same names: it does not compile or not in time, or computes something else than it should. */
  failures: Record<string, string>;
  /** The best rate a product kernel reached here, multiply and add counted as two. */
  flopsPerSecond: number;
  /** Classes that the time did not reach: they run as where nothing is known, and are raced the next time. */
  left: string[];
  /** Candidates that took too long to compile for the first time, which a busy machine does to any: raced once more the next time. */
  slow: string[];
}

/** Counts up with every change to what is raced: what was measured before is measured again. */
export const TUNER_VERSION = 6;

/** What a person waits for it, on a GPU. */
const BUDGET_MS = 8000;

export interface TuneOptions {
  /** What is to run: workload.ts heaviestTasks. Not looked at on an adapter that runs shaders on the CPU, where a small product tells all. */
  tasks?: readonly Task[];
  budgetMs?: number;
  /** Of an earlier time, which left classes over or found a compiler slow: only those are raced. */
  known?: Tuning | undefined;
  /** Told of each class before it is raced. */
  onProgress?: (kernelClass: string, done: number, total: number) => void;
}

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
      { stride: 1, padding: [1, 1, 1, 1], kernelHeight: 3, kernelWidth: 3, bias: false, scale: 1 },
      [dy, x],
    );
  },
  // With its gradients: a driver may get only those wrong, and a step spends twice the time in them.
  attention: (graph, size) => {
    const [q, k, v, dout] = ['q', 'k', 'v', 'dout'].map((name) => graph.input(name, [2, 2 * size, 2 * size])) as [
      Value,
      Value,
      Value,
      Value,
    ];
    const params = { heads: 8, causal: false };
    const [o, lse] = graph.node('attention', params, [q, k, v]) as [Value, Value];
    const [dq, delta] = graph.node('attentionGradQuery', params, [dout, q, k, v, lse, o]) as [Value, Value];
    const [dk, dv] = graph.node('attentionGradKeyValue', params, [dout, q, k, v, lse, delta]) as [Value, Value];
    return graph.op('concat', { axis: 1 }, [o, dq, dk, dv]);
  },
  norm: (graph, size) => {
    const [x, weight, bias] = [
      graph.input('x', [2, size, 40, 40]),
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
export async function tuneKernels(
  engine: EngineDevice,
  evaluate: Evaluate,
  { tasks = [], budgetMs = BUDGET_MS, known, onProgress = () => {} }: TuneOptions = {},
): Promise<Tuning> {
  if (engine.adapter.software) return tuneSoftware(engine, evaluate);
  const before = known ?? {
    variants: gpuVariants,
    measuredMs: {},
    failures: {},
    flopsPerSecond: 0,
    left: [],
    slow: [],
  };
  const variants: Record<string, string> = { ...before.variants };
  const again = new Set(before.slow);
  const race: Race = {
    engine,
    evaluate,
    measuredMs: { ...before.measuredMs },
    failures: Object.fromEntries(Object.entries(before.failures).filter(([candidate]) => !again.has(candidate))),
  };
  // In the order of their arithmetic, as their heaviest tasks come.
  const all = [...new Set([...tasks.map(({ kernelClass }) => kernelClass), ...Object.keys(classes)])];
  const owed = [...before.left, ...before.slow.map((candidate) => candidate.split(' ')[0]!)];
  const wanted = known ? all.filter((kernelClass) => owed.includes(kernelClass)) : all;
  const left: string[] = [];
  let { flopsPerSecond } = before;
  const deadline = performance.now() + budgetMs;
  for (const [i, kernelClass] of wanted.entries()) {
    const remaining = deadline - performance.now();
    // One at a time is enough to come to an end.
    if (remaining <= 0 && i > 0) {
      left.push(kernelClass);
      continue;
    }
    onProgress(kernelClass, i, wanted.length);
    const own = tasks.filter((task) => task.kernelClass === kernelClass);
    const heavy = wanted.slice(i).filter((one) => tasks.some((task) => task.kernelClass === one));
    const shareMs = Math.max(remaining, 0) / Math.max(1, heavy.length);
    const { best, rate } = await raceTasks(race, kernelClass, own, { shareMs, rate: flopsPerSecond });
    variants[kernelClass] = best;
    flopsPerSecond = Math.max(flopsPerSecond, rate);
  }
  const { measuredMs, failures } = race;
  const slow = Object.keys(failures).filter((one) => tookTooLong(failures[one]!) && before.failures[one] === undefined);
  return { variants, measuredMs, failures, flopsPerSecond, left, slow };
}

/** SwiftShader is the same code wherever it runs, so the end of its race is known (docs/adapters.md): compiling the loser and timing it would be most of
 *  what a first opening waits for. */
const isKnown = ({ adapter, device }: EngineDevice): boolean =>
  adapter.architecture === 'swiftshader' && device.features.has('subgroups');

async function tuneSoftware(engine: EngineDevice, evaluate: Evaluate): Promise<Tuning> {
  const [measuredMs, failures] = [{}, {}];
  const race: Race = { engine, evaluate, measuredMs, failures };
  const winner = { kernelClass: 'gemm', variant: 'quad' };
  const alone = isKnown(engine) && (await whatIsWrong(race, classGraph('gemm', CHECKED_SIZE), winner)) === null;
  const { best, lead, rate } = await raceSmall(race, 'gemm', 48, alone ? ['quad'] : undefined);
  const subgroups = engine.device.features.has('subgroups');
  if (best !== 'workgroup' && lead > CLEAR_LEAD)
    return { variants: softwareVariants(subgroups), measuredMs, failures, flopsPerSecond: rate, left: [], slow: [] };
  const variants: Record<string, string> = { ...gpuVariants };
  let flopsPerSecond = 0;
  for (const kernelClass of Object.keys(classes)) {
    const { best, rate } = await raceSmall(race, kernelClass, 32);
    variants[kernelClass] = best;
    flopsPerSecond = Math.max(flopsPerSecond, rate);
  }
  return { variants, measuredMs, failures, flopsPerSecond, left: [], slow: [] };
}

interface Race extends Pick<Tuning, 'measuredMs' | 'failures'> {
  engine: EngineDevice;
  evaluate: Evaluate;
}

/** Races the variants of a class on its tasks, the heaviest first, until its share of the time is over. Every one of them is first right on a small
 *  task of the kind, and then agrees at full size with the first. */
async function raceTasks(
  race: Race,
  kernelClass: string,
  tasks: readonly Task[],
  { shareMs, rate }: { shareMs: number; rate: number },
): Promise<{ best: string; rate: number }> {
  const { engine, measuredMs, failures } = race;
  const { limits } = engine.device;
  const end = performance.now() + shareMs;
  // Of the smallest shape: what any shape can run as.
  const anywhere = offered(classGraph(kernelClass, 8), kernelClass);
  const candidates = suited(
    [...new Set([...anywhere, ...tasks.flatMap(({ variants }) => variants)])],
    false,
    engine.device.features,
  );
  const failed = (variant: string): boolean => failures[`${kernelClass} ${variant}`] !== undefined;
  const checked = new Set<string>();
  /** Something must run, however long it takes to compile. */
  const limitOf = (variant: string): number =>
    variant === candidates[0] ? Infinity : Math.max(LEAST_COMPILE_MS, shareMs / candidates.length);
  const check = async (graph: Graph, variants: readonly string[]): Promise<void> => {
    for (const variant of variants) {
      const key = `${variant} ${graph.nodes[0]!.op} ${graph.nodes[0]!.inputs.map(({ shape }) => shape.join('x')).join(' ')}`;
      if (checked.has(key) || failed(variant)) continue;
      checked.add(key);
      const wrong = await whatIsWrong(race, graph, { kernelClass, variant, limitMs: limitOf(variant) });
      if (wrong !== null) failures[`${kernelClass} ${variant}`] = wrong;
    }
  };
  if (tasks.length === 0 && graphFlops(classGraph(kernelClass, 8)) === 0) {
    // What is bound by memory and is nowhere a task runs in every model.
    const { best } = await raceSmall(race, kernelClass, GPU_SIZE);
    return { best, rate };
  }
  if (tasks.length === 0) {
    // Nothing of it is to run as far as is known: one that is right will do.
    for (const variant of candidates) {
      await check(classGraph(kernelClass, CHECKED_SIZE), [variant]);
      if (!failed(variant)) return { best: variant, rate };
    }
    throw nothingRight(kernelClass, failures);
  }
  const timed: { count: number; times: ReadonlyMap<string, number> }[] = [];
  let fastest = rate;
  for (const task of tasks) {
    if (timed.length > 0 && performance.now() > end) break;
    const own = candidates.filter((variant) => task.variants.includes(variant));
    await check(alone(cutOf(task, limits)), own);
    const alive = own.filter((variant) => !failed(variant));
    if (alive.length < 2 && fastest > 0) continue;
    const found = await timesOf(race, task, alive, { rate: fastest, limitOf });
    if (!found) continue;
    timed.push({ count: task.count, times: found.times });
    fastest = found.rate;
  }
  const right = candidates.filter((variant) => !failed(variant));
  if (!right.some((variant) => anywhere.includes(variant))) throw nothingRight(kernelClass, failures);
  const { order, msOf } = orderOf(right, timed);
  for (const variant of right) if (msOf(variant) > 0) measuredMs[`${kernelClass} ${variant}`] = msOf(variant);
  return { best: order.join(' '), rate: fastest };
}

/** The fastest first, and what each takes of all tasks together. One that is not offered a task leaves it to the next in order: in turn the first order
 *  is by what the first of all would take there, the second by what the first of that order does. */
export function orderOf(
  variants: readonly string[],
  timed: readonly { count: number; times: ReadonlyMap<string, number> }[],
): { order: string[]; msOf: (variant: string) => number } {
  const by = (order: readonly string[]): Map<string, number> =>
    new Map(
      variants.map((variant) => [
        variant,
        timed.reduce((sum, { count, times }) => {
          const runs = [variant, ...order].find((one) => times.has(one));
          return sum + (runs === undefined ? 0 : count * times.get(runs)!);
        }, 0),
      ]),
    );
  const sorted = (ms: ReadonlyMap<string, number>): string[] => variants.toSorted((a, b) => ms.get(a)! - ms.get(b)!);
  const ms = by(sorted(by(variants)));
  return { order: sorted(ms), msOf: (variant) => ms.get(variant)! };
}

/** A driver under load takes so long for any kernel. */
const LEAST_COMPILE_MS = 250;

/** Milliseconds by variant of those that agree, and the best rate so far; those that do not agree go to the failures. Null where the task is too large for the device. */
async function timesOf(
  { engine, failures }: Race,
  task: Task,
  variants: readonly string[],
  { rate, limitOf }: { rate: number; limitOf: (variant: string) => number },
): Promise<{ times: Map<string, number>; rate: number } | null> {
  const times = new Map<string, number>();
  let known = rate;
  let first: Float32Array[] | null = null;
  for (const variant of variants) {
    try {
      const { ms, flops, results } = await timeTask(engine, task, variant, {
        rate: known,
        compileWithinMs: limitOf(variant),
      });
      const off = first && results ? Math.max(...first.map((want, i) => offBy(results[i]!, want))) : 0;
      if (off > CHECKED_TO.f32) {
        failures[`${task.kernelClass} ${variant}`] = `${isOff(off)}, of ${task.name}`;
        continue;
      }
      first ??= results;
      times.set(variant, ms);
      known = Math.max(known, flops / (ms / 1000));
    } catch (error) {
      if (isWinnowError(error, 'OutOfGpuMemory') || isWinnowError(error, 'AdapterTooSmall')) return null;
      failures[`${task.kernelClass} ${variant}`] = doesNotCompile(error, limitOf(variant));
    }
  }
  return { times, rate: known };
}

/** Of a class that has no tasks, on a GPU. */
const GPU_SIZE = 256;

/** Times every variant of a class that is right here on one small shape. */
async function raceSmall(
  race: Race,
  kernelClass: string,
  size: number,
  entrants?: readonly string[],
): Promise<{ best: string; lead: number; rate: number }> {
  const { engine, measuredMs, failures } = race;
  const graph = classGraph(kernelClass, size);
  using owned = new DisposableStack();
  const variants: string[] = [];
  const { adapter, device } = engine;
  for (const variant of entrants ?? raced(kernelClass, graph, adapter.software, device.features)) {
    const small = classGraph(kernelClass, CHECKED_SIZE);
    const wrong = await whatIsWrong(race, small, { kernelClass, variant });
    if (wrong === null) variants.push(variant);
    else failures[`${kernelClass} ${variant}`] = wrong;
  }
  if (variants.length === 0) throw nothingRight(kernelClass, failures);
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

const nothingRight = (kernelClass: string, failures: Tuning['failures']): WinnowError =>
  new WinnowError(
    'GpuError',
    `Nothing that computes ${kernelClass} is right on this adapter: ${Object.values(failures).join('; ')}.`,
    'Update the graphics driver and the browser.',
  );

/** A driver that computes wrongly must not train. The smallest size at which every variant takes part. */
export const CHECKED_SIZE = 32;
/** Of the largest result: f32 sums of a thousand products are a hundred times as exact. */
const CHECKED_TO: Readonly<Record<Arithmetic, number>> = {
  f32: 1e-4,
  // Operands are rounded to 11 digits, and so is each sum of up to eight products.
  f16: 3e-3,
};
/** Attention in f16 has two products in a row, and adds up to thirty-two before it rounds. */
const ATTENTION_IN_HALF_TO = 5e-3;

/** Numbers in [-1, 1) that look random: what f16 rounds of a regular pattern, whose products cancel, would be large beside what is left. */
function scattered(at: number): number {
  const x = 43758.5453 * Math.sin(12.9898 * at);
  return 2 * (x - Math.floor(x)) - 1;
}

/** What one variant does that it should not, on this very adapter; null where it is right. */
export async function whatIsWrong(
  { engine, evaluate }: Pick<Race, 'engine' | 'evaluate'>,
  graph: Graph,
  {
    kernelClass,
    variant,
    limitMs = Infinity,
    arithmetic = 'f32',
  }: { kernelClass: string; variant: string; limitMs?: number; arithmetic?: Arithmetic },
): Promise<string | null> {
  const variants = { [kernelClass]: variant };
  const feeds = new Map(
    graph.values
      .filter(({ source }) => source.kind === 'input' || source.kind === 'parameter')
      .map((value, i) => [
        value,
        Float32Array.from({ length: sizeOf(value.shape) }, (_, k) => scattered(k + 1 + i / 12.9898)),
      ]),
  );
  const outputs = [...graph.outputs.values()];
  let got: Float32Array[];
  try {
    if (Number.isFinite(limitMs)) {
      const plan = planGraph(graph, {
        limits: engine.device.limits,
        variant: chooseVariant(variants, arithmetic),
        arithmetic,
      });
      await compileWithin(
        engine,
        plan.dispatches.map(({ dispatch }) => dispatch),
        limitMs,
      );
    }
    using program = await createGpuExecutor(engine, { variants, arithmetic }).compile(graph);
    for (const [value, data] of feeds) program.write(value, data);
    got = await program.runAndRead(outputs);
  } catch (error) {
    return doesNotCompile(error, limitMs);
  }
  const want = evaluate(graph, feeds);
  const off = Math.max(...outputs.map((output, i) => offBy(got[i]!, want(output))));
  const most = arithmetic === 'f16' && kernelClass === 'attention' ? ATTENTION_IN_HALF_TO : CHECKED_TO[arithmetic];
  return off <= most ? null : isOff(off);
}

/** What does not compile is named by its file (pipelines.ts); all else is the device's matter, and thrown. */
function doesNotCompile(error: unknown, limitMs: number): string {
  if (error instanceof CompilesTooLong) return `it takes more than ${(limitMs / 1000).toPrecision(2)} s to compile`;
  if (!isWinnowError(error, 'GpuError') || !/\.wgsl\b/.test(error.message)) throw error;
  return `it does not compile: ${error.message.split('\n')[0]!}`;
}

const tookTooLong = (why: string): boolean => why.endsWith(' s to compile');

const isOff = (off: number): string => `it is off by ${off.toPrecision(2)} of its largest result`;

/** The largest error, of the largest result; Infinity where a result is no number. */
function offBy(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let largest = 0;
  let worst = 0;
  for (let i = 0; i < want.length; i++) {
    largest = Math.max(largest, Math.abs(want[i]!));
    const error = Math.abs(got[i]! - want[i]!);
    // NaN is no error that is small.
    if (!(error <= worst)) worst = Number.isNaN(error) ? Infinity : error;
  }
  return worst === 0 ? 0 : worst / largest;
}

/** The variants of a class that may win on an adapter. `register` kernels run one invocation where others run a group: right where shaders run
 *  on the CPU, seconds a step on a GPU; there large tiles only take long to compile, and a few groups keep all cores busy. */
export function raced(
  kernelClass: string,
  graph: Graph,
  software: boolean,
  features: { has(feature: string): boolean },
): string[] {
  return suited(offered(graph, kernelClass), software, features);
}

export const suited = (
  variants: readonly string[],
  software: boolean,
  features: { has(feature: string): boolean },
): string[] =>
  variants.filter(
    (variant) =>
      hasFeatureOf(variant, features) &&
      (variant !== 'register' || software) &&
      (!['tile', 'tile2', 'subgroup', 'subgroup16', 'subgroup32', 'matrix', 'spread', 'winograd'].includes(variant) ||
        !software),
  );

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
