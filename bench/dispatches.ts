/** What a training step of the peer benchmark's UNet asks of a GPU, by plan alone: dispatches and pipelines (shaders that differ) of each kernel.
 *  `node bench/run.mjs dispatches [full|lora] [software|workgroup|tile]`. */
import { Graph } from '../src/graph/graph.ts';
import { nano } from '../src/service/layouts.ts';
import { parseUNetConfig } from '../src/models/sd/config.ts';
import { buildUNet, loraTargets, type UNetInputs, unetInputs } from '../src/models/sd/unet.ts';
import { parametersOf } from '../src/models/weights.ts';
import { layoutArenas } from '../src/training/arena.ts';
import { loraTensors } from '../src/training/lora.ts';
import { buildStepGraph, defaultLoss, type StepSpec } from '../src/training/stepGraph.ts';
import { planGraph } from '../src/webgpu/plan.ts';
import { moduleOf } from '../src/webgpu/specialize.ts';
import { chooseVariant, softwareVariants } from '../src/webgpu/variants.ts';

export async function main([mode = 'full', kind = 'software']: string[]): Promise<void> {
  const config = parseUNetConfig(nano);
  const [height, width] = config.sample_size!;
  const inputs = (graph: Graph, batch: number): ReturnType<typeof unetInputs> =>
    unetInputs(graph, config, { batch, height, width, tokens: 16 });
  const whole = new Graph();
  whole.output('y', buildUNet(whole, config, inputs(whole, 2)));
  const tensors =
    mode === 'full'
      ? parametersOf(whole).map((value) => ({ name: value.name, shape: value.shape }))
      : loraTensors(loraTargets(config, 'attention'), 4);
  const spec: StepSpec = {
    denoiser: { inputs, build: (graph, values, options) => buildUNet(graph, config, values as UNetInputs, options) },
    pairs: 1,
    loss: defaultLoss,
    mode: mode === 'full' ? { kind: 'full' } : { kind: 'lora', scaleOf: () => 1 },
    layout: layoutArenas(tensors, 32 * 2 ** 20),
    reference: 'input',
    accumulation: 1,
  };
  const { graph } = buildStepGraph(spec);
  const variants = kind === 'software' ? softwareVariants(true) : { default: `${kind} workgroup` };
  const { dispatches } = planGraph(graph, { variant: chooseVariant(variants) });
  const rows = new Map<string, { dispatches: number; pipelines: Set<string> }>();
  const all = new Set<string>();
  for (const { dispatch } of dispatches) {
    const { name } = dispatch.kernel;
    const row = rows.get(name) ?? { dispatches: 0, pipelines: new Set() };
    const code = `${dispatch.reads.length},${dispatch.writes.length}\n${moduleOf(dispatch)}`;
    row.dispatches++;
    row.pipelines.add(code);
    all.add(code);
    rows.set(name, row);
  }
  console.log(`nano ${mode} ${kind}: ${dispatches.length} dispatches, ${all.size} pipelines`);
  console.table(
    Object.fromEntries(
      [...rows]
        .sort(([, a], [, b]) => b.pipelines.size - a.pipelines.size)
        .map(([name, row]) => [name, { dispatches: row.dispatches, pipelines: row.pipelines.size }]),
    ),
  );
}
