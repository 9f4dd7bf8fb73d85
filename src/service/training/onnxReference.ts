/** The 'onnx' provider of the frozen reference: onnxruntime runs the UNet emitted from the same weights, in f32, with the error at its end,
 *  so that 2B numbers come back and no prediction. */
import { Graph } from '../../graph/graph.ts';
import { createSession, type SessionOptions } from '../../onnx/session.ts';
import '../../shared/disposable.ts';
import type { Denoiser } from '../../training/denoiser.ts';
import type { OutsideReference } from '../../training/frozenReference.ts';
import type { TensorSource } from '../../models/weights.ts';
import { onnxBytes } from '../sampling/onnxModel.ts';

export async function onnxReference(
  denoiser: Denoiser,
  weights: TensorSource,
  pairs: number,
  options: SessionOptions,
): Promise<OutsideReference> {
  const graph = new Graph();
  const inputs = denoiser.inputs(graph, 2 * pairs);
  const target = graph.input('target', inputs.sample.shape);
  graph.output('errors', graph.op('meanSquaredError', {}, [denoiser.build(graph, inputs, {}), target]));
  const session = await createSession(await onnxBytes(graph, weights), options);
  return {
    kind: 'onnx',
    async errors(batch) {
      const results = await session.run({
        sample: { data: batch.sample, dims: inputs.sample.shape },
        timestep: { data: batch.timestep, dims: inputs.timestep.shape },
        encoder_hidden_states: { data: batch.encoderHiddenStates, dims: inputs.encoderHiddenStates.shape },
        target: { data: batch.target, dims: target.shape },
        ...(inputs.textEmbeds && inputs.timeIds
          ? {
              text_embeds: { data: batch.textEmbeds!, dims: inputs.textEmbeds.shape },
              time_ids: { data: batch.timeIds!, dims: inputs.timeIds.shape },
            }
          : {}),
      });
      return results['errors']!;
    },
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
