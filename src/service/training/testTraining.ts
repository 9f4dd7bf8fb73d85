/** Training without a GPU, for tests: a tiny Stable Diffusion folder on the f64 oracle, its files in memory, jobs and commands as the engine
 *  has them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSafetensors } from '../../data/formats/safetensors.ts';
import type { Executor, Storage } from '../../graph/executor.ts';
import { cpuExecutor } from '../../oracle/run.ts';
import { WinnowError } from '../../shared/errors.ts';
import { DEFAULT_LIMITS } from '../../webgpu/plan.ts';
import { RandomStream } from '../../shared/rng.ts';
import type { TrainConfig } from '../../training/config.ts';
import { presetNamed } from '../../training/presets.ts';
import { type FolderReader, wholeFiles } from '../environment.ts';
import { Jobs } from '../jobs.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import { ModelCache } from '../model/modelCache.ts';
import { planForecast } from '../planning/forecast.ts';
import { ModelPool, type ResolvedModel } from '../model/modelPool.ts';
import { FrozenParts } from '../sampling/frozenParts.ts';
import { onnxRunner } from '../sampling/partRunner.ts';
import { Predictors } from '../sampling/predictors.ts';
import { testEnvironment } from '../testEnvironment.ts';
import { testRun } from '../testRuns.ts';
import { lasting } from '../verbContexts.ts';
import type { RunRecord, TrainCommand, TrainEvent, TrainPair, TrainRequest } from '../types.ts';
import type { TrainContext, TrainDevices } from './openRun.ts';
import { RunControl } from './runControl.ts';
import { RunStore } from '../../data/runStore.ts';
import { trainRun } from './trainRun.ts';

export const tiny = 'tools/reference/cases/pipeline-tiny-v/pipeline';

export const folderOnDisk = (id: string): FolderReader =>
  wholeFiles(async (path) => {
    try {
      return new Uint8Array(await readFile(join(id, path)));
    } catch {
      throw new WinnowError('NotFound', `There is no file ${path} in ${id}.`, 'Check the path.');
    }
  });

export const testConfig = (changes: Partial<TrainConfig> = {}): TrainConfig => ({
  ...presetNamed('standard')!.config,
  rank: 1,
  alpha: 1,
  targets: 'attention',
  learningRate: 1e-2,
  timestepRange: [0, 1000],
  warmupSteps: 0,
  beta: 500,
  steps: 4,
  pairsPerStep: 1,
  saveEvery: 2,
  sampleEvery: 0,
  samplePrompts: [],
  promptDropout: 0,
  reference: 'engine',
  ...changes,
});

/** Tells of every change before it is made, which can be kept from happening. */
export class WatchedFiles extends MemoryFileStore {
  /** Throws where a change is to fail. */
  before: (change: 'write' | 'append' | 'commit' | 'remove', path: string) => void = () => {};

  override async write(path: string, bytes: Uint8Array): Promise<void> {
    this.before('write', path);
    return super.write(path, bytes);
  }

  override async append(path: string, bytes: Uint8Array): Promise<void> {
    this.before('append', path);
    return super.append(path, bytes);
  }

  override async commit(path: string): Promise<void> {
    this.before('commit', path);
    return super.commit(path);
  }

  override async remove(path: string): Promise<void> {
    if (await this.exists(path)) this.before('remove', path);
    return super.remove(path);
  }
}

export const noDiskSpace = (): WinnowError => new WinnowError('NoDiskSpace', 'The disk is full.', 'Free some space.');

/** The oracle, with tensors that outlive a step kept in f32, as on a GPU: what is saved is then all that there is.
 *  @param onRun called at each run of a program. */
export function f32Executor(onRun: () => void = () => {}): Executor {
  const oracle = cpuExecutor();
  const kept: Float64Array[] = [];
  return {
    ...oracle,
    storage(...args) {
      const storage = oracle.storage(...args);
      kept.push((storage as Storage & { data: Float64Array }).data);
      return storage;
    },
    async compile(graph, options) {
      const program = await oracle.compile(graph, options);
      const runAndRead = program.runAndRead.bind(program);
      program.runAndRead = async (values) => {
        const results = await runAndRead(values);
        onRun();
        for (const data of kept) data.forEach((x, i) => (data[i] = Math.fround(x)));
        return results;
      };
      return program;
    },
  };
}

export interface Started {
  record: Promise<RunRecord>;
  events: TrainEvent[];
  command(command: TrainCommand): Promise<void>;
  cancel(): Promise<void>;
}

export class TestTraining {
  readonly files: MemoryFileStore;
  readonly runs: RunStore;
  readonly jobs = new Jobs();
  readonly pairs: TrainPair[];
  readonly context: TrainContext;
  /** For what comes after this: the way to a device that may be lost. */
  devices: TrainDevices;

  private constructor(
    files: MemoryFileStore,
    pairs: TrainPair[],
    openModel: (id: string) => FolderReader,
    changes: Partial<TrainContext>,
  ) {
    this.files = files;
    this.runs = new RunStore(files);
    this.pairs = pairs;
    const env = testEnvironment({ files, embeddedModels: [tiny], openModel });
    const executor = f32Executor();
    const sessionOptions = (): { provider: 'wasm'; threads: number } => ({ provider: 'wasm', threads: 1 });
    const parts = new Map<string, FrozenParts>();
    const cache = new ModelCache();
    this.context = {
      env,
      pool: new ModelPool(env, this.runs),
      cache,
      predictors: new Predictors(async () => executor, sessionOptions, cache),
      frozenParts({ folder }: ResolvedModel) {
        const known =
          parts.get(folder.info.id) ??
          new FrozenParts(folder, onnxRunner(sessionOptions()), async () => undefined, cache);
        parts.set(folder.info.id, known);
        return known;
      },
      backendFor: async () => 'engine',
      checkHalf: () => Promise.reject(new Error('no arithmetic in f16 here')),
      score: () => Promise.reject(new Error('no judges here')),
      executor,
      adapterName: 'The oracle',
      adapterKey: 'the oracle',
      plan: (spec) => planForecast(spec, DEFAULT_LIMITS),
      maxBindingBytes: 2 ** 28,
      runs: this.runs,
      choices: testRun().choices,
      sessionOptions,
      ...changes,
    };
    this.devices = lasting(this.context);
  }

  static async open({
    files = new MemoryFileStore(),
    openModel = folderOnDisk,
    pairs = 3,
    ...changes
  }: Partial<TrainContext> & {
    files?: MemoryFileStore;
    openModel?: (id: string) => FolderReader;
    pairs?: number;
  } = {}): Promise<TestTraining> {
    const made: TrainPair[] = [];
    for (let i = 0; i < pairs; i++) {
      const place = (which: string): string => `images/${i}-${which}.safetensors`;
      for (const which of ['w', 'l']) if (!(await files.exists(place(which)))) await writeLatents(files, place(which));
      made.push({
        pair: `pair ${i}`,
        prompt: `a tree ${i}`,
        winnerLatents: place('w'),
        loserLatents: place('l'),
      });
    }
    return new TestTraining(files, made, openModel, changes);
  }

  /** As the engine's train, command and cancel. */
  start(request: Partial<TrainRequest> & { onEvent?: (event: TrainEvent) => void } = {}): Started {
    const control = new RunControl();
    const events: TrainEvent[] = [];
    const { onEvent, ...changes } = request;
    const whole: TrainRequest = {
      run: 'r',
      name: 'A run',
      model: { base: tiny, adapters: [] },
      config: testConfig(),
      pairs: this.pairs,
      resume: false,
      ...changes,
    };
    const record = this.jobs
      .run('train', (signal) =>
        trainRun(this.devices, signal, control, whole, (event) => {
          events.push(event);
          onEvent?.(event);
        }),
      )
      .then(
        (ended) => {
          control.end({ saved: ended.checkpoints.some(({ step }) => step === ended.step) });
          return ended;
        },
        (error: unknown) => {
          control.end({ error });
          throw error;
        },
      );
    record.catch(() => undefined);
    return {
      record,
      events,
      command: (command) => control.send(command),
      cancel: () => this.jobs.cancel('train'),
    };
  }
}

/** [1, 8, 8, 8] of noise, the same for a name. */
export async function writeLatents(files: MemoryFileStore, path: string, purpose = path): Promise<void> {
  const seed = [...purpose].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, 7);
  const data = new RandomStream({ seed, purpose: 'noise' }).normals(8 ** 3);
  await files.write(path, writeSafetensors({ latents: { shape: [1, 8, 8, 8], data: Float32Array.from(data) } }));
}

/** So many pairs with something to learn: all winners lean one way, all losers the other. */
export async function leaning(pairs: number, files?: MemoryFileStore): Promise<TestTraining> {
  const t = await TestTraining.open({ pairs, ...(files && { files }) });
  for (const [i, { winnerLatents, loserLatents }] of t.pairs.entries())
    for (const [side, file] of [winnerLatents, loserLatents].entries()) {
      const noise = new RandomStream({ seed: 1, purpose: 'noise', step: i, pair: side }).normals(8 ** 3);
      const data = noise.map((z, at) => 0.3 * z + (side === 0 ? 1 : -1) * (at % 2 === 0 ? 0.7 : -0.7));
      await t.files.write(file, writeSafetensors({ latents: { shape: [1, 8, 8, 8], data } }));
    }
  return t;
}
