/** Kind `vae`: AutoencoderKL and AutoencoderTiny, encoding and decoding. */
import { inputsOf } from '../../graph/feed.ts';
import type { Graph } from '../../graph/graph.ts';
import { legacyVaeNames, parseVaeConfig, vaeDecoderGraph, vaeEncoderGraph } from '../../models/sd/vae.ts';
import { withAliases } from '../../models/weights.ts';
import { readFolderJson } from '../model/modelConfigs.ts';
import type { Backend } from './backends.ts';
import { type GoldenCase, openWeights } from './caseFile.ts';
import { type CaseResult, compareCase } from './compare.ts';

export async function verifyVae(golden: GoldenCase, backend: Backend): Promise<CaseResult> {
  const config = parseVaeConfig(await readFolderJson(golden.reader, 'config.json'));
  const weights = withAliases(await openWeights(golden.reader), legacyVaeNames);
  const outputs = new Map<string, Float32Array>();
  /** `names`: ours, where the case has another. */
  const run = async (graph: Graph, names: Readonly<Record<string, string>>): Promise<void> => {
    const feeds = await golden.inputs.feeds(inputsOf(graph));
    for (const [name, data] of await backend.run(graph, feeds, weights)) outputs.set(names[name] ?? name, data);
  };
  const sizeOf = (name: string): { batch: number; height: number; width: number } => {
    const [batch, , height, width] = golden.inputs.shape(name) as [number, number, number, number];
    return { batch, height, width };
  };
  if (golden.inputs.has('image'))
    await run(vaeEncoderGraph(config, sizeOf('image')), config.kind === 'AutoencoderTiny' ? { mean: 'encoded' } : {});
  if (golden.inputs.has('latents')) await run(vaeDecoderGraph(config, sizeOf('latents')), { image: 'decoded' });
  return compareCase(golden, outputs, { backend: backend.name });
}
