/** Pictures of several sizes in one run: a program for each, made when it is first needed and let go for another, changes no bit. On the oracle. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openSafetensors } from '../data/formats/safetensors.ts';
import { countingExecutor } from '../graph/countingExecutor.ts';
import { openDenoiser } from '../models/families.ts';
import { ParameterStore } from '../models/parameterStore.ts';
import { cpuExecutor } from '../oracle/run.ts';
import { RandomStream } from '../shared/rng.ts';
import { planForecast } from '../service/planning/forecast.ts';
import { denoiserAt, stepSpecOf } from '../service/planning/stepSpec.ts';
import { onnxReference } from '../service/training/onnxReference.ts';
import { DEFAULT_LIMITS } from '../webgpu/plan.ts';
import { engineReference, type FrozenReference } from './frozenReference.ts';
import { initialLora } from './lora.ts';
import { presets } from './presets.ts';
import { type LoopData, runStep, type StepNumbers } from './runStep.ts';
import { Trainer } from './trainer.ts';

const folder = join(import.meta.dirname, '../../tools/reference/cases/dpo-hinge');
const unet = openDenoiser(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>);
const weights = await openSafetensors(readFileSync(join(folder, 'weights.safetensors')), 'weights');
const model = { folder: { unet: { model: unet }, tokens: 5 }, weights };

const sizes = [
  { height: 4, width: 6 },
  { height: 6, width: 4 },
  { height: 8, width: 4 },
];
const config = {
  ...presets[1]!.config,
  rank: 2,
  alpha: 2,
  targets: 'attention' as const,
  learningRate: 0.01,
  warmupSteps: 0,
  pairsPerStep: 1,
  steps: 6,
  beta: 40,
  promptDropout: 0,
};
const spec = (reference: 'engine' | 'input'): ReturnType<typeof stepSpecOf> => ({
  ...stepSpecOf(model, config, sizes[0]!, reference, 2 ** 27),
  otherSizes: sizes.slice(1).map((size) => denoiserAt(model, size)),
});

const normals = (pair: number, count: number): Float32Array =>
  new RandomStream({ seed: 7, purpose: 'noise', pair }).normals(count);
const conditioning = { encoder_hidden_states: { data: normals(90, 5 * 6), shape: [1, 5, 6] } };
const data: LoopData = {
  pairs: sizes.flatMap(({ height, width }, bucket) =>
    [0, 1].map((i) => ({
      id: `${bucket}.${i}`,
      winner: normals(4 * bucket + 2 * i, unet.latentChannels * height * width),
      loser: normals(4 * bucket + 2 * i + 1, unet.latentChannels * height * width),
      // Read at each use, or there.
      conditioning: bucket === 1 ? async () => conditioning : conditioning,
      bucket,
    })),
  ),
  unconditional: conditioning,
  prediction: 'epsilon',
  alphasCumprod: Float32Array.from({ length: 1000 }, (_, t) => 0.999 ** t),
};

interface Trained {
  numbers: StepNumbers[];
  weights: Map<string, Float32Array>;
  /** Step programs that were alive behind each step. */
  programs: number[];
  left: readonly string[];
}

async function train(workingBytes: number, reference: FrozenReference = engineReference): Promise<Trained> {
  const executor = countingExecutor(cpuExecutor());
  const planned = spec(reference.kind === 'engine' ? 'engine' : 'input');
  const lora = initialLora(planned.layout.entries, config.rank, 0);
  const numbers: StepNumbers[] = [];
  const programs: number[] = [];
  let trained: Map<string, Float32Array>;
  {
    using frozen = new ParameterStore(executor, weights);
    using trainer = await Trainer.create({
      executor,
      spec: planned,
      frozen,
      initial: async (name) => lora.get(name)!,
      workingBytes,
    });
    for (let step = 0; step < config.steps; step++) {
      numbers.push(await runStep(trainer, reference, data, config, step));
      programs.push(executor.live.filter((label) => label === 'train step').length);
    }
    trained = await trainer.tensors();
  }
  return { numbers, weights: trained, programs, left: executor.live };
}

it('trains every pair once in an epoch, to the same bits whatever is held', async () => {
  const all = await train(Infinity);
  expect(all.numbers.flatMap(({ pairs }) => pairs.map(({ pair }) => pair)).toSorted()).toEqual(
    data.pairs.map(({ id }) => id),
  );
  expect(all.numbers[0]!.loss).toBe(Math.LN2);
  expect(all.programs[0]).toBe(1);
  expect(all.programs.at(-1)).toBe(3);
  expect(all.left).toEqual([]);
  // Beside the first size's one at a time.
  const few = await train(0);
  expect(Math.max(...few.programs)).toBe(2);
  expect(few.left).toEqual([]);
  expect(few.numbers).toEqual(all.numbers);
  expect(few.weights).toEqual(all.weights);
});

it('is held against a reference outside in each size', async () => {
  await using onnx = await onnxReference(
    spec('input').denoiser,
    weights,
    config.pairsPerStep,
    { provider: 'wasm', threads: 1 },
    spec('input').otherSizes,
  );
  const [outside, engine] = [await train(Infinity, onnx), await train(Infinity)];
  outside.numbers.forEach(({ winnerReferenceError, loserReferenceError }, step) => {
    expect(winnerReferenceError).toBeCloseTo(engine.numbers[step]!.winnerReferenceError, 5);
    expect(loserReferenceError).toBeCloseTo(engine.numbers[step]!.loserReferenceError, 5);
  });
});

it('is planned with all programs, or with two of the largest', () => {
  const { parts, workingBytes } = planForecast(spec('engine'), DEFAULT_LIMITS);
  const alone = sizes.map((size) => {
    const one = planForecast(stepSpecOf(model, config, size, 'engine', 2 ** 27), DEFAULT_LIMITS);
    expect(one.workingBytes).toBe(one.parts.activations);
    return one.parts.activations;
  });
  expect(workingBytes).toBe(Math.min(2 * Math.max(...alone), alone[0]! + alone[1]! + alone[2]!));
  expect(parts.activations).toBe(workingBytes);
});
