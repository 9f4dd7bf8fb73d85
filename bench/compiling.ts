/** What compiling the pipelines of nano's training step takes, one after the other, by kernel: seconds of processor time, dearest first.
 *  `node bench/run.mjs compiling [full|lora]`. */
import process from 'node:process';
import { openNodeDevice } from '../src/cli/device.ts';
import { nano } from '../src/service/layouts.ts';
import { buildStepGraph } from '../src/training/stepGraph.ts';
import type { Dispatch } from '../src/webgpu/kernels/dispatch.ts';
import { pipelinesOf } from '../src/webgpu/pipelines.ts';
import { planGraph } from '../src/webgpu/plan.ts';
import { moduleOf } from '../src/webgpu/specialize.ts';
import { chooseVariant, softwareVariants } from '../src/webgpu/variants.ts';
import { specOf } from './stepSpec.ts';

export async function main([mode = 'full']: string[]): Promise<void> {
  const { device, destroy } = await openNodeDevice();
  const { graph } = buildStepGraph(specOf(nano, mode, 16));
  const { dispatches } = planGraph(graph, { variant: chooseVariant(softwareVariants(true)) });
  const different = new Map<string, Dispatch>();
  for (const { dispatch } of dispatches) different.set(`${dispatch.reads.length}\n${moduleOf(dispatch)}`, dispatch);
  const rows = new Map<string, number[]>();
  for (const dispatch of different.values()) {
    const before = process.cpuUsage();
    await pipelinesOf(device).compile([dispatch]);
    const { user, system } = process.cpuUsage(before);
    const { name } = dispatch.kernel;
    rows.set(name, [...(rows.get(name) ?? []), (user + system) / 1e6]);
  }
  const total = (of: number[]): number => of.reduce((sum, s) => sum + s, 0);
  console.log(
    `nano ${mode}: ${different.size} pipelines, ${total([...rows.values()].flat()).toFixed(2)} s of processor time`,
  );
  console.table(
    Object.fromEntries(
      [...rows]
        .sort(([, a], [, b]) => total(b) - total(a))
        .map(([name, each]) => [
          name,
          { seconds: total(each).toFixed(2), each: each.map((s) => s.toFixed(2)).join(' ') },
        ]),
    ),
  );
  destroy();
}
