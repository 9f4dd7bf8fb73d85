/** Kinds `unet` and `unet_lora`: one forward and one backward of a UNet2DConditionModel. */
import { backward } from '../../autodiff/backward.ts';
import { readLora } from '../../data/formats/lora.ts';
import { kohyaKey } from '../../data/formats/loraKeys.ts';
import type { Feeds } from '../../graph/feed.ts';
import { Graph, type Value } from '../../graph/graph.ts';
import { parseUNetConfig, type UNetConfig } from '../../models/sd/config.ts';
import { buildUNet, loraTargets, type UNetInputs, unetInputs } from '../../models/sd/unet.ts';
import { parametersOf } from '../../models/weights.ts';
import type { Shape } from '../../shared/shape.ts';
import { type AdapterBeside, adapterBeside, both } from '../sampling/adapterBeside.ts';
import { readFolderJson } from '../model/modelConfigs.ts';
import type { Backend } from './backends.ts';
import { type GoldenCase, openTensors, openWeights } from './caseFile.ts';
import { type CaseResult, compareCase } from './compare.ts';

/** The case's adapter as parameters of the graph: `<kohya key>.lora_down.weight`, `.lora_up.weight`. */
async function openAdapter(golden: GoldenCase, config: UNetConfig, graph: Graph): Promise<AdapterBeside> {
  const sites = loraTargets(config, 'all');
  const {
    modules: { unet: modules },
  } = await readLora(await openTensors(golden.reader, 'lora.safetensors'), { unet: sites });
  return adapterBeside(graph, modules, sites, (path) => kohyaKey(path));
}

/** Input values of the case's size, and its numbers for them. */
async function caseInputs(
  golden: GoldenCase,
  graph: Graph,
  config: UNetConfig,
): Promise<{ inputs: UNetInputs; feeds: Feeds }> {
  const [batch, , height, width] = golden.inputs.shape('sample') as [number, number, number, number];
  const inputs = unetInputs(graph, config, {
    batch,
    height,
    width,
    tokens: golden.inputs.shape('encoder_hidden_states')[1]!,
    guidance: golden.inputs.has('timestep_cond'),
  });
  const feeds = await golden.inputs.feeds(Object.values(inputs));
  return { inputs, feeds };
}

export async function verifyUNet(golden: GoldenCase, backend: Backend): Promise<CaseResult> {
  const config = parseUNetConfig(await readFolderJson(golden.reader, 'config.json'));
  const graph = new Graph();
  const { inputs, feeds } = await caseInputs(golden, graph, config);
  let weights = await openWeights(golden.reader);

  const shared = new Map<string, Value>();
  const parameter = (key: string, shape: Shape): Value => {
    const value = shared.get(key) ?? graph.parameter(key, shape);
    shared.set(key, value);
    return value;
  };
  let adapter: AdapterBeside | undefined;
  if (golden.kind === 'unet_lora') {
    adapter = await openAdapter(golden, config, graph);
    weights = both(weights, adapter.source);
    graph.output(
      'noise_pred_base',
      graph.scope('base', () => buildUNet(graph, config, inputs, { parameter })),
    );
  }
  const noisePred = buildUNet(graph, config, inputs, { parameter, lora: adapter?.hook });
  graph.output('noise_pred', noisePred);

  const allFeeds = { ...feeds };
  if (golden.inputs.has('target')) {
    const target = graph.input('target', golden.inputs.shape('target'));
    Object.assign(allFeeds, await golden.inputs.feeds([target]));
    // Samples are of one size, so the mean of their means is the mean over all elements.
    const errors = graph.op('meanSquaredError', {}, [noisePred, target], 'errors');
    graph.output('loss', graph.op('mean', { axes: [0] }, [errors], 'loss'));
    if (backend.gradients) appendGradients(graph, errors, inputs, adapter);
  }
  const outputs = await backend.run(graph, allFeeds, weights);
  return compareCase(golden, outputs, {
    backend: backend.name,
    skip: (name) => !backend.gradients && name.startsWith('grad'),
  });
}

function appendGradients(graph: Graph, errors: Value, inputs: UNetInputs, adapter: AdapterBeside | undefined): void {
  const batch = errors.shape[0]!;
  const seed = graph.constant('errors.grad', [batch], new Float32Array(batch).fill(1 / batch));
  const wrt = adapter
    ? parametersOf(graph)
        .filter(({ name }) => adapter.source.shape(name))
        .map((value) => ({ value, name: `grad.${value.name}` }))
    : [
        ...parametersOf(graph).map((value) => ({ value, name: `grad.${value.name}` })),
        { value: inputs.sample, name: 'grad_in.sample' },
        { value: inputs.encoder_hidden_states, name: 'grad_in.encoder_hidden_states' },
      ];
  const grads = backward(
    graph,
    [{ value: errors, grad: seed }],
    wrt.map(({ value }) => value),
  );
  for (const { value, name } of wrt) graph.output(name, grads.get(value)!);
}
