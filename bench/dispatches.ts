/** What a training step of the peer benchmark's UNet asks of a GPU, by plan alone: dispatches and pipelines (shaders that differ) of each kernel.
 *  `node bench/run.mjs dispatches [full|lora] [software|workgroup|tile|winograd]`. */
import { nano } from '../src/service/layouts.ts';
import { buildStepGraph } from '../src/training/stepGraph.ts';
import { planGraph } from '../src/webgpu/plan.ts';
import { moduleOf } from '../src/webgpu/specialize.ts';
import { chooseVariant, softwareVariants } from '../src/webgpu/variants.ts';
import { specOf } from './stepSpec.ts';

export async function main([mode = 'full', kind = 'software']: string[]): Promise<void> {
  const { graph } = buildStepGraph(specOf(nano, mode, 16));
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
