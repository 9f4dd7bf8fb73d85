/** What training needs of a model family: how to build its denoiser into a graph (models/families.ts wires it). */
import type { Graph, Value } from '../graph/graph.ts';
import type { DenoiserInputs } from '../models/denoiser.ts';
import type { LayerOptions } from '../models/layers.ts';

export interface Denoiser {
  /** Input values for a batch of N samples. */
  inputs(graph: Graph, batch: number): DenoiserInputs;
  /** The prediction [N, C, H, W]. Called twice on one graph: for the policy, and with adapters off for the reference. */
  build(graph: Graph, inputs: DenoiserInputs, options: LayerOptions): Value;
}
