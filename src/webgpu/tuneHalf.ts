/** Whether an adapter computes in f16, and right; and where it is faster so. */
import { Graph, type Value } from '../graph/graph.ts';
import type { OpKind } from '../graph/ops.ts';
import { isWinnowError } from '../shared/errors.ts';
import type { EngineDevice } from './device.ts';
import { planGraph, type PlanLimits } from './plan.ts';
import { timeTask } from './taskClock.ts';
import { CHECKED_SIZE, classGraph, type Evaluate, type Tuning, whatIsWrong } from './tune.ts';
import { inHalf } from './variants.ts';
import { alone, cutOf, type Task } from './workload.ts';

/** What computes in f16 on request, as a forward pass has it, each large enough for it. */
const checkedInHalf: Readonly<Record<string, () => Graph>> = {
  gemm: () => classGraph('gemm', CHECKED_SIZE),
  conv2d: () => classGraph('conv2d', CHECKED_SIZE),
  attention: () => {
    const graph = new Graph();
    const [q, k, v] = [33, 77, 77].map((tokens, i) => graph.input('qkv'.charAt(i), [1, tokens, 80])) as [
      Value,
      Value,
      Value,
    ];
    graph.output('y', graph.node('attention', { heads: 2, causal: false }, [q, k, v])[0]!);
    return graph;
  },
};

/** Why f16 is not to be computed in on this adapter; null where it is right. Rejects with DeviceLost. */
export async function whatIsWrongInHalf(engine: EngineDevice, evaluate: Evaluate): Promise<string | null> {
  if (!engine.device.features.has('shader-f16')) return 'it does not offer shader-f16';
  for (const [kernelClass, graphOf] of Object.entries(checkedInHalf)) {
    const graph = graphOf();
    const asked = { kernelClass, variant: 'half', arithmetic: 'f16' } as const;
    const wrong = await whatIsWrong({ engine, evaluate }, graph, asked);
    if (wrong !== null) return `of ${kernelClass} in f16, ${wrong}`;
  }
  return null;
}

export type HalfTuning = Pick<Tuning, 'variants' | 'measuredMs' | 'failures'>;

/** Among the times of a class: what it runs by in f32. */
const WHOLE = 'f32';

/** What a person waits for the race, but for the first task of each class. */
const HALF_BUDGET_MS = 4000;

/** Whether f16 is faster here, for each class that has it: `half`, and products by matrices of f16 where the device has them, against what the class runs by
 *  in f32, on the tasks of a forward pass.
 *  @param before what was raced in f32, on record.
 *  @returns by `inHalf` of a class its order; a class without a task that `half` takes is left out. Rejects with GpuError or DeviceLost. */
export async function raceInHalf(
  engine: EngineDevice,
  evaluate: Evaluate,
  tasks: readonly Task[],
  { variants, flopsPerSecond }: Pick<Tuning, 'variants' | 'flopsPerSecond'>,
  budgetMs = HALF_BUDGET_MS,
): Promise<HalfTuning> {
  const { limits } = engine.device;
  const own = tasks.filter((task) => takesHalf(task, limits));
  const classes = [...new Set(own.map(({ kernelClass }) => kernelClass))];
  const found: { variants: Record<string, string> } & Pick<Tuning, 'measuredMs' | 'failures'> = {
    variants: {},
    measuredMs: {},
    failures: {},
  };
  for (const kernelClass of classes) {
    const end = performance.now() + budgetMs / classes.length;
    const key = inHalf(kernelClass);
    const whole = variants[kernelClass] ?? variants['default'] ?? '';
    const halves = ['half', ...(kernelClass === 'gemm' && engine.halfMatrix ? [engine.halfMatrix] : [])];
    const ms = new Map<string, number>();
    const add = (name: string, more: number): unknown => ms.set(name, (ms.get(name) ?? 0) + more);
    const right = (): string[] => halves.filter((variant) => found.failures[`${key} ${variant}`] === undefined);
    for (const task of own.filter((one) => one.kernelClass === kernelClass)) {
      if (ms.size > 0 && performance.now() > end) break;
      for (const variant of right()) {
        const asked = { kernelClass: key, variant, arithmetic: 'f16' } as const;
        const wrong = await whatIsWrong({ engine, evaluate }, alone(cutOf(task, limits)), asked);
        if (wrong !== null) found.failures[`${key} ${variant}`] = `${wrong}, of ${task.name}`;
      }
      if (right().length === 0) break;
      try {
        const other = await timeTask(engine, task, whole, { rate: flopsPerSecond });
        for (const variant of right()) {
          const asked = { rate: flopsPerSecond, arithmetic: 'f16' } as const;
          add(variant, task.count * (await timeTask(engine, { ...task, kernelClass: key }, variant, asked)).ms);
        }
        add(WHOLE, task.count * other.ms);
      } catch (error) {
        // Too large for the device: another will tell.
        if (!isWinnowError(error, 'OutOfGpuMemory') && !isWinnowError(error, 'AdapterTooSmall')) throw error;
      }
    }
    for (const [name, total] of ms) found.measuredMs[`${key} ${name}`] = total;
    const faster = right()
      .filter((variant) => ms.has(variant) && ms.get(variant)! <= ms.get(WHOLE)!)
      .toSorted((a, b) => ms.get(a)! - ms.get(b)!);
    if (faster.length > 0) found.variants[key] = faster.join(' ');
    else if (ms.size > 0 || right().length === 0) found.variants[key] = whole;
  }
  return found;
}

function takesHalf({ node }: Task, limits: PlanLimits): boolean {
  let takes = false;
  // What has a derivative in it is for f32 alone.
  if (!forward.has(node.op)) return false;
  planGraph(alone(node), {
    limits,
    arithmetic: 'f16',
    variant: (_, options) => {
      takes ||= options.includes('half');
      return options[0]!;
    },
    // A model that is too large says so itself.
    onExceeded: () => {},
  });
  return takes;
}

const forward: ReadonlySet<OpKind> = new Set(['linear', 'conv2d', 'attention']);
