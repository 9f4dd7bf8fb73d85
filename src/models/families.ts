/** Model families by the class name in their config.json: the one place to name a new one. */
import { own } from '../shared/json.ts';
import { type Config, unsupported } from './config.ts';
import type { DenoiserModel } from './denoiser.ts';
import { unetConditioning } from './sd/conditioning.ts';
import { parseUNetConfig } from './sd/config.ts';
import { buildUNet, loraTargets, textEmbedsWidth, type UNetInputs, unetInputs } from './sd/unet.ts';

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
      // pipeline_stable_diffusion_xl.py, encode_prompt.
      textStates: unet.addition_embed_type ? 'penultimate' : 'last_hidden_state',
      guidanceInput: unet.time_cond_proj_dim > 0,
      classLabels: unet.class_embed_type,
      inputs: (graph, size) => unetInputs(graph, unet, size),
      build: (graph, inputs, options) => buildUNet(graph, unet, inputs as UNetInputs, options),
      conditioning: (text, picture) => unetConditioning(unet, text, picture),
      loraTargets: (which) => loraTargets(unet, which),
    };
  },
};

/** Reads a denoiser's config.json. Throws UnsupportedArchitecture with the class, or the field and its value. */
export function openDenoiser(config: Config): DenoiserModel {
  const name = config['_class_name'];
  const open = typeof name === 'string' ? own(denoisers, name) : undefined;
  if (!open) throw unsupported('denoiser', '_class_name', name, Object.keys(denoisers).join(' or '));
  return open(config);
}
