/** Kind `vae`: AutoencoderKL and AutoencoderTiny, encoding and decoding. */
import { Graph } from '../../graph/graph.ts';
import { buildVaeDecoder, buildVaeEncoder, legacyVaeNames, parseVaeConfig } from '../../models/sd/vae.ts';
import { withAliases } from '../../models/weights.ts';
import { readFolderJson } from '../model/modelConfigs.ts';
import type { Backend } from './backends.ts';
import { type GoldenCase, openWeights } from './caseFile.ts';
import { type CaseResult, compareCase } from './compare.ts';

export async function verifyVae(golden: GoldenCase, backend: Backend): Promise<CaseResult> {
  const config = parseVaeConfig(await readFolderJson(golden.reader, 'config.json'));
  const weights = withAliases(await openWeights(golden.reader), legacyVaeNames);
  const outputs = new Map<string, Float32Array>();

  if (golden.inputs.has('image')) {
    const graph = new Graph();
    const image = graph.input('image', golden.inputs.shape('image'));
    const encoded = buildVaeEncoder(graph, config, image);
    if (encoded.kind === 'AutoencoderTiny') graph.output('encoded', encoded.encoded);
    else {
      graph.output('mean', encoded.mean);
      graph.output('logvar', encoded.logvar);
    }
    for (const [name, data] of await backend.run(graph, await golden.inputs.feeds([image]), weights))
      outputs.set(name, data);
  }
  if (golden.inputs.has('latents')) {
    const graph = new Graph();
    const latents = graph.input('latents', golden.inputs.shape('latents'));
    graph.output('decoded', buildVaeDecoder(graph, config, latents));
    for (const [name, data] of await backend.run(graph, await golden.inputs.feeds([latents]), weights))
      outputs.set(name, data);
  }
  return compareCase(golden, outputs, { backend: backend.name });
}
