/** What a verb leaves on the device where the device refuses: nothing. Every call that a verb makes of its executor is refused once; the executor
 *  computes in f64 on the CPU and counts what is alive. */
import { describe, expect, it } from 'vitest';
import { openSafetensors } from '../data/formats/safetensors.ts';
import { countingExecutor, refusal, refusedAtEveryCall } from '../graph/countingExecutor.ts';
import { cpuExecutor } from '../oracle/run.ts';
import { WinnowError } from '../shared/errors.ts';
import type { TrainConfig } from '../training/config.ts';
import { presetNamed } from '../training/presets.ts';
import { MICRO_FACTOR, microModel } from './microModel.ts';
import { generate, makePairs } from './sampling/generation.ts';
import { RunControl } from './training/runControl.ts';
import { trainRun } from './training/trainRun.ts';
import type { ImageRecord, ModelRef, TrainPair } from './types.ts';
import { type ContextOptions, freeSignal, lasting, verbContext } from './verbContexts.ts';

const base: ModelRef = { base: 'micro', adapters: [] };
const settings = {
  model: base,
  negativePrompt: '',
  steps: 2,
  guidanceScale: 3,
  width: 4 * MICRO_FACTOR,
  height: 4 * MICRO_FACTOR,
  scheduler: 'DDIMScheduler',
  sampler: 'engine' as const,
};
const items = [{ prompt: 'a tree', seed: 1 }];

/** A context whose cache is empty after every refusal, and nothing with it. */
function refusing(options: Partial<ContextOptions> = {}) {
  const executor = countingExecutor(cpuExecutor());
  const context = verbContext({ executor, reader: microModel(), ...options });
  // Asks nothing of the executor, and is the same every time.
  let planned: ReturnType<typeof context.plan> | undefined;
  const { plan } = context;
  context.plan = (spec) => (planned ??= plan(spec));
  const nothingLeft = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } finally {
      // What was made before the refusal is the cache's, and no one's else.
      await context.cache.letGo(() => true);
      expect(executor.live).toEqual([]);
      expect(context.cache.bytes).toBe(0);
    }
  };
  const everyCall = async <T>(work: () => Promise<T>): Promise<number> => {
    let refused = 0;
    await refusedAtEveryCall(
      executor,
      () => nothingLeft(work),
      (error) => {
        expect(error).toMatchObject({ name: 'GpuError', message: refusal().message });
        refused++;
      },
    );
    return refused;
  };
  return { context, executor, everyCall };
}

const latents = async (context: ReturnType<typeof verbContext>, { latentsFile }: ImageRecord): Promise<Float32Array> =>
  (await openSafetensors(await context.files.read(latentsFile))).read('latents');

/** As a model that is kept on the device once, and streamed there. */
async function large(context: ReturnType<typeof verbContext>): Promise<void> {
  (await context.pool.folder('micro')).info.parameters.unet = 2 ** 30;
}

describe.each([
  ['a small model', false],
  ['a large model', true],
])('%s', (_, isLarge) => {
  it('leaves nothing where making a picture is refused, and makes it the next time', async () => {
    const { context, everyCall } = refusing();
    if (isLarge) await large(context);
    const pictures: Float32Array[] = [];
    const refused = await everyCall(async () => {
      const [made] = await generate(lasting(context), freeSignal, { ...settings, items }, () => {});
      pictures.push(await latents(context, made!));
    });
    expect(refused).toBeGreaterThan(150);
    const undisturbed = verbContext({ executor: cpuExecutor(), reader: microModel() });
    const [made] = await generate(lasting(undisturbed), freeSignal, { ...settings, items }, () => {});
    expect(pictures).toEqual([await latents(undisturbed, made!)]);
  });
});

it('leaves nothing where making a pair through two models is refused', async () => {
  const { context, everyCall } = refusing();
  const refused = await everyCall(() =>
    makePairs(
      lasting(context),
      freeSignal,
      { ...settings, steps: 1, guidanceScale: 1, prompts: ['a tree'], count: 1, seed: 5, against: base },
      () => {},
    ),
  );
  expect(refused).toBeGreaterThan(150);
});

const config = (changes: Partial<TrainConfig>): TrainConfig => ({
  ...presetNamed('standard')!.config,
  rank: 1,
  alpha: 1,
  targets: 'attention',
  beta: 500,
  steps: 1,
  pairsPerStep: 1,
  warmupSteps: 0,
  saveEvery: 0,
  sampleEvery: 1,
  samplePrompts: ['a tree'],
  sampleSeeds: [1],
  recompute: 'cheap',
  reference: 'engine',
  ...changes,
});

async function pairOf(context: ReturnType<typeof verbContext>): Promise<TrainPair> {
  const [a, b] = await generate(
    lasting(context),
    freeSignal,
    { ...settings, items: [...items, { prompt: 'a tree', seed: 2 }] },
    () => {},
  );
  await context.cache.letGo(() => true);
  return { pair: 'p', prompt: 'a tree', winnerLatents: a!.latentsFile, loserLatents: b!.latentsFile };
}

it.each<[string, Partial<TrainConfig>]>([
  ['a LoRA', {}],
  ['every weight, in two micro-batches', { mode: 'full', accumulation: 2, sampleEvery: 0 }],
])(
  'leaves nothing where a run of %s is refused, and trains the next time',
  { timeout: 300_000 },
  async (name, changes) => {
    const { context, everyCall } = refusing();
    const pairs = [await pairOf(context)];
    (await context.pool.folder('micro')).info.defaults.steps = 1;
    let trained = 0;
    const refused = await everyCall(async () => {
      const run = `${name} ${trained}`;
      await context.files.remove(`runs/${run}`);
      const request = { run, name, model: base, config: config(changes), pairs, resume: false };
      const record = await trainRun(lasting(context), freeSignal, new RunControl(), request, () => {});
      expect(record).toMatchObject({ status: 'finished', step: 1 });
      expect(record.samples.map(({ step }) => step)).toEqual(changes.sampleEvery === 0 ? [] : [0, 1]);
      trained++;
    });
    expect(refused).toBeGreaterThan(150);
    expect(trained).toBe(1);
  },
);

it('tries again without the models that lie about where the device is full', async () => {
  const full = (): WinnowError => new WinnowError('OutOfGpuMemory', 'The GPU is full.', 'Close other tabs.');
  const executor = countingExecutor(cpuExecutor(), full);
  const context = verbContext({ executor, reader: microModel() });
  const draw = (width: number) => generate(lasting(context), freeSignal, { ...settings, width, items }, () => {});
  await draw(4 * MICRO_FACTOR);
  const before = executor.live.length;
  // In the middle of another size's predictor.
  executor.refuse(50);
  await draw(8 * MICRO_FACTOR);
  expect(executor.live.length).toBe(before);
  // In the middle of a run's trainer.
  const pair = await pairOf(context);
  await draw(4 * MICRO_FACTOR);
  const settled = context.cache.bytes;
  const request = {
    run: 'r',
    name: 'r',
    model: base,
    config: config({ sampleEvery: 0 }),
    pairs: [pair],
    resume: false,
  };
  executor.refuse(150);
  await trainRun(lasting(context), freeSignal, new RunControl(), request, () => {});
  expect(context.cache.bytes).toBeLessThan(settled);
  await context.cache[Symbol.asyncDispose]();
  executor.refuse(50);
  await expect(draw(4 * MICRO_FACTOR)).rejects.toMatchObject({ name: 'OutOfGpuMemory' });
});
