import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { embeddedModels } from '../../data/embeddedModels.ts';
import { type BenchFigures, benchEngine } from '../../service/bench.ts';
import { benchGpu, type GpuBench, gpuBenchSchema } from '../../service/gpuBench.ts';
import { layouts, layoutTasks } from '../../service/layouts.ts';
import { WinnowError } from '../../shared/errors.ts';
import { presetNamed } from '../../training/presets.ts';
import { count, doNothing, number, oneOf } from '../arguments.ts';
import { openNodeDevice } from '../device.ts';
import { openEnvironment, productRoot, sayMatrices } from '../engine.ts';
import { folderReader } from '../files.ts';
import { gpuMarkdown, gpuText } from '../gpuTables.ts';
import { parseModelRef } from '../modelRef.ts';
import { table, type Terminal } from '../terminal.ts';
import { badArguments, defineVerb } from '../verb.ts';

const GPU_FILE = 'winnow-gpu.json';
/** Those that run anywhere come first. */
const SMALL_LAYOUTS = 2;

export const bench = defineVerb({
  name: 'bench',
  summary: 'measure a forward pass, a training step and its kernels on this machine',
  positionals: ['[MODEL]', '[FILE]'],
  options: {
    mode: { kind: 'text', value: 'MODE', help: 'lora or full', default: 'lora' },
    pairs: { kind: 'text', value: 'N', help: 'pairs in a step', default: '4' },
    rank: { kind: 'text', value: 'N', help: 'rank of the LoRA (default: 8)' },
    repeats: { kind: 'text', value: 'N', help: 'timed runs; the fastest counts', default: '5' },
    rows: { kind: 'text', value: 'N', help: 'kernels shown', default: '15' },
    small: { kind: 'flag', help: 'with gpu: the small models alone' },
    minutes: { kind: 'text', value: 'N', help: 'with gpu: what is not measured by then is left out (default: 15)' },
    out: { kind: 'text', value: 'FILE', help: `with gpu: where the figures go (default: ${GPU_FILE})` },
    matrices: { kind: 'flag', help: "with gpu: WebGPU's subgroup matrices, too, an experiment" },
    markdown: { kind: 'flag', help: 'with gpu: a table for docs/adapters.md' },
  },
  notes: [
    `MODEL is ${embeddedModels[0]} if left out. Figures hold for the adapter they were measured on.`,
    'gpu in the place of MODEL measures every kernel at the shapes of four models, on noise, beside what the adapter can do at most, and writes the',
    'figures to a file that you can send. gpu FILE shows those of such a file.',
  ],
  example: '--mode full --pairs 1 --json',
  async run([model = embeddedModels[0]!, file], values, terminal) {
    const { small, minutes, out, markdown, matrices } = values;
    if (model === 'gpu') {
      doNothing(values, ['rank'], 'with gpu');
      if (file !== undefined) doNothing(values, ['small', 'minutes', 'out', 'matrices'], 'with a file of figures');
      const figures =
        file === undefined
          ? await measureGpu(
              { small, minutes: number('minutes', minutes ?? '15', { min: 0, max: 1440 }), matrices },
              terminal,
            )
          : readFigures(file);
      if (file === undefined) writeFileSync(out ?? GPU_FILE, `${JSON.stringify(figures, null, 1)}\n`);
      const text = markdown ? gpuMarkdown(figures) : gpuText(figures);
      return { json: figures, text: file === undefined ? `${text}\n\nWritten to ${out ?? GPU_FILE}.` : text };
    }
    doNothing(values, ['small', 'minutes', 'out', 'markdown', 'matrices'], 'without gpu');
    if (file !== undefined) throw badArguments(`${file} is one argument too many.`, 'See winnow bench --help.');
    const { base, adapters } = parseModelRef(model);
    if (adapters.length > 0)
      throw badArguments('Adapters are merged before anything runs: they change no figure.', 'Give the base model.');
    const mode = oneOf('mode', values.mode, ['lora', 'full']);
    if (mode === 'full') doNothing(values, ['rank'], 'with --mode full');
    const rank = count('rank', values.rank ?? '8', { max: 256 });
    const config = {
      ...presetNamed('standard')!.config,
      mode,
      rank,
      alpha: rank,
      pairsPerStep: count('pairs', values.pairs, { max: 64 }),
    };
    const repeats = count('repeats', values.repeats, { max: 1000 });
    const rows = count('rows', values.rows);
    const figures = await benchEngine(await openEnvironment({ base, root: '.' }), base, { config, repeats }, (what) =>
      terminal.status(what),
    );
    return { json: figures, text: describe(figures, rows) };
  },
});

async function measureGpu(
  { small, minutes, matrices }: { small: boolean; minutes: number; matrices: boolean },
  terminal: Terminal,
): Promise<GpuBench> {
  const engine = await openNodeDevice({ matrices });
  try {
    if (matrices) sayMatrices(terminal, engine.adapter);
    const open = (folder: string): ReturnType<typeof folderReader> => folderReader(join(productRoot, folder));
    const chosen = small ? layouts.slice(0, SMALL_LAYOUTS) : layouts;
    const { limits } = engine.device;
    const { version } = JSON.parse(readFileSync(join(productRoot, 'package.json'), 'utf8')) as { version: string };
    return await benchGpu(engine, {
      layouts: await Promise.all(
        chosen.map(async (layout) => ({ name: layout.name, tasks: await layoutTasks(layout, open, limits) })),
      ),
      about: {
        product: version,
        date: new Date().toISOString(),
        runtime: `Dawn (npm webgpu) under Node ${process.version}, ${process.platform} ${process.arch}`,
      },
      minutes,
      onProgress: (what, done, total) => terminal.status(`${done} of ${total}: ${what}`),
    });
  } finally {
    engine.destroy();
  }
}

function readFigures(file: string): GpuBench {
  const refuse = (what: string): never => {
    throw new WinnowError('BadFile', `${file} ${what}.`, 'Give a file that winnow bench gpu wrote.');
  };
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    return refuse(`cannot be read (${(error as Error).message})`);
  }
  const read = gpuBenchSchema.safeParse(json);
  if (read.success) return read.data;
  const { path, message } = read.error.issues[0]!;
  return refuse(`holds no such figures (${[...path, message].join(' ')})`);
}

function describe({ adapter, software, model, forward, step, kernels }: BenchFigures, rows: number): string {
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
  return [
    `${adapter}${software ? ' (software: says nothing about a GPU)' : ''}`,
    `${model.name}, UNet of ${model.parameters.toLocaleString('en')} parameters`,
    '',
    table([
      [
        `forward, ${forward.samples} samples`,
        ms(forward.engineMs),
        `${((forward.gflop / forward.engineMs) * 1000).toFixed(2)} GFLOP/s`,
        `${forward.dispatches} dispatches`,
      ],
      [
        '  onnxruntime on the CPU',
        ms(forward.onnxWasmMs),
        `${((forward.gflop / forward.onnxWasmMs) * 1000).toFixed(2)} GFLOP/s`,
        '',
      ],
      [
        `step, ${step.mode}, ${step.pairs} pairs`,
        ms(step.ms),
        `${step.gflopPerSecond.toFixed(2)} GFLOP/s`,
        `${step.dispatches} dispatches`,
      ],
      ['  to prepare', ms(step.prepareMs), '', `${step.pipelines} pipelines`],
      ['  GPU memory, planned', mib(step.plannedBytes), '', ''],
      ['  GPU memory, allocated', mib(step.allocatedBytes), '', ''],
    ]),
    '',
    table([
      ['kernel', 'dispatches', 'ms', 'GFLOP/s'],
      ...kernels.rows
        .slice(0, rows)
        .map((row) => [
          row.name,
          String(row.dispatches),
          row.ms.toFixed(2),
          row.gflops > 0 ? row.gflops.toFixed(2) : '',
        ]),
    ]),
    `timed by ${kernels.clock}`,
  ].join('\n');
}
