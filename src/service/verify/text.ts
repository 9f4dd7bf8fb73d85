/** Kinds `text_encoder` and `tokenizer`. */
import {
  parseTextEncoderConfig,
  pooledPositions,
  textEncoderGraph,
  unprefixedTextNames,
} from '../../models/clip/textEncoder.ts';
import { withAliases } from '../../models/weights.ts';
import { readFolderJson, readTokenizer } from '../model/modelConfigs.ts';
import type { Backend } from './backends.ts';
import { badCase, type GoldenCase, openWeights } from './caseFile.ts';
import { type CaseResult, compareCase } from './compare.ts';

export async function verifyTextEncoder(golden: GoldenCase, backend: Backend): Promise<CaseResult> {
  const config = parseTextEncoderConfig(await readFolderJson(golden.reader, 'config.json'));
  const [batch, tokens] = golden.inputs.shape('input_ids') as [number, number];
  const ids = await golden.inputs.readInt32('input_ids');
  const graph = textEncoderGraph(config, { batch, tokens, states: ['last_hidden_state', 'penultimate'] });
  const weights = withAliases(await openWeights(golden.reader), unprefixedTextNames);
  const outputs = await backend.run(
    graph,
    { input_ids: ids, eos_index: pooledPositions(config, ids, tokens) },
    weights,
  );
  return compareCase(golden, outputs, { backend: backend.name });
}

export async function verifyTokenizer(golden: GoldenCase): Promise<CaseResult> {
  const { prompts } = golden.fields;
  if (!Array.isArray(prompts) || !prompts.every((prompt) => typeof prompt === 'string'))
    throw badCase('case.json: prompts is not a list of strings');
  const length = golden.expected.shape('input_ids')?.[1];
  if (length === undefined) throw badCase('expected.safetensors has no input_ids [N, length]');
  const tokenizer = await readTokenizer(golden.reader);
  const ids = Int32Array.from(prompts.flatMap((prompt) => [...tokenizer.encode(prompt, length)]));
  return compareCase(golden, new Map([['input_ids', ids]]), { backend: 'tokenizer' });
}
