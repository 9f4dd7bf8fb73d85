/** The tensors that a component of a model has, by its config: diffusers' names and shapes. Shapes of weights do not depend on the sizes that a
 *  graph is built at, so these are the smallest. */
import { Graph, type Value } from '../../graph/graph.ts';
import { buildTextEncoder, parseTextEncoderConfig, textEncoderInputs } from '../../models/clip/textEncoder.ts';
import type { Config } from '../../models/config.ts';
import { parseUNetConfig } from '../../models/sd/config.ts';
import { buildUNet, unetInputs } from '../../models/sd/unet.ts';
import { buildVaeDecoder, buildVaeEncoder, parseVaeConfig, vaeScaleFactor } from '../../models/sd/vae.ts';
import { parametersOf } from '../../models/weights.ts';

export function unetParameters(config: Config): Value[] {
  const unet = parseUNetConfig(config);
  const graph = new Graph();
  // What survives every downsampling.
  const side = 2 ** (unet.block_out_channels.length - 1);
  buildUNet(
    graph,
    unet,
    unetInputs(graph, unet, {
      batch: 1,
      height: side,
      width: side,
      tokens: 1,
      guidance: true,
    }),
  );
  return parametersOf(graph);
}

export function vaeParameters(config: Config): Value[] {
  const vae = parseVaeConfig(config);
  const graph = new Graph();
  const side = vaeScaleFactor(vae);
  buildVaeEncoder(graph, vae, graph.input('image', [1, vae.in_channels, side, side]));
  buildVaeDecoder(graph, vae, graph.input('latents', [1, vae.latent_channels, 1, 1]));
  return parametersOf(graph);
}

export function textParameters(config: Config): Value[] {
  const text = parseTextEncoderConfig(config);
  const graph = new Graph();
  buildTextEncoder(graph, text, textEncoderInputs(graph, { batch: 1, tokens: 1 }));
  return parametersOf(graph);
}
