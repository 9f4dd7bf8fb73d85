/** What a started engine has on its device: opened together, and gone together (device/devices.ts). */
import { defaultThreads } from '../onnx/runtime.ts';
import type { SessionOptions } from '../onnx/session.ts';
import type { Arithmetic } from '../shared/arithmetic.ts';
import '../shared/disposable.ts';
import { WinnowError } from '../shared/errors.ts';
import { adapterKey, type DeviceChoices, type EngineDevice, openDevice } from '../webgpu/device.ts';
import { evaluate } from '../oracle/run.ts';
import { createGpuExecutor, type GpuExecutor } from '../webgpu/executor.ts';
import { TUNER_VERSION } from '../webgpu/tune.ts';
import { whatIsWrongInHalf } from '../webgpu/tuneHalf.ts';
import { measureBackends, saveChoices, savedChoices } from './choices.ts';
import type { OnDevice, Opening } from './device/devices.ts';
import type { Environment } from './environment.ts';
import { cacheBudget, ModelCache } from './model/modelCache.ts';
import type { ModelFolder } from './model/modelFolder.ts';
import type { ModelPool, ResolvedModel } from './model/modelPool.ts';
import { FrozenParts } from './sampling/frozenParts.ts';
import { engineRunner, onnxRunner, sizedRunner } from './sampling/partRunner.ts';
import { Predictors } from './sampling/predictors.ts';
import { suppliedOnnx } from './sampling/suppliedOnnx.ts';
import { kernelChoices, type Measuring, TunedKernels } from './tunedKernels.ts';
import type { EngineChoices, SystemReport } from './types.ts';

export interface Running extends OnDevice {
  readonly device: EngineDevice;
  /** Of what was measured on it. */
  adapterKey: string;
  /** With the kernels that the model it opened with runs best on. */
  executor: GpuExecutor;
  /** What draws a model's pictures (TunedKernels.executorFor). */
  executorFor(model: ResolvedModel, arithmetic: Arithmetic, onProgress?: Measuring): Promise<GpuExecutor>;
  kernels: TunedKernels;
  /** Owns what was made of models: predictors, frozen parts, judges. */
  cache: ModelCache;
  predictors: Predictors;
  /** By folder: another model may come under the id of one that is deleted, while that one still draws. */
  parts: Readonly<Record<Arithmetic, WeakMap<ModelFolder, FrozenParts>>>;
  choices: EngineChoices;
  report: SystemReport;
  sessionOptions(provider: 'webgpu' | 'wasm'): SessionOptions;
  /** Rejects with BadArguments where products in f16 do not run here, or not right. Call it when nothing else is on the device. */
  checkHalf(): Promise<void>;
}

/** Opens a device, and measures on it what was not measured yet. What was opened is let go where it fails. */
export async function openRunning(
  env: Environment,
  pool: ModelPool,
  { choices: asked, listener }: { choices: DeviceChoices; listener: Opening },
): Promise<Running> {
  listener({ what: 'Opening the GPU', done: 0, total: 4 });
  const device = await openDevice(env.gpu, asked);
  using opened = new DisposableStack();
  opened.defer(() => device.destroy());
  const sessionOptions = (provider: 'webgpu' | 'wasm'): SessionOptions =>
    provider === 'webgpu' ? { provider, device } : { provider };
  listener({ what: 'Opening the model', done: 1, total: 4 });
  const model = await pool.resolve({ base: env.embeddedModels[0]!, adapters: [] });
  const sha256 = (text: string): Promise<string> => env.sha256(new TextEncoder().encode(text));
  const measuredOn = (await sha256(adapterKey(device.adapter, device.device.features))).slice(0, 16);
  const key = await sha256([measuredOn, model.unetHash, defaultThreads(), navigatorName(), TUNER_VERSION].join('|'));
  const kernels = new TunedKernels({ env, device, machine: `${measuredOn}|${navigatorName()}` });
  listener({ what: 'Measuring kernels', done: 2, total: 4 });
  const measuring = (what: string, done: number, total: number): void =>
    listener({ what, done: 2 + done / total, total: 4 });
  const tuned = kernelChoices(await kernels.usual(model, measuring));
  const { kernelVariants, flopsPerSecond } = tuned;
  const executor = createGpuExecutor(device, { variants: kernelVariants, flopsPerSecond });
  let choices = await savedChoices(env.files, key.slice(0, 16));
  // What was left over is measured since.
  if (choices) choices = { ...choices, kernelVariants, flopsPerSecond };
  else {
    const sampler = await measureBackends({
      model,
      executor,
      software: device.adapter.software,
      sessionOptions,
      hasOnnxWebgpu: env.hasOnnxWebgpu,
      onProgress: (what) => listener({ what, done: 3, total: 4 }),
    });
    choices = {
      ...sampler,
      ...tuned,
      measuredMs: { ...tuned.measuredMs, ...sampler.measuredMs },
      failures: { ...tuned.failures, ...sampler.failures },
    };
    await saveChoices(env.files, key.slice(0, 16), choices);
  }
  const { vendor, architecture, device: name, description, software, features, limits } = device.adapter;
  const report: SystemReport = {
    adapter: { vendor, architecture, device: name, description, isFallback: software },
    limits: {
      maxBufferSize: limits['maxBufferSize']!,
      maxStorageBufferBindingSize: limits['maxStorageBufferBindingSize']!,
      maxComputeWorkgroupStorageSize: limits['maxComputeWorkgroupStorageSize']!,
    },
    features,
    wasmThreads: choices.wasmThreads,
    choices,
  };
  listener({ what: 'Ready', done: 4, total: 4 });
  const cache = new ModelCache(cacheBudget(device.device.limits.maxBufferSize, env.memoryBytes));
  const standard = { executor, variants: kernelVariants, flopsPerSecond };
  const executorFor: Running['executorFor'] = (drawn, arithmetic, onProgress) =>
    kernels.executorFor(drawn, standard, arithmetic, onProgress);
  const predictors = new Predictors(executorFor, sessionOptions, cache);
  let half: Promise<string | null> | undefined;
  const kept = opened.move();
  return {
    device,
    adapterKey: measuredOn,
    executor,
    executorFor,
    kernels,
    cache,
    predictors,
    parts: { f32: new WeakMap(), f16: new WeakMap() },
    choices,
    report,
    sessionOptions,
    async checkHalf() {
      const checked = (half ??= whatIsWrongInHalf(device, evaluate));
      // What could not be told is asked again.
      checked.catch(() => (half = undefined));
      const wrong = await checked;
      if (wrong === null) return;
      throw new WinnowError(
        'BadArguments',
        `Arithmetic in f16 was asked for, and this GPU has none: ${wrong}.`,
        'Choose f32.',
      );
    },
    async [Symbol.asyncDispose]() {
      await using owned = new AsyncDisposableStack();
      owned.use(kept);
      owned.use(cache);
    },
  };
}

/** Text encoders and VAE belong to the folder, not to its adapters. What of them onnxruntime runs is f32 in either arithmetic. */
export function frozenPartsOn(
  { choices, executor, cache, parts, sessionOptions }: Running,
  { folder }: ResolvedModel,
  arithmetic: Arithmetic = 'f32',
): FrozenParts {
  // The provider that measured faster for the UNet, which is the larger net.
  const options: SessionOptions =
    choices.onnxProvider === 'webgpu'
      ? sessionOptions('webgpu')
      : { ...sessionOptions('wasm'), threads: choices.wasmThreads };
  const known =
    parts[arithmetic].get(folder) ??
    new FrozenParts(
      folder,
      sizedRunner(onnxRunner(options), engineRunner(executor.in(arithmetic))),
      suppliedOnnx(folder.reader, options),
      cache,
    );
  parts[arithmetic].set(folder, known);
  return known;
}

/** Browsers differ in how fast they run the same wasm; Node is one more. */
function navigatorName(): string {
  return typeof navigator === 'undefined' ? 'node' : navigator.userAgent;
}
