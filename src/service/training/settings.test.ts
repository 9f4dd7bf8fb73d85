/** A run's settings, all of them: each changes what training gives, or says who else reads it; and a loss's own do so for that loss alone.
 *  Real steps of a small UNet on the oracle. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeJson } from '../../data/files.ts';
import { checkTrainConfig, parseTrainConfig } from '../../data/formats/trainConfig.ts';
import { openSafetensors } from '../../data/formats/safetensors.ts';
import { alphasCumprod, readNoiseSchedule } from '../../diffusion/schedule.ts';
import { SchedulerConfigReader } from '../../diffusion/schedulerConfig.ts';
import { printGraph } from '../../graph/print.ts';
import { preferenceOf, type Strength } from '../../losses/preference.ts';
import { defaultLossSettings, lossFields, type LossName, lossNames, settingsOf } from '../../losses/table.ts';
import type { Conditioning } from '../../models/conditioning.ts';
import { openDenoiser } from '../../models/families.ts';
import { ParameterStore } from '../../models/parameterStore.ts';
import { withAliases } from '../../models/weights.ts';
import { cpuExecutor } from '../../oracle/run.ts';
import { RandomStream } from '../../shared/rng.ts';
import { idleBecause, type TrainConfig } from '../../training/config.ts';
import { engineReference } from '../../training/frozenReference.ts';
import { initialLora } from '../../training/lora.ts';
import { presets } from '../../training/presets.ts';
import { recomputed } from '../../training/recompute.ts';
import { runStep, type StepNumbers } from '../../training/runStep.ts';
import { buildStepGraph } from '../../training/stepGraph.ts';
import { resultKind, Trainer } from '../../training/trainer.ts';
import type { RunRecord } from '../types.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import { testRun } from '../testRuns.ts';
import { RunStore } from '../../data/runStore.ts';
import { stepSpecOf } from '../planning/stepSpec.ts';

const folder = join(import.meta.dirname, '../../../tools/reference/cases/dpo-hinge');
const unet = openDenoiser(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>);
const weights = await openSafetensors(readFileSync(join(folder, 'weights.safetensors')), 'weights');
const model = { folder: { unet: { model: unet }, tokens: 5 }, weights };
const latents = { height: 6, width: 6 };

const normals = (pair: number, count: number): Float32Array =>
  new RandomStream({ seed: 7, purpose: 'noise', pair }).normals(count);
const strengths: (Strength | undefined)[] = ['tie', undefined, 'clear'];

const base: TrainConfig = {
  ...presets[1]!.config,
  rank: 2,
  alpha: 2,
  learningRate: 0.01,
  warmupSteps: 0,
  steps: 3,
  pairsPerStep: 3,
  // Clipping at 1 would hide a gradient's size behind its direction, and Adam after it.
  maxGradNorm: 0,
  adamEps: 1,
  beta: 40,
  promptDropout: 0.5,
};

interface Outcome {
  graph: string;
  numbers: StepNumbers[];
  weights: Map<string, Float32Array>;
}

async function train(config: TrainConfig, steps = 2): Promise<Outcome> {
  const executor = cpuExecutor();
  const spec = stepSpecOf(model, config, latents, 'engine', 2 ** 27);
  const graph = printGraph(recomputed(buildStepGraph(spec), config.recompute).step.graph);
  const lora = config.mode === 'lora' ? initialLora(spec.layout.entries, config.rank, config.seed) : undefined;
  const trainer = await Trainer.create({
    executor,
    spec,
    frozen: new ParameterStore(
      executor,
      withAliases(weights, (name) => (name.startsWith('reference.') ? [name.slice('reference.'.length)] : [])),
    ),
    initial: async (name) => lora?.get(name) ?? weights.read(name),
  });
  const told = (seed: number): Conditioning => ({
    encoder_hidden_states: { data: normals(seed, 5 * 6), shape: [1, 5, 6] },
  });
  const data = {
    pairs: strengths.map((strength, i) => ({
      id: String(i),
      winner: normals(2 * i, 144),
      loser: normals(2 * i + 1, 144),
      conditioning: told(10 + i),
      preference: preferenceOf(config, strength),
    })),
    unconditional: told(20),
    prediction: 'epsilon' as const,
    alphasCumprod: alphasCumprod(readNoiseSchedule(new SchedulerConfigReader({}, 'DDPMScheduler'))),
  };
  const numbers: StepNumbers[] = [];
  for (let step = 0; step < steps; step++) numbers.push(await runStep(trainer, engineReference, data, config, step));
  return { graph, numbers, weights: await trainer.tensors(resultKind(spec)) };
}

/** Who reads a setting that no step does: a pattern in the code of a run. */
type Elsewhere = { reader: RegExp };
const elsewhere = (reader: RegExp): Elsewhere => ({ reader });

const changed: { [K in keyof TrainConfig]: TrainConfig[K] | Elsewhere } = {
  version: elsewhere(/version: z\.literal\(1\)/),
  mode: 'full',
  rank: 3,
  alpha: 3,
  targets: 'attention',
  learningRate: 0.02,
  lrSchedule: 'constant',
  warmupSteps: 1,
  steps: 4,
  pairsPerStep: 2,
  accumulation: 2,
  adamBeta1: 0.8,
  adamBeta2: 0.9,
  adamEps: 0.5,
  weightDecay: 0.5,
  maxGradNorm: 1e-6,
  ema: 0.9,
  beta: 20,
  loss: 'ipo',
  timestepRange: [0, 500],
  promptDropout: 0,
  posterior: elsewhere(/posterior === 'sample'/),
  size: elsewhere(/if \(size\) return/),
  fit: elsewhere(/config\.fit/),
  repeats: elsewhere(/repeats\[raterKindOf/),
  seed: 1,
  reference: elsewhere(/reference !== 'auto'\) return reference/),
  recompute: 'blocks',
  heldOut: elsewhere(/heldOutOf\(record\.pairs, config\)/),
  earlyStop: elsewhere(/config\.earlyStop/),
  solvedMargin: elsewhere(/config\.solvedMargin/),
  driftGuard: elsewhere(/config\.driftGuard/),
  sampleEvery: elsewhere(/config\.sampleEvery/),
  saveEvery: elsewhere(/config\.saveEvery/),
  keepCheckpoints: elsewhere(/config\.keepCheckpoints/),
  samplePrompts: elsewhere(/config\.samplePrompts/),
  sampleSeeds: elsewhere(/config\.sampleSeeds/),
  labelSmoothing: 0.2,
  mapoBeta: 0.3,
  mapoT: 10,
  mapoK: 2,
  dmpoAlpha: 0.2,
  linearEta: 0.5,
  tiePreference: 0.7,
  sidePreference: 0.6,
  clearPreference: 0.7,
  minSnrGamma: 1e-3,
  sdpoMu: 1,
};

/** A loss that reads the setting, if it is one of losses. */
const lossReading = (name: string): LossName =>
  lossNames.find((loss) => settingsOf(loss).some((setting) => setting === name)) ?? base.loss;

describe('every setting of a run does something', () => {
  const code = ['src/service/training', 'src/data', 'src/data/formats']
    .flatMap((place) => readdirSync(place).map((file) => join(place, file)))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(file, 'utf8'));

  it.each(Object.keys(changed) as (keyof TrainConfig)[])('%s', async (name) => {
    const value = changed[name];
    if (typeof value === 'object' && value !== null && 'reader' in value)
      return expect(code.some((text) => value.reader.test(text))).toBe(true);
    const config = { ...base, loss: lossReading(name) };
    const [before, after] = [await train(config), await train({ ...config, [name]: value })];
    if (name === 'recompute') expect(after.graph).not.toBe(before.graph);
    else expect(after.weights).not.toEqual(before.weights);
  });
});

describe('a loss reads the settings that its form shows, and no other', () => {
  it.each(lossNames)('%s', async (loss) => {
    const config = { ...base, loss };
    // The weight of Linear-DPO leaves 1/2 at the second step.
    const steps = loss === 'linear' ? 2 : 1;
    const before = await train(config, steps);
    for (const name of ['beta', ...Object.keys(lossFields)] as (keyof TrainConfig)[]) {
      const { weights: after } = await train({ ...config, [name]: changed[name] }, steps);
      const same = [...after].every(([key, tensor]) => tensor.every((x, i) => x === before.weights.get(key)![i]));
      expect(same, name).toBe(idleBecause(config, name) === 'loss');
    }
  });
});

it('soft labels train otherwise than plain ones, and a tie has no share in the accuracy', async () => {
  const [soft, plain] = [await train({ ...base, loss: 'soft' }), await train(base)];
  expect(soft.weights).not.toEqual(plain.weights);
  expect(soft.numbers[0]!.loss).toBe(Math.LN2);
  const preferences = soft.numbers[1]!.pairs.map(({ pair, preference }) => [pair, preference]).sort();
  expect(preferences).toEqual([
    ['0', 0.5],
    ['1', 0.8],
    ['2', 0.95],
  ]);
  const decided = soft.numbers[1]!.pairs.filter(({ pair }) => pair !== '0');
  expect(soft.numbers[1]!.implicitAccuracy).toBe(decided.filter(({ logit }) => logit > 0).length / 2);
  expect(plain.numbers[1]!.pairs[0]).not.toHaveProperty('preference');
});

it.each(['rank', 'alpha', 'targets'] as const)('%s is of a LoRA alone', async (name) => {
  const full = { ...base, mode: 'full' as const };
  expect(idleBecause(full, name)).toBe('mode');
  expect((await train({ ...full, [name]: changed[name] }, 1)).weights).toEqual((await train(full, 1)).weights);
});

/** As the command line and the studio wrote it before the losses had numbers of their own. */
const { labelSmoothing, ...rest } = base;
const old = {
  ...Object.fromEntries(Object.entries(rest).filter(([name]) => !(name in defaultLossSettings))),
  labelSmoothing,
};

it('settings and runs of before the losses had numbers load with those that give the same', async () => {
  expect(parseTrainConfig(JSON.stringify(old))).toEqual(base);
  const files = new MemoryFileStore();
  await writeJson(files, 'runs/a/run.json', { ...testRun({ id: 'a' }), config: old });
  const store = new RunStore(files);
  expect((await store.load('a')).config).toEqual(base);
  expect((await store.list()).map(({ config }: RunRecord) => config)).toEqual([base]);
});

it('a run of before preferences were settings goes on with the certain labels that it began with', async () => {
  const files = new MemoryFileStore();
  await writeJson(files, 'runs/a/run.json', { ...testRun({ id: 'a' }), config: { ...old, loss: 'soft' } });
  await writeJson(files, 'runs/b/run.json', { ...testRun({ id: 'b' }), config: { ...base, loss: 'soft' } });
  const store = new RunStore(files);
  const preferences = async (run: string): Promise<number[]> => {
    const { config } = await store.load(run);
    return [preferenceOf(config, undefined), preferenceOf(config, 'clear')];
  };
  expect(await preferences('a')).toEqual([1, 1]);
  expect(await preferences('b')).toEqual([0.8, 0.95]);
});

it.each([
  ['labelSmoothing', 0.5],
  ['dmpoAlpha', 0],
  ['dmpoAlpha', 0.6],
  ['mapoT', 0],
  ['mapoK', -1],
  ['tiePreference', 0.4],
  ['sidePreference', 1.1],
  ['minSnrGamma', 0],
  ['sdpoMu', 2],
  ['sdpoMu', '0.9'],
  ['sdpoMi', 0.9],
])('refuses %s = %o by its name', (name, value) => {
  expect(() => checkTrainConfig({ ...base, [name]: value })).toThrow(
    expect.objectContaining({ name: 'BadConfig', message: expect.stringContaining(name) }),
  );
});
