/** One training step (policy forward and backward, AdamW; reference errors given) of two UNets: the peer benchmark's `nano` and one of the
 *  embedded model's size. Weights are random: only time, dispatches, pipelines and bytes are of interest.
 *  `node bench/run.mjs step [nano|postcard] [full|lora] [profile]`. */
import { openNodeDevice } from '../src/cli/device.ts';
import type { Value } from '../src/graph/graph.ts';
import { sizeOf } from '../src/shared/shape.ts';
import { buildStepGraph } from '../src/training/stepGraph.ts';
import { createGpuExecutor } from '../src/webgpu/executor.ts';
import { profileProgram, summarize } from '../src/webgpu/profiler.ts';
import { tuneKernels } from '../src/webgpu/tune.ts';
import { heaviestTasks } from '../src/webgpu/workload.ts';
import { evaluate } from '../src/oracle/run.ts';
import { nano } from '../src/service/layouts.ts';
import { specOf } from './stepSpec.ts';

const postcard = {
  ...nano,
  sample_size: 12,
  in_channels: 8,
  out_channels: 8,
  block_out_channels: [48, 96, 128],
  down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
  up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'],
  cross_attention_dim: 96,
  norm_num_groups: 16,
};

export async function main([name = 'nano', mode = 'full', profile = '']: string[]): Promise<void> {
  const engine = await openNodeDevice();
  const spec = specOf(name === 'nano' ? nano : postcard, mode, name === 'nano' ? 16 : 32);
  const { graph, outputs } = buildStepGraph(spec);
  const { variants, measuredMs, flopsPerSecond } = await tuneKernels(engine, evaluate, {
    tasks: heaviestTasks(graph, engine.device.limits),
  });
  console.log(engine.driver, variants, measuredMs);
  const executor = createGpuExecutor(engine, { variants, flopsPerSecond });
  const begin = performance.now();
  const program = await executor.compile(graph);
  const compileMs = performance.now() - begin;
  const fill = (value: Value, scale: number): void =>
    program.write(
      value,
      Float32Array.from({ length: sizeOf(value.shape) }, (_, i) => scale * Math.sin(i * 12.9898 + value.id)),
    );
  for (const value of graph.values) {
    if (value.source.kind === 'parameter') fill(value, 0.1);
    if (value.source.kind === 'input' && value.dtype === 'f32') fill(value, value.name === 'hyper' ? 0 : 1);
    if (value.source.kind === 'state' && value.name.startsWith('param')) fill(value, 0.1);
  }
  const times: number[] = [];
  for (let i = 0; i < 6; i++) {
    const start = performance.now();
    await program.run();
    await program.read(outputs.loss);
    times.push(performance.now() - start);
  }
  const { plannedBytes } = program.memory;
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
  console.log(
    `${name} ${mode}: step ${Math.min(...times.slice(1)).toFixed(0)} ms (first ${times[0]!.toFixed(0)}), ${program.dispatchCount} dispatches, ${executor.pipelineCount} pipelines compiled in ${compileMs.toFixed(0)} ms, ` +
      `${mib(plannedBytes.total)} MiB (parameters ${mib(plannedBytes.parameters)}, state ${mib(plannedBytes.state)}, activations ${mib(plannedBytes.activations)})`,
  );
  if (profile) {
    const { rows, clock } = await profileProgram(engine, program);
    console.log(clock, 'total', rows.reduce((sum, row) => sum + row.ms, 0).toFixed(0), 'ms');
    console.table(summarize(rows, (row) => `${row.op} ${row.kernel}`).slice(0, 30));
    if (profile !== 'profile')
      console.table(
        summarize(
          rows.filter((row) => row.kernel.includes(profile)),
          (row) => row.node,
        ).slice(0, 20),
      );
  }
  engine.destroy();
}
