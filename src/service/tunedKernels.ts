/** Kernels by measurement, for what each model runs: measured once for an adapter, a browser and the shapes, and kept in the file store. */
import { z } from 'zod';
import { type FileStore, readJson, writeJson } from '../data/files.ts';
import type { KernelChoices } from '../records/runs.ts';
import { evaluate } from '../oracle/run.ts';
import type { EngineDevice } from '../webgpu/device.ts';
import { createGpuExecutor, type GpuExecutor } from '../webgpu/executor.ts';
import { TUNER_VERSION, tuneKernels, type Tuning } from '../webgpu/tune.ts';
import type { Task } from '../webgpu/workload.ts';
import type { Environment } from './environment.ts';
import type { ModelFolder } from './model/modelFolder.ts';
import type { ResolvedModel } from './model/modelPool.ts';
import { isLarge } from './model/weightWidth.ts';
import { usualTasks } from './planning/stepTasks.ts';
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
  private readonly executors = new WeakMap<ModelFolder, Promise<GpuExecutor>>();

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

  /** What draws a model's pictures: with kernels of its own where it is large. */
  executorFor(model: ResolvedModel, standard: GpuExecutor, onProgress?: Measuring): Promise<GpuExecutor> {
    const { folder } = model;
    const { device } = this.on;
    if (device.adapter.software || !isLarge(folder.info.parameters.unet)) return Promise.resolve(standard);
    let made = this.executors.get(folder);
    if (!made) {
      made = this.usual(model, onProgress).then(({ variants, flopsPerSecond }) =>
        createGpuExecutor(device, { variants, flopsPerSecond }),
      );
      this.executors.set(folder, made);
      made.catch(() => this.executors.delete(folder));
    }
    return made;
  }
}
