/** Chooses kernel variants for an adapter by measuring them. The record goes into a run and comes back on resume: the same record gives
 *  the same kernels, so the same bits. */
import { Graph } from '../graph/graph.ts';
import { sizeOf } from '../shared/shape.ts';
import type { EngineDevice } from './device.ts';
import { createGpuExecutor } from './executor.ts';
import { PRODUCT_VARIANTS } from './kernels/gemm.ts';
import type { KernelVariants } from './variants.ts';

export interface Tuning {
  variants: KernelVariants;
  /** Milliseconds of each candidate, by `class variant`. */
  measuredMs: Record<string, number>;
}

/** The product classes and a shape of each: `size` scales it to the adapter. */
const classes: Record<string, (graph: Graph, size: number) => void> = {
  gemm: (graph, size) => {
    const [x, weight] = [graph.input('x', [size, size]), graph.input('weight', [size, size])];
    graph.output('y', graph.op('linear', { bias: false, residual: false, scale: 1 }, [x, weight]));
  },
  conv2d: (graph, size) => {
    const [x, weight] = [graph.input('x', [2, size, 12, 12]), graph.input('weight', [size, size, 3, 3])];
    graph.output('y', graph.op('conv2d', { stride: 1, padding: [1, 1, 1, 1], bias: false, residual: false, scale: 1 }, [x, weight]));
  },
  conv2dGradWeight: (graph, size) => {
    const [dy, x] = [graph.input('dy', [2, size, 12, 12]), graph.input('x', [2, size, 12, 12])];
    graph.output('dw', graph.op('conv2dGradWeight', { stride: 1, padding: [1, 1, 1, 1], kernelHeight: 3, kernelWidth: 3, scale: 1 }, [dy, x]));
  },
};

/** A 96 x 96 x 96 product faster than this ran on a GPU proper: larger shapes are needed to tell anything. */
const FAST_MS = 0.5;
/** A lead that decides for all classes: compiling a losing variant of each would cost seconds on a software adapter. */
const CLEAR_LEAD = 2;

export async function tuneKernels(engine: EngineDevice): Promise<Tuning> {
  const measuredMs: Record<string, number> = {};
  if (!engine.device.features.has('subgroups')) return { variants: { default: 'workgroup' }, measuredMs };

  const measure = async (kernelClass: string, size: number): Promise<{ best: string; lead: number; ms: number }> => {
    const timed = await Promise.all(
      PRODUCT_VARIANTS.map(async (variant) => {
        const graph = new Graph();
        classes[kernelClass]!(graph, size);
        const program = await createGpuExecutor(engine, { variants: { default: variant } }).compile(graph);
        for (const value of graph.values) {
          if (value.source.kind === 'input') program.write(value, new Float32Array(sizeOf(value.shape)).fill(0.5));
        }
        return { variant, program };
      }),
    );
    const results: { variant: string; ms: number }[] = [];
    for (const { variant, program } of timed) {
      let ms = Infinity;
      // The first run pays for uploads and first touches; the best of the rest is what other work disturbed least.
      for (let i = 0; i < 6; i++) {
        const start = performance.now();
        await program.run();
        await engine.device.queue.onSubmittedWorkDone();
        if (i > 0) ms = Math.min(ms, performance.now() - start);
      }
      program.dispose();
      measuredMs[`${kernelClass} ${variant}`] = ms;
      results.push({ variant, ms });
    }
    results.sort((a, b) => a.ms - b.ms);
    return { best: results[0]!.variant, lead: results[1]!.ms / results[0]!.ms, ms: results[0]!.ms };
  };

  const first = await measure('gemm', 96);
  if (first.ms > FAST_MS && first.lead > CLEAR_LEAD) return { variants: { default: first.best }, measuredMs };
  const variants: Record<string, string> = { default: first.best };
  const fast = first.ms <= FAST_MS;
  for (const kernelClass of Object.keys(classes)) {
    const { best } = await measure(kernelClass, kernelClass === 'gemm' ? (fast ? 1024 : 128) : fast ? 256 : 48);
    variants[kernelClass] = best;
  }
  return { variants, measuredMs };
}
