import { basename } from 'node:path';
import { pairsFor } from '../../data/pairs.ts';
import { presets, presetsFor, stableDiffusionPresets } from '../../training/presets.ts';
import { absolute, count, doNothing, required } from '../arguments.ts';
import { withEngine } from '../engine.ts';
import { begunRun, filesOf, type HandedOff, handOffPairs, handOffRun } from '../handoff.ts';
import { isRun, modelOptions, parseModelRef } from '../modelRef.ts';
import { isPairsFolder } from '../pairsExport.ts';
import { readLabels, readPairsAbsolute } from '../records.ts';
import type { Terminal } from '../terminal.ts';
import { badArguments, defineVerb, type Outcome } from '../verb.ts';
import { configOf } from './train.ts';

export const handoff = defineVerb({
  name: 'handoff',
  summary: 'write what accelerate launch needs to go on with a run, or to begin one, on other machines',
  positionals: ['RUN_OR_PAIRS'],
  options: {
    ...modelOptions,
    expect: {
      kind: 'text',
      value: 'N',
      help: 'of a run: steps to run ahead here, which continue.py --check is compared with; 0 needs no GPU (default: 3)',
    },
    'with-model': {
      kind: 'flag',
      help: 'of a run: put the model into the folder (done by itself where it is no diffusers folder of its own: an embedded model, a checkpoint in one file, a full fine-tune under the run)',
    },
    model: { kind: 'text', value: 'MODEL', help: 'of pairs: what is to be trained on them, from its first step' },
    labels: {
      kind: 'text',
      value: 'FILE',
      help: 'of pairs: a label file, or a folder with one (default: PAIRS/labels.jsonl)',
    },
    preset: { kind: 'text', value: 'NAME', help: 'of pairs: settings, as for train' },
    config: { kind: 'text', value: 'FILE', help: 'of pairs: settings from a JSON file' },
    set: { kind: 'list', value: 'KEY=VALUE', help: 'of pairs: one setting on top of them' },
    out: { kind: 'text', value: 'DIR', help: 'folder to write' },
  },
  notes: [
    'DIR holds: data/ and command-*.txt, for the scripts of diffusers and Salesforce, which begin a new run and name here what they cannot say;',
    'handoff.json, run.json, state, metrics, pairs.parquet (latents without loss) and continue.py, which goes on with this very run on any number of',
    'processes and writes a run back that winnow opens; make_pairs.py, which makes the pictures that winnow pairs makes. docs/scale.md says when.',
  ],
  example: 'my-run --out my-handoff',
  async run([given], values, terminal) {
    const out = absolute(required('out', values.out));
    const expect = values.expect === undefined ? 3 : count('expect', values.expect, { min: 0, max: 1000 });
    const asked = { out, withModel: values['with-model'], expect };
    if (isRun(given!)) {
      doNothing(values, ['model', 'labels', 'preset', 'config', 'prediction-type'], 'with a run');
      if (values.set.length > 0) throw badArguments('--set does nothing with a run.', 'Leave it out.');
      return outcome(await handOffRun(absolute(given!), asked, terminal));
    }
    if (!isPairsFolder(given!))
      throw badArguments(
        `${given} is neither a run nor a folder of pairs.`,
        'Give a folder with run.json or pairs.jsonl.',
      );
    return outcome(await fromPairs(given!, values, asked, terminal));
  },
});

async function fromPairs(
  folder: string,
  values: {
    'prediction-type': string | undefined;
    expect: string | undefined;
    model: string | undefined;
    labels: string | undefined;
    preset: string | undefined;
    config: string | undefined;
    set: string[];
  },
  asked: { out: string; withModel: boolean; expect: number },
  terminal: Terminal,
): Promise<HandedOff> {
  const settings = { preset: values.preset, config: values.config, set: values.set, reference: undefined };
  if (values.model === undefined) {
    doNothing(
      { ...values, 'with-model': asked.withModel },
      ['prediction-type', 'expect', 'with-model'],
      'without --model',
    );
    const config = await configOf(settings, stableDiffusionPresets, { prompts: [], preferring: () => 0 });
    return handOffPairs(folder, values.labels, asked, config, terminal);
  }
  const say = (text: string): void => terminal.note(text);
  const model = parseModelRef(values.model, values['prediction-type']);
  const pairs = readPairsAbsolute(folder, say);
  const among =
    values.config === undefined
      ? await withEngine(terminal, { base: model.base, root: folder, gpu: false }, async (engine) =>
          presetsFor((await engine.models())[0]),
        )
      : presets;
  const given = readLabels(values.labels ?? folder, say);
  const config = await configOf(settings, among, {
    prompts: [],
    preferring: (preset) => pairsFor(preset, pairs, given).length,
  });
  const labelled = pairsFor(config, pairs, given);
  const name = basename(asked.out);
  return begunRun({ model, config, pairs: labelled, name }, terminal, (run) =>
    handOffRun(run, asked, terminal, config),
  );
}

function outcome(made: HandedOff): Outcome {
  const lines = [
    made.run === null
      ? `${made.pairs} pairs in ${made.out}`
      : `${made.run} at step ${made.step} with ${made.pairs} pairs in ${made.out}; ${made.expect} steps run ahead`,
    made.data === null ? 'no data/ for the published scripts' : `${made.data} pairs in data/`,
    ...Object.entries(made.cannot).map(
      ([name, cannot]) => `command-${name}.txt: cannot say ${cannot.length} things, named in it`,
    ),
    ...(made.run === null ? [] : ['command-continue.txt: how to go on']),
  ];
  return { json: { ...made, files: filesOf(made.out) }, text: lines.join('\n') };
}
