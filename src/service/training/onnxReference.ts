/** The 'onnx' provider of the frozen reference: onnxruntime runs the UNet emitted from the same weights, in f32, with the error at its end,
 *  so that 2B numbers come back and no prediction. */
import type { SessionOptions } from '../../onnx/session.ts';
import '../../shared/disposable.ts';
import { sizeOf } from '../../shared/shape.ts';
import type { Denoiser } from '../../training/denoiser.ts';
import { type OutsideReference, referenceGraph } from '../../training/frozenReference.ts';
import { batchFeeds } from '../../training/trainer.ts';
import type { TensorSource } from '../../models/weights.ts';
import { onnxSession } from '../sampling/onnxModel.ts';
import type { RunningPart } from '../sampling/partRunner.ts';

/** A session for each size; those of others than the first are opened when they are first needed, and each holds the weights. */
export async function onnxReference(
  denoiser: Denoiser,
  weights: TensorSource,
  pairs: number,
  options: SessionOptions,
  otherSizes: readonly Denoiser[] = [],
): Promise<OutsideReference> {
  const open = (at: Denoiser): Promise<RunningPart> => onnxSession(referenceGraph(at, pairs), weights, options);
  await using owned = new AsyncDisposableStack();
  const first = owned.use(await open(denoiser));
  const most = Math.max(1, Math.floor(HELD_BYTES / bytesOf(weights)) - 1);
  // The one that was used last behind the others.
  const others = new Map<number, RunningPart>();
  owned.defer(async () => {
    for (const session of others.values()) await session[Symbol.asyncDispose]();
  });
  const at = async (size: number): Promise<RunningPart> => {
    if (size === 0) return first;
    const known = others.get(size);
    others.delete(size);
    for (const [old, session] of others) {
      if (others.size < most) break;
      others.delete(old);
      await session[Symbol.asyncDispose]();
    }
    const session = known ?? (await open(otherSizes[size - 1]!));
    others.set(size, session);
    return session;
  };
  const kept = owned.move();
  return {
    kind: 'onnx',
    errors: async (batch) => (await (await at(batch.bucket ?? 0)).run(batchFeeds(batch)))['errors']!,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Weights of all sessions together, in f32. */
const HELD_BYTES = 2 ** 30;

const bytesOf = (weights: TensorSource): number =>
  weights.names.reduce((sum, name) => sum + 4 * sizeOf(weights.shape(name)!), 0);
