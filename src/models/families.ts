/** Model families by the class name in their config.json: the one place to name a new one. */
import type { Graph, Value } from '../graph/graph.ts';
import { type Config, unsupported } from './config.ts';
import type { LayerOptions } from './layers.ts';
import { parseUNetConfig } from './sd/config.ts';
import { buildUNet, type LoraTarget, loraTargets, textEmbedsWidth, type UNetInputs, unetInputs } from './sd/unet.ts';

/** A denoising network read from its config: what generation, training and export need of it. */
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
  /** Width of the guidance scale's embedding that it can take (LCM); 0 if it takes none. */
  timestepCondWidth: number;
  /** What class labels it must be given, which no pipeline of Stable Diffusion gives; null for none. */
  classLabels: string | null;
  inputs(
    graph: Graph,
    size: { batch: number; height: number; width: number; tokens: number; timestepCond?: boolean },
  ): UNetInputs;
  /** The prediction, like the sample. */
  build(graph: Graph, inputs: UNetInputs, options?: LayerOptions): Value;
  loraTargets(which: 'attention' | 'all'): LoraTarget[];
}

const denoisers: Readonly<Record<string, (config: Config) => DenoiserModel>> = {
  UNet2DConditionModel(config) {
    const unet = parseUNetConfig(config);
    const { sample_size: _, ...read } = unet;
    return {
      config: read,
      latentChannels: unet.in_channels,
      predictedChannels: unet.out_channels,
      contextWidth: unet.cross_attention_dim,
      pooledWidth: textEmbedsWidth(unet),
      timestepCondWidth: unet.time_cond_proj_dim,
      classLabels: unet.class_embed_type,
      inputs: (graph, size) => unetInputs(graph, unet, size),
      build: (graph, inputs, options) => buildUNet(graph, unet, inputs, options),
      loraTargets: (which) => loraTargets(unet, which),
    };
  },
};

/** Reads a denoiser's config.json. Throws UnsupportedArchitecture with the class, or the field and its value. */
export function openDenoiser(config: Config): DenoiserModel {
  const name = config['_class_name'];
  const open = typeof name === 'string' ? denoisers[name] : undefined;
  if (!open) throw unsupported('denoiser', '_class_name', name, Object.keys(denoisers).join(' or '));
  return open(config);
}
