/** The frozen reference: the model the run starts from. For a batch it gives the errors r [2B] that the loss compares the policy's with.
 *
 *  `engine` runs inside the step's own submit, on the policy's kernels with the adapter off, so that the first logit is bitwise 0
 *  (training/stepGraph.ts). Any other provider computes the errors before the step (service/training/onnxReference.ts). */
import type { StepBatch } from './trainer.ts';

export type FrozenReference = { kind: 'engine' } | OutsideReference;

export interface OutsideReference extends AsyncDisposable {
  kind: 'onnx';
  /** Mean squared error over C, H, W of each of the batch's 2B samples. */
  errors(batch: StepBatch): Promise<Float32Array>;
}

export const engineReference: FrozenReference = { kind: 'engine' };
