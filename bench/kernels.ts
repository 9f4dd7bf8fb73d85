/** Milliseconds and GFLOP/s of the product kernels, by variant, on shapes of the embedded model and of the peer benchmark.
 *  `node bench/run.mjs kernels [filter]`. Right answers are kernels.gpu.test.ts's business. */
import '../src/shared/disposable.ts';
import { openNodeDevice } from '../src/cli/device.ts';
import { Graph, type ParameterDtype } from '../src/graph/graph.ts';
import { createGpuExecutor, type GpuExecutor } from '../src/webgpu/executor.ts';
import { graphFlops } from '../src/graph/flops.ts';
import { sizeOf } from '../src/shared/shape.ts';

export interface KernelRow {
  name: string;
  variant: string;
  ms: number;
  /** Processor time of the run spread over two cores: on a software adapter it says more than the clock when other work runs beside. */
  cpuMs: number;
  gflops: number;
  compileMs: number;
  dispatches: number;
}

type Build = (graph: Graph) => void;

const pad = [1, 1, 1, 1] as const;

function conv(
  op: 'conv2d' | 'conv2dGradInput' | 'conv2dGradWeight',
  batch: number,
  channels: number,
  out: number,
  size: number,
  stride = 1,
  weights: ParameterDtype = 'f32',
): Build {
  return (graph) => {
    const outSize = Math.floor((size - 1) / stride) + 1;
    const x = graph.input('x', [batch, channels, size, size]);
    const dy = graph.input('dy', [batch, out, outSize, outSize]);
    const weight = graph.parameter('weight', [out, channels, 3, 3], weights);
    const bias = graph.input('bias', [out]);
    if (op === 'conv2d')
      graph.output(
        'y',
        graph.op(op, { stride, padding: pad, bias: true, residual: false, scale: 1 }, [x, weight, bias]),
      );
    else if (op === 'conv2dGradInput')
      graph.output(
        'dx',
        graph.op(op, { stride, padding: pad, height: size, width: size, residual: false, scale: 1 }, [dy, weight]),
      );
    else
      graph.output(
        'dw',
        graph.op(op, { stride, padding: pad, kernelHeight: 3, kernelWidth: 3, bias: false, scale: 1 }, [dy, x]),
      );
  };
}

function linear(
  op: 'linear' | 'linearGradInput' | 'linearGradWeight',
  rows: number,
  into: number,
  out: number,
  weights: ParameterDtype = 'f32',
): Build {
  return (graph) => {
    const x = graph.input('x', [rows, into]);
    const dy = graph.input('dy', [rows, out]);
    const weight = graph.parameter('weight', [out, into], weights);
    if (op === 'linear') graph.output('y', graph.op(op, { bias: false, residual: false, scale: 1 }, [x, weight]));
    else if (op === 'linearGradInput') graph.output('dx', graph.op(op, { residual: false, scale: 1 }, [dy, weight]));
    else graph.output('dw', graph.op(op, { bias: false, scale: 1 }, [dy, x]));
  };
}

const convSizes: [label: string, batch: number, channels: number, out: number, size: number, stride?: number][] = [
  ['2x64x16x16 to 64', 2, 64, 64, 16],
  ['2x48x12x12 to 48', 2, 48, 48, 12],
  ['2x96x6x6 to 96', 2, 96, 96, 6],
  ['2x256x3x3 to 128', 2, 256, 128, 3],
  ['2x48x12x12 to 48 stride 2', 2, 48, 48, 12, 2],
];
const linearSizes: [rows: number, into: number, out: number][] = [
  [256, 256, 256],
  [72, 96, 768],
  [72, 96, 4],
  [2, 192, 128],
];

export const kernelBenches: [name: string, build: Build][] = [
  ...(['conv2d', 'conv2dGradInput', 'conv2dGradWeight'] as const).flatMap((op) =>
    convSizes.map(([label, ...size]): [string, Build] => [`${op} ${label}`, conv(op, ...size)]),
  ),
  ...(['linear', 'linearGradInput', 'linearGradWeight'] as const).flatMap((op) =>
    linearSizes.map(([rows, into, out]): [string, Build] => [
      `${op} ${rows}x${into}x${out}`,
      linear(op, rows, into, out),
    ]),
  ),
  ...(['f16', 'bf16'] as const).flatMap((weights): [string, Build][] => [
    ...(['conv2d', 'conv2dGradInput'] as const).map((op): [string, Build] => [
      `${op} 2x64x16x16 to 64 ${weights}`,
      conv(op, 2, 64, 64, 16, 1, weights),
    ]),
    ...(['linear', 'linearGradInput'] as const).map((op): [string, Build] => [
      `${op} 256x256x256 ${weights}`,
      linear(op, 256, 256, 256, weights),
    ]),
  ]),
];

/** Best of several runs after one to warm up: other load on a shared machine only ever adds. */
export async function measure(
  executor: GpuExecutor,
  name: string,
  variant: string,
  build: Build,
  repeats = 9,
): Promise<KernelRow> {
  const graph = new Graph();
  build(graph);
  const begin = performance.now();
  using program = await executor.compile(graph);
  const compileMs = performance.now() - begin;
  for (const value of graph.values) {
    if (value.source.kind === 'input' || value.source.kind === 'parameter')
      program.write(
        value,
        Float32Array.from({ length: sizeOf(value.shape) }, (_, i) => Math.sin(i)),
      );
  }
  const { queue } = executor.engine.device;
  let best = Infinity;
  let bestCpu = Infinity;
  for (let i = 0; i <= repeats; i++) {
    const start = performance.now();
    const cpu = process.cpuUsage();
    await program.run();
    await queue.onSubmittedWorkDone();
    const elapsed = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    if (i > 0) [best, bestCpu] = [Math.min(best, elapsed), Math.min(bestCpu, (user + system) / 2000)];
  }
  executor.engine.check();
  return {
    name,
    variant,
    ms: best,
    cpuMs: bestCpu,
    gflops: graphFlops(graph) / best / 1e6,
    compileMs,
    dispatches: program.dispatchCount,
  };
}

export async function main([filter = '', only = '']: string[]): Promise<void> {
  const engine = await openNodeDevice();
  console.log(engine.driver);
  const variants = engine.adapter.features.includes('subgroups') ? ['quad', 'workgroup'] : ['workgroup'];
  const executors = variants
    .filter((name) => name.includes(only))
    .map((name) => [name, createGpuExecutor(engine, { variants: { default: name } })] as const);
  for (const [name, build] of kernelBenches.filter(([name]) => name.includes(filter))) {
    for (const [variant, executor] of executors) {
      const row = await measure(executor, name, variant, build);
      console.log(
        `${row.name.padEnd(46)} ${variant.padEnd(10)} ${row.ms.toFixed(2).padStart(8)} ms ${row.gflops.toFixed(2).padStart(7)} GFLOP/s  cpu/2 ${row.cpuMs.toFixed(2).padStart(7)} ms  compile ${row.compileMs.toFixed(0)} ms`,
      );
    }
  }
  engine.destroy();
}
