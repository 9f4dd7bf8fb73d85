/** Kernels by measurement, for what each model runs: measured once for an adapter, a browser and the shapes, and kept in the file store. */
import { z } from 'zod';
import { type FileStore, readJson, writeJson } from '../data/files.ts';
import type { KernelChoices } from '../records/runs.ts';
import { evaluate } from '../oracle/run.ts';
import type { Arithmetic } from '../shared/arithmetic.ts';
import type { EngineDevice } from '../webgpu/device.ts';
import { createGpuExecutor, type GpuExecutor } from '../webgpu/executor.ts';
import { TUNER_VERSION, tuneKernels, type Tuning } from '../webgpu/tune.ts';
import { type HalfTuning, raceInHalf } from '../webgpu/tuneHalf.ts';
import type { KernelVariants } from '../webgpu/variants.ts';
import type { Task } from '../webgpu/workload.ts';
import type { Environment } from './environment.ts';
import type { ModelFolder } from './model/modelFolder.ts';
import type { ResolvedModel } from './model/modelPool.ts';
import { isLarge } from './model/weightWidth.ts';
import { drawingTasks, usualTasks } from './planning/stepTasks.ts';
import { latentSizeOf } from './sampling/latentSize.ts';

const path = (key: string): string => `settings/kernels-${key}.json`;

const tuningSchema = z.object({
  variants: z.record(z.string(), z.string()),
  measuredMs: z.record(z.string(), z.number()),
  failures: z.record(z.string(), z.string()),
  flopsPerSecond: z.number().min(0),
  left: z.array(z.string()),
  slow: z.array(z.string()),
}) satisfies z.ZodType<Tuning>;

const halfSchema = tuningSchema.pick({
  variants: true,
  measuredMs: true,
  failures: true,
}) satisfies z.ZodType<HalfTuning>;

/** What runs models that are small, and what was measured of it. */
export interface Standard extends Pick<Tuning, 'variants' | 'flopsPerSecond'> {
  executor: GpuExecutor;
}

/** Undefined where there is none, or none that can be read: it is measured anew. */
export async function savedTuning(files: FileStore, key: string): Promise<Tuning | undefined> {
  const saved = tuningSchema.safeParse(await readJson<unknown>(files, path(key)).catch(() => undefined));
  return saved.success ? saved.data : undefined;
}

/** What a run keeps of it. */
export const kernelChoices = ({ variants, measuredMs, failures, flopsPerSecond }: Tuning): KernelChoices => ({
  kernelVariants: { ...variants },
  measuredMs,
  failures,
  flopsPerSecond,
});

/** Told what is being measured. */
export type Measuring = (what: string, done: number, total: number) => void;

export interface TunedOn {
  env: Pick<Environment, 'files' | 'sha256'>;
  device: EngineDevice;
  /** Tells adapters, drivers and browsers apart. */
  machine: string;
}

export class TunedKernels {
  private readonly on: TunedOn;
  /** What was measured stays for as long as the device is open, so that one picture is like the next. */
  private readonly known = new Map<string, Tuning>();
  private readonly executors: Readonly<Record<Arithmetic, WeakMap<ModelFolder, Promise<GpuExecutor>>>> = {
    f32: new WeakMap(),
    f16: new WeakMap(),
  };

  constructor(on: TunedOn) {
    this.on = on;
  }

  /** For the tasks of what is to run, which are asked for on a GPU alone. What an earlier time had to leave over, or found slow to compile, is measured, too. Call it when
   *  nothing else is on the device. Rejects with GpuError or DeviceLost. */
  async of(tasksOf: () => readonly Task[], onProgress: Measuring = () => {}): Promise<Tuning> {
    const { env, device, machine } = this.on;
    const tasks = device.adapter.software ? [] : tasksOf();
    const shapes = tasks.map(({ name, count }) => `${count} ${name}`);
    const text = [machine, TUNER_VERSION, ...shapes].join('|');
    const key = (await env.sha256(new TextEncoder().encode(text))).slice(0, 16);
    const here = this.known.get(key);
    if (here) return here;
    let tuning = await savedTuning(env.files, key);
    if (!tuning || tuning.left.length + tuning.slow.length > 0) {
      tuning = await tuneKernels(device, evaluate, {
        tasks,
        known: tuning,
        onProgress: (_, done, total) => onProgress('Measuring kernels', done, total),
      });
      await writeJson(env.files, path(key), tuning);
    }
    this.known.set(key, tuning);
    return tuning;
  }

  /** Of what a model usually runs, at its own size. */
  usual({ folder, weights }: Pick<ResolvedModel, 'folder' | 'weights'>, onProgress?: Measuring): Promise<Tuning> {
    const { defaultSize, sizeMultiple } = folder.info;
    const latentSize = latentSizeOf(defaultSize, sizeMultiple);
    return this.of(() => usualTasks({ folder, weights }, latentSize, this.on.device.device.limits), onProgress);
  }

  /** What draws a model's pictures: with kernels of its own where it is large, and in f16 with those that were raced in it on a GPU.
   *  @param standard what the others run on. */
  async executorFor(
    model: ResolvedModel,
    standard: Standard,
    arithmetic: Arithmetic,
    onProgress?: Measuring,
  ): Promise<GpuExecutor> {
    const { device } = this.on;
    const { software } = device.adapter;
    const large = isLarge(model.folder.info.parameters.unet);
    if (software || (!large && arithmetic === 'f32')) return standard.executor.in(arithmetic);
    return this.once(arithmetic, model.folder, async () => {
      const { variants, flopsPerSecond } = large ? await this.usual(model, onProgress) : standard;
      const raced = arithmetic === 'f16' ? await this.inHalf(model, { variants, flopsPerSecond }, onProgress) : {};
      return createGpuExecutor(device, { variants: { ...variants, ...raced }, flopsPerSecond, arithmetic });
    });
  }

  private once(arithmetic: Arithmetic, folder: ModelFolder, make: () => Promise<GpuExecutor>): Promise<GpuExecutor> {
    const executors = this.executors[arithmetic];
    let made = executors.get(folder);
    if (!made) {
      made = make();
      executors.set(folder, made);
      made.catch(() => executors.delete(folder));
    }
    return made;
  }

  /** What a model's pass with guidance is faster by where f16 is asked for, by class. */
  private async inHalf(
    { folder }: Pick<ResolvedModel, 'folder'>,
    before: Pick<Tuning, 'variants' | 'flopsPerSecond'>,
    onProgress: Measuring = () => {},
  ): Promise<KernelVariants> {
    const { env, device, machine } = this.on;
    const { defaultSize, sizeMultiple } = folder.info;
    const tasks = drawingTasks({ folder }, latentSizeOf(defaultSize, sizeMultiple), device.device.limits);
    const shapes = tasks.map(({ name, count }) => `${count} ${name}`);
    const text = [machine, TUNER_VERSION, 'f16', JSON.stringify(before.variants), ...shapes].join('|');
    const file = path((await env.sha256(new TextEncoder().encode(text))).slice(0, 16));
    const saved = halfSchema.safeParse(await readJson<unknown>(env.files, file).catch(() => undefined));
    if (saved.success) return saved.data.variants;
    onProgress('Measuring kernels', 0, 1);
    const found = await raceInHalf(device, evaluate, tasks, before);
    await writeJson(env.files, file, found);
    return found.variants;
  }
}
