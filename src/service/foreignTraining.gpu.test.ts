/** The embedded model learns from pictures of elsewhere on this machine's WebGPU, through its own VAE: an imported set's shape, the studio's service,
 *  no page. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openNodeGpu } from '../cli/device.ts';
import { folderReader } from '../cli/files.ts';
import { foldLabels } from '../data/labels.ts';
import { pairsFor } from '../data/pairs.ts';
import { readPictureInfo } from '../data/formats/pictureInfo.ts';
import { openSafetensors } from '../data/formats/safetensors.ts';
import { statePath } from '../data/runStore.ts';
import type { ForeignImage } from '../records/foreignImages.ts';
import { labelEvent } from '../records/testRecords.ts';
import { presetNamed } from '../training/presets.ts';
import { Engine } from './engineService.ts';
import { MemoryFileStore } from './memoryFiles.ts';
import { testEnvironment } from './testEnvironment.ts';
import type { PairRecord, StepMetrics, TrainConfig } from './types.ts';

const model = 'public/models/postcard';
const files = new MemoryFileStore();
let engine: Engine;
let pairs: PairRecord[];

const config: TrainConfig = {
  ...presetNamed('quick')!.config,
  rank: 1,
  alpha: 1,
  targets: 'attention',
  steps: 3,
  pairsPerStep: 1,
  warmupSteps: 0,
  saveEvery: 0,
  sampleEvery: 0,
  reference: 'engine',
  size: [48, 48],
};

async function imageOf(name: string): Promise<ForeignImage> {
  const bytes = new Uint8Array(readFileSync(`tools/reference/pictures/${name}`));
  const { width, height } = await readPictureInfo(bytes);
  const file = `pictures/${name}`;
  await files.write(file, bytes);
  return { foreign: true, id: name, file, width, height, createdAt: '2026-01-01T00:00:00Z' };
}

beforeAll(async () => {
  const { gpu } = await openNodeGpu();
  engine = new Engine(testEnvironment({ gpu, files, embeddedModels: [model], openModel: folderReader }));
  const named = [
    ['exif-6.jpg', 'rgb.png'],
    ['lossy.webp', 'palette-alpha.png'],
  ] as const;
  pairs = [];
  for (const [i, [a, b]] of named.entries())
    pairs.push({
      id: `p${i}`,
      prompt: 'a red house',
      images: [await imageOf(a), await imageOf(b)],
      origin: 'imported',
      source: { format: 'pickapic', file: 'train.parquet', row: i },
      createdAt: '2026-01-01T00:00:00Z',
    });
}, 300_000);

afterAll(() => engine.dispose());

const train = (run: string, { stopAt = Infinity, resume = false } = {}): Promise<StepMetrics[]> => {
  const labels = foldLabels(pairs.map(({ id }) => ({ ...labelEvent(`l-${id}`, id), by: 'import' })));
  return engine
    .train(
      `train ${run}`,
      { run, name: run, model: { base: model, adapters: [] }, config, pairs: pairsFor(config, pairs, labels), resume },
      (event) => {
        if (event.type === 'step' && event.metrics.step + 1 === stopAt) void engine.command(run, 'stop');
      },
    )
    .then(() => engine.metrics(run));
};

it('starts at ln 2, and goes on to the same bits', { timeout: 300_000 }, async () => {
  const whole = await train('whole');
  expect(whole.map(({ step }) => step)).toEqual([0, 1, 2]);
  expect(whole[0]!.loss).toBe(Math.LN2);
  expect(whole[2]!.loss).not.toBe(Math.LN2);
  expect(await files.list('encoded')).toHaveLength(4);
  expect(await train('cut', { stopAt: 1 })).toHaveLength(1);
  const resumed = await train('cut', { resume: true });
  expect(resumed.map(({ loss }) => loss)).toEqual(whole.map(({ loss }) => loss));
  const state = async (run: string): Promise<Map<string, Float32Array>> => {
    const opened = await openSafetensors(await files.read(statePath(run)), run);
    const tensors = new Map<string, Float32Array>();
    for (const name of opened.names) tensors.set(name, await opened.read(name));
    return tensors;
  };
  expect(await state('cut')).toEqual(await state('whole'));
});

it('is forecast at the sizes that pairs train in', async () => {
  const bytes = async (changes: Partial<TrainConfig>, ...pictures: [number, number][][]): Promise<number> => {
    const sizes = pictures.map((pair) => ({
      pictures: pair.map(([width, height]) => ({ width, height, foreign: true })),
    }));
    const { parts } = await engine.forecast({ base: model, adapters: [] }, { ...config, ...changes }, sizes);
    return parts.activations;
  };
  const one = await bytes({ size: null }, [[500, 500]]);
  const small = await bytes({ size: [48, 48] }, [[500, 500]]);
  const two = await bytes({ size: null }, [[500, 500]], [[1000, 500]]);
  expect(small).toBeLessThan(one);
  expect(two).toBeGreaterThan(one);
  expect(await bytes({ size: [128, 128] }, [[500, 500]], [[1000, 500]])).toBe(one);
});

it('is judged, whatever its size', async () => {
  const scores = await engine.score(
    'a',
    pairs.flatMap(({ prompt, images }) => images.map(({ file }) => ({ file, prompt }))),
  );
  expect(scores).toHaveLength(4);
  expect(scores.every(({ appeal }) => Number.isFinite(appeal))).toBe(true);
  expect(scores[0]).not.toEqual(scores[1]);
});
