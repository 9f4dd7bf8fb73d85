/** A training run from request to record: prepares the data, steps, saves, samples, obeys commands, and picks up where a killed tab left it. */
import { openSafetensors, writeSafetensors, type TensorToWrite } from '../../data/formats/safetensors.ts';
import { writeLora } from '../../data/formats/lora.ts';
import { encodePng } from '../../data/formats/png.ts';
import { alphasCumprod, readNoiseSchedule } from '../../diffusion/schedule.ts';
import { SchedulerConfigReader } from '../../diffusion/schedulerConfig.ts';
import type { Executor } from '../../graph/executor.ts';
import { Graph } from '../../graph/graph.ts';
import { preferenceOf } from '../../losses/preference.ts';
import { losses } from '../../losses/table.ts';
import { ParameterStore } from '../../models/parameterStore.ts';
import { withAliases } from '../../models/weights.ts';
import '../../shared/disposable.ts';
import { WinnowError } from '../../shared/errors.ts';
import type { TrainConfig } from '../../training/config.ts';
import { engineReference, type FrozenReference } from '../../training/frozenReference.ts';
import { initialLora, loraModules } from '../../training/lora.ts';
import { policyOf } from '../../training/policy.ts';
import { type LoopData, type PreparedPair, type PromptText, runStep } from '../../training/session.ts';
import type { StepSpec } from '../../training/stepGraph.ts';
import type { Recompute } from '../../training/recompute.ts';
import { Trainer } from '../../training/trainer.ts';
import { saveRunRate } from '../choices.ts';
import { conditioningOf } from '../sampling/conditioning.ts';
import { type GenerationContext, makePicture, rgbaFromPlanar } from '../sampling/generation.ts';
import type { JobSignal } from '../jobs.ts';
import { ResolvedModel, type WeightChange } from '../model/modelPool.ts';
import { type NoisePredictor, type PredictorSize, programPredictor } from '../sampling/noisePredictor.ts';
import { onnxReference } from './onnxReference.ts';
import { isLarge } from '../model/weightWidth.ts';
import { checkpointPath, type RunStore, samplePath, statePath } from './runStore.ts';
import { forecastOf, withKept } from '../planning/forecast.ts';
import { stepSpecOf } from './stepSpec.ts';
import type {
  EngineChoices,
  Listener,
  MemoryForecast,
  RunRecord,
  RunStatus,
  TrainCommand,
  TrainEvent,
  TrainRequest,
} from '../types.ts';
import type { SessionOptions } from '../../onnx/session.ts';

export interface TrainContext extends GenerationContext {
  executor: Executor;
  /** For people, and for what was measured on the adapter. */
  adapterName: string;
  adapterKey: string;
  /** What a step will take, with the kernels of this context. */
  plan(spec: StepSpec): MemoryForecast & { recompute: Recompute };
  /** Largest binding, in bytes. */
  maxBindingBytes: number;
  runs: RunStore;
  choices: EngineChoices;
  sessionOptions(provider: 'webgpu' | 'wasm'): SessionOptions;
}

/** Commands wait here until the loop comes by, between two steps. */
export class RunControl {
  private readonly queue: TrainCommand[] = [];
  private wake: (() => void) | undefined;

  send(command: TrainCommand): void {
    this.queue.push(command);
    this.wake?.();
  }

  take(): TrainCommand | undefined {
    return this.queue.shift();
  }

  /** Resolves at the next command. */
  async next(): Promise<TrainCommand> {
    for (;;) {
      const command = this.take();
      if (command) return command;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}

export async function trainRun(
  context: TrainContext,
  signal: JobSignal,
  control: RunControl,
  request: TrainRequest,
  listener: Listener<TrainEvent>,
): Promise<RunRecord> {
  await using run = await TrainingRun.open(context, request, listener);
  try {
    return await run.loop(signal, control);
  } catch (error) {
    await run.fail(error);
    throw error;
  }
}

class TrainingRun implements AsyncDisposable {
  private readonly owned = new AsyncDisposableStack();
  private readonly context: TrainContext;
  private readonly listener: Listener<TrainEvent>;
  private readonly model: ResolvedModel;
  private record: RunRecord;
  private data!: LoopData;
  private spec!: StepSpec;
  private trainer!: Trainer;
  private reference!: FrozenReference;
  private frozen!: ParameterStore;
  private resumedAt: number | null = null;
  /** Of the pictures, in pixels. */
  private size = { width: 0, height: 0 };

  private constructor(context: TrainContext, listener: Listener<TrainEvent>, model: ResolvedModel, record: RunRecord) {
    this.context = context;
    this.listener = listener;
    this.model = model;
    this.record = record;
  }

  static async open(
    context: TrainContext,
    request: TrainRequest,
    listener: Listener<TrainEvent>,
  ): Promise<TrainingRun> {
    const { env, runs } = context;
    const now = env.now().toISOString();
    const earlier = request.resume ? await runs.load(request.run) : undefined;
    if (!earlier && request.pairs.length === 0) {
      throw new WinnowError(
        'BadArguments',
        'There are no labelled pairs to train on.',
        'Judge a few pairs first; only left and right answers train.',
      );
    }
    const ref = earlier?.model ?? request.model;
    const model = await context.pool.resolve(ref);
    if (earlier && earlier.modelHash !== model.hash) {
      throw new WinnowError(
        'BadConfig',
        'The model this run started from has changed since.',
        'Start a new run, or bring the old model back.',
      );
    }
    const { notTrainable, title } = model.folder.info;
    if (notTrainable !== null)
      throw new WinnowError(
        'UnsupportedArchitecture',
        `${title} cannot be trained. ${notTrainable}`,
        'Choose another model to train.',
      );
    const pairs = earlier?.pairs ?? request.pairs;
    const config = earlier?.config ?? request.config;
    if (!losses[config.loss].readsPreference && pairs.some(({ strength }) => strength === 'tie'))
      throw new WinnowError(
        'BadArguments',
        `There are ties among the pairs, and the loss ${config.loss} does not read them.`,
        'Leave them out, or train with the loss soft.',
      );
    const record: RunRecord = earlier ?? {
      version: 1,
      id: request.run,
      name: request.name,
      model: ref,
      modelHash: model.hash,
      dataHash: await env.sha256(new TextEncoder().encode(JSON.stringify(pairs))),
      pairs,
      config,
      status: 'preparing',
      step: 0,
      reference: referenceOf(config, context.choices, model),
      step0Logit: null,
      choices: context.choices,
      adapter: context.adapterName,
      checkpoints: [],
      samples: [],
      createdAt: now,
      updatedAt: now,
    };
    return new TrainingRun(context, listener, model, record);
  }

  async loop(signal: JobSignal, control: RunControl): Promise<RunRecord> {
    const { config } = this.record;
    await this.setStatus('preparing');
    await signal.turn(() => this.prepare());
    this.listener({
      type: 'started',
      record: this.record,
      memory: withKept(
        forecastOf(this.spec, this.trainer.memory, this.trainer.flops),
        this.context.cache.besideReserved(0),
      ),
      resumedAt: this.resumedAt,
    });
    await this.setStatus('running');
    if (this.record.step === 0 && config.sampleEvery > 0) await signal.turn(() => this.sample());
    let elapsed = 0;
    let taken = 0;
    while (this.record.step < config.steps) {
      const command = control.take();
      if (command === 'stop') return this.end(signal, 'stopped');
      if (command === 'save') await signal.turn(() => this.save());
      if (command === 'sample') await signal.turn(() => this.sample());
      if (command === 'pause') {
        await signal.turn(() => this.save());
        await this.setStatus('paused');
        for (let next = await control.next(); next !== 'resume'; next = await control.next()) {
          if (next === 'stop') return this.end(signal, 'stopped');
          if (next === 'sample') await signal.turn(() => this.sample());
        }
        await this.setStatus('running');
      }
      const start = performance.now();
      const numbers = await signal.turn(() =>
        runStep(this.trainer, this.reference, this.data, config, this.record.step),
      );
      const elapsedMs = performance.now() - start;
      if (!Number.isFinite(numbers.loss)) {
        throw new WinnowError(
          'GpuError',
          `The loss of step ${numbers.step} is not a number.`,
          'Lower the learning rate or raise beta, and resume from the last checkpoint.',
        );
      }
      elapsed += elapsedMs;
      taken++;
      const metrics = { ...numbers, elapsedMs };
      await this.context.runs.appendMetrics(this.record.id, metrics);
      if (this.record.step === 0)
        this.record = { ...this.record, step0Logit: Math.max(...numbers.pairs.map(({ logit }) => Math.abs(logit))) };
      this.record = { ...this.record, step: this.record.step + 1 };
      this.listener({
        type: 'step',
        metrics,
        steps: config.steps,
        etaSeconds: ((config.steps - this.record.step) * elapsed) / taken / 1000,
      });
      const { step } = this.record;
      if (config.saveEvery > 0 && step % config.saveEvery === 0 && step < config.steps)
        await signal.turn(() => this.save());
      if (config.sampleEvery > 0 && step % config.sampleEvery === 0 && step < config.steps)
        await signal.turn(() => this.sample());
    }
    if (taken > 0)
      await saveRunRate(
        this.context.env.files,
        this.context.adapterKey,
        (taken * this.trainer.flops) / (elapsed / 1000),
      );
    return this.end(signal, 'finished');
  }

  private async end(signal: JobSignal, status: RunStatus): Promise<RunRecord> {
    await signal.turn(async () => {
      await this.save();
      if (this.record.config.sampleEvery > 0) await this.sample();
    });
    await this.setStatus(status);
    return this.record;
  }

  private preparing(what: string, done: number, total: number): void {
    this.listener({ type: 'preparing', what, done, total });
  }

  private async prepare(): Promise<void> {
    const { context, model, record } = this;
    const { config } = record;
    const parts = context.frozenParts(model);
    this.owned.defer(() => parts.releaseStreamed('all'));
    const { model: unet } = model.folder.unet;
    const textOf = async (prompt: string | null): Promise<PromptText> => {
      const encoded = await parts.encodeText(prompt);
      return { context: encoded.context, ...(unet.pooledWidth > 0 && { pooled: encoded.pooled }) };
    };
    const pairs: PreparedPair[] = [];
    let latentSize = { height: 0, width: 0 };
    for (const [i, pair] of record.pairs.entries()) {
      if (i % 8 === 0) this.preparing('Reading the pairs', i, record.pairs.length);
      const [winner, loser] = [await this.latents(pair.winnerLatents), await this.latents(pair.loserLatents)];
      if (
        i > 0 &&
        (winner.height !== latentSize.height ||
          winner.width !== latentSize.width ||
          loser.height !== winner.height ||
          loser.width !== winner.width)
      ) {
        throw new WinnowError(
          'BadArguments',
          `Pair ${pair.pair} is of another size than the first.`,
          'Train on pairs of one size.',
        );
      }
      latentSize = { height: winner.height, width: winner.width };
      pairs.push({
        id: pair.pair,
        winner: winner.data,
        loser: loser.data,
        text: await textOf(pair.prompt),
        preference: preferenceOf(config, pair.strength),
      });
    }
    const emptyText = await textOf(null);
    // What samples are drawn from is encoded now, so that the text encoders need not come back while the step holds the GPU.
    if (config.sampleEvery > 0) for (const prompt of config.samplePrompts) await parts.encodeText(prompt);
    await parts.releaseStreamed('all');
    const schedule = readNoiseSchedule(new SchedulerConfigReader(model.folder.scheduler, 'DDPMScheduler'));
    const { sizeMultiple, predictionType } = model.folder.info;
    const size = { height: latentSize.height * sizeMultiple, width: latentSize.width * sizeMultiple };
    const { timeIds } = conditioningOf(unet, { context: emptyText.context, pooled: new Float32Array() }, size);
    this.data = {
      pairs,
      emptyText,
      ...(timeIds && { timeIds }),
      prediction: predictionType,
      alphasCumprod: alphasCumprod(schedule),
    };
    this.size = size;

    this.preparing('Preparing the kernels', 0, 1);
    this.spec = stepSpecOf(
      model,
      { ...config, recompute: record.recompute ?? config.recompute },
      latentSize,
      record.reference === 'engine' ? 'engine' : 'input',
      context.maxBindingBytes,
    );
    // Models that pictures were made with would lie beside the trainer's.
    const planned = context.plan(this.spec);
    this.owned.use(await context.cache.reserve(planned.peakBytes));
    // In full mode the engine's reference reads a second, frozen copy under `reference.<key>`.
    this.frozen = this.owned.use(
      new ParameterStore(
        context.executor,
        withAliases(model.weights, (name) => (name.startsWith('reference.') ? [name.slice('reference.'.length)] : [])),
      ),
    );
    const lora = config.mode === 'lora' ? initialLora(this.spec.layout.entries, config.rank, config.seed) : undefined;
    this.trainer = this.owned.use(
      await context.cache.withRoom(() =>
        Trainer.create({
          executor: context.executor,
          spec: { ...this.spec, recompute: planned.recompute },
          frozen: this.frozen,
          initial: async (name) => lora?.get(name) ?? model.weights.read(name),
        }),
      ),
    );
    this.record = { ...this.record, recompute: this.trainer.recompute };
    if (record.reference === 'onnx') {
      this.preparing('Preparing the reference', 0, 1);
      this.reference = this.owned.use(
        await onnxReference(
          this.spec.denoiser,
          model.weights,
          config.pairsPerStep,
          context.sessionOptions(record.choices.onnxProvider),
        ),
      );
    } else this.reference = engineReference;
    await this.restore();
  }

  private async latents(file: string): Promise<{ data: Float32Array; height: number; width: number }> {
    const opened = await openSafetensors(await this.context.env.files.read(file), file);
    const shape = opened.shape('latents');
    if (!shape || shape.length !== 4)
      throw new WinnowError('MissingTensor', `${file} has no tensor latents [1, C, h, w].`, 'Make the pair again.');
    return { data: await opened.read('latents'), height: shape[2]!, width: shape[3]! };
  }

  /** Weights, moments and step of the last save, if there is one. The steps after it are run again, to the same numbers. */
  private async restore(): Promise<void> {
    const { context, record, spec } = this;
    const path = statePath(record.id);
    if (!(await context.env.files.exists(path))) {
      this.record = { ...record, step: 0 };
      await context.runs.truncateMetrics(record.id, 0);
      return;
    }
    const state = await openSafetensors(await context.env.files.read(path), path);
    const step = Number(state.metadata['step']);
    const params = new Map<string, Float32Array>();
    for (const { name } of spec.layout.entries) params.set(name, await state.read(`param.${name}`));
    const arenas = (kind: 'm' | 'v'): Promise<Float32Array[]> =>
      Promise.all(spec.layout.arenas.map((_, i) => state.read(`adam.${kind}.${i}`)));
    this.trainer.restore(params, { m: await arenas('m'), v: await arenas('v') });
    await context.runs.truncateMetrics(record.id, step);
    this.resumedAt = step;
    this.record = {
      ...record,
      step,
      samples: record.samples.filter((sample) => sample.step <= step),
      checkpoints: record.checkpoints.filter((checkpoint) => checkpoint.step <= step),
    };
  }

  /** The checkpoint others can load, then what resuming needs, then the record that names them. */
  private async save(): Promise<void> {
    const { context, spec, model } = this;
    const { config, step, id } = this.record;
    const { files } = context.env;
    const tensors = await this.trainer.tensors();
    const file = checkpointPath(id, step);
    const metadata = { run: id, step: String(step) };
    if (config.mode === 'lora') {
      const modules = loraModules(tensors, config.rank, config.alpha);
      await files.write(
        file,
        writeSafetensors(writeLora(modules, model.folder.unet.model.loraTargets('all'), 'kohya'), metadata),
      );
    } else {
      const entries = spec.layout.entries.map(
        ({ name, shape }) => [name, { shape, data: tensors.get(name)! }] as const,
      );
      await files.write(file, writeSafetensors(Object.fromEntries(entries), metadata));
    }
    const { m, v } = await this.trainer.optimiserState();
    const state: Record<string, TensorToWrite> = {};
    for (const { name, shape } of spec.layout.entries) state[`param.${name}`] = { shape, data: tensors.get(name)! };
    for (const [kind, arenas] of Object.entries({ m, v }))
      arenas.forEach((data, i) => (state[`adam.${kind}.${i}`] = { shape: [data.length], data }));
    await files.write(statePath(id), writeSafetensors(state, metadata));
    const checkpoint = { step, file, at: context.env.now().toISOString() };
    const checkpoints = await context.runs.prune(
      [...this.record.checkpoints.filter((c) => c.step !== step), checkpoint],
      config.keepCheckpoints,
    );
    this.record = { ...this.record, checkpoints, updatedAt: checkpoint.at };
    await context.runs.save(this.record);
    this.listener({ type: 'checkpoint', checkpoint });
  }

  /** The fixed prompts and seeds through the weights as they are now. */
  private async sample(): Promise<void> {
    const { context, model } = this;
    const { config, step, id } = this.record;
    if (config.samplePrompts.length === 0 || this.record.samples.some((sample) => sample.step === step)) return;
    const ranOn = await context.samplerFor('auto', model);
    await using owned = new AsyncDisposableStack();
    owned.defer(() => context.frozenParts(model).releaseStreamed('all'));
    // Our kernels sample with the tensors in training where they lie; onnxruntime needs them merged.
    const make = async (size: PredictorSize): Promise<NoisePredictor> =>
      ranOn === 'engine' ? this.predictor(size) : context.predictors.make(await this.current(), ranOn, size);
    let made: NoisePredictor | undefined;
    const predictor = async (size: PredictorSize): Promise<NoisePredictor> => (made ??= owned.use(await make(size)));
    const { width, height } = this.size;
    const shots = config.samplePrompts.flatMap((prompt) => config.sampleSeeds.map((seed) => ({ prompt, seed })));
    for (const [index, { prompt, seed }] of shots.entries()) {
      const picture = await makePicture(
        context,
        model,
        { prompt, seed, negativePrompt: '', ...model.folder.info.defaults, width, height, ranOn, predictor },
        () => {},
      );
      const file = samplePath(id, step, index);
      await context.env.files.write(
        file,
        encodePng({ width, height, data: rgbaFromPlanar(picture.image, width, height) }),
      );
      const sample = { step, prompt, seed, file };
      this.record = { ...this.record, samples: [...this.record.samples, sample] };
      this.listener({ type: 'sample', sample });
    }
    await context.runs.save(this.record);
  }

  /** The denoiser with the weights as they are, sharing the trainer's storages. */
  private async predictor(size: PredictorSize): Promise<NoisePredictor> {
    const { context, model, spec, frozen, trainer } = this;
    const { model: unet } = model.folder.unet;
    const graph = new Graph();
    const inputs = unet.inputs(graph, size);
    const params = spec.layout.arenas.map((elements, i) => graph.state(`param.${i}`, [elements]));
    const { options } = policyOf(graph, spec, params, (...parameter) => graph.parameter(...parameter));
    const noisePred = unet.build(graph, inputs, { ...options, ...(spec.dtypeOf && { dtypeOf: spec.dtypeOf }) });
    graph.output('noise_pred', noisePred);
    const bindings = new Map([
      ...(await frozen.bindings(graph)),
      ...trainer.paramArenas().map((storage, i) => [params[i]!, storage] as const),
    ]);
    const program = await context.executor.compile(graph, { bindings, label: 'sample' });
    return programPredictor(program, inputs, noisePred, program);
  }

  /** The model as it is now. */
  private async current(): Promise<ResolvedModel> {
    const { context, model, spec } = this;
    const { config, step, id } = this.record;
    if (step === 0) return model;
    const tensors = await this.trainer.tensors();
    const made = { strength: 1, hash: `${id}@${step}` };
    const change: WeightChange =
      config.mode === 'lora'
        ? { ...made, kind: 'lora', modules: loraModules(tensors, config.rank, config.alpha) }
        : {
            ...made,
            kind: 'full',
            weights: {
              names: spec.layout.entries.map(({ name }) => name),
              shape: (name) => spec.layout.byName.get(name)?.shape,
              read: async (name) => tensors.get(name)!,
            },
          };
    return ResolvedModel.of(model.folder, [...model.changes, change], context.env.sha256);
  }

  private async setStatus(status: RunStatus): Promise<void> {
    this.record = { ...this.record, status, updatedAt: this.context.env.now().toISOString() };
    delete this.record.error;
    await this.context.runs.save(this.record);
    this.listener({ type: 'status', record: this.record });
  }

  async fail(error: unknown): Promise<void> {
    const cancelled = error instanceof Error && error.name === 'Cancelled';
    this.record = {
      ...this.record,
      status: cancelled ? 'stopped' : 'failed',
      ...(cancelled ? {} : { error: error instanceof Error ? error.message : String(error) }),
    };
    await this.context.runs.save(this.record);
    this.listener({ type: 'status', record: this.record });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.owned.disposeAsync();
  }
}

/** auto, in full fine-tuning: onnxruntime, which spares a second copy of the weights on the GPU. For a LoRA: whichever ran a forward faster here.
 *  What onnxruntime could not hold in memory: the engine. */
export function referenceOf(
  { reference, mode }: TrainConfig,
  choices: EngineChoices,
  { folder }: Pick<ResolvedModel, 'folder'>,
): 'onnx' | 'engine' {
  if (reference !== 'auto') return reference;
  return isLarge(folder.info.parameters.unet) || (mode === 'lora' && choices.sampler === 'engine') ? 'engine' : 'onnx';
}
