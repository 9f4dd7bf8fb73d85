import { basename } from 'node:path';
import { checkTrainConfig } from '../../data/formats/trainConfig.ts';
import { importAs } from '../../data/importers/table.ts';
import { heldOutOf } from '../../data/heldOut.ts';
import { pairsFor } from '../../data/pairs.ts';
import { bestLook } from '../../evaluation/looks.ts';
import { lookInWords } from '../../evaluation/lookWords.ts';
import { runVerdict } from '../../evaluation/runVerdict.ts';
import { lossNames, settingsOf } from '../../losses/table.ts';
import type { ModelRef, RunRecord, TrainConfig, TrainPair } from '../../service/types.ts';
import { lineageInWords, recoveryInWords, takenInWords } from '../../records/runs.ts';
import { WinnowError } from '../../shared/errors.ts';
import { idleBecause } from '../../training/config.ts';
import { configFor, type Preset, presetNamed, presets, presetsFor } from '../../training/presets.ts';
import { limits } from '../../shared/limits.ts';
import { absolute, count, oneOf, required, pathSource } from '../arguments.ts';
import type { Engine } from '../../service/engineService.ts';
import { withEngine } from '../engine.ts';
import { outFolder } from '../fileErrors.ts';
import { sayCuts, saySampler } from '../generation.ts';
import { gpuOptions, isRun, modelOptions, parseModelRef, readRunRecord } from '../modelRef.ts';
import { labelsFile, readLabels, readPairsAbsolute } from '../records.ts';
import { withRunLock } from '../runLock.ts';
import { Pace, type Terminal } from '../terminal.ts';
import { badArguments, defineVerb, type Outcome, type Values } from '../verb.ts';

const presetNames = presets.map(({ name }) => name);

const options = {
  ...modelOptions,
  ...gpuOptions,
  preset: {
    kind: 'text',
    value: 'NAME',
    help: `settings for the model's size of latents: ${presetNames.join(', ')} (default: standard)`,
  },
  config: { kind: 'text', value: 'FILE', help: 'settings from a JSON file, as the studio saves them' },
  set: {
    kind: 'list',
    value: 'KEY=VALUE',
    help: 'one setting on top of them, as --set steps=50 or --set repeats.import=0',
  },
  reference: {
    kind: 'text',
    value: 'NAME',
    help: 'frozen reference: auto, engine (our kernels) or onnx (default: as the settings say)',
  },
  name: { kind: 'text', value: 'TEXT', help: "name of the run (default: the folder's, or the one it has)" },
  resume: {
    kind: 'flag',
    help: 'go on with the run in --out from its last save; starts it if there is none and MODEL and PAIRS are given',
  },
  more: {
    kind: 'text',
    value: 'STEPS',
    help: 'with --resume, of a run that is finished: so many steps on top (of a cosine rate over all of them together)',
  },
  out: { kind: 'text', value: 'RUN_DIR', help: 'folder of the run: run.json, metrics.jsonl, checkpoints/, samples/' },
} as const;

export const train = defineVerb({
  name: 'train',
  summary: 'fine-tune a model on labelled pairs with Diffusion-DPO',
  positionals: ['[MODEL]', '[PAIRS]', '[LABELS]...'],
  options,
  notes: [
    `Losses, by --set loss=NAME, and the settings that each of them reads: ${lossNames.map((name) => [name, ...settingsOf(name)].join(' ')).join('; ')}.`,
    'PAIRS is a folder of winnow pairs, LABELS label files or folders with one (default: PAIRS/labels.jsonl): of several raters it takes what their',
    'labels come to (winnow raters). With --resume none is needed:',
    'where they are given they must be, by content, what the run began with, wherever they lie now.',
    'A tenth of the pairs is held out (--set heldOut=0 for none) and looked at whenever the run saves; MODEL+RUN_DIR@best is the best of its saves.',
    'Pairs that it is sure of can be left out of later steps: --set solvedMargin=3 for those whose margin is 3 or more, a chance of 95 %, at their last',
    'three draws. --set ema=0.99 averages the weights, and the average is then what is sampled, looked at and saved.',
    'It stops by itself where it leaves the model behind (--set driftGuard=off, or back to go on from its best save at half the rate), and on request',
    'where it gets no better (--set earlyStop=LOOKS).',
    'Ctrl-C saves and stops; --resume goes on to the same numbers as if it had never stopped.',
  ],
  example: 'postcard pairs pairs/labels.jsonl --preset quick --out my-run',
  async run(positionals, values, terminal) {
    const out = absolute(required('out', values.out));
    const say = (text: string): void => terminal.note(text);
    const exists = isRun(out);
    if (exists && !values.resume)
      throw badArguments(`${values.out} holds a run already.`, 'Go on with it by --resume, or choose another --out.');
    if (!exists && positionals.length < 2) {
      throw badArguments(
        values.resume
          ? `There is no run in ${values.out}.`
          : `${positionals.length === 0 ? 'MODEL' : 'PAIRS'} is missing.`,
        'Give MODEL and PAIRS: winnow train MODEL PAIRS [LABELS]... --out RUN_DIR.',
      );
    }
    if (exists && (values.preset ?? values.config ?? values.reference ?? values.set[0]) !== undefined)
      throw badArguments(
        'A run that is resumed keeps its settings.',
        'Leave out --preset, --config, --reference and --set, or start a new run.',
      );
    if (values.more !== undefined && !exists)
      throw badArguments(
        '--more was given without a run to go on with.',
        'Give the folder of a finished run with --out, and --resume.',
      );
    const [model, folder, ...files] = positionals;
    const labels = files.length > 0 ? files : undefined;
    if (exists && model === undefined && values['prediction-type'] !== undefined)
      throw badArguments(
        '--prediction-type was given without a MODEL.',
        'A run that is resumed knows its own: leave it out.',
      );
    if (exists) {
      const record = readRunRecord(out);
      return runTraining(terminal, {
        out,
        matrices: values.matrices,
        name: values.name,
        resume: true,
        model: model === undefined ? record.model : parseModelRef(model, values['prediction-type']),
        config: record.config,
        pairs: folder === undefined ? [] : givenPairs(folder, labels, record, say),
        ...(values.more !== undefined && {
          more: count('more', values.more, { max: limits.trainSteps }),
        }),
      });
    }
    const ref = parseModelRef(model!, values['prediction-type']);
    const pairs = readPairsAbsolute(folder!, say);
    // Presets fit the model's latents; a file of settings says everything itself.
    const among =
      values.config === undefined
        ? await withEngine(terminal, { base: ref.base, root: out, gpu: false }, async (engine) =>
            presetsFor((await engine.models())[0]),
          )
        : presets;
    const given = readLabels(labels ?? folder!, say);
    const config = await configOf(values, among, {
      prompts: pairs.map(({ prompt }) => prompt),
      preferring: (preset) => pairsFor(preset, pairs, given).length,
    });
    const labelled = pairsFor(config, pairs, given);
    outFolder(out);
    return runTraining(terminal, {
      out,
      matrices: values.matrices,
      name: values.name ?? basename(out),
      resume: false,
      model: ref,
      config,
      pairs: labelled,
    });
  },
});

/** @param pairs what the run takes; `preferring` says how many of them prefer one of their pictures, which presets go by. */
export async function configOf(
  values: Pick<Values<typeof options>, 'preset' | 'config' | 'set' | 'reference'>,
  among: readonly Preset[],
  pairs: { prompts: readonly string[]; preferring: (config: TrainConfig) => number },
): Promise<TrainConfig> {
  if (values.preset !== undefined && values.config !== undefined)
    throw badArguments('--preset and --config were both given.', 'Choose one of them.');
  const preset = presetNamed(values.preset ?? 'standard', among);
  if (!preset) throw badArguments(`There is no preset ${values.preset}.`, `Choose one of ${presetNames.join(', ')}.`);
  // Presets leave the sample prompts open; a file says what it wants.
  const given =
    values.config === undefined
      ? {
          ...configFor(preset, pairs.preferring(preset.config)),
          samplePrompts: [...new Set(pairs.prompts)].slice(0, 2),
        }
      : await importAs(await pathSource(values.config), 'trainSettings');
  const changed: Record<string, unknown> = { ...given };
  for (const assignment of values.set) {
    const [, key, part, text] = /^(\w+)(?:\.(\w+))?=(.*)$/s.exec(assignment) ?? [];
    if (key === undefined || !Object.hasOwn(given, key))
      throw badArguments(
        `--set ${assignment} names no setting.`,
        `Give KEY=VALUE, KEY being one of ${Object.keys(given).join(', ')}.`,
      );
    changed[key] = part === undefined ? parsed(text!) : { ...Object(changed[key]), [part]: parsed(text!) };
  }
  if (values.reference !== undefined)
    changed['reference'] = oneOf('reference', values.reference, ['auto', 'engine', 'onnx']);
  const config = checkTrainConfig(changed);
  for (const assignment of values.set) {
    const key = assignment.split(/[.=]/)[0]! as keyof TrainConfig;
    const cause = idleBecause(config, key);
    if (cause)
      throw badArguments(
        `--set ${assignment} does nothing with ${cause}=${config[cause]}.`,
        `Leave it out, or choose another ${cause}.`,
      );
  }
  return config;
}

/** JSON where it is JSON, else the text itself. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** What pairs and labels that are given to a run that goes on make: it is compared with what it began with. */
function givenPairs(
  folder: string,
  labels: readonly string[] | undefined,
  { pairs: before, config }: RunRecord,
  say: (text: string) => void,
): TrainPair[] {
  const pairs = pairsFor(config, readPairsAbsolute(folder, say), readLabels(labels ?? folder, say));
  if (pairs.length === 0)
    throw new WinnowError(
      'SourceChanged',
      `This run trains on ${before.length} pairs, and ${[labels ?? folder].flat().map(labelsFile).join(', ')} prefers none of ${folder}.`,
      'Leave PAIRS and LABELS out to go on with what the run began with.',
    );
  return pairs;
}

interface Training {
  out: string;
  matrices: boolean;
  /** Undefined keeps the one it has. */
  name: string | undefined;
  resume: boolean;
  model: ModelRef;
  config: TrainConfig;
  pairs: TrainPair[];
  more?: number;
}

function runTraining(terminal: Terminal, { out, name, matrices, ...training }: Training): Promise<Outcome> {
  const work = async (engine: Engine): Promise<Outcome> => {
    if (!training.resume) {
      if (training.config.sampleEvery > 0) saySampler(terminal, (await engine.models())[0]!);
      await sayCuts(engine, terminal, training.model, [
        ...training.pairs.map(({ prompt }) => prompt),
        ...(training.config.sampleEvery > 0 ? training.config.samplePrompts : []),
      ]);
    }
    const pace = new Pace();
    // A run that has just ended is not there to be stopped; what kept it from being saved is told when it ends.
    terminal.onInterrupt(() => void engine.command(out, 'stop').catch(() => undefined));
    const request = { ...training, run: out, name: name ?? '' };
    let naming: Promise<unknown> | undefined;
    const record = await engine.train('train', request, (event) => {
      if (event.type === 'preparing') terminal.status(`${event.what} (${event.done}/${event.total})`);
      if (event.type === 'doing' && event.doing)
        terminal.status(
          event.doing.total > 0 ? `${event.doing.what} (${event.doing.done}/${event.doing.total})` : event.doing.what,
        );
      if (event.type === 'started') {
        const { reference, pairs, config } = event.record;
        if (event.unchecked !== null) terminal.note(event.unchecked);
        for (const elsewhere of event.record.lineage ?? []) terminal.note(lineageInWords(elsewhere));
        if (training.resume && name !== undefined) {
          naming = engine.renameRun(out, name);
          naming.catch(() => undefined);
        }
        const from = event.resumedAt === null ? '' : `, from step ${event.resumedAt}`;
        const { pairs: heldOut, because } = heldOutOf(pairs, config);
        const kept = heldOut.size > 0 ? `, ${heldOut.size} of them held out` : '';
        if (because !== null) terminal.note(because);
        terminal.note(
          `${pairs.length} pairs${kept}, ${config.steps} steps${from}; labels: ${takenInWords(pairs)}; reference: ${reference}; ${(event.memory.peakBytes / 2 ** 20).toFixed(1)} MiB on the GPU`,
        );
      }
      if (event.type === 'recovered') terminal.note(recoveryInWords(event.recovery));
      if (event.type === 'look') terminal.note(`step ${event.look.step}: ${lookInWords(event.look)}`);
      if (event.type === 'solved') {
        const { step, pairs } = event.solved;
        terminal.note(`step ${step}: solved and left out from here on: ${pairs.length}`);
      }
      if (event.type === 'setback') terminal.note(event.setback.words);
      if (event.type === 'checkpoint') terminal.note(`saved ${event.checkpoint.file}`);
      if (event.type === 'step') {
        const { metrics, steps } = event;
        const done = metrics.step + 1;
        terminal.status(
          `step ${done}/${steps}, loss ${metrics.loss.toFixed(4)}, implicit accuracy ${(100 * metrics.implicitAccuracy).toFixed(0)} %, gradient ${metrics.gradNorm.toExponential(1)}${pace.left(done, steps)}`,
          done === steps,
        );
      }
    });
    await naming;
    const stopped = record.status === 'stopped';
    const text = `${stopped ? 'Stopped' : 'Finished'} at step ${record.step} of ${record.config.steps}; step-0 logit ${record.step0Logit ?? 'unknown'} (reference: ${record.reference}); run in ${out}${stopped ? '; go on with --resume' : ''}`;
    const { because: nothingHeldOut } = heldOutOf(record.pairs, record.config);
    const verdict = runVerdict({ run: record, nothingHeldOut });
    const best = bestLook(record.looks);
    const take = best ? `\nbest checkpoint: step ${best.step} (${out}@best)` : '';
    return {
      json: { ...record, verdict },
      text: [text, ...verdict.map(({ text: sentence }) => sentence)].join('\n') + take,
      ...(stopped && { exitCode: 130 }),
    };
  };
  return withRunLock(out, () => withEngine(terminal, { base: training.model.base, root: out, matrices }, work));
}
