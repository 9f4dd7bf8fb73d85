import { embeddedModels } from '../../data/embeddedModels.ts';
import { type BenchFigures, benchEngine } from '../../service/bench.ts';
import { presetNamed } from '../../training/presets.ts';
import { count, doNothing, oneOf } from '../arguments.ts';
import { openEnvironment } from '../engine.ts';
import { parseModelRef } from '../modelRef.ts';
import { table } from '../terminal.ts';
import { badArguments, defineVerb } from '../verb.ts';

export const bench = defineVerb({
  name: 'bench',
  summary: 'measure a forward pass, a training step and its kernels on this machine',
  positionals: ['[MODEL]'],
  options: {
    mode: { kind: 'text', value: 'MODE', help: 'lora or full', default: 'lora' },
    pairs: { kind: 'text', value: 'N', help: 'pairs in a step', default: '4' },
    rank: { kind: 'text', value: 'N', help: 'rank of the LoRA (default: 8)' },
    repeats: { kind: 'text', value: 'N', help: 'timed runs; the fastest counts', default: '5' },
    rows: { kind: 'text', value: 'N', help: 'kernels shown', default: '15' },
  },
  notes: [`MODEL is ${embeddedModels[0]} if left out. Figures hold for the adapter they were measured on.`],
  example: '--mode full --pairs 1 --json',
  async run([model = embeddedModels[0]!], values, terminal) {
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
