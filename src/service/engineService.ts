/** The engine's verbs on one GPUDevice, for the studio's worker and for the command line alike. */
import { decodePng } from '../data/formats/png.ts';
import { defaultThreads } from '../onnx/runtime.ts';
import type { SessionOptions } from '../onnx/session.ts';
import '../shared/disposable.ts';
import { inWords, WinnowError } from '../shared/errors.ts';
import type { TrainConfig } from '../training/config.ts';
import { adapterKey, type EngineDevice, openDevice } from '../webgpu/device.ts';
import { createGpuExecutor, type GpuExecutor } from '../webgpu/executor.ts';
import { tuneKernels } from '../webgpu/tune.ts';
import { measureBackends, backendFor, saveChoices, savedChoices } from './choices.ts';
import type { Environment } from './environment.ts';
import { exportModel } from './export/exporting.ts';
import { zipped } from './export/zipped.ts';
import { modelForecast, planForecast, timed, withKept } from './planning/forecast.ts';
import { FrozenParts } from './sampling/frozenParts.ts';
import { engineRunner, onnxRunner, sizedRunner } from './sampling/partRunner.ts';
import { suppliedOnnx } from './sampling/suppliedOnnx.ts';
import { generate, type GenerationContext, makePairs, planarFromRgba } from './sampling/generation.ts';
import { Jobs } from './jobs.ts';
import { latentSizeOf } from './sampling/latentSize.ts';
import { ADAPTER_CONFIG, alphaMissing, checkConfigSize, openLora, partCounts } from './model/loraFile.ts';
import { cacheBudget, ModelCache } from './model/modelCache.ts';
import { LORAS, ModelPool, type ResolvedModel } from './model/modelPool.ts';
import type { ModelFolder } from './model/modelFolder.ts';
import { ModelStorage } from './model/modelStorage.ts';
import { Predictors } from './sampling/predictors.ts';
import { referenceOf, type TrainContext } from './training/openRun.ts';
import { RunControl } from './training/runControl.ts';
import { RunStore } from '../data/runStore.ts';
import { savedRunRate } from './training/stepRate.ts';
import { judgeOf, planJudge } from './sampling/judging.ts';
import { stepSpecOf } from './planning/stepSpec.ts';
import { trainRun } from './training/trainRun.ts';
import type {
  EngineChoices,
  EngineService,
  ExportedFile,
  ExportEvent,
  ExportKind,
  ExportOptions,
  GenerateEvent,
  GenerateRequest,
  HubPlan,
  HubRequest,
  ImageRecord,
  ImportedLora,
  JudgeInfo,
  ImportRequest,
  Listener,
  MemoryForecast,
  ModelForecast,
  ModelInfo,
  ModelRef,
  PairRecord,
  PairsEvent,
  PairsRequest,
  PredictionType,
  RunRecord,
  BackendChoice,
  Score,
  StepMetrics,
  StorageEvent,
  StoredModel,
  SystemReport,
  TrainCommand,
  TrainEvent,
  TrainRequest,
  UnreadableRun,
} from './types.ts';

/** What a started engine has. */
interface Running {
  device: EngineDevice;
  /** Of what was measured on it. */
  adapterKey: string;
  executor: GpuExecutor;
  /** Owns what was made of models: predictors, frozen parts, judges. */
  cache: ModelCache;
  predictors: Predictors;
  /** By folder: another model may come under the id of one that is deleted, while that one still draws. */
  parts: WeakMap<ModelFolder, FrozenParts>;
  choices: EngineChoices;
  report: SystemReport;
}

export class Engine implements EngineService {
  private readonly env: Environment;
  private readonly jobs = new Jobs();
  private readonly runStore: RunStore;
  private readonly pool: ModelPool;
  private readonly storage: ModelStorage;
  private readonly controls = new Map<string, RunControl>();
  private readonly exported: string[] = [];
  private running: Promise<Running> | undefined;

  constructor(env: Environment) {
    this.env = env;
    this.runStore = new RunStore(env.files);
    this.storage = new ModelStorage({ files: env.files, taken: env.embeddedModels, now: env.now });
    this.pool = new ModelPool(env, this.runStore);
  }

  async start(listener: Listener<{ what: string; done: number; total: number }> = () => {}): Promise<SystemReport> {
    return (await this.started(listener)).report;
  }

  async models(): Promise<ModelInfo[]> {
    const embedded = await Promise.all(this.env.embeddedModels.map((id) => this.pool.folder(id)));
    // One that does not open leaves the others alone; modelProblem says why.
    const stored = await Promise.allSettled((await this.storage.complete()).map((id) => this.pool.folder(id)));
    return [...embedded, ...stored.flatMap((opened) => (opened.status === 'fulfilled' ? [opened.value] : []))].map(
      (folder) => folder.info,
    );
  }

  storedModels(): Promise<StoredModel[]> {
    return this.storage.list();
  }

  async modelProblem(id: string): Promise<{ name: string; message: string } | null> {
    try {
      await this.pool.folder(id);
      return null;
    } catch (error) {
      return inWords(error);
    }
  }

  importModel(job: string, request: ImportRequest, listener: Listener<StorageEvent>): Promise<ModelInfo> {
    return this.jobs.run(
      job,
      async (signal) => (await this.pool.folder(await this.storage.importModel(signal, request, listener))).info,
    );
  }

  planDownload(request: HubRequest): Promise<HubPlan> {
    return this.storage.planDownload(request);
  }

  downloadModel(job: string, request: HubRequest, listener: Listener<StorageEvent>): Promise<ModelInfo> {
    return this.jobs.run(
      job,
      async (signal) => (await this.pool.folder(await this.storage.downloadModel(signal, request, listener))).info,
    );
  }

  async deleteModel(id: string): Promise<void> {
    if (this.env.embeddedModels.includes(id))
      throw new WinnowError(
        'BadArguments',
        'This model comes with the product and takes no room in storage.',
        'Delete one that was brought in.',
      );
    for (const run of this.controls.keys()) {
      const record = await this.runStore.load(run).catch(() => undefined);
      if (record?.model.base === id)
        throw new WinnowError('BadArguments', `${record.name} is training this model.`, 'Stop it first.');
    }
    await this.storage.delete(id);
    // Another model may come under its name.
    this.pool.forget(id);
    const running = await this.running?.catch(() => undefined);
    await running?.cache.letGo(({ model }) => model === id);
  }

  async setPredictionType(id: string, type: PredictionType | null): Promise<ModelInfo> {
    if (this.env.embeddedModels.includes(id))
      throw new WinnowError(
        'BadArguments',
        'This model comes with the product, and its files say what it predicts.',
        'Choose one that was brought in.',
      );
    await this.storage.setPredictionType(id, type);
    this.pool.forget(id);
    return (await this.pool.folder(id)).info;
  }

  /** Names a model and everything that changes its pictures (ResolvedModel.hash). Needs no GPU. */
  async modelHash(ref: ModelRef): Promise<string> {
    return (await this.pool.resolve(ref)).hash;
  }

  /** What the text encoders take of prompts: the tokens (the same for prompts that give the same pictures), and what is cut off. Needs no GPU. */
  async readPrompts(
    ref: ModelRef,
    prompts: readonly string[],
  ): Promise<{ prompt: string; tokens: string; lost: string; maxTokens: number }[]> {
    const { textEncoders, tokens: maxTokens } = await this.pool.folder(ref.base);
    return prompts.map((prompt) => ({
      prompt,
      tokens: textEncoders.map(({ tokenizer }) => tokenizer.encode(prompt, maxTokens).join()).join(';'),
      lost: textEncoders.map(({ tokenizer }) => tokenizer.lost(prompt, maxTokens)).find((text) => text !== '') ?? '',
      maxTokens,
    }));
  }

  generate(job: string, request: GenerateRequest, listener: Listener<GenerateEvent>): Promise<ImageRecord[]> {
    return this.jobs.run(job, async (signal) => generate(await this.generationContext(), signal, request, listener));
  }

  makePairs(job: string, request: PairsRequest, listener: Listener<PairsEvent>): Promise<PairRecord[]> {
    return this.jobs.run(job, async (signal) => makePairs(await this.generationContext(), signal, request, listener));
  }

  async forecast(
    ref: ModelRef,
    config: TrainConfig,
    size?: { width: number; height: number },
  ): Promise<MemoryForecast> {
    const { device, choices, cache, adapterKey } = await this.started();
    const model = await this.pool.resolve(ref);
    const { defaultSize, sizeMultiple } = model.folder.info;
    const latentSize = latentSizeOf(size ?? defaultSize, sizeMultiple);
    const reference = referenceOf(config, choices, model);
    const spec = stepSpecOf(
      model,
      config,
      latentSize,
      reference === 'engine' ? 'engine' : 'input',
      device.device.limits.maxStorageBufferBindingSize,
    );
    const forecast = planForecast(spec, device.device.limits, choices.kernelVariants);
    return timed(withKept(forecast, cache.besideReserved(forecast.peakBytes)), {
      runRate: await savedRunRate(this.env.files, adapterKey, reference),
      kernelRate: choices.flopsPerSecond,
    });
  }

  async modelForecast(id: string, size: { width: number; height: number }): Promise<ModelForecast> {
    const { device, choices, cache, adapterKey } = await this.started();
    const folder = await this.pool.folder(id);
    const { generate, lora, full } = modelForecast(folder, size, {
      limits: device.device.limits,
      variants: choices.kernelVariants,
    });
    const kernelRate = choices.flopsPerSecond;
    const run = async (planned: MemoryForecast, reference: RunRecord['reference']): Promise<MemoryForecast> =>
      timed(withKept(planned, cache.besideReserved(planned.peakBytes)), {
        runRate: await savedRunRate(this.env.files, adapterKey, reference),
        kernelRate,
      });
    return {
      // Its own predictor is what is planned.
      generate: timed(withKept(generate, cache.beside(generate.peakBytes, id)), { kernelRate }),
      lora: await run(lora, 'engine'),
      full: await run(full, 'onnx'),
    };
  }

  async train(job: string, request: TrainRequest, listener: Listener<TrainEvent>): Promise<RunRecord> {
    if (this.controls.has(request.run))
      throw new WinnowError('BadArguments', 'This run is already training.', 'Wait for it, or stop it first.');
    const control = new RunControl();
    this.controls.set(request.run, control);
    try {
      const record = await this.jobs.run(job, async (signal) =>
        trainRun(await this.trainContext(request), signal, control, request, listener),
      );
      control.end({ saved: record.checkpoints.some(({ step }) => step === record.step) });
      return record;
    } catch (error) {
      control.end({ error });
      throw error;
    } finally {
      this.controls.delete(request.run);
    }
  }

  async command(run: string, command: TrainCommand): Promise<void> {
    const control = this.controls.get(run);
    if (!control) throw new WinnowError('NotFound', 'This run is not training.', 'Resume it first.');
    await control.send(command);
  }

  cancel(job: string): Promise<void> {
    return this.jobs.cancel(job);
  }

  runs(): Promise<RunRecord[]> {
    return this.runStore.list();
  }

  unreadableRuns(): Promise<UnreadableRun[]> {
    return this.runStore.unreadable();
  }

  metrics(run: string): Promise<StepMetrics[]> {
    return this.runStore.metrics(run);
  }

  renameRun(run: string, name: string): Promise<RunRecord> {
    return this.runStore.update(run, (record) => ({ ...record, name }));
  }

  async deleteRun(run: string): Promise<void> {
    if (this.controls.has(run)) throw new WinnowError('BadArguments', 'This run is still training.', 'Stop it first.');
    await this.runStore.remove(run);
  }

  async judge(name: string): Promise<JudgeInfo> {
    const folder = await this.pool.folder(this.env.embeddedModels[0]!);
    const { plan: _, ...info } = await judgeOf(folder, name, (path) => this.env.openModel(path));
    return info;
  }

  score(name: string, items: { file: string; prompt: string }[]): Promise<Score[]> {
    return this.jobs.run(`score ${this.env.newId()}`, async (signal) => {
      const model = await this.pool.resolve({ base: this.env.embeddedModels[0]!, adapters: [] });
      return signal.turn(() => this.scoreFiles(name, model, items));
    });
  }

  async export(
    ref: ModelRef,
    kind: ExportKind,
    { precision, folder, name, zip = false }: ExportOptions = {},
    listener: Listener<ExportEvent> = () => {},
  ): Promise<ExportedFile[]> {
    const model = await this.pool.resolve(ref);
    const last = ref.adapters.at(-1);
    const title = last?.kind === 'run' ? (await this.runStore.load(last.run)).name : model.folder.info.title;
    const target = {
      files: this.env.files,
      folder: folder ?? (await this.exportFolder()),
      name:
        name ??
        (title
          .trim()
          .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
          .toLowerCase() ||
          'winnow'),
      listener,
    };
    const made = await exportModel(model, kind, target, { ...(precision && { precision }) });
    return zip && made.length > 1 ? [await zipped(this.env.files, made, target.folder, target.name, listener)] : made;
  }

  /** Whoever asked saves the last one, which may take long; the ones before make room. */
  private async exportFolder(): Promise<string> {
    const folder = `exports/${this.env.newId()}`;
    for (const old of this.exported.splice(0, this.exported.length - 1)) await this.env.files.remove(old);
    this.exported.push(folder);
    return folder;
  }

  async importLora(
    name: string,
    bytes: Uint8Array,
    base = this.env.embeddedModels[0]!,
    adapterConfig?: Uint8Array,
  ): Promise<ImportedLora> {
    const folder = await this.pool.folder(base);
    checkConfigSize(adapterConfig?.length ?? 0);
    const config = adapterConfig && new TextDecoder().decode(adapterConfig);
    const lora = await openLora(folder, { bytes, name, config }, this.env);
    if (lora.alphaUnknown) throw alphaMissing(name);
    // By content: another file of the same name has a place of its own.
    const { files, sha256 } = this.env;
    const place = `${LORAS}${await sha256(new TextEncoder().encode(`${await sha256(bytes)}\n${config ?? ''}`))}`;
    const file = `${place}/lora.safetensors`;
    if (adapterConfig) await files.write(`${place}/${ADAPTER_CONFIG}`, adapterConfig);
    await files.write(file, bytes);
    const ranks = Object.values(lora.modules).flatMap((part) => [...part.values()].map(({ rank }) => rank));
    return {
      file,
      rank: Math.max(...ranks),
      modules: ranks.length,
      format: lora.format === 'kohya' ? 'kohya' : 'peft',
      parts: partCounts(lora),
    };
  }

  /** Ends every job first, as cancelling does. */
  async dispose(): Promise<void> {
    await this.jobs.cancelAll();
    const running = await this.running?.catch(() => undefined);
    if (!running) return;
    await using owned = new AsyncDisposableStack();
    owned.defer(() => running.device.destroy());
    owned.use(running.cache);
  }

  /** Opens the device once; after a loss or a failure the next verb tries again. */
  private started(listener: Listener<{ what: string; done: number; total: number }> = () => {}): Promise<Running> {
    if (!this.running) {
      this.running = this.open(listener);
      this.running.then(
        ({ device, cache }) =>
          void device.device.lost.then(() => {
            this.running = undefined;
            // In a turn of its own: a job may be drawing with it on the CPU.
            return this.jobs.run('device lost', (signal) => signal.turn(() => cache[Symbol.asyncDispose]()));
          }),
        () => (this.running = undefined),
      );
    }
    return this.running;
  }

  private async open(listener: Listener<{ what: string; done: number; total: number }>): Promise<Running> {
    const { env } = this;
    listener({ what: 'Opening the GPU', done: 0, total: 4 });
    const device = await openDevice(env.gpu);
    using opened = new DisposableStack();
    opened.defer(() => device.destroy());
    const sessionOptions = (provider: 'webgpu' | 'wasm'): SessionOptions =>
      provider === 'webgpu' ? { provider, device: device.device } : { provider };
    listener({ what: 'Opening the model', done: 1, total: 4 });
    const model = await this.pool.resolve({ base: env.embeddedModels[0]!, adapters: [] });
    const sha256 = (text: string): Promise<string> => env.sha256(new TextEncoder().encode(text));
    const measuredOn = (await sha256(adapterKey(device.adapter))).slice(0, 16);
    const key = await sha256([measuredOn, model.unetHash, defaultThreads(), navigatorName()].join('|'));
    let choices = await savedChoices(env.files, key.slice(0, 16));
    if (!choices) {
      listener({ what: 'Measuring kernels', done: 2, total: 4 });
      const { variants: kernelVariants, measuredMs, flopsPerSecond } = await tuneKernels(device);
      const executor = createGpuExecutor(device, { variants: kernelVariants });
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
        kernelVariants: { ...kernelVariants },
        measuredMs: { ...measuredMs, ...sampler.measuredMs },
        flopsPerSecond,
      };
      await saveChoices(env.files, key.slice(0, 16), choices);
    }
    const executor = createGpuExecutor(device, { variants: choices.kernelVariants });
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
    const predictors = new Predictors(executor, sessionOptions, cache);
    opened.move();
    return { device, adapterKey: measuredOn, executor, cache, predictors, parts: new WeakMap(), choices, report };
  }

  private async generationContext(): Promise<GenerationContext> {
    const running = await this.started();
    const { cache, predictors, choices } = running;
    return {
      env: this.env,
      pool: this.pool,
      cache,
      predictors,
      frozenParts: (model) => this.frozenParts(model, running),
      backendFor: async (choice: BackendChoice, model) =>
        backendFor(choice, choices, model.folder.info.parameters.unet),
      judge: async (name, { folder }) => judgeOf(folder, name, (path) => this.env.openModel(path)),
      score: (judge, model, items) => this.scoreFiles(judge, model, items),
    };
  }

  /** A resumed run goes on with the kernels it began with. */
  private async trainContext(request: TrainRequest): Promise<TrainContext> {
    const running = await this.started();
    const { device } = running;
    const choices = request.resume ? (await this.runStore.load(request.run)).choices : running.choices;
    const executor = request.resume
      ? createGpuExecutor(device, { variants: choices.kernelVariants })
      : running.executor;
    return {
      ...(await this.generationContext()),
      executor,
      choices,
      adapterName: device.adapterName,
      adapterKey: running.adapterKey,
      plan: (spec) => planForecast(spec, device.device.limits, choices.kernelVariants),
      maxBindingBytes: device.device.limits.maxStorageBufferBindingSize,
      runs: this.runStore,
      sessionOptions: (provider) => (provider === 'webgpu' ? { provider, device: device.device } : { provider }),
    };
  }

  /** Text encoders and VAE belong to the folder, not to its adapters. */
  private frozenParts(
    { folder }: ResolvedModel,
    { choices, executor, cache, parts, device: { device } }: Running,
  ): FrozenParts {
    // The provider that measured faster for the UNet, which is the larger net.
    const options: SessionOptions =
      choices.onnxProvider === 'webgpu'
        ? { provider: 'webgpu', device }
        : { provider: 'wasm', threads: choices.wasmThreads };
    const known =
      parts.get(folder) ??
      new FrozenParts(
        folder,
        sizedRunner(onnxRunner(options), engineRunner(executor)),
        suppliedOnnx(folder.reader, options),
        cache,
      );
    parts.set(folder, known);
    return known;
  }

  private async scoreFiles(
    name: string,
    model: ResolvedModel,
    items: readonly { file: string; prompt: string }[],
  ): Promise<Score[]> {
    const running = await this.started();
    const { id } = model.folder.info;
    await using owned = new AsyncDisposableStack();
    const { value: scorer } = owned.use(
      await running.cache.use({ key: `${id} judge ${name}`, model: id }, async () =>
        planJudge(await judgeOf(model.folder, name, (path) => this.env.openModel(path))),
      ),
    );
    const parts = this.frozenParts(model, running);
    owned.defer(() => parts.releaseStreamed('text'));
    const scores: Score[] = [];
    for (const { file, prompt } of items) {
      const png = decodePng(await this.env.files.read(file));
      scores.push(
        await scorer.score({
          image: planarFromRgba(png.data, png.width, png.height),
          width: png.width,
          height: png.height,
          pooled: (await parts.encodeText(prompt)).pooled,
        }),
      );
    }
    return scores;
  }
}

/** Browsers differ in how fast they run the same wasm; Node is one more. */
function navigatorName(): string {
  return typeof navigator === 'undefined' ? 'node' : navigator.userAgent;
}
