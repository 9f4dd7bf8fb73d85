/** What a training step of published models takes of the GPU, by how much of the forward pass it computes twice:
 *  `node bench/run.mjs memory [filter]`. Nothing is allocated. `least` is the most bytes of activations alive at one node, `slots` what the
 *  plan's whole buffers take. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { peakBytes } from '../src/autodiff/peak.ts';
import { rematerialise } from '../src/autodiff/rematerialise.ts';
import { graphFlops } from '../src/graph/flops.ts';
import { Graph } from '../src/graph/graph.ts';
import { openDenoiser } from '../src/models/families.ts';
import { parametersOf } from '../src/models/weights.ts';
import { DESKTOP_LIMITS } from '../src/service/planning/forecast.ts';
import { stepSpecOf } from '../src/service/planning/stepSpec.ts';
import { sizeOf } from '../src/shared/shape.ts';
import { presetNamed } from '../src/training/presets.ts';
import { buildStepGraph } from '../src/training/stepGraph.ts';
import { planGraph } from '../src/webgpu/plan.ts';

const configs = join(import.meta.dirname, '..', 'tools', 'reference', 'configs');

/** Side of the latents. */
const models = {
  'stable-diffusion-v1-5': 64,
  'stable-diffusion-2-1-base': 64,
  'ssd-1b': 128,
  'stable-diffusion-xl-base-1.0': 128,
};
const tokens = 77;

export async function main([filter = '']: string[]): Promise<void> {
  for (const [name, side] of Object.entries(models)) {
    if (!name.includes(filter)) continue;
    const unet = openDenoiser(
      JSON.parse(readFileSync(join(configs, name, 'unet', 'config.json'), 'utf8')) as Record<string, unknown>,
    );
    const latentSize = { height: side, width: side };
    const forward = new Graph();
    unet.build(forward, unet.inputs(forward, { batch: 1, ...latentSize, tokens }));
    const shapes = new Map(parametersOf(forward).map((value) => [value.name, value.shape]));
    console.log(
      `${name}, ${8 * side} px, one pair, rank 8: ${[...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0)} parameters`,
    );
    for (const targets of ['all', 'attention'] as const) {
      const model = {
        folder: { unet: { model: unet }, tokens },
        weights: { names: [...shapes.keys()], shape: (key: string) => shapes.get(key) },
      };
      const config = { ...presetNamed('standard')!.config, rank: 8, alpha: 8, targets, pairsPerStep: 1 };
      const spec = stepSpecOf(model, config, latentSize, 'engine', DESKTOP_LIMITS.maxStorageBufferBindingSize);
      for (const mode of ['none', 'cheap', 'blocks'] as const) {
        const start = performance.now();
        const { graph, recomputed } = rematerialise(buildStepGraph(spec).graph, { mode });
        const bound = new Map(
          graph.values
            .filter(({ source }) => source.kind === 'parameter' || source.kind === 'state')
            .map((value) => [value, value]),
        );
        const { bytes } = planGraph(graph, { limits: DESKTOP_LIMITS, bound });
        const gb = (count: number): string => `${(count / 1e9).toFixed(3)} GB`;
        const figures = [
          `least ${gb(peakBytes(graph))}`,
          `slots ${gb(bytes.activations)}`,
          `state ${gb(bytes.state)}`,
          `${recomputed} nodes twice`,
          `${(graphFlops(graph) / 1e12).toFixed(2)} TFLOP`,
        ];
        console.log(
          `  ${targets.padEnd(9)} ${mode.padEnd(6)} ${figures.join(', ')}; planned in ${((performance.now() - start) / 1000).toFixed(1)} s`,
        );
      }
    }
  }
}
