/** What training needs of a model: a function that builds its denoiser into a graph. Families provide it (models/families.ts). */
import type { Graph, Value } from '../graph/graph.ts';
import type { Shape } from '../shared/shape.ts';

export interface DenoiserInputs {
  /** [N, C, H, W] */
  sample: Value;
  /** [N] */
  timestep: Value;
  /** [N, T, D] */
  encoderHiddenStates: Value;
  /** SDXL: pooled text embedding [N, P] and the six size ids [N, 6]. */
  textEmbeds?: Value;
  timeIds?: Value;
}

/** Low-rank update of one module: y += scale * up(down(x)). down [r, in, (kh, kw)], up [out, r, (1, 1)]. */
export interface LoraValues {
  down: Value;
  up: Value;
  scale: number;
}

export interface DenoiserHooks {
  /** Supplies a parameter by its checkpoint key. */
  parameter: (name: string, shape: Shape) => Value;
  /** The adapter of a linear or convolution, by module path, if it has one. */
  lora?: (modulePath: string, weightShape: Shape) => LoraValues | undefined;
}

/** Returns the prediction [N, C, H, W]. */
export type BuildDenoiser = (graph: Graph, inputs: DenoiserInputs, hooks: DenoiserHooks) => Value;

/** Shapes of one sample of a batch. */
export interface DenoiserShapes {
  /** [C, H, W] */
  latents: Shape;
  /** [T, D] */
  context: Shape;
  /** P, if the model takes added text and time ids. */
  textEmbeds?: number;
}
