/** The denoiser as the sampler sees it: latents, timestep and conditioning in, prediction out. Our kernels or onnxruntime behind one
 *  interface. */
import type { Executor, Program } from '../../graph/executor.ts';
import { sumLora } from '../../data/formats/lora.ts';
import { feed, type Feeds } from '../../graph/feed.ts';
import { Graph, isHalf, type ParameterDtype, type Value } from '../../graph/graph.ts';
import { ParameterStore } from '../../models/parameterStore.ts';
import type { Conditioning } from '../../models/conditioning.ts';
import { denoiserGraph, type DenoiserInputs, type DenoiserModel, type DenoiserSize } from '../../models/denoiser.ts';
import { parametersOf, type TensorSource } from '../../models/weights.ts';
import '../../shared/disposable.ts';
import type { OnnxSession, SessionOptions } from '../../onnx/session.ts';
import { type AdapterBeside, adapterBeside } from './adapterBeside.ts';
import type { Planned } from '../model/modelCache.ts';
import type { ModelFolder } from '../model/modelFolder.ts';
import { activeChanges, changedWeights, type ResolvedModel } from '../model/modelPool.ts';
import { fedAs, onnxSession } from './onnxModel.ts';
import { onnxBytesOf, type RunningPart } from './partRunner.ts';
import { renamed } from './suppliedOnnx.ts';
import { keptDtypes } from '../model/weightWidth.ts';

export interface NoisePredictor extends AsyncDisposable {
  /** sample [B, C, h, w], and what is told of its B samples → [B, C, h, w]. */
  predict(sample: Float32Array, timestep: number, conditioning: Conditioning): Promise<Float32Array>;
}

/** What a predictor's graph is fed: one timestep for all of its samples. */
const feedsOf = (
  { timestep: { shape } }: DenoiserInputs,
  sample: Float32Array,
  timestep: number,
  conditioning: Conditioning,
): Feeds => ({ ...conditioning, sample, timestep: new Float32Array(shape[0]!).fill(timestep) });

/** A compiled program of the denoiser as a predictor; `owned` goes with it. */
export function programPredictor(
  program: Program,
  { inputs, noisePred }: Pick<ReturnType<typeof denoiserGraph>, 'inputs' | 'noisePred'>,
  owned: Disposable,
): NoisePredictor {
  return {
    async predict(sample, timestep, conditioning) {
      feed(program.graph, feedsOf(inputs, sample, timestep, conditioning), (value, data) => program.write(value, data));
      return (await program.runAndRead([noisePred]))[0]!;
    },
    [Symbol.asyncDispose]: async () => owned[Symbol.dispose](),
  };
}

export interface EngineOptions {
  /** How a source's weights are kept. */
  kept?: (weights: TensorSource) => (key: string) => ParameterDtype;
}

export interface Changed extends Pick<ResolvedModel, 'changes'> {
  folder: { unet: Pick<ModelFolder['unet'], 'model' | 'weights'> };
}

/** A predictor on our own kernels before anything of it is on the device. */
export interface PlannedPredictor {
  /** The base's own tensors among its parameters, where it reads them as they are. */
  onBase: readonly Value[];
  graph: Graph;
  /** With all of its parameters. */
  bytes: number;
  /** @param base holds the tensors of `onBase`, for several predictors; left out, the predictor has its own. */
  make(base?: ParameterStore): Promise<NoisePredictor>;
}

/** Adapters are merged into the weights, but where these are kept in half width, which would round small updates away: there they run beside
 *  the layers, on the base's own tensors. */
export function planEnginePredictor(
  executor: Executor,
  { folder, changes }: Changed,
  size: DenoiserSize,
  { kept = keptDtypes }: EngineOptions = {},
): PlannedPredictor {
  const { model, weights: plain } = folder.unet;
  const merged = changedWeights(plain, changes);
  const dtypeOf = kept(plain);
  const active = activeChanges(changes);
  const loras = active.flatMap((change) => (change.kind === 'lora' ? [change] : []));
  const beside =
    active.length > 0 && loras.length === active.length && plain.names.some((name) => isHalf(dtypeOf(name)));
  const asTheyAre = beside || active.length === 0;
  let adapter: AdapterBeside | undefined;
  const forward = denoiserGraph(model, size, (made) => {
    adapter = beside ? adapterBeside(made, sumLora(loras), model.loraTargets('all')) : undefined;
    return { dtypeOf: asTheyAre ? dtypeOf : kept(merged), ...(adapter && { lora: adapter.hook }) };
  });
  const { graph } = forward;
  const parameters = parametersOf(graph);
  const added = (value: Value): boolean => adapter?.source.shape(value.name) !== undefined;
  const weights = parameters.filter((value) => !added(value));
  return {
    onBase: asTheyAre ? weights : [],
    graph,
    bytes: executor.plan(graph, parameters).total,
    async make(base) {
      using owned = new DisposableStack();
      const store = (source: TensorSource): ParameterStore => owned.use(new ParameterStore(executor, source));
      const of = asTheyAre ? (base ?? store(plain)) : store(merged);
      const bindings = await of.bindings(graph, weights);
      if (adapter)
        for (const [value, storage] of await store(adapter.source).bindings(graph, parameters.filter(added)))
          bindings.set(value, storage);
      const program = owned.use(await executor.compile(graph, { bindings, label: 'sample' }));
      return programPredictor(program, forward, owned.move());
    },
  };
}

/** Our own kernels, with tensors of its own. */
export const enginePredictor = (executor: Executor, model: Changed, size: DenoiserSize): Promise<NoisePredictor> =>
  planEnginePredictor(executor, model, size).make();

/** onnxruntime, from the same graph and weights. */
export function planOnnxPredictor(
  model: DenoiserModel,
  weights: TensorSource,
  size: DenoiserSize,
  options: SessionOptions,
): Planned<NoisePredictor> {
  const { graph, inputs } = denoiserGraph(model, size);
  return {
    bytes: onnxBytesOf(graph),
    onDevice: options.provider === 'webgpu',
    make: async () => partPredictor(await onnxSession(graph, weights, options), inputs),
  };
}

export const onnxPredictor = async (...args: Parameters<typeof planOnnxPredictor>): Promise<NoisePredictor> =>
  planOnnxPredictor(...args).make();

/** An ONNX file that came with the model, of the same inputs. */
export function planSuppliedPredictor(
  file: Planned<OnnxSession>,
  model: DenoiserModel,
  size: DenoiserSize,
): Planned<NoisePredictor> {
  const graph = new Graph();
  const inputs = model.inputs(graph, size);
  return {
    ...file,
    make: async () => {
      const names = Object.fromEntries(Object.keys(inputs).map((name) => [name, name]));
      const outputs = { noise_pred: ['out_sample', 'noise_pred'] };
      return partPredictor(fedAs(graph, await renamed(await file.make(), 'unet', names, outputs)), inputs);
    },
  };
}

function partPredictor(part: RunningPart, inputs: DenoiserInputs): NoisePredictor {
  return {
    async predict(sample, timestep, conditioning) {
      return (await part.run(feedsOf(inputs, sample, timestep, conditioning)))['noise_pred']!;
    },
    [Symbol.asyncDispose]: () => part[Symbol.asyncDispose](),
  };
}
