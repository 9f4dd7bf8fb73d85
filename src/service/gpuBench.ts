/** What each kernel reaches on an adapter, at the shapes that models spend their arithmetic on, beside what the adapter can do at most. Only single
 *  dispatches run, on noise: no model is needed. The figures are one JSON document, for people to send. */
import { z } from 'zod';
import { isOfTraining } from '../graph/ops.ts';
import { inWords, isWinnowError } from '../shared/errors.ts';
import { evaluate } from '../oracle/run.ts';
import type { EngineDevice } from '../webgpu/device.ts';
import { measureRoofs } from '../webgpu/roofs/roofs.ts';
import { timeTask } from '../webgpu/taskClock.ts';
import { TUNER_VERSION, whatIsWrong } from '../webgpu/tune.ts';
import { hasFeatureOf, inHalf } from '../webgpu/variants.ts';
import { alone, bytesOf, cutOf, type Task } from '../webgpu/workload.ts';

const positive = z.number().positive();
const notNegative = z.number().min(0);

const rowSchema = z.object({
  layout: z.string(),
  /** Operation and shape. */
  task: z.string(),
  kernelClass: z.string(),
  /** How often a training step has it, and the operations of one: 0 of what is bound by memory. */
  count: z.int().min(1),
  flops: notNegative,
  variant: z.string(),
  /** Of one, and what follows from it; null where it was not timed. bytes: what it must read and write at least. */
  measured: z
    .object({
      ms: positive,
      compileMs: notNegative,
      gflops: notNegative,
      gbPerSecond: positive,
      ofPeakFlops: notNegative,
      ofPeakBandwidth: positive,
    })
    .nullable(),
  /** Why it was not timed, or is not to be trusted. */
  note: z.string().nullable(),
});

export const gpuBenchSchema = z.object({
  format: z.literal('winnow-gpu-bench'),
  version: z.literal(1),
  /** Of the product, and of what its tuner races. */
  product: z.string(),
  tuner: z.int(),
  date: z.iso.datetime(),
  /** What WebGPU is implemented by. */
  runtime: z.string(),
  adapter: z.object({
    vendor: z.string(),
    architecture: z.string(),
    device: z.string(),
    /** With the driver's version, where it is told. */
    description: z.string(),
    software: z.boolean(),
    features: z.array(z.string()),
    limits: z.record(z.string(), z.number()),
  }),
  clock: z.enum(['timestamp-query', 'submit']),
  /** By a kernel of multiply-adds alone, and one that copies. */
  peak: z.object({ gflops: positive, gbPerSecond: positive }),
  rows: z.array(rowSchema),
});

export type GpuBench = z.infer<typeof gpuBenchSchema>;
export type GpuBenchRow = GpuBench['rows'][number];

export interface GpuBenchOptions {
  layouts: readonly { name: string; tasks: readonly Task[] }[];
  about: Pick<GpuBench, 'product' | 'date' | 'runtime'>;
  /** After so many no further row is begun. */
  minutes: number;
  onProgress?: (what: string, done: number, total: number) => void;
}

/** Where shaders run on the CPU nothing is timed by a part of it: what would take longer than this at a tenth of the peak is left out. */
const SOFTWARE_SECONDS = 0.3;
const SLOW_SHARE = 0.1;

/** Behind the name of a variant that multiplies in f16. */
const IN_HALF = ' f16';
const HALF = `tile${IN_HALF}`;

/** Rejects with GpuError or DeviceLost. */
export async function benchGpu(
  engine: EngineDevice,
  { layouts, about, minutes, onProgress = () => {} }: GpuBenchOptions,
): Promise<GpuBench> {
  const { adapter, device } = engine;
  const deadline = performance.now() + 60_000 * minutes;
  const offered = ({ variants, node, kernelClass }: Task): string[] => [
    ...variants.filter(
      (variant) =>
        hasFeatureOf(variant, device.features) &&
        // One invocation where others run a group: seconds on a GPU.
        (variant !== 'register' || adapter.software),
    ),
    // What pictures may be drawn with.
    ...(device.features.has('shader-f16') &&
    ['linear', 'conv2d', 'attention'].includes(node.op) &&
    variants.includes('tile')
      ? [HALF]
      : []),
    ...(engine.halfMatrix && kernelClass === 'gemm' && !isOfTraining(node.op)
      ? [`${engine.halfMatrix}${IN_HALF}`]
      : []),
  ];
  const all = layouts.flatMap(({ name, tasks }) =>
    tasks.flatMap((task) => offered(task).map((variant) => ({ layout: name, task, variant }))),
  );
  onProgress('multiply-adds and copies alone', 0, all.length);
  const roofs = await measureRoofs(engine);
  const rows: GpuBenchRow[] = [];
  for (const [i, { layout, task, variant }] of all.entries()) {
    const { name, kernelClass, count, flops } = task;
    onProgress(`${layout}: ${name}, ${variant}`, i, all.length);
    const row = { layout, task: name, kernelClass, count, flops, variant };
    const slow = adapter.software && flops > SLOW_SHARE * SOFTWARE_SECONDS * roofs.flopsPerSecond;
    if (slow || performance.now() > deadline) {
      const note = slow
        ? 'left out: it would take too long on an adapter without a GPU'
        : 'left out: the time was over';
      rows.push({ ...row, measured: null, note });
      continue;
    }
    try {
      const small = alone(cutOf(task, device.limits));
      const arithmetic = variant.endsWith(IN_HALF) ? 'f16' : 'f32';
      const own = variant.replace(IN_HALF, '');
      const asked = { kernelClass: own === engine.halfMatrix ? inHalf(kernelClass) : kernelClass, arithmetic } as const;
      const wrong = await whatIsWrong({ engine, evaluate }, small, { ...asked, variant: own });
      const rate = roofs.flopsPerSecond * SLOW_SHARE;
      const { ms, compileMs } = await timeTask(engine, { ...task, ...asked }, own, { rate, arithmetic });
      const gflops = flops / ms / 1e6;
      const gbPerSecond = bytesOf(task.node) / ms / 1e6;
      rows.push({
        ...row,
        measured: {
          ms,
          compileMs,
          gflops,
          gbPerSecond,
          ofPeakFlops: (gflops * 1e9) / roofs.flopsPerSecond,
          ofPeakBandwidth: (gbPerSecond * 1e9) / roofs.bytesPerSecond,
        },
        note: wrong,
      });
    } catch (error) {
      if (isWinnowError(error, 'DeviceLost') || !isWinnowError(error)) throw error;
      rows.push({ ...row, measured: null, note: inWords(error).message.split('\n')[0]! });
    }
  }
  return {
    format: 'winnow-gpu-bench',
    version: 1,
    tuner: TUNER_VERSION,
    ...about,
    adapter,
    clock: device.features.has('timestamp-query') ? 'timestamp-query' : 'submit',
    peak: { gflops: roofs.flopsPerSecond / 1e9, gbPerSecond: roofs.bytesPerSecond / 1e9 },
    rows,
  };
}
