/** A device that is lost, wherever it strikes: pictures, pairs and scores are made again, runs go on from their last save, and what was asked of them
 *  is done. */
import { afterEach, beforeAll, expect, it } from 'vitest';
import { openNodeGpu } from '../cli/device.ts';
import { MICRO_FACTOR, microModel } from './microModel.ts';
import { openSafetensors } from '../data/formats/safetensors.ts';
import type { TrainConfig } from '../training/config.ts';
import { presetNamed } from '../training/presets.ts';
import { losingGpu, type LosingGpu } from '../webgpu/losingGpu.ts';
import { Engine } from './engineService.ts';
import { MemoryFileStore } from './memoryFiles.ts';
import { testEnvironment } from './testEnvironment.ts';
import type { GenerateEvent, ImageRecord, ModelRef, RunRecord, TrainEvent, TrainPair } from './types.ts';

const model = 'micro';
const reader = microModel();
const base: ModelRef = { base: model, adapters: [] };
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

let real: GPU;
let losing: LosingGpu;
let engine: Engine;
let pairs: TrainPair[];
const files = new MemoryFileStore();

function open(atCalls: readonly number[] = []): void {
  losing = losingGpu(real, atCalls);
  engine = new Engine(testEnvironment({ gpu: losing.gpu, files, embeddedModels: [model], openModel: () => reader }));
}

const items = [0, 1, 2, 3].map((seed) => ({ prompt: 'a tree', seed }));

beforeAll(async () => {
  real = (await openNodeGpu()).gpu;
  open();
  const images = await engine.generate('images', { ...settings, items }, () => {});
  const pairOf = (a: ImageRecord, b: ImageRecord): TrainPair => ({
    pair: a.id,
    prompt: a.prompt,
    winnerLatents: a.latentsFile,
    loserLatents: b.latentsFile,
  });
  pairs = [pairOf(images[0]!, images[1]!), pairOf(images[2]!, images[3]!)];
  await engine.dispose();
}, 300_000);
afterEach(() => engine.dispose());

const latents = async ({ latentsFile }: ImageRecord): Promise<Float32Array> =>
  (await openSafetensors(await files.read(latentsFile))).read('latents');

const config = (changes: Partial<TrainConfig> = {}): TrainConfig => ({
  ...presetNamed('standard')!.config,
  rank: 1,
  alpha: 1,
  targets: 'attention',
  learningRate: 1e-3,
  warmupSteps: 0,
  beta: 500,
  steps: 5,
  pairsPerStep: 1,
  saveEvery: 2,
  sampleEvery: 0,
  samplePrompts: [],
  reference: 'engine',
  ...changes,
});

interface Trained {
  record: Promise<RunRecord>;
  events: TrainEvent[];
}

function train(
  run: string,
  {
    onEvent = () => {},
    resume = false,
    ...changes
  }: Partial<TrainConfig> & { onEvent?: (event: TrainEvent) => void; resume?: boolean } = {},
): Trained {
  const events: TrainEvent[] = [];
  const request = { run, name: run, model: base, config: config(changes), pairs, resume };
  const record = engine.train(run, request, (event) => {
    events.push(event);
    onEvent(event);
  });
  record.catch(() => undefined);
  return { record, events };
}

it('makes again the picture that was under way and those after it, and none before', async () => {
  open();
  const whole = await engine.generate('whole', { ...settings, items }, () => {});
  await engine.dispose();
  open();
  const events: GenerateEvent[] = [];
  const waiting: Promise<ImageRecord[]>[] = [];
  const disturbed = await engine.generate('disturbed', { ...settings, items }, (event) => {
    events.push(event);
    // In the middle of the second picture, with another job in the queue; and once more between two pictures.
    if (event.type === 'step' && event.item === 1 && event.step === 1 && losing.losses === 0) {
      waiting.push(engine.generate('waiting', { ...settings, items: items.slice(0, 1) }, () => {}));
      losing.lose();
    }
    if (event.type === 'image' && event.item === 2) losing.lose();
  });
  expect(losing.losses).toBe(2);
  for (const [i, record] of disturbed.entries()) expect(await latents(record)).toEqual(await latents(whole[i]!));
  const kinds = events
    .filter(({ type }) => type !== 'step')
    .map((event) => (event.type === 'image' ? event.item : event.type));
  expect(kinds).toEqual(['preparing', 0, 'recovered', 1, 2, 'recovered', 3]);
  expect(events.find(({ type }) => type === 'recovered')).toMatchObject({
    message: expect.stringMatching(/^The GPU was taken away \(.+\)\. It was opened again/) as string,
  });
  expect(await latents((await waiting[0]!)[0]!)).toEqual(await latents(whole[0]!));
});

it('ends a run by name with the fourth loss in ten minutes, and goes on with it when it is asked to', async () => {
  // The next ones at once, while the run is made ready on them.
  open([Infinity, 1, 1, 1]);
  const { record, events } = train('r', {
    onEvent: (event) => event.type === 'step' && event.metrics.step === 2 && losing.losses === 0 && losing.lose(),
  });
  await expect(record).rejects.toMatchObject({ name: 'DeviceLost' });
  expect(losing.losses).toBe(4);
  expect(events.flatMap((event) => (event.type === 'recovered' ? [event.recovery] : []))).toMatchObject([
    { lostAt: 3, from: 2 },
    { lostAt: 2, from: 2 },
    { lostAt: 2, from: 2 },
  ]);
  expect((await engine.runs()).find(({ id }) => id === 'r')).toMatchObject({ status: 'failed', step: 2 });
  const resumed = await train('r', { resume: true }).record;
  expect(resumed).toMatchObject({ status: 'finished', step: 5 });
  expect(losing.devices).toHaveLength(5);
});

it('takes its own end for no loss', async () => {
  open();
  const { record, events } = train('ended', {
    onEvent: (event) => event.type === 'step' && event.metrics.step === 0 && void engine.dispose(),
  });
  await expect(record).rejects.toMatchObject({ name: 'Cancelled' });
  await engine.dispose();
  expect(losing.devices).toHaveLength(1);
  expect((await losing.devices[0]!.lost).reason).toBe('destroyed');
  expect(events.some(({ type }) => type === 'recovered')).toBe(false);
});

it('starts where the device is lost while it is measured, and measures the next one', async () => {
  losing = losingGpu(real, [3, 20]);
  const fresh = new MemoryFileStore();
  engine = new Engine(
    testEnvironment({ gpu: losing.gpu, files: fresh, embeddedModels: [model], openModel: () => reader }),
  );
  const { choices } = await engine.start();
  expect(losing.losses).toBe(2);
  expect(choices.failures).toEqual({});
});
