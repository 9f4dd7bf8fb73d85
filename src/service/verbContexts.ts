/** What the verbs run in, without a device: for tests of generation, pairs and runs on the oracle. */
import type { Executor } from '../graph/executor.ts';
import { WinnowError } from '../shared/errors.ts';
import { MemoryFileStore } from './memoryFiles.ts';
import type { FolderReader } from './environment.ts';
import type { JobSignal } from './jobs.ts';
import { ModelCache } from './model/modelCache.ts';
import type { ModelFolder } from './model/modelFolder.ts';
import { ModelPool } from './model/modelPool.ts';
import { planForecast } from './planning/forecast.ts';
import { FrozenParts } from './sampling/frozenParts.ts';
import { engineRunner } from './sampling/partRunner.ts';
import { Predictors } from './sampling/predictors.ts';
import { suppliedOnnx } from './sampling/suppliedOnnx.ts';
import { testEnvironment } from './testEnvironment.ts';
import { RunStore } from '../data/runStore.ts';
import type { GenerationContext, GenerationDevices } from './sampling/generation.ts';
import type { TrainContext, TrainDevices } from './training/openRun.ts';
import { DEFAULT_LIMITS } from '../webgpu/plan.ts';
import type { EngineChoices } from './types.ts';

export const freeSignal: JobSignal = {
  turn: (work) => work(),
  lastly: (work) => work(),
  check: () => {},
  aborted: new AbortController().signal,
};

export interface ContextOptions {
  executor: Executor;
  reader: FolderReader;
  files?: MemoryFileStore;
  budget?: number;
  sampler?: EngineChoices['sampler'];
}

/** One model, `micro`. */
export function verbContext({
  executor,
  reader,
  files = new MemoryFileStore(),
  budget,
  sampler = 'engine',
}: ContextOptions): TrainContext & { files: MemoryFileStore } {
  const env = testEnvironment({ files, embeddedModels: ['micro'], openModel: () => reader });
  const runs = new RunStore(files);
  const cache = new ModelCache(budget);
  const parts = new WeakMap<ModelFolder, FrozenParts>();
  const choices: EngineChoices = {
    kernelVariants: {},
    sampler,
    onnxProvider: 'wasm',
    wasmThreads: 1,
    measuredMs: {},
    failures: {},
    flopsPerSecond: 1e9,
  };
  const sessionOptions = () => ({ provider: 'wasm', threads: 1 }) as const;
  return {
    env,
    files,
    pool: new ModelPool(env, runs),
    cache,
    predictors: new Predictors(async () => executor, sessionOptions, cache),
    frozenParts: ({ folder }) => {
      const known =
        parts.get(folder) ??
        new FrozenParts(folder, engineRunner(executor), suppliedOnnx(folder.reader, sessionOptions()), cache);
      parts.set(folder, known);
      return known;
    },
    backendFor: async () => sampler,
    checkHalf: () =>
      Promise.reject(new WinnowError('BadArguments', 'This test has no arithmetic in f16.', 'Choose f32.')),
    score: async (_judge, _model, files) => files.map((_, i) => ({ appeal: i, alignment: 0 })),
    executor,
    adapterName: 'test',
    adapterKey: 'test',
    maxBindingBytes: DEFAULT_LIMITS.maxStorageBufferBindingSize,
    plan: (spec) => planForecast(spec, DEFAULT_LIMITS),
    runs,
    choices,
    sessionOptions,
  };
}

/** The way to a device that is never lost. */
export const lasting = <Context extends GenerationContext>(
  context: Context,
): GenerationDevices & { context(): Promise<Context> } & Pick<TrainDevices, 'survive'> => ({
  env: context.env,
  pool: context.pool,
  judge: async (name) => ({
    name,
    title: name,
    kind: 'winnow-scorer',
    from: 'model',
    scales: [],
    about: { purpose: '', weakness: '' },
    imageSize: null,
  }),
  turn: (signal, work) => signal.turn(() => work(context)),
  context: async () => context,
  survive: (error) => Promise.reject(error),
});
