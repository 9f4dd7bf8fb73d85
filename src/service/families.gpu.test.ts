/** Every family end to end through the engine's verbs, on tiny random models and this machine's WebGPU: pictures, a run, its samples. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNodeGpu } from '../cli/device.ts';
import { folderReader } from '../cli/files.ts';
import { readJson, writeJson } from '../data/files.ts';
import { decodePng } from '../data/formats/png.ts';
import { openSafetensors } from '../data/formats/safetensors.ts';
import { presetNamed } from '../training/presets.ts';
import { Engine } from './engineService.ts';
import { MemoryFileStore } from './memoryFiles.ts';
import { testEnvironment } from './testEnvironment.ts';
import type { EngineChoices, ImageRecord, ModelRef, RunRecord } from './types.ts';

const folder = (name: string): string => `tools/reference/cases/pipeline-${name}/pipeline`;

let gpu: GPU;
const files = new MemoryFileStore();

const newEngine = (model: string): Engine =>
  new Engine(testEnvironment({ gpu, files, embeddedModels: [model], openModel: folderReader }));

/** An engine that samples with our kernels, whatever measured faster here. */
async function samplingWithKernels(model: string): Promise<Engine> {
  const measured = newEngine(model);
  await measured.start();
  await measured.dispose();
  for (const path of await files.list('settings')) {
    if (path.includes('choices'))
      await writeJson(files, path, { ...(await readJson<EngineChoices>(files, path)), sampler: 'engine' });
  }
  return newEngine(model);
}

beforeAll(async () => {
  gpu = (await openNodeGpu()).gpu;
});

describe.each([
  { name: 'xl', scheduler: 'EulerDiscreteScheduler', guidanceScale: 4 },
  { name: 'sd2-v-rescale', scheduler: 'DDIMScheduler', guidanceScale: 3 },
])('$name', ({ name, scheduler, guidanceScale }) => {
  const model = folder(name);
  const base: ModelRef = { base: model, adapters: [] };
  const settings = {
    model: base,
    negativePrompt: '',
    steps: 2,
    guidanceScale,
    width: 16,
    height: 24,
    scheduler,
    sampler: 'engine' as const,
  };
  let engine: Engine;
  let images: ImageRecord[];
  let record: RunRecord;

  beforeAll(async () => {
    engine = await samplingWithKernels(model);
    const items = [0, 1, 2, 3].map((seed) => ({ prompt: seed < 2 ? 'a tree' : 'a boat', seed }));
    images = await engine.generate('images', { ...settings, items }, () => {});
    const pair = (a: ImageRecord, b: ImageRecord) => ({
      pair: a.id,
      prompt: a.prompt,
      winnerLatents: a.latentsFile,
      loserLatents: b.latentsFile,
    });
    const standard = presetNamed('standard')!.config;
    record = await engine.train(
      'train',
      {
        run: `run ${name}`,
        name,
        model: base,
        config: {
          ...standard,
          rank: 2,
          alpha: 2,
          learningRate: 3e-2,
          warmupSteps: 0,
          steps: 4,
          pairsPerStep: 2,
          saveEvery: 2,
          sampleEvery: 2,
          samplePrompts: ['a tree'],
          sampleSeeds: [7],
          reference: 'engine',
        },
        pairs: [pair(images[0]!, images[1]!), pair(images[2]!, images[3]!)],
        resume: false,
      },
      () => {},
    );
  }, 300_000);
  afterAll(() => engine.dispose());

  const latents = async (image: ImageRecord): Promise<Float32Array> =>
    (await openSafetensors(await files.read(image.latentsFile))).read('latents');

  it('makes the same picture with onnxruntime', async () => {
    const [other] = await engine.generate(
      'onnx',
      { ...settings, sampler: 'onnx', items: [{ prompt: 'a tree', seed: 0 }] },
      () => {},
    );
    expect(other!.ranOn).toBe('onnx-wasm');
    const [a, b] = [await latents(images[0]!), await latents(other!)];
    expect(Math.max(...a.map((x, i) => Math.abs(x - b[i]!)))).toBeLessThan(1e-4);
  });

  it('starts at ln 2 and moves', async () => {
    const metrics = await engine.metrics(record.id);
    expect(record.step0Logit).toBe(0);
    expect(metrics[0]!.loss).toBe(Math.LN2);
    expect(metrics.at(-1)!.logit).not.toBe(0);
  });

  it('samples with the tensors in training as the checkpoint does that it saves', async () => {
    expect(record.samples.map(({ step }) => step)).toEqual([0, 2, 4]);
    const pixels = async (file: string): Promise<Uint8Array | Uint8ClampedArray> =>
      decodePng(await files.read(file)).data;
    const { defaults } = (await engine.models())[0]!;
    for (const step of [0, 4]) {
      const adapters: ModelRef['adapters'] = step === 0 ? [] : [{ kind: 'run', run: record.id, step, strength: 1 }];
      const [made] = await engine.generate(
        'again',
        { ...settings, ...defaults, model: { base: model, adapters }, items: [{ prompt: 'a tree', seed: 7 }] },
        () => {},
      );
      const [sampled, again] = [
        await pixels(record.samples.find((sample) => sample.step === step)!.file),
        await pixels(made!.file),
      ];
      // Beside the layer and merged into it differ by rounding alone.
      expect(Math.max(...sampled.map((value, i) => Math.abs(value - again[i]!)))).toBeLessThanOrEqual(1);
    }
    expect(await pixels(record.samples[0]!.file)).not.toEqual(await pixels(record.samples[2]!.file));
  });
});
