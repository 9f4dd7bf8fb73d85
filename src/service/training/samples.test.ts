/** Samples of a run show the weights as they are, on whatever they are drawn, also where the folder brings its UNet as an ONNX file. */
import { expect, it } from 'vitest';
import { decodePng } from '../../data/formats/png.ts';
import { Graph } from '../../graph/graph.ts';
import { cpuExecutor } from '../../oracle/run.ts';
import { presetNamed } from '../../training/presets.ts';
import { openModelFolder } from '../model/modelFolder.ts';
import { MICRO_FACTOR, microModel } from '../microModel.ts';
import { generate } from '../sampling/generation.ts';
import { onnxBytes } from '../sampling/onnxModel.ts';
import { testEnvironment } from '../testEnvironment.ts';
import { MemoryFileStore } from '../memoryFiles.ts';
import { freeSignal, lasting, verbContext } from '../verbContexts.ts';
import { RunControl } from './runControl.ts';
import { trainRun } from './trainRun.ts';
import type { EngineChoices, ModelRef } from '../types.ts';

const base: ModelRef = { base: 'micro', adapters: [] };
const SIDE = 4;

/** The model with `unet/model.onnx`, of pictures with guidance. */
async function withOnnx() {
  const env = testEnvironment({ files: new MemoryFileStore(), openModel: () => microModel() });
  const { unet, tokens } = await openModelFolder('micro', env);
  const graph = new Graph();
  const inputs = unet.model.inputs(graph, { batch: 2, height: SIDE, width: SIDE, tokens });
  graph.output('noise_pred', unet.model.build(graph, inputs));
  return microModel({ 'unet/model.onnx': await onnxBytes(graph, unet.weights) });
}

it.each<['lora' | 'full', EngineChoices['sampler']]>([
  ['lora', 'onnx-wasm'],
  ['full', 'onnx-wasm'],
  ['lora', 'engine'],
  ['full', 'engine'],
])('samples of a %s run on %s are what its checkpoints draw', async (mode, sampler) => {
  const reader = await withOnnx();
  const context = verbContext({ executor: cpuExecutor(), reader, sampler });
  const folder = await context.pool.folder('micro');
  const settings = {
    ...folder.info.defaults,
    negativePrompt: '',
    width: SIDE * MICRO_FACTOR,
    height: SIDE * MICRO_FACTOR,
  };
  const draw = (model: ModelRef, seed: number) =>
    generate(
      lasting(context),
      freeSignal,
      { ...settings, model, sampler: 'auto', items: [{ prompt: 'a tree', seed }] },
      () => {},
    );
  const [[winner], [loser]] = [await draw(base, 1), await draw(base, 2)];
  reader.reads.length = 0;
  const record = await trainRun(
    lasting(context),
    freeSignal,
    new RunControl(),
    {
      run: 'r',
      name: 'r',
      model: base,
      config: {
        ...presetNamed('standard')!.config,
        mode,
        rank: 2,
        alpha: 2,
        learningRate: 3e-2,
        warmupSteps: 0,
        beta: 50,
        steps: 4,
        pairsPerStep: 1,
        saveEvery: 0,
        sampleEvery: 2,
        samplePrompts: ['a tree'],
        sampleSeeds: [7],
        reference: 'engine',
      },
      pairs: [{ pair: 'p', prompt: 'a tree', winnerLatents: winner!.latentsFile, loserLatents: loser!.latentsFile }],
      resume: false,
    },
    () => {},
  );
  const pixels = async (file: string): Promise<Uint8Array | Uint8ClampedArray> =>
    decodePng(await context.files.read(file)).data;
  const furthest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
    Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
  const sampleAt = (step: number): Promise<Uint8Array | Uint8ClampedArray> =>
    pixels(record.samples.find((sample) => sample.step === step)!.file);
  const [start, middle, end] = [await sampleAt(0), await sampleAt(2), await sampleAt(4)];
  const [untouched] = await draw(base, 7);
  const [tuned] = await draw({ base: 'micro', adapters: [{ kind: 'run', run: 'r', strength: 1 }] }, 7);
  expect(furthest(start, await pixels(untouched!.file))).toBeLessThanOrEqual(1);
  expect(furthest(end, await pixels(tuned!.file))).toBeLessThanOrEqual(1);
  expect(furthest(start, end)).toBeGreaterThan(1);
  expect(furthest(start, middle)).toBeGreaterThan(1);
  // What the folder brought ran where it is the model.
  expect(reader.reads.includes('unet/model.onnx')).toBe(sampler === 'onnx-wasm');
});
