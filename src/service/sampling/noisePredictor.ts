/** The denoiser as the sampler sees it: latents, timestep and conditioning in, prediction out. Our kernels or onnxruntime behind one
 *  interface. */
import type { Executor, Program } from '../../graph/executor.ts';
import { sumLora } from '../../data/formats/lora.ts';
import { Graph, isHalf, type ParameterDtype, type Value } from '../../graph/graph.ts';
import { ParameterStore } from '../../models/parameterStore.ts';
import type { DenoiserModel } from '../../models/families.ts';
import type { UNetInputs } from '../../models/sd/unet.ts';
import { parametersOf, type TensorSource } from '../../models/weights.ts';
import '../../shared/disposable.ts';
import { createSession, type OnnxSession, type SessionOptions } from '../../onnx/session.ts';
import type { Conditioning } from './conditioning.ts';
import { adapterBeside } from './adapterBeside.ts';
import type { Planned } from '../model/modelCache.ts';
import { activeChanges, changedWeights, type ResolvedModel } from '../model/modelPool.ts';
import { onnxBytes } from './onnxModel.ts';
import { onnxBytesOf, type PartSession } from './partRunner.ts';
import { renamed } from './suppliedOnnx.ts';
import { keptDtypes } from '../model/weightWidth.ts';

export interface PredictorSize {
  batch: number;
  /** Of the latents. */
  height: number;
  width: number;
  tokens: number;
  /** Whether the guidance scale is an input, where the UNet can take it. */
  timestepCond: boolean;
}

export interface NoisePredictor extends AsyncDisposable {
  /** sample [B, C, h, w] → [B, C, h, w]. */
  predict(sample: Float32Array, timestep: number, conditioning: Conditioning): Promise<Float32Array>;
}

/** Numbers for each of the UNet's inputs, in the order they stand there. */
function feedsOf(
  inputs: UNetInputs,
  sample: Float32Array,
  timestep: number,
  conditioning: Conditioning,
): [Value, Float32Array][] {
  const feeds: [Value, Float32Array][] = [
    [inputs.sample, sample],
    [inputs.timestep, new Float32Array(inputs.timestep.shape[0]!).fill(timestep)],
    [inputs.encoderHiddenStates, conditioning.encoderHiddenStates],
  ];
  for (const name of ['textEmbeds', 'timeIds', 'timestepCond'] as const) {
    const [value, data] = [inputs[name], conditioning[name]];
    if ((value === undefined) !== (data === undefined))
      throw new Error(`${name} is ${value ? 'an input and was not given' : 'no input and was given'}`);
    if (value && data) feeds.push([value, data]);
  }
  return feeds;
}

/** A compiled program of the denoiser as a predictor; `owned` goes with it. */
export function programPredictor(
  program: Program,
  inputs: UNetInputs,
  noisePred: Value,
  owned: Disposable,
): NoisePredictor {
  return {
    async predict(sample, timestep, conditioning) {
      for (const [value, data] of feedsOf(inputs, sample, timestep, conditioning)) program.write(value, data);
      return (await program.runAndRead([noisePred]))[0]!;
    },
    [Symbol.asyncDispose]: async () => owned[Symbol.dispose](),
  };
}

export interface EngineOptions {
  /** How a source's weights are kept. */
  kept?: (weights: TensorSource) => (key: string) => ParameterDtype;
}

type Changed = Pick<ResolvedModel, 'folder' | 'changes'>;

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
  size: PredictorSize,
  { kept = keptDtypes }: EngineOptions = {},
): PlannedPredictor {
  const { model, weights: plain } = folder.unet;
  const merged = changedWeights(plain, changes);
  const dtypeOf = kept(plain);
  const active = activeChanges(changes);
  const loras = active.flatMap((change) => (change.kind === 'lora' ? [change] : []));
  const beside =
    active.length > 0 && loras.length === active.length && plain.names.some((name) => isHalf(dtypeOf(name)));
  const graph = new Graph();
  const inputs = model.inputs(graph, size);
  const adapter = beside ? adapterBeside(graph, sumLora(loras), model.loraTargets('all')) : undefined;
  const asTheyAre = beside || active.length === 0;
  const noisePred = model.build(graph, inputs, {
    dtypeOf: asTheyAre ? dtypeOf : kept(merged),
    ...(adapter && { lora: adapter.hook }),
  });
  graph.output('noise_pred', noisePred);
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
      return programPredictor(program, inputs, noisePred, owned.move());
    },
  };
}

/** Our own kernels, with tensors of its own. */
export const enginePredictor = (executor: Executor, model: Changed, size: PredictorSize): Promise<NoisePredictor> =>
  planEnginePredictor(executor, model, size).make();

/** onnxruntime, from the same graph and weights. */
export function planOnnxPredictor(
  model: DenoiserModel,
  weights: TensorSource,
  size: PredictorSize,
  options: SessionOptions,
): Planned<NoisePredictor> {
  const graph = new Graph();
  const inputs = model.inputs(graph, size);
  graph.output('noise_pred', model.build(graph, inputs));
  return {
    bytes: onnxBytesOf(graph),
    onDevice: options.provider === 'webgpu',
    make: async () => sessionPredictor(await createSession(await onnxBytes(graph, weights), options), inputs),
  };
}

export const onnxPredictor = async (...args: Parameters<typeof planOnnxPredictor>): Promise<NoisePredictor> =>
  planOnnxPredictor(...args).make();

/** An ONNX file that came with the model, of the same inputs. */
export function planSuppliedPredictor(
  file: Planned<OnnxSession>,
  model: DenoiserModel,
  size: PredictorSize,
): Planned<NoisePredictor> {
  const inputs = model.inputs(new Graph(), size);
  const names = Object.values(inputs).map((value: Value) => value.name);
  return {
    ...file,
    make: async () =>
      sessionPredictor(
        await renamed(await file.make(), 'unet', Object.fromEntries(names.map((name) => [name, name])), {
          noise_pred: ['out_sample', 'noise_pred'],
        }),
        inputs,
      ),
  };
}

function sessionPredictor(session: PartSession, inputs: UNetInputs): NoisePredictor {
  return {
    async predict(sample, timestep, conditioning) {
      const feeds = feedsOf(inputs, sample, timestep, conditioning).map(
        ([value, data]) => [value.name, { data, dims: value.shape }] as const,
      );
      return (await session.run(Object.fromEntries(feeds)))['noise_pred']!;
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
