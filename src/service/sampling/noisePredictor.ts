/** The denoiser as the sampler sees it: latents, timestep and conditioning in, prediction out. Our kernels or onnxruntime behind one
 *  interface. */
import type { Executor, Program } from '../../graph/executor.ts';
import { sumLora } from '../../data/formats/lora.ts';
import { Graph, isHalf, type ParameterDtype, type Value } from '../../graph/graph.ts';
import { ParameterStore } from '../../models/parameterStore.ts';
import type { DenoiserModel } from '../../models/families.ts';
import type { UNetInputs } from '../../models/sd/unet.ts';
import { parametersOf, type TensorSource } from '../../models/weights.ts';
import { createSession, type OnnxSession, type SessionOptions } from '../../onnx/session.ts';
import type { Conditioning } from './conditioning.ts';
import { adapterBeside } from './adapterBeside.ts';
import type { ResolvedModel } from '../model/modelPool.ts';
import { onnxBytes } from './onnxModel.ts';
import type { PartSession } from './partRunner.ts';
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

export interface NoisePredictor {
  /** sample [B, C, h, w] → [B, C, h, w]. */
  predict(sample: Float32Array, timestep: number, conditioning: Conditioning): Promise<Float32Array>;
  dispose(): Promise<void>;
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

/** A compiled program of the denoiser as a predictor; `release` frees what belongs to it alone. */
export function programPredictor(
  program: Program,
  inputs: UNetInputs,
  noisePred: Value,
  release: () => void,
): NoisePredictor {
  return {
    async predict(sample, timestep, conditioning) {
      for (const [value, data] of feedsOf(inputs, sample, timestep, conditioning)) program.write(value, data);
      return (await program.runAndRead([noisePred]))[0]!;
    },
    async dispose() {
      program.dispose();
      release();
    },
  };
}

export interface EngineOptions {
  /** The base's tensors on the device, shared by several predictors. */
  base?: ParameterStore;
  /** How a source's weights are kept. */
  kept?: (weights: TensorSource) => (key: string) => ParameterDtype;
}

/** Our own kernels. Adapters are merged into the weights, but where these are kept in half width, which would round small updates away: there
 *  they run beside the layers, on the base's own tensors. */
export async function enginePredictor(
  executor: Executor,
  { folder, changes, weights: merged }: Pick<ResolvedModel, 'folder' | 'changes' | 'weights'>,
  size: PredictorSize,
  { base, kept = keptDtypes }: EngineOptions = {},
): Promise<NoisePredictor> {
  const { model, weights: plain } = folder.unet;
  const dtypeOf = kept(plain);
  const active = changes.filter(({ strength }) => strength !== 0);
  const loras = active.flatMap((change) => (change.kind === 'lora' ? [change] : []));
  const beside =
    active.length > 0 && loras.length === active.length && plain.names.some((name) => isHalf(dtypeOf(name)));
  const graph = new Graph();
  const inputs = model.inputs(graph, size);
  const adapter = beside ? adapterBeside(graph, sumLora(loras), model.loraTargets('all')) : undefined;
  const onBase = beside || active.length === 0;
  const noisePred = model.build(graph, inputs, {
    dtypeOf: onBase ? dtypeOf : kept(merged),
    ...(adapter && { lora: adapter.hook }),
  });
  graph.output('noise_pred', noisePred);

  const own: ParameterStore[] = [];
  const store = (source: TensorSource): ParameterStore => own[own.push(new ParameterStore(executor, source)) - 1]!;
  const added = (value: Value): boolean => adapter?.source.shape(value.name) !== undefined;
  const parameters = parametersOf(graph);
  const weights = onBase ? (base ?? store(plain)) : store(merged);
  const bindings = await weights.bindings(
    graph,
    parameters.filter((value) => !added(value)),
  );
  if (adapter)
    for (const [value, storage] of await store(adapter.source).bindings(graph, parameters.filter(added)))
      bindings.set(value, storage);
  const program = await executor.compile(graph, { bindings, label: 'sample' });
  return programPredictor(program, inputs, noisePred, () => own.forEach((one) => one.dispose()));
}

/** onnxruntime, from the same graph and weights. */
export async function onnxPredictor(
  model: DenoiserModel,
  weights: TensorSource,
  size: PredictorSize,
  options: SessionOptions,
): Promise<NoisePredictor> {
  const graph = new Graph();
  const inputs = model.inputs(graph, size);
  graph.output('noise_pred', model.build(graph, inputs));
  return sessionPredictor(await createSession(await onnxBytes(graph, weights), options), inputs);
}

/** An ONNX file that came with the model, of the same inputs. */
export async function suppliedPredictor(
  file: OnnxSession,
  model: DenoiserModel,
  size: PredictorSize,
): Promise<NoisePredictor> {
  const inputs = model.inputs(new Graph(), size);
  const names = Object.values(inputs).map((value: Value) => value.name);
  return sessionPredictor(
    await renamed(file, 'unet', Object.fromEntries(names.map((name) => [name, name])), {
      noise_pred: ['out_sample', 'noise_pred'],
    }),
    inputs,
  );
}

function sessionPredictor(session: Pick<PartSession, 'run' | 'release'>, inputs: UNetInputs): NoisePredictor {
  return {
    async predict(sample, timestep, conditioning) {
      const feeds = feedsOf(inputs, sample, timestep, conditioning).map(
        ([value, data]) => [value.name, { data, dims: value.shape }] as const,
      );
      return (await session.run(Object.fromEntries(feeds)))['noise_pred']!;
    },
    dispose: () => session.release(),
  };
}
