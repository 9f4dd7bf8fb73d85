/** Predictors in use: the last few models at the last few sizes stay prepared, so that base and tuned alternate without a new start. */
import type { Executor } from '../../graph/executor.ts';
import type { SessionOptions } from '../../onnx/session.ts';
import { ParameterStore } from '../../models/parameterStore.ts';
import type { ModelFolder } from '../model/modelFolder.ts';
import type { ResolvedModel } from '../model/modelPool.ts';
import { isLarge } from '../model/weightWidth.ts';
import {
  enginePredictor,
  type NoisePredictor,
  onnxPredictor,
  type PredictorSize,
  suppliedPredictor,
} from './noisePredictor.ts';
import { suppliedOnnx } from './suppliedOnnx.ts';
import type { EngineChoices } from '../types.ts';

const keep = 3;

export class Predictors {
  private readonly executor: Executor;
  private readonly sessionOptions: (provider: 'webgpu' | 'wasm') => SessionOptions;
  private readonly prepared = new Map<string, Promise<NoisePredictor>>();
  private readonly bases = new Map<ModelFolder, { store: ParameterStore; users: number }>();

  constructor(executor: Executor, sessionOptions: (provider: 'webgpu' | 'wasm') => SessionOptions) {
    this.executor = executor;
    this.sessionOptions = sessionOptions;
  }

  async get(model: ResolvedModel, sampler: EngineChoices['sampler'], size: PredictorSize): Promise<NoisePredictor> {
    const key = [
      model.folder.info.id,
      model.hash,
      sampler,
      size.batch,
      size.height,
      size.width,
      size.timestepCond,
    ].join(' ');
    const known = this.prepared.get(key) ?? this.make(model, sampler, size);
    // Most recently used last.
    this.prepared.delete(key);
    this.prepared.set(key, known);
    known.catch(() => this.prepared.delete(key));
    const predictor = await known;
    for (const [old, candidate] of [...this.prepared].slice(0, -keep)) {
      this.prepared.delete(old);
      await (await candidate).dispose();
    }
    return predictor;
  }

  async dispose(): Promise<void> {
    for (const predictor of this.prepared.values()) await (await predictor).dispose();
    this.prepared.clear();
  }

  private async make(
    resolved: ResolvedModel,
    sampler: EngineChoices['sampler'],
    size: PredictorSize,
  ): Promise<NoisePredictor> {
    const { folder, changes, weights } = resolved;
    const { model } = folder.unet;
    if (sampler === 'engine')
      return isLarge(folder.info.parameters.unet)
        ? this.makeOnBase(resolved, size)
        : enginePredictor(this.executor, resolved, size);
    const options = this.sessionOptions(sampler === 'onnx-webgpu' ? 'webgpu' : 'wasm');
    // The folder's own file is the model without adapters.
    const file = changes.length === 0 ? await suppliedOnnx(folder.reader, options)('unet') : undefined;
    return file ? suppliedPredictor(file, model, size) : onnxPredictor(model, weights, size, options);
  }

  /** A large model's base lies on the device once, however many predictors are made of it. */
  private async makeOnBase(resolved: ResolvedModel, size: PredictorSize): Promise<NoisePredictor> {
    const { folder } = resolved;
    const base = this.bases.get(folder) ?? { store: new ParameterStore(this.executor, folder.unet.weights), users: 0 };
    this.bases.set(folder, base);
    base.users++;
    const leave = (): void => {
      if (--base.users > 0) return;
      this.bases.delete(folder);
      base.store.dispose();
    };
    try {
      const predictor = await enginePredictor(this.executor, resolved, size, { base: base.store });
      return { predict: (...args) => predictor.predict(...args), dispose: () => predictor.dispose().then(leave) };
    } catch (error) {
      leave();
      throw error;
    }
  }
}
