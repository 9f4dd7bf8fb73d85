/** `npm run torture -- device`: the GPU device is taken away at random calls of random steps (compiling, stepping, saving, restoring, drawing
 *  samples) of LoRA and full runs, with either reference; every run must end at the bits of one that was never disturbed. On the device that
 *  the command line takes. */
import { createHash } from 'node:crypto';
import { openNodeGpu } from '../../src/cli/device.ts';
import { statePath } from '../../src/data/runStore.ts';
import { Engine } from '../../src/service/engineService.ts';
import { MemoryFileStore } from '../../src/service/memoryFiles.ts';
import { MICRO_FACTOR, microModel } from '../../src/service/microModel.ts';
import { testEnvironment } from '../../src/service/testEnvironment.ts';
import type { ModelRef, RunRecord, TrainConfig, TrainPair } from '../../src/service/types.ts';
import { RandomStream } from '../../src/shared/rng.ts';
import { presetNamed } from '../../src/training/presets.ts';
import { type LosingGpu, losingGpu } from '../../src/webgpu/losingGpu.ts';
import { timeLimit, type TortureOptions, type TortureResult } from './lib/torture.ts';

/** Losses. */
export const fullCount = 50;

const base: ModelRef = { base: 'micro', adapters: [] };
const reader = microModel();
const side = 4 * MICRO_FACTOR;
const STEPS = 6;

const combinations = (['lora', 'full'] as const).flatMap((mode) =>
  (['engine', 'onnx'] as const).map((reference) => ({ mode, reference, name: `${mode}, ${reference}` })),
);
type Combination = (typeof combinations)[number];

const configOf = ({ mode, reference }: Combination): TrainConfig => ({
  ...presetNamed('standard')!.config,
  mode,
  reference,
  rank: 1,
  alpha: 1,
  targets: 'attention',
  learningRate: mode === 'full' ? 1e-4 : 1e-2,
  warmupSteps: 0,
  beta: 500,
  steps: STEPS,
  pairsPerStep: 1,
  saveEvery: 2,
  sampleEvery: 3,
  samplePrompts: ['a tree'],
  sampleSeeds: [1],
});

/** The files that every run begins with. */
interface World {
  gpu: GPU;
  /** What was measured, pictures and their latents. */
  seeds: ReadonlyMap<string, Uint8Array>;
  pairs: TrainPair[];
}

interface Outcome {
  record: RunRecord;
  /** Of the state (weights and moments), the last checkpoint, every sample and every step's numbers. */
  hash: string;
  losing: LosingGpu;
}

async function storeOf(seeds: World['seeds']): Promise<MemoryFileStore> {
  const files = new MemoryFileStore();
  for (const [path, bytes] of seeds) await files.write(path, bytes);
  return files;
}

const engineOn = (gpu: GPU, files: MemoryFileStore): Engine =>
  new Engine(testEnvironment({ gpu, files, embeddedModels: ['micro'], openModel: () => reader }));

async function prepareWorld(): Promise<World> {
  const { gpu } = await openNodeGpu();
  const files = new MemoryFileStore();
  const engine = engineOn(gpu, files);
  const items = [0, 1, 2, 3].map((seed) => ({ prompt: `a tree ${seed >> 1}`, seed }));
  const shared = { negativePrompt: '', guidanceScale: 1, scheduler: 'DDIMScheduler', sampler: 'auto' } as const;
  const images = await engine.generate(
    'images',
    { ...shared, model: base, steps: 1, width: side, height: side, items },
    () => {},
  );
  await engine.dispose();
  const pairs = [0, 2].map((i): TrainPair => ({
    pair: `pair ${i}`,
    prompt: images[i]!.prompt,
    winnerLatents: images[i]!.latentsFile,
    loserLatents: images[i + 1]!.latentsFile,
  }));
  const seeds = new Map<string, Uint8Array>();
  for (const path of [...(await files.list('images')), ...(await files.list('settings'))])
    seeds.set(path, await files.read(path));
  return { gpu, seeds, pairs };
}

/** @param calls for each loss: after how many calls of its device that device is taken away. */
async function trainedWith(world: World, combination: Combination, calls: readonly number[]): Promise<Outcome> {
  const losing = losingGpu(world.gpu, calls);
  const files = await storeOf(world.seeds);
  const engine = engineOn(losing.gpu, files);
  try {
    const request = {
      run: 'r',
      name: 'r',
      model: base,
      config: configOf(combination),
      pairs: world.pairs,
      resume: false,
    };
    const record = await engine.train('train', request, () => {});
    const hash = createHash('sha256');
    const metrics = await engine.metrics('r');
    hash.update(JSON.stringify(metrics.map(({ elapsedMs: _, ...numbers }) => numbers)));
    for (const file of [statePath('r'), record.checkpoints.at(-1)!.file, ...record.samples.map(({ file }) => file)])
      hash.update(await files.read(file));
    return { record, hash: hash.digest('hex'), losing };
  } finally {
    await engine.dispose();
  }
}

const survived = ({ recoveries = [] }: RunRecord): number => recoveries.length;

export async function torture({ count, seed, minutes, log }: TortureOptions): Promise<TortureResult> {
  const isOver = timeLimit(minutes);
  const random = new RandomStream({ seed, purpose: 'pairOrder' });
  const upTo = (n: number): number => random.uint32() % n;
  const world = await prepareWorld();
  const failed: string[] = [];
  const figures: TortureResult['figures'] = {};
  const undisturbed = new Map<Combination, Outcome>();
  const losses = new Map<Combination, number>();
  let done = 0;
  let runs = 0;
  let stepsRepeated = 0;
  for (let round = 0; done < count && !isOver(); round++) {
    const combination = combinations[round % combinations.length]!;
    let whole = undisturbed.get(combination);
    if (!whole) undisturbed.set(combination, (whole = await trainedWith(world, combination, [])));
    // Up to as many in a run as are survived in ten minutes, and one at least for each combination.
    const wanted = Math.min(1 + upTo(3), Math.max(1, count - done - (combinations.length - 1 - round)));
    const calls = Array.from({ length: wanted }, () => 1 + upTo(whole.losing.calls));
    const what = `${combination.name}: lost at calls ${calls.join(', ')} of about ${whole.losing.calls}`;
    try {
      const { record, hash, losing } = await trainedWith(world, combination, calls);
      runs++;
      done += losing.losses;
      losses.set(combination, (losses.get(combination) ?? 0) + losing.losses);
      stepsRepeated += (record.recoveries ?? []).reduce((sum, { lostAt, from }) => sum + lostAt - from, 0);
      const at = (record.recoveries ?? []).map(({ lostAt, from }) => `${lostAt}→${from}`).join(', ');
      log(`${what}; steps ${at || 'none'}; ${hash === whole.hash ? 'the same bits' : 'OTHER BITS'}`);
      if (hash !== whole.hash) failed.push(`${what}: other bits`);
      if (record.status !== 'finished') failed.push(`${what}: ${record.status}`);
      if (survived(record) > losing.losses) failed.push(`${what}: ${survived(record)} recoveries`);
    } catch (error) {
      done += wanted;
      failed.push(`${what}: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`);
      log(failed.at(-1)!);
    }
  }
  for (const combination of combinations) figures[`losses of ${combination.name}`] = losses.get(combination) ?? 0;
  return { done, failed, figures: { ...figures, runs, 'steps made again': stepsRepeated } };
}
