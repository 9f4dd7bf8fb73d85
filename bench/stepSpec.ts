/** What the benchmarks of a training step build: policy forward and backward, AdamW, reference errors given. */
import { Graph } from '../src/graph/graph.ts';
import { parseUNetConfig } from '../src/models/sd/config.ts';
import { buildUNet, loraTargets, type UNetInputs, unetInputs } from '../src/models/sd/unet.ts';
import { parametersOf } from '../src/models/weights.ts';
import { layoutArenas } from '../src/training/arena.ts';
import { loraTensors } from '../src/training/lora.ts';
import { defaultLoss, type StepSpec } from '../src/training/stepGraph.ts';

/** @param unet a diffusers config.
 *  @param mode `full` trains every weight, else a LoRA of rank 4 on attention. */
export function specOf(unet: Parameters<typeof parseUNetConfig>[0], mode: string, tokens: number): StepSpec {
  const config = parseUNetConfig(unet);
  const [height, width] = config.sample_size!;
  const inputs = (graph: Graph, batch: number): ReturnType<typeof unetInputs> =>
    unetInputs(graph, config, { batch, height, width, tokens });
  const whole = new Graph();
  whole.output('y', buildUNet(whole, config, inputs(whole, 2)));
  const tensors =
    mode === 'full'
      ? parametersOf(whole).map((value) => ({ name: value.name, shape: value.shape }))
      : loraTensors(loraTargets(config, 'attention'), 4);
  return {
    denoiser: { inputs, build: (graph, values, options) => buildUNet(graph, config, values as UNetInputs, options) },
    pairs: 1,
    loss: defaultLoss,
    mode: mode === 'full' ? { kind: 'full' } : { kind: 'lora', scaleOf: () => 1 },
    layout: layoutArenas(tensors, 32 * 2 ** 20),
    reference: 'input',
    accumulation: 1,
  };
}
