/** A run, or pairs, as a folder that goes to a cluster: `winnow handoff`. */
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { ExportSource } from '../data/exporters/pairs/exporter.ts';
import { planPairsExport } from '../data/exporters/pairs/table.ts';
import type { Label } from '../data/labels.ts';
import { writeRun } from '../data/runs.ts';
import type { Engine } from '../service/engineService.ts';
import { type CommandFacts, commandText, scriptCommands } from '../service/handoff/commands.ts';
import type { Handoff, HandoffResult } from '../service/handoff/handoff.ts';
import type { ModelRef, PairRecord, RunRecord, StepMetrics, TrainConfig, TrainPair } from '../service/types.ts';
import { RandomStream } from '../shared/rng.ts';
import { absolute } from './arguments.ts';
import { productRoot, withEngine } from './engine.ts';
import { makeFolders } from './fileErrors.ts';
import { hashFile } from './fileHashes.ts';
import { NodeFileStore } from './files.ts';
import { readRunRecord } from './modelRef.ts';
import { whole, writeEntries } from './pairsExport.ts';
import { readLabels, readPairs } from './records.ts';
import { withRunLock } from './runLock.ts';
import type { Terminal } from './terminal.ts';

/** What goes along: whoever has the folder has all of it. */
const TOOLS = join(productRoot, 'tools', 'hand-off');
const runsTools = ['continue.py', 'draws.py', 'folder.py', 'losses.py', 'requirements.txt'];
const pairsTools = ['make_pairs.py', 'draws.py', 'requirements.txt'];

export interface Asked {
  out: string;
  withModel: boolean;
  /** Steps that Winnow runs ahead. */
  expect: number;
}

export interface HandedOff {
  out: string;
  run: string | null;
  step: number;
  pairs: number;
  /** Steps run ahead. */
  expect: number;
  /** Pairs in data/; null where their pictures are not there. */
  data: number | null;
  cannot: Record<string, readonly string[]>;
}

const writeText = (file: string, text: string): void => writeFileSync(file, text);
const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

function copyTools(folder: string, names: readonly string[]): void {
  for (const name of new Set(names)) copyFileSync(join(TOOLS, name), join(folder, name));
}

/** @param config to be remembered instead of the record's. */
export function handOffRun(
  run: string,
  { out, withModel, expect }: Asked,
  terminal: Terminal,
  config?: TrainConfig,
): Promise<HandedOff> {
  return withRunLock(run, () =>
    whole(out, async (folder) => {
      makeFolders(folder);
      const { base } = readRunRecord(run).model;
      const ahead = expect > 0 ? await runAhead(run, base, expect, terminal) : [];
      const result = await withEngine(terminal, { base, root: folder, gpu: false }, (engine) =>
        engine.handOff(run, folder, {
          withModel,
          preparing: (what, done, total) => terminal.status(`${what} (${done}/${total})`),
        }),
      );
      const { handoff } = result;
      const record = { ...result.record, ...(config && { config }) };
      for (const name of ['state.safetensors', 'metrics.jsonl'])
        if (existsSync(join(run, name))) copyFileSync(join(run, name), join(folder, name));
      writeText(join(folder, 'run.json'), recordText(run, config));
      const data = await writeData(folder, basename(out), record, handoff, terminal);
      const commands = writeCommands(folder, record.config, factsOf(result, record, data));
      writeText(join(folder, 'command-continue.txt'), continueText(handoff));
      copyTools(folder, [...runsTools, ...pairsTools]);
      writeText(join(folder, 'handoff.json'), json(await withHashes(handoff, folder, ahead)));
      return {
        out,
        run: record.name,
        step: record.step,
        pairs: record.pairs.length,
        expect: ahead.length,
        data: data?.pairs ?? null,
        cannot: Object.fromEntries(commands.map(({ name, cannot }) => [name, cannot])),
      };
    }),
  );
}

/** As it lies there. */
function recordText(run: string, config: TrainConfig | undefined): string {
  const text = readFileSync(join(run, 'run.json'), 'utf8');
  return config ? json({ ...(JSON.parse(text) as object), config }) : text;
}

/** The next steps of the run, taken in a copy of it. */
async function runAhead(run: string, base: string, wanted: number, terminal: Terminal): Promise<StepMetrics[]> {
  const record = readRunRecord(run);
  const { step, config } = record;
  const count = config.lrSchedule === 'cosine' ? Math.min(wanted, config.steps - step) : wanted;
  if (count <= 0) return [];
  const folder = mkdtempSync(join(tmpdir(), 'winnow-handoff-'));
  const copy = join(folder, 'run');
  try {
    const steps = Math.max(config.steps, step + count);
    const files = new NodeFileStore(folder);
    await writeRun(files, {
      ...record,
      id: absolute(copy),
      config: { ...config, steps, sampleEvery: 0, saveEvery: 0 },
      // continue.py computes its own reference as the engine does: with the policy's kernels.
      reference: config.mode === 'lora' ? 'engine' : record.reference,
      checkpoints: [],
      samples: [],
    });
    if (existsSync(join(run, 'state.safetensors')))
      copyFileSync(join(run, 'state.safetensors'), join(copy, 'state.safetensors'));
    return await withEngine(terminal, { base, root: copy }, (engine) => stepsOf(engine, copy, record, count, terminal));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function stepsOf(
  engine: Engine,
  run: string,
  { model, config, name }: RunRecord,
  count: number,
  terminal: Terminal,
): Promise<StepMetrics[]> {
  const rows: StepMetrics[] = [];
  const request = { run: absolute(run), name, model, pairs: [], config, resume: true };
  await engine.train('train', request, (event) => {
    if (event.type !== 'step') return;
    if (rows.length < count) rows.push(event.metrics);
    terminal.status(`step ahead ${rows.length}/${count}`, rows.length === count);
    if (rows.length === count) void engine.command(request.run, 'stop').catch(() => undefined);
  });
  return rows;
}

/** A run that has not begun: its adapter as it starts, saved. Rejects as training does. */
export async function begunRun<T>(
  { model, config, pairs, name }: { model: ModelRef; config: TrainConfig; pairs: TrainPair[]; name: string },
  terminal: Terminal,
  work: (run: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'winnow-handoff-'));
  const run = absolute(join(folder, 'run'));
  try {
    await withEngine(terminal, { base: model.base, root: run }, (engine) =>
      engine.train(
        'train',
        { run, name, model, pairs, config: { ...config, sampleEvery: 0 }, resume: false },
        (event) => {
          if (event.type === 'preparing') terminal.status(`${event.what} (${event.done}/${event.total})`);
          if (event.type === 'started') void engine.command(run, 'stop').catch(() => undefined);
        },
      ),
    );
    return await work(run);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The pictures of a run's pairs, for the published scripts; null where they are not there. */
async function writeData(
  folder: string,
  name: string,
  { pairs, config }: RunRecord,
  { size }: Handoff,
  terminal: Terminal,
): Promise<{ pairs: number; ties: number } | null> {
  const pictureOf = (latents: string): string => latents.replace(/\.safetensors$/, '.png');
  const missing = pairs
    .flatMap(({ winnerLatents, loserLatents }) => [winnerLatents, loserLatents])
    .filter((file) => !existsSync(pictureOf(file)));
  const decided = pairs.filter(({ strength }) => strength !== 'tie');
  if (missing.length > 0 || decided.length === 0) {
    const why = missing.length > 0 ? `${missing.length} pictures are not beside their latents` : 'all pairs are ties';
    terminal.note(`No data/ for the published scripts: ${why}.`);
    return null;
  }
  const made = decided.map(({ pair, prompt, winnerLatents, loserLatents, by = 'person' }, n) => {
    // A file whose first picture always wins misleads whoever looks at it.
    const turned = new RandomStream({ seed: config.seed, purpose: 'sideOrder', pair: n }).int(0, 2) === 1;
    const files = turned ? [loserLatents, winnerLatents] : [winnerLatents, loserLatents];
    const [first, second] = files.map((file, i) => ({
      foreign: true as const,
      id: `${pair}-${i}`,
      file: pictureOf(file),
      ...size,
      createdAt: '',
    }));
    const at = new Date(0).toISOString();
    const label: Label = {
      type: 'label',
      id: pair,
      pair,
      answer: turned ? 'right' : 'left',
      shownLeft: 0,
      clearly: false,
      elapsedMs: 0,
      at,
      by,
    };
    return {
      pair: { id: pair, prompt, images: [first!, second!], origin: 'seeds', createdAt: at } as PairRecord,
      label,
    };
  });
  await writeSource(folder, {
    name,
    pairs: made.map(({ pair }) => pair),
    events: [],
    byPair: new Map(made.map(({ pair, label }) => [pair.id, label])),
    files: new NodeFileStore(folder),
  });
  return { pairs: made.length, ties: pairs.length - decided.length };
}

const writeSource = async (folder: string, source: ExportSource): Promise<void> =>
  void (await writeEntries(folder, planPairsExport('pickapic', source), () => {}));

function factsOf(
  { handoff: { base, size, prediction, below }, autoencoder }: HandoffResult,
  { step }: RunRecord,
  data: { ties: number } | null,
): CommandFacts {
  return {
    model: base.folder === null ? base.id : `./${base.folder}`,
    family: base.family,
    prediction,
    autoencoder,
    resolution: Math.min(size.height, size.width),
    data: './data',
    begun: step > 0 || below.length > 0,
    ties: data?.ties ?? 0,
  };
}

function writeCommands(
  folder: string,
  config: TrainConfig,
  facts: CommandFacts,
): { name: string; cannot: readonly string[] }[] {
  const commands = scriptCommands(config, facts);
  for (const command of commands) writeText(join(folder, `command-${command.name}.txt`), commandText(command));
  return commands;
}

const continueText = ({ run, step, base }: Handoff): string =>
  [
    `# Goes on with the run ${JSON.stringify(run)} from step ${step}: same pairs, noise, loss, moments and schedule, on any number of processes.`,
    '# In this folder:',
    'pip install -r requirements.txt',
    `python continue.py . --check${base.folder === null ? ' --model MODEL_FOLDER' : ''}    # the steps that Winnow ran ahead, compared`,
    `accelerate launch --num_processes 8 continue.py . --chunk 4${base.folder === null ? ' --model MODEL_FOLDER' : ''} --out RUN_DIR`,
    '# And back: winnow train --resume --out RUN_DIR, or MODEL+RUN_DIR wherever a model is asked for.',
    '',
  ].join('\n');

async function withHashes(handoff: Handoff, folder: string, expect: readonly StepMetrics[]): Promise<object> {
  const { base } = handoff;
  const where = base.folder === null ? base.id : join(folder, base.folder);
  const hashes = async (root: string, names: readonly string[]): Promise<Record<string, string>> => {
    const found: Record<string, string> = {};
    for (const name of names) found[name] = await hashFile(join(root, name));
    return found;
  };
  const own = ['state.safetensors', 'pairs.parquet', ...handoff.below.map(({ file }) => file)];
  return {
    ...handoff,
    base: { ...base, files: await hashes(where, base.files) },
    files: await hashes(
      folder,
      own.filter((name) => existsSync(join(folder, name))),
    ),
    expect,
  };
}

/** Pairs alone: for the published scripts, and for making more of them. */
export function handOffPairs(
  pairsFolder: string,
  labels: string | undefined,
  { out }: Pick<Asked, 'out'>,
  config: TrainConfig,
  terminal: Terminal,
): Promise<HandedOff> {
  return whole(out, async (folder) => {
    makeFolders(folder);
    const say = (text: string): void => terminal.note(text);
    const pairs = readPairs(pairsFolder, say);
    const { byPair } = readLabels(labels ?? pairsFolder, say);
    const files = new NodeFileStore(absolute(pairsFolder));
    const source = { name: basename(out), pairs, events: [], byPair, files };
    const planned = planPairsExport('pickapic', source);
    await writeEntries(folder, planned, () => {});
    const commands = writeCommands(folder, config, {
      model: 'MODEL',
      family: undefined,
      prediction: undefined,
      autoencoder: undefined,
      resolution: Math.min(...pairs[0]!.images.map(({ width, height }) => Math.min(width, height))),
      data: './data',
      begun: false,
      ties: planned.leftOut.tie,
    });
    const request = join(pairsFolder, 'request.json');
    if (existsSync(request)) {
      copyFileSync(request, join(folder, 'request.json'));
      copyTools(folder, pairsTools);
    }
    return {
      out,
      run: null,
      step: 0,
      pairs: pairs.length,
      expect: 0,
      data: planned.pairs,
      cannot: Object.fromEntries(commands.map(({ name, cannot }) => [name, cannot])),
    };
  });
}

export const filesOf = (folder: string): string[] => readdirSync(folder).toSorted();
