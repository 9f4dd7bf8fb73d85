/** A denoising network of any family: what sampling, training and export need of it. */
import { Graph, type Value } from '../graph/graph.ts';
import type { TextStates } from './clip/textEncoder.ts';
import type { Conditioning, PictureTold, PromptEncoding } from './conditioning.ts';
import type { LayerOptions } from './layers.ts';
import type { LoraTarget } from './sd/unet.ts';

/** Values of a graph's inputs, under the inputs' names. */
export type DenoiserInputs = Readonly<
  {
    /** Noisy latents [B, C, H, W]. */
    sample: Value;
    /** [B], in training steps (0..999); may be fractional. */
    timestep: Value;
  } & Record<string, Value>
>;

export interface DenoiserSize {
  batch: number;
  /** Of the latents. */
  height: number;
  width: number;
  tokens: number;
  /** Whether the guidance scale is among the inputs, where the model can take it. */
  guidance?: boolean;
}

export interface DenoiserModel {
  /** Its config as it was read, but for the size that it was made for. */
  config: Readonly<Record<string, unknown>>;
  /** Channels of the latents it takes. */
  latentChannels: number;
  /** Channels of what it predicts. */
  predictedChannels: number;
  /** Width of a text token. */
  contextWidth: number;
  /** Channels of the pooled text that it takes beside (SDXL), with six sizes; 0 if it takes neither. */
  pooledWidth: number;
  /** What of its text encoders it attends to. */
  textStates: TextStates;
  /** Whether it can take the guidance scale as an input, and is then run once where others are run twice (LCM). */
  guidanceInput: boolean;
  /** What class labels it must be given, which no pipeline of Stable Diffusion gives; null for none. */
  classLabels: string | null;
  inputs(graph: Graph, size: DenoiserSize): DenoiserInputs;
  /** The prediction, like the sample. */
  build(graph: Graph, inputs: DenoiserInputs, options?: LayerOptions): Value;
  /** Of one sample: what its inputs beside sample and timestep are given. */
  conditioning(text: PromptEncoding, picture: PictureTold): Conditioning;
  loraTargets(which: 'attention' | 'all'): LoraTarget[];
}

/** A forward pass as a graph of its own, with the output `noise_pred`.
 *  @param options may first put into the graph what they bring. */
export function denoiserGraph(
  model: Pick<DenoiserModel, 'inputs' | 'build'>,
  size: DenoiserSize,
  options: (graph: Graph) => LayerOptions = () => ({}),
): { graph: Graph; inputs: DenoiserInputs; noisePred: Value } {
  const graph = new Graph();
  const inputs = model.inputs(graph, size);
  const noisePred = model.build(graph, inputs, options(graph));
  graph.output('noise_pred', noisePred);
  return { graph, inputs, noisePred };
}
