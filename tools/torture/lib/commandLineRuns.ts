/** `winnow train`, killed and resumed until it is through; compared with one that nobody disturbed. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeFileStore } from '../../../src/cli/files.ts';
import { openSafetensors } from '../../../src/data/formats/safetensors.ts';
import { readRun } from '../../../src/data/runs.ts';
import { buildWinnow, type Winnow, winnow } from './cli.ts';
import { type KilledCase, KilledRuns } from './killedRuns.ts';
import { Random } from './random.ts';
import {
  digest,
  type Phase,
  phaseOf,
  type RunFiles,
  smallConfig,
  stepsIn,
  tinyModel,
  writeSmallPairs,
} from './smallRun.ts';
import type { Torture } from './torture.ts';

const PATIENCE_MS = 10 * 60_000;

interface Case extends KilledCase {
  /** How long the parts of an undisturbed one took. */
  ms: { prepare: number; step: number; finish: number };
}

function filesOf(folder: string): RunFiles {
  const files = new Map<string, Uint8Array>();
  if (!existsSync(folder)) return files;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(path.slice(folder.length + 1), readFileSync(path));
  }
  return files;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** What must hold of whatever a killed run left: its record can be read, and the files that it names are whole. */
async function whole(run: string): Promise<void> {
  if (!existsSync(join(run, 'run.json'))) return;
  const files = new NodeFileStore(run);
  const { checkpoints, samples } = await readRun(files, run);
  for (const { file } of checkpoints) await openSafetensors(await files.open(file), file);
  for (const { file } of samples) if (!(await files.exists(file))) throw new Error(`${file} is named and not there`);
}

export const commandLineRuns: Torture = async (options) => {
  const { log } = options;
  const killed = new KilledRuns<Case>(options);
  const random = new Random(options.seed);
  await buildWinnow();
  const place = mkdtempSync(join(tmpdir(), 'winnow-torture-runs-'));
  writeSmallPairs(join(place, 'pairs'));
  const cases: Case[] = [
    { name: 'lora-engine', config: smallConfig('lora', 'engine'), ms: { prepare: 0, step: 0, finish: 0 } },
    { name: 'full-onnx', config: smallConfig('full', 'onnx'), ms: { prepare: 0, step: 0, finish: 0 } },
  ];

  function train({ name, config }: Case, run: string): Winnow {
    const settings = join(place, `${name}.json`);
    writeFileSync(settings, JSON.stringify(config));
    return winnow(
      existsSync(join(run, 'run.json'))
        ? ['train', '--resume', '--out', run]
        : ['train', tinyModel, 'pairs', '--config', settings, '--out', run],
      place,
    );
  }

  async function settled({ ended }: Winnow, what: string): Promise<void> {
    const { code, err } = await ended;
    if (code !== 0) throw new Error(`${what} ended with ${code}: ${err.trim().split('\n').at(-1)}`);
  }

  const stepsOf = (run: string): number => {
    const file = join(run, 'metrics.jsonl');
    return existsSync(file) && statSync(file).size > 0 ? stepsIn(new Map([['metrics.jsonl', readFileSync(file)]])) : 0;
  };
  const list = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);

  async function undisturbed(one: Case): Promise<void> {
    const run = join(place, one.name, 'undisturbed', 'run');
    const start = performance.now();
    const child = train(one, run);
    const over = child.ended.then(() => true);
    let [first, last] = [0, 0];
    while (!(await Promise.race([over, pause(5)]))) {
      const steps = stepsOf(run);
      if (steps > 0) first ||= performance.now();
      if (steps === one.config.steps) last ||= performance.now();
    }
    await settled(child, 'an undisturbed run');
    one.ms = { prepare: first - start, step: (last - first) / one.config.steps, finish: performance.now() - last };
    one.wanted = digest(filesOf(run), 'run');
    log(`${one.name} undisturbed: ${Math.round(performance.now() - start)} ms`);
  }

  /** Resolves when the moment has come; a little later it is killed. */
  async function moment(phase: Phase, run: string, { config, ms }: Case, over: () => boolean): Promise<void> {
    const start = performance.now();
    const [stepsBefore, samplesBefore] = [stepsOf(run), list(join(run, 'samples')).length];
    const until = async (is: () => boolean, laterMs: number): Promise<void> => {
      while (!over() && !is() && performance.now() - start < PATIENCE_MS) await pause(2);
      await pause(random.next() * laterMs);
    };
    if (phase === 'prepare') return pause(random.next() * ms.prepare);
    if (phase === 'finish') return until(() => stepsOf(run) === config.steps, ms.finish);
    if (phase === 'sample') return until(() => list(join(run, 'samples')).length !== samplesBefore, ms.step / 2);
    const isPart = (name: string): boolean => name.endsWith('.part') && !name.startsWith('run.json');
    if (phase === 'save') return until(() => [run, join(run, 'checkpoints')].some((at) => list(at).some(isPart)), 2);
    // Steps behind the last save are forgotten first.
    return until(() => stepsOf(run) !== stepsBefore, ms.step);
  }

  async function disturbed(one: Case): Promise<void> {
    const run = join(place, one.name, `run-${killed.runs}`, 'run');
    const said: Phase[] = [];
    for (let kills = 0; killed.goesOn(kills); kills++) {
      const phase = killed.phase(kills);
      const child = train(one, run);
      let ended = false;
      void child.ended.then(() => (ended = true));
      await moment(phase, run, one, () => ended);
      if (ended) {
        await settled(child, `run ${killed.runs} after ${said.join(', ')}`);
        break;
      }
      await child.process.kill();
      const at = phaseOf(filesOf(run), one.config);
      said.push(at);
      killed.met(at, existsSync(join(run, 'run.json')));
      killed.done += 1;
      await whole(run);
    }
    await settled(train(one, run), `run ${killed.runs} after ${said.join(', ')}`);
    killed.compare(one, filesOf(run), 'run', said);
    rmSync(join(run, '..'), { recursive: true, force: true });
  }

  try {
    return await killed.goThrough(cases, 'runs of the command line', undisturbed, disturbed);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
};
