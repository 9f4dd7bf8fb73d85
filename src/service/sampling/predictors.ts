/** Predictors in use: those of the last models and sizes stay prepared while there is room (model/modelCache.ts), so that base and tuned
 *  alternate without a new start. */
import type { Executor } from '../../graph/executor.ts';
import { ParameterStore } from '../../models/parameterStore.ts';
import type { SessionOptions } from '../../onnx/session.ts';
import type { Arithmetic } from '../../shared/arithmetic.ts';
import '../../shared/disposable.ts';
import { sizeOf } from '../../shared/shape.ts';
import { bytesOf } from '../../webgpu/plan.ts';
import type { Lease, ModelCache, Planned } from '../model/modelCache.ts';
import { activeChanges, type ResolvedModel } from '../model/modelPool.ts';
import type { DenoiserSize } from '../../models/denoiser.ts';
import { isLarge } from '../model/weightWidth.ts';
import {
  type NoisePredictor,
  planEnginePredictor,
  planOnnxPredictor,
  type PlannedPredictor,
  planSuppliedPredictor,
} from './noisePredictor.ts';
import { suppliedOnnx } from './suppliedOnnx.ts';
import type { EngineChoices } from '../types.ts';

type Sampler = EngineChoices['sampler'];

export class Predictors {
  private readonly executorFor: (model: ResolvedModel, arithmetic: Arithmetic) => Promise<Executor>;
  private readonly sessionOptions: (provider: 'webgpu' | 'wasm') => SessionOptions;
  private readonly cache: ModelCache;

  constructor(
    executorFor: (model: ResolvedModel, arithmetic: Arithmetic) => Promise<Executor>,
    sessionOptions: (provider: 'webgpu' | 'wasm') => SessionOptions,
    cache: ModelCache,
  ) {
    this.executorFor = executorFor;
    this.sessionOptions = sessionOptions;
    this.cache = cache;
  }

  /** One that is kept for the next who asks. */
  use(
    model: ResolvedModel,
    sampler: Sampler,
    size: DenoiserSize,
    arithmetic: Arithmetic = 'f32',
  ): Promise<Lease<NoisePredictor>> {
    const { id } = model.folder.info;
    const key = [id, model.hash, sampler, arithmetic, size.batch, size.height, size.width, size.guidance].join(' ');
    return this.cache.use({ key, model: id, hash: model.hash }, () => this.plan(model, sampler, size, arithmetic));
  }

  /** One that is the caller's alone. */
  async make(model: ResolvedModel, sampler: Sampler, size: DenoiserSize): Promise<NoisePredictor> {
    const { bytes, make } = await this.plan(model, sampler, size, 'f32');
    await using owned = new AsyncDisposableStack();
    owned.use(await this.cache.reserve(bytes));
    const predictor = owned.use(await make());
    const kept = owned.move();
    return { predict: (...args) => predictor.predict(...args), [Symbol.asyncDispose]: () => kept.disposeAsync() };
  }

  private async plan(
    resolved: ResolvedModel,
    sampler: Sampler,
    size: DenoiserSize,
    arithmetic: Arithmetic,
  ): Promise<Planned<NoisePredictor>> {
    const { folder, changes, weights } = resolved;
    const { model } = folder.unet;
    if (sampler === 'engine') {
      const executor = await this.executorFor(resolved, arithmetic);
      const planned = planEnginePredictor(executor, resolved, size);
      return isLarge(folder.info.parameters.unet) && planned.onBase.length > 0
        ? this.planOnBase(resolved, planned, executor)
        : { bytes: planned.bytes, onDevice: true, make: () => planned.make() };
    }
    const options = this.sessionOptions(sampler === 'onnx-webgpu' ? 'webgpu' : 'wasm');
    // The folder's own file is the model without adapters.
    const file = activeChanges(changes).length === 0 ? await suppliedOnnx(folder.reader, options)('unet') : undefined;
    return file ? planSuppliedPredictor(file, model, size) : planOnnxPredictor(model, weights, size, options);
  }

  /** A large model's base lies on the device once, however many predictors are made of it: for as long as one of them does. */
  private async planOnBase(
    { folder }: ResolvedModel,
    { bytes, graph, onBase, make }: PlannedPredictor,
    executor: Executor,
  ): Promise<Planned<NoisePredictor>> {
    const { id } = folder.info;
    const held = onBase.reduce((sum, { shape, dtype }) => sum + bytesOf(sizeOf(shape), dtype), 0);
    const use = (): Promise<Lease<ParameterStore>> =>
      this.cache.use({ key: `${id} ${folder.info.hash} base`, model: id, onlyWhileUsed: true }, () => ({
        bytes: held,
        onDevice: true,
        async make() {
          using owned = new DisposableStack();
          const store = owned.use(new ParameterStore(executor, folder.unet.weights));
          await store.bindings(graph, onBase);
          owned.move();
          return store;
        },
      }));
    // From now on, so that no room is made at its cost.
    let base: Lease<ParameterStore> | undefined = await use();
    return {
      bytes: bytes - held,
      onDevice: true,
      async make() {
        await using owned = new AsyncDisposableStack();
        const tensors = owned.use(base ?? (await use()));
        base = undefined;
        const predictor = owned.use(await make(tensors.value));
        const kept = owned.move();
        return { predict: (...args) => predictor.predict(...args), [Symbol.asyncDispose]: () => kept.disposeAsync() };
      },
    };
  }
}
