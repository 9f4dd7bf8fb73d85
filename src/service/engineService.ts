/** The engine's verbs on one GPUDevice, for the studio's worker and for the command line alike. */
import { MIN_PAIRS } from '../data/heldOut.ts';
import { clear } from '../data/partWriter.ts';
import { infoOf, type Judge, type Scorer } from '../judges/judge.ts';
import type { Arithmetic } from '../shared/arithmetic.ts';
import '../shared/disposable.ts';
import { inWords, isWinnowError, WinnowError } from '../shared/errors.ts';
import type { TrainConfig } from '../training/config.ts';
import type { DeviceChoices } from '../webgpu/device.ts';
import { createGpuExecutor } from '../webgpu/executor.ts';
import { backendFor } from './choices.ts';
import { Devices, DeviceUse } from './device/devices.ts';
import { Recoveries } from './device/recoveries.ts';
import type { Environment, FolderReader } from './environment.ts';
import { exportModel } from './export/exporting.ts';
import { zipped } from './export/zipped.ts';
import { handOff, type HandoffResult } from './handoff/handoff.ts';
import { modelForecast, planForecast, timed, withKept } from './planning/forecast.ts';
import { generate, type GenerationContext, type GenerationDevices, makePairs } from './sampling/generation.ts';
import { Jobs, type JobSignal } from './jobs.ts';
import { frozenPartsOn, openRunning, type Running } from './running.ts';
import { kernelChoices } from './tunedKernels.ts';
import { latentSizeOf } from './sampling/latentSize.ts';
import { ADAPTER_CONFIG, alphaMissing, checkConfigSize, openLora, partCounts } from './model/loraFile.ts';
import type { Planned } from './model/modelCache.ts';
import { LORAS, ModelPool, type ResolvedModel } from './model/modelPool.ts';
import { ModelStorage } from './model/modelStorage.ts';
import { implicitMargins } from './training/implicit.ts';
import { referenceOf, type TrainContext } from './training/openRun.ts';
import { RunControl } from './training/runControl.ts';
import { RunStore } from '../data/runStore.ts';
import { savedRunRate } from './training/stepRate.ts';
import { EmbeddingStore } from './sampling/embeddingStore.ts';
import {
  embedderIn,
  embeddings,
  judgedFile,
  judgeOf,
  planJudge,
  readableScores,
  smallPictures,
} from './sampling/judging.ts';
import { judgeContents, JUDGES_ROOT, placeOf, storedJudges } from './sampling/storedJudges.ts';
import { engineRunner } from './sampling/partRunner.ts';
import { denoiserAt, stepSpecOf } from './planning/stepSpec.ts';
import { stepTasks } from './planning/stepTasks.ts';
import { type Size, trainingSizes } from './training/buckets.ts';
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
  ImplicitEvent,
  ImplicitMargins,
  ImplicitRequest,
  ImportedLora,
  JudgeInfo,
  ImportRequest,
  Listener,
  MemoryForecast,
  ModelForecast,
  ModelInfo,
  ModelRef,
  OwnPair,
  PairPictures,
  PromptReading,
  PairsEvent,
  PairsRequest,
  PredictionType,
  RunRecord,
  BackendChoice,
  ReadableScores,
  Score,
  StepMetrics,
  StorageEvent,
  StoredJudge,
  StoredModel,
  SystemReport,
  TrainCommand,
  TrainEvent,
  TrainRequest,
  UnreadableRun,
} from './types.ts';

export class Engine implements EngineService {
  private readonly env: Environment;
  private readonly jobs = new Jobs();
  private readonly runStore: RunStore;
  private readonly pool: ModelPool;
  private readonly storage: ModelStorage;
  private readonly judgeStorage: ModelStorage;
  private readonly embeddings: EmbeddingStore;
  private readonly controls = new Map<string, RunControl>();
  private readonly exported: string[] = [];
  private readonly devices: Devices<Running>;
  private deviceChoices: DeviceChoices = {};

  constructor(env: Environment) {
    this.env = env;
    this.runStore = new RunStore(env.files);
    this.storage = new ModelStorage({ files: env.files, taken: env.embeddedModels, now: env.now });
    this.judgeStorage = new ModelStorage({
      files: env.files,
      taken: [],
      now: env.now,
      root: JUDGES_ROOT,
      contents: judgeContents,
    });
    this.embeddings = new EmbeddingStore(env);
    this.pool = new ModelPool(env, this.runStore);
    this.devices = new Devices({
      open: (listener) => openRunning(env, this.pool, { choices: this.deviceChoices, listener }),
      recoveries: new Recoveries(() => env.now().getTime()),
      inTurn: (work) => this.jobs.run('device lost', (signal) => signal.lastly(work)),
    });
  }

  async start(
    listener: Listener<{ what: string; done: number; total: number }> = () => {},
    choices: DeviceChoices = {},
  ): Promise<SystemReport> {
    this.deviceChoices = choices;
    return (await this.devices.current(listener)).report;
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

  async kindOf(request: ImportRequest): Promise<'model' | 'judge' | null> {
    if (await this.storage.takes(request)) return 'model';
    return (await this.judgeStorage.takes(request)) ? 'judge' : null;
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
    const running = await this.devices.opened();
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
  async readPrompts(ref: ModelRef, prompts: readonly string[]): Promise<PromptReading[]> {
    const { textEncoders, tokens: maxTokens } = await this.pool.folder(ref.base);
    return prompts.map((prompt) => ({
      prompt,
      tokens: textEncoders.map(({ tokenizer }) => tokenizer.encode(prompt, maxTokens).join()).join(';'),
      lost: textEncoders.map(({ tokenizer }) => tokenizer.lost(prompt, maxTokens)).find((text) => text !== '') ?? '',
      count: Math.max(...textEncoders.map(({ tokenizer }) => tokenizer.tokenize(prompt).length)),
      maxTokens,
    }));
  }

  generate(job: string, request: GenerateRequest, listener: Listener<GenerateEvent>): Promise<ImageRecord[]> {
    return this.jobs.run(job, (signal) => generate(this.devicesFor(), signal, request, listener));
  }

  makePairs(job: string, request: PairsRequest, listener: Listener<PairsEvent>): Promise<OwnPair[]> {
    return this.jobs.run(job, (signal) => makePairs(this.devicesFor(), signal, request, listener));
  }

  async forecast(ref: ModelRef, config: TrainConfig, pairs: readonly PairPictures[] = []): Promise<MemoryForecast> {
    const { device, choices, cache, adapterKey } = await this.devices.current();
    const model = await this.pool.resolve(ref);
    const { info } = model.folder;
    const [size = info.defaultSize, ...others] = trainingSizes(pairs, info, config);
    const reference = referenceOf(config, choices, model);
    const at = (pixels: Size): Size => latentSizeOf(pixels, info.sizeMultiple);
    // With fewer pairs none are held out.
    const holdsOut = pairs.length === 0 || pairs.length >= MIN_PAIRS;
    const spec = {
      ...stepSpecOf(
        model,
        holdsOut ? config : { ...config, heldOut: 0 },
        at(size),
        reference === 'engine' ? 'engine' : 'input',
        device.device.limits.maxStorageBufferBindingSize,
      ),
      otherSizes: others.map((other) => denoiserAt(model, at(other))),
    };
    const forecast = planForecast(spec, device.device.limits, choices.kernelVariants);
    return timed(withKept(forecast, cache.besideReserved(forecast.peakBytes)), {
      runRate: await savedRunRate(this.env.files, adapterKey, reference),
      kernelRate: choices.flopsPerSecond,
    });
  }

  async modelForecast(id: string, size: { width: number; height: number }): Promise<ModelForecast> {
    const { device, choices, cache, adapterKey } = await this.devices.current();
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
      const record = await this.jobs.run(job, async (signal) => {
        let choices = request.resume
          ? (await this.runStore.load(request.run)).choices
          : await this.choicesFor(signal, request, listener);
        const use = new DeviceUse(this.devices, (on) => this.trainContext(on, (choices ??= on.choices)));
        return trainRun(use, signal, control, request, listener);
      });
      control.end({ saved: record.checkpoints.some(({ step }) => step === record.step) });
      return record;
    } catch (error) {
      control.end({ error });
      throw error;
    } finally {
      this.controls.delete(request.run);
    }
  }

  /** For the shapes of a new run; undefined where the device has those of all runs, or was lost meanwhile: then those of the next one. */
  private async choicesFor(
    signal: JobSignal,
    { model: ref, config }: TrainRequest,
    listener: Listener<TrainEvent>,
  ): Promise<EngineChoices | undefined> {
    const { device, choices, kernels } = await this.devices.current();
    if (device.adapter.software) return undefined;
    const model = await this.pool.resolve(ref);
    const { info } = model.folder;
    const [width, height] = config.size ?? [info.defaultSize.width, info.defaultSize.height];
    const size = latentSizeOf({ width, height }, info.sizeMultiple);
    const reference = referenceOf(config, choices, model) === 'engine' ? 'engine' : 'input';
    const { limits } = device.device;
    try {
      return await signal.turn(async () => {
        const tuning = await kernels.of(
          () => stepTasks(stepSpecOf(model, config, size, reference, limits.maxStorageBufferBindingSize), limits),
          (what, done, total) => listener({ type: 'preparing', what, done, total }),
        );
        return { ...choices, ...kernelChoices(tuning) };
      });
    } catch (error) {
      if (isWinnowError(error, 'DeviceLost')) return undefined;
      throw error;
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

  implicit(
    job: string,
    request: ImplicitRequest,
    listener: Listener<ImplicitEvent> = () => {},
  ): Promise<ImplicitMargins> {
    const use = new DeviceUse(this.devices, (running) => this.generationContext(running));
    return this.jobs.run(job, (signal) => implicitMargins(use, this.runStore, signal, request, listener));
  }

  storedJudges(): Promise<StoredJudge[]> {
    return storedJudges(this.judgeStorage);
  }

  importJudge(job: string, request: ImportRequest, listener: Listener<StorageEvent>): Promise<string> {
    return this.jobs.run(job, (signal) => this.judgeStorage.importModel(signal, request, listener));
  }

  planJudgeDownload(request: HubRequest): Promise<HubPlan> {
    return this.judgeStorage.planDownload(request);
  }

  downloadJudge(job: string, request: HubRequest, listener: Listener<StorageEvent>): Promise<string> {
    return this.jobs.run(job, (signal) => this.judgeStorage.downloadModel(signal, request, listener));
  }

  async deleteJudge(id: string): Promise<void> {
    const embedder = await this.embedderOf(id);
    await this.judgeStorage.delete(id);
    const running = await this.devices.opened();
    await running?.cache.letGo(({ key }) => key.endsWith(` judge ${placeOf(id)}`));
    // Judges of one tower share what it saw.
    const others = await Promise.all((await this.judgeStorage.complete()).map((other) => this.embedderOf(other)));
    if (embedder === undefined || others.includes(embedder)) return;
    for (const arithmetic of ['f32', 'f16'] as const) await this.embeddings.forget(embedderIn(embedder, arithmetic));
  }

  /** Undefined for one that does not open, too: it has seen no picture. */
  private embedderOf(id: string): Promise<string | undefined> {
    return this.judgeCalled(placeOf(id))
      .then((judge) => judge.embedder?.())
      .catch(() => undefined);
  }

  private openJudge(path: string): FolderReader {
    const inStore = path.startsWith(`${JUDGES_ROOT}/`);
    return inStore ? this.judgeStorage.store.reader(path.slice(JUDGES_ROOT.length + 1)) : this.env.openModel(path);
  }

  private async judgeCalled(name: string): Promise<Judge> {
    const folder = await this.pool.folder(this.env.embeddedModels[0]!);
    return judgeOf(folder, name, (path) => this.openJudge(path));
  }

  async judge(name: string): Promise<JudgeInfo> {
    return infoOf(await this.judgeCalled(name));
  }

  async judgeCuts(name: string, prompts: readonly string[]): Promise<{ prompt: string; lost: string }[]> {
    const lost = (await (await this.judgeCalled(name)).lost?.(prompts)) ?? [];
    return prompts.flatMap((prompt, i) => (lost[i] ? { prompt, lost: lost[i] } : []));
  }

  judgeArithmetic(name: string, arithmetic: Arithmetic): Promise<Arithmetic> {
    return this.judgesTurn('judge', async (running, model) => {
      const { onDevice } = await this.planScorer(running, name, model, arithmetic);
      return onDevice ? arithmetic : 'f32';
    });
  }

  score(name: string, items: { file: string; prompt: string }[], arithmetic: Arithmetic = 'f32'): Promise<Score[]> {
    return this.judgesTurn('score', (running, model) => this.scoreFiles(running, name, model, items, arithmetic));
  }

  scoreReadable(
    name: string,
    items: { file: string; prompt: string }[],
    arithmetic: Arithmetic = 'f32',
  ): Promise<ReadableScores> {
    return this.judgesTurn('score', (running, model) =>
      this.withJudged(running, { name, arithmetic }, model, items, readableScores),
    );
  }

  features(name: string | null, files: readonly string[], arithmetic: Arithmetic = 'f32'): Promise<Float32Array[]> {
    if (name === null) return smallPictures(this.env, files);
    return this.judgesTurn('features', (running, model) =>
      this.withScorer(running, { name, arithmetic }, model, (scorer) => embeddings(this.env, scorer, name, files)),
    );
  }

  /** One turn of the device, for judges of the first model. */
  private judgesTurn<T>(job: string, work: (running: Running, model: ResolvedModel) => Promise<T>): Promise<T> {
    return this.jobs.run(`${job} ${this.env.newId()}`, async (signal) => {
      const model = await this.pool.resolve({ base: this.env.embeddedModels[0]!, adapters: [] });
      const use = new DeviceUse(this.devices, (running) => running);
      return use.turn(
        signal,
        (running) => work(running, model),
        () => {},
      );
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
    try {
      const made = await exportModel(model, kind, target, { ...(precision && { precision }) });
      return zip && made.length > 1 ? [await zipped(this.env.files, made, target.folder, target.name, listener)] : made;
    } catch (error) {
      if (folder === undefined) await clear(this.env.files, [target.folder]);
      throw error;
    }
  }

  /** Writes what goes on with a run elsewhere needs to know of its pairs and its model (handoff/handoff.ts). Needs no GPU. */
  handOff(
    run: string,
    folder: string,
    options: { withModel: boolean; preparing(what: string, done: number, total: number): void },
  ): Promise<HandoffResult> {
    return handOff({ env: this.env, pool: this.pool, runs: this.runStore }, run, folder, options);
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
    await this.devices.close();
  }

  private devicesFor(): GenerationDevices {
    const use = new DeviceUse(this.devices, (running) => this.generationContext(running));
    return {
      env: this.env,
      pool: this.pool,
      judge: async (name, { folder }) => judgeOf(folder, name, (path) => this.openJudge(path)),
      turn: (...args) => use.turn(...args),
    };
  }

  private generationContext(running: Running): GenerationContext {
    const { cache, predictors, choices } = running;
    return {
      env: this.env,
      pool: this.pool,
      cache,
      predictors,
      frozenParts: (model, arithmetic) => frozenPartsOn(running, model, arithmetic),
      checkHalf: () => running.checkHalf(),
      backendFor: async (choice: BackendChoice, model, ahead) => {
        const backend = backendFor(choice, choices, model.folder.info.parameters.unet);
        if (backend === 'engine' && ahead) await running.executorFor(model, ahead.arithmetic ?? 'f32', ahead.measuring);
        return backend;
      },
      score: (judge, model, items, arithmetic) => this.scoreFiles(running, judge, model, items, arithmetic),
    };
  }

  /** @param choices those that the run began with: it goes on with the same kernels, whatever was measured since, or on another device. */
  private trainContext(running: Running, choices: EngineChoices): TrainContext {
    const { device } = running;
    return {
      ...this.generationContext(running),
      executor:
        choices === running.choices
          ? running.executor
          : createGpuExecutor(device, {
              variants: choices.kernelVariants,
              flopsPerSecond: running.choices.flopsPerSecond,
            }),
      choices,
      adapterName: device.adapterName,
      adapterKey: running.adapterKey,
      plan: (spec) => planForecast(spec, device.device.limits, choices.kernelVariants),
      maxBindingBytes: device.device.limits.maxStorageBufferBindingSize,
      runs: this.runStore,
      sessionOptions: running.sessionOptions,
    };
  }

  private scoreFiles(
    running: Running,
    name: string,
    model: ResolvedModel,
    items: readonly { file: string; prompt: string }[],
    arithmetic: Arithmetic = 'f32',
  ): Promise<Score[]> {
    return this.withJudged(running, { name, arithmetic }, model, items, async (scorer, judged) => {
      const scores: Score[] = [];
      for await (const score of scorer.score(judged)) scores.push(score);
      return scores;
    });
  }

  private withJudged<T>(
    running: Running,
    judge: { name: string; arithmetic: Arithmetic },
    model: ResolvedModel,
    items: readonly { file: string; prompt: string }[],
    use: (scorer: Scorer, judged: readonly ReturnType<typeof judgedFile>[]) => Promise<T>,
  ): Promise<T> {
    return this.withScorer(running, judge, model, async (scorer) => {
      const parts = frozenPartsOn(running, model);
      try {
        return await use(
          scorer,
          items.map((item) => judgedFile(this.env, parts, item)),
        );
      } finally {
        await parts.releaseStreamed('text');
      }
    });
  }

  private async withScorer<T>(
    running: Running,
    { name, arithmetic }: { name: string; arithmetic: Arithmetic },
    model: ResolvedModel,
    use: (scorer: Scorer) => Promise<T>,
  ): Promise<T> {
    const { id } = model.folder.info;
    await using owned = new AsyncDisposableStack();
    const { value: scorer } = owned.use(
      await running.cache.use({ key: `${id} ${arithmetic} judge ${name}`, model: id }, () =>
        this.planScorer(running, name, model, arithmetic),
      ),
    );
    return await use(scorer);
  }

  private async planScorer(
    running: Running,
    name: string,
    { folder }: ResolvedModel,
    arithmetic: Arithmetic,
  ): Promise<Planned<Scorer>> {
    if (arithmetic === 'f16') await running.checkHalf();
    const judge = await judgeOf(folder, name, (path) => this.openJudge(path));
    return planJudge(judge, engineRunner(running.executor.in(arithmetic)), async (onDevice) => {
      const embedder = await judge.embedder?.();
      if (embedder === undefined) return undefined;
      return this.embeddings.of(embedderIn(embedder, onDevice ? arithmetic : 'f32'));
    });
  }
}
