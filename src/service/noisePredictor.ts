/** The denoiser as the sampler sees it: latents, timestep and text in, prediction out. Our kernels or onnxruntime behind one interface. */
import type { Executor } from '../graph/executor.ts';
import { Graph } from '../graph/graph.ts';
import { ParameterStore } from '../models/parameterStore.ts';
import type { DenoiserModel } from '../models/families.ts';
import type { TensorSource } from '../models/weights.ts';
import { createSession, type SessionOptions } from '../onnx/session.ts';
import { onnxBytes } from './onnxModel.ts';

export interface PredictorSize {
  batch: number;
  /** Of the latents. */
  height: number;
  width: number;
  tokens: number;
}

export interface NoisePredictor {
  /** sample [B, C, h, w], context [B, T, D] → [B, C, h, w]. */
  predict(sample: Float32Array, timestep: number, context: Float32Array): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** Our own kernels. */
export async function enginePredictor(executor: Executor, model: DenoiserModel, weights: TensorSource, size: PredictorSize): Promise<NoisePredictor> {
  const graph = new Graph();
  const inputs = model.inputs(graph, size);
  const noisePred = model.build(graph, inputs);
  graph.output('noise_pred', noisePred);
  const parameters = new ParameterStore(executor, weights);
  const program = await executor.compile(graph, { bindings: await parameters.bindings(graph), label: 'sample' });
  return {
    async predict(sample, timestep, context) {
      program.write(inputs.sample, sample);
      program.write(inputs.timestep, new Float32Array(size.batch).fill(timestep));
      program.write(inputs.encoderHiddenStates, context);
      return (await program.runAndRead([noisePred]))[0]!;
    },
    async dispose() {
      program.dispose();
      parameters.dispose();
    },
  };
}

/** onnxruntime, from the same graph and weights. */
export async function onnxPredictor(model: DenoiserModel, weights: TensorSource, size: PredictorSize, options: SessionOptions): Promise<NoisePredictor> {
  const graph = new Graph();
  graph.output('noise_pred', model.build(graph, model.inputs(graph, size)));
  const session = await createSession(await onnxBytes(graph, weights), options);
  const { batch, height, width, tokens } = size;
  return {
    async predict(sample, timestep, context) {
      const results = await session.run({
        sample: { data: sample, dims: [batch, model.latentChannels, height, width] },
        timestep: { data: new Float32Array(batch).fill(timestep), dims: [batch] },
        encoder_hidden_states: { data: context, dims: [batch, tokens, model.contextWidth] },
      });
      return results['noise_pred']!;
    },
    dispose: () => session.release(),
  };
}
