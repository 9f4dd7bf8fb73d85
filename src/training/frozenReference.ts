/** The frozen reference: the model the run starts from. For a batch it gives the errors r [2B] that the loss compares the policy's with.
 *
 *  `engine` runs inside the step's own submit, on the policy's kernels with the adapter off, so that the first logit is bitwise 0
 *  (training/stepGraph.ts). Any other provider computes the errors before the step (service/training/onnxReference.ts). */
import { Graph } from '../graph/graph.ts';
import type { Denoiser } from './denoiser.ts';
import type { StepBatch } from './trainer.ts';

export type FrozenReference = { kind: 'engine' } | OutsideReference;

export interface OutsideReference extends AsyncDisposable {
  kind: 'onnx';
  /** Mean squared error over C, H, W of each of the batch's 2B samples. */
  errors(batch: StepBatch): Promise<Float32Array>;
}

/** For an outside reference: the errors r [2B] as the one output, `errors`, of what `batchFeeds` gives. */
export function referenceGraph(denoiser: Denoiser, pairs: number): Graph {
  const graph = new Graph();
  const inputs = denoiser.inputs(graph, 2 * pairs);
  const target = graph.input('target', inputs.sample.shape);
  graph.output('errors', graph.op('meanSquaredError', {}, [denoiser.build(graph, inputs, {}), target]));
  return graph;
}

export const engineReference: FrozenReference = { kind: 'engine' };
