/** ComfyUI: the graph that made the picture, as its API takes it, under `prompt`. Read where one sampler node begins from an empty latent and its
 *  prompts can be followed to their text; what else is in a graph is the graph's own. https://github.com/comfyanonymous/ComfyUI, nodes.py. */
import { isRecord } from '../../shared/json.ts';
import { comfySampler } from './comfySamplers.ts';
import { type Found, objectOf, type SettingsTool } from './found.ts';

interface Node {
  kind: string;
  inputs: Record<string, unknown>;
}

type Nodes = ReadonlyMap<string, Node>;

/** Farther than any graph that is read here. */
const MAX_HOPS = 32;

const samplerKinds: ReadonlySet<string> = new Set(['KSampler', 'KSamplerAdvanced', 'KSampler (Efficient)']);

/** The node behind an input, which is a link [node, output]. */
const linked = (nodes: Nodes, input: unknown): Node | undefined =>
  Array.isArray(input) ? nodes.get(String(input[0])) : undefined;

/** A value as it stands, or through nodes that hold one and pass it on. */
function valueOf(nodes: Nodes, input: unknown): unknown {
  let value = input;
  for (let hop = 0; hop < MAX_HOPS && Array.isArray(value); hop++) {
    const inputs = linked(nodes, value)?.inputs ?? {};
    const name = ['value', 'seed', 'int', 'float', 'string', 'text'].find((one) => one in inputs);
    value = name === undefined ? undefined : inputs[name];
  }
  return Array.isArray(value) ? undefined : value;
}

/** The text of a conditioning: through nodes that change it (control nets, combinations) to what encoded it. */
function textOf(nodes: Nodes, input: unknown, side: 'positive' | 'negative'): string | undefined {
  let node = linked(nodes, input);
  for (let hop = 0; hop < MAX_HOPS && node; hop++) {
    const { inputs } = node;
    for (const name of ['text', 'text_g', 'prompt']) {
      const text = name in inputs ? valueOf(nodes, inputs[name]) : undefined;
      if (typeof text === 'string') return text;
    }
    node = linked(nodes, inputs['conditioning'] ?? inputs['conditioning_1'] ?? inputs[side]);
  }
  return undefined;
}

function read(nodes: Nodes): Found | undefined {
  const all = [...nodes.values()].filter(({ kind }) => samplerKinds.has(kind));
  const isFirst = ({ inputs }: Node): boolean => {
    const latent = linked(nodes, inputs['latent_image']);
    return latent !== undefined && 'width' in latent.inputs && 'height' in latent.inputs;
  };
  const sampler = all.find(isFirst) ?? all[0];
  if (!sampler) return undefined;
  const { inputs } = sampler;
  const latent = linked(nodes, inputs['latent_image']);
  const prompt = textOf(nodes, inputs['positive'], 'positive');
  const model = [...nodes.values()].find(({ kind }) => kind.startsWith('CheckpointLoader'))?.inputs['ckpt_name'];
  return {
    prompt,
    negativePrompt: textOf(nodes, inputs['negative'], 'negative'),
    steps: valueOf(nodes, inputs['steps']),
    guidanceScale: valueOf(nodes, inputs['cfg']),
    seed: valueOf(nodes, inputs['seed'] ?? inputs['noise_seed']),
    width: valueOf(nodes, latent?.inputs['width']),
    height: valueOf(nodes, latent?.inputs['height']),
    sampler: comfySampler(valueOf(nodes, inputs['sampler_name']), valueOf(nodes, inputs['scheduler'])),
    model,
    notTaken: [
      ...(prompt === undefined ? ['Its prompt is made by nodes that Winnow does not follow.'] : []),
      ...(all.length > 1 ? [`Its graph samples ${all.length} times: these are the settings of the first.`] : []),
      ...(isFirst(sampler) ? [] : ['It began from another picture, which is not in this one.']),
      ...([...nodes.values()].some(({ kind }) => kind.includes('LoraLoader')) ? ['Its LoRAs are left out.'] : []),
    ],
  };
}

export const comfyTool: SettingsTool = {
  title: 'ComfyUI',
  read(text) {
    const graph = objectOf(text.get('prompt'));
    if (!graph) return undefined;
    const nodes = new Map<string, Node>();
    for (const [id, node] of Object.entries(graph))
      if (isRecord(node) && typeof node['class_type'] === 'string' && isRecord(node['inputs']))
        nodes.set(id, { kind: node['class_type'], inputs: node['inputs'] });
    if (nodes.size === 0) return undefined;
    return read(nodes) ?? { notTaken: ['Its graph of ComfyUI has no sampler that Winnow reads.'] };
  },
};
