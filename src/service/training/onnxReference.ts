/** The 'onnx' provider of the frozen reference: onnxruntime runs the UNet emitted from the same weights, in f32, with the error at its end,
 *  so that 2B numbers come back and no prediction. */
import type { SessionOptions } from '../../onnx/session.ts';
import '../../shared/disposable.ts';
import type { Denoiser } from '../../training/denoiser.ts';
import { type OutsideReference, referenceGraph } from '../../training/frozenReference.ts';
import { batchFeeds } from '../../training/trainer.ts';
import type { TensorSource } from '../../models/weights.ts';
import { onnxSession } from '../sampling/onnxModel.ts';

export async function onnxReference(
  denoiser: Denoiser,
  weights: TensorSource,
  pairs: number,
  options: SessionOptions,
): Promise<OutsideReference> {
  const session = await onnxSession(referenceGraph(denoiser, pairs), weights, options);
  return {
    kind: 'onnx',
    errors: async (batch) => (await session.run(batchFeeds(batch)))['errors']!,
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
