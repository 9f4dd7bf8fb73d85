/** The shape of a training step for a model, a config and a latent size: what a forecast and a run have in common. */
import type { DenoiserModel } from '../../models/denoiser.ts';
import type { TensorSource } from '../../models/weights.ts';
import { layoutArenas } from '../../training/arena.ts';
import type { TrainConfig } from '../../training/config.ts';
import type { Denoiser } from '../../training/denoiser.ts';
import { loraTensors } from '../../training/lora.ts';
import { lossSpecOf, type StepSpec } from '../../training/stepGraph.ts';
import { isLarge, keptDtypes } from '../model/weightWidth.ts';
import { sizeOf } from '../../shared/shape.ts';

/** Names and shapes of weights, and which of them are stored in half width. */
export type WeightShapes = Pick<TensorSource, 'names' | 'shape' | 'half'>;

/** What a step's shape takes of a model: no weights. */
export interface StepModel {
  folder: { unet: { model: DenoiserModel }; tokens: number };
  weights: WeightShapes;
}

/** At one size in latents. */
export const denoiserAt = (
  { folder: { unet, tokens } }: Pick<StepModel, 'folder'>,
  latentSize: { height: number; width: number },
): Denoiser => ({
  inputs: (graph, batch) => unet.model.inputs(graph, { batch, ...latentSize, tokens }),
  build: (graph, inputs, options) => unet.model.build(graph, inputs, options),
});

/** Samples of a batch of a look at pairs: of a large model one, so that it takes little beside a step. */
const lookBatchOf = ({ names, shape }: WeightShapes): number =>
  isLarge(names.reduce((sum, name) => sum + sizeOf(shape(name)!), 0)) ? 1 : 8;

export function stepSpecOf(
  model: StepModel,
  config: TrainConfig,
  latentSize: { height: number; width: number },
  reference: 'engine' | 'input',
  maxBindingBytes: number,
): StepSpec {
  const { model: unet } = model.folder.unet;
  const { weights } = model;
  const tensors =
    config.mode === 'lora'
      ? loraTensors(unet.loraTargets(config.targets), config.rank)
      : weights.names.map((name) => ({ name, shape: weights.shape(name)! }));
  return {
    denoiser: denoiserAt(model, latentSize),
    pairs: config.pairsPerStep,
    loss: lossSpecOf(config.loss, config),
    mode: config.mode === 'lora' ? { kind: 'lora', scaleOf: () => config.alpha / config.rank } : { kind: 'full' },
    layout: layoutArenas(tensors, Math.floor(maxBindingBytes / 4)),
    dtypeOf: keptDtypes(weights),
    reference,
    ...(config.heldOut > 0 && { lookBatch: lookBatchOf(weights) }),
    accumulation: config.accumulation,
    ema: config.ema > 0,
    recompute: config.recompute,
  };
}
