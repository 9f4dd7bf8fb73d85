/** A family is what models/ says of it: one whose network takes `y` and `text_mask`, of which nobody else has heard, makes pictures and trains
 *  on our kernels' graph and on onnxruntime. */
import { expect, it } from 'vitest';
import { type Conditioning, madeUpConditioning, type PromptEncoding, stacked } from '../models/conditioning.ts';
import type { DenoiserModel } from '../models/denoiser.ts';
import { Layers } from '../models/layers.ts';
import { ParameterStore } from '../models/parameterStore.ts';
import type { TensorSource } from '../models/weights.ts';
import { cpuExecutor } from '../oracle/run.ts';
import '../shared/disposable.ts';
import type { FrozenReference } from '../training/frozenReference.ts';
import { presetNamed } from '../training/presets.ts';
import { type LoopData, runStep, type StepNumbers } from '../training/runStep.ts';
import { Trainer } from '../training/trainer.ts';
import type { ModelFolder } from './model/modelFolder.ts';
import { conditioningOf } from './sampling/conditioning.ts';
import { enginePredictor, type NoisePredictor, onnxPredictor } from './sampling/noisePredictor.ts';
import { sampleLatents } from './sampling/sampling.ts';
import { onnxReference } from './training/onnxReference.ts';
import { stepSpecOf } from './planning/stepSpec.ts';

const model: DenoiserModel = {
  config: {},
  latentChannels: 1,
  predictedChannels: 1,
  contextWidth: 2,
  pooledWidth: 0,
  textStates: 'last_hidden_state',
  guidanceInput: false,
  classLabels: null,
  inputs: (graph, { batch, height, width, tokens }) => ({
    sample: graph.input('sample', [batch, 1, height, width]),
    timestep: graph.input('timestep', [batch]),
    y: graph.input('y', [batch, 3]),
    text_mask: graph.input('text_mask', [batch, tokens]),
  }),
  build(graph, { sample, y, text_mask }, options) {
    const layers = new Layers(graph, options);
    const pixels = sample.shape.slice(1).reduce((product, axis) => product * axis, 1);
    const of = (name: string, x: typeof sample) =>
      layers.reshape(`${name}.image`, layers.linear(name, x, pixels), sample.shape);
    return graph.op('add', {}, [graph.op('add', {}, [sample, of('from_y', y!)]), of('from_mask', text_mask!)]);
  },
  conditioning: ({ context, pooled }) => ({
    y: { data: pooled, shape: [1, 3] },
    text_mask: { data: context.filter((_, i) => i % 2 === 0).map((x) => (x === 0 ? 0 : 1)), shape: [1, 4] },
  }),
  loraTargets: () => [{ path: 'from_y', kind: 'linear', weightShape: [4, 3] }],
};
const size = { batch: 2, height: 2, width: 2, tokens: 4 };

const shapes: Record<string, number[]> = {
  'from_y.weight': [4, 3],
  'from_y.bias': [4],
  'from_mask.weight': [4, 4],
  'from_mask.bias': [4],
};
const wave = (elements: number, phase = 0): Float32Array =>
  Float32Array.from({ length: elements }, (_, i) => Math.sin(phase + 1.7 * i) / 2);
const weights: TensorSource = {
  names: Object.keys(shapes),
  shape: (name) => shapes[name],
  read: async (name) =>
    wave(name.length + 8).slice(
      0,
      shapes[name]!.reduce((a, b) => a * b),
    ),
};

const encodings: Record<string, PromptEncoding> = {
  long: { context: wave(8, 1), pooled: wave(3, 2) },
  short: { context: wave(8, 1).fill(0, 4), pooled: wave(3, 5) },
  '': { context: new Float32Array(8), pooled: wave(3, 7) },
};
const encode = async (prompt: string | null): Promise<PromptEncoding> => encodings[prompt ?? '']!;
const of = async (prompt: string): Promise<Conditioning> => model.conditioning(await encode(prompt), {} as never);

const predictors: [string, () => Promise<NoisePredictor>][] = [
  [
    'our kernels',
    () => enginePredictor(cpuExecutor(), { folder: { unet: { model, weights } } as ModelFolder, changes: [] }, size),
  ],
  ['onnxruntime', () => onnxPredictor(model, weights, size, { provider: 'wasm', threads: 1 })],
];

it('is told of both prompts of a guided picture, by every backend', async () => {
  const pictures: Float32Array[] = [];
  for (const [, make] of predictors)
    for (const prompt of ['long', 'short']) {
      await using predictor = await make();
      const picture = { prompt, negativePrompt: null, guidanceScale: 3, width: 16, height: 16 };
      const told = await conditioningOf(model, encode, picture);
      expect(told.batch).toBe(2);
      expect(told.conditioning['y']!.shape).toEqual([2, 3]);
      const { latents } = await sampleLatents(predictor, {
        ...told,
        seed: 5,
        steps: 2,
        guidanceScale: 3,
        pipelineClass: 'StableDiffusionPipeline',
        scheduler: 'DDIMScheduler',
        schedulerConfig: {},
        latentShape: [1, 2, 2],
      });
      pictures.push(latents);
    }
  const [long, short, ...onnx] = pictures;
  expect(long).not.toEqual(short);
  for (const [i, latents] of [long!, short!].entries())
    latents.forEach((x, at) => expect(onnx[i]![at]).toBeCloseTo(x, 4));
});

it('is refused what is not its own, before anything runs', async () => {
  for (const [, make] of predictors) {
    await using predictor = await make();
    const { y, text_mask } = madeUpConditioning(model, size, wave);
    const sample = wave(8);
    await expect(predictor.predict(sample, 1, { y: y! })).rejects.toThrow('text_mask [2, 4] was not given');
    await expect(predictor.predict(sample, 1, { y: y!, text_mask: text_mask!, time_ids: y! })).rejects.toThrow(
      'no input time_ids',
    );
    await expect(predictor.predict(sample, 1, { y: y!, text_mask: { ...text_mask!, shape: [4, 2] } })).rejects.toThrow(
      'the input text_mask is [2, 4]',
    );
  }
});

it('trains, against either reference', async () => {
  const config = { ...presetNamed('standard')!.config, rank: 1, alpha: 1, pairsPerStep: 2, promptDropout: 0.5 };
  const data: LoopData = {
    pairs: [
      { id: 'a', winner: wave(4, 1), loser: wave(4, 2), conditioning: await of('long') },
      { id: 'b', winner: wave(4, 3), loser: wave(4, 4), conditioning: await of('short') },
    ],
    unconditional: await of(''),
    prediction: 'epsilon',
    alphasCumprod: Float32Array.from({ length: 1000 }, (_, t) => 0.999 ** t),
  };
  const first = async (reference: FrozenReference): Promise<StepNumbers> => {
    const executor = cpuExecutor();
    const spec = stepSpecOf(
      { folder: { unet: { model }, tokens: 4 }, weights },
      config,
      { height: 2, width: 2 },
      reference.kind === 'engine' ? 'engine' : 'input',
      2 ** 20,
    );
    using frozen = new ParameterStore(executor, weights);
    using trainer = await Trainer.create({
      executor,
      spec,
      frozen,
      initial: async (name) => wave(name.includes('up') ? 4 : 3).fill(name.includes('up') ? 0 : 0.3),
    });
    return await runStep(trainer, reference, data, config, 0);
  };
  const engine = await first({ kind: 'engine' });
  expect(engine.logit).toBe(0);
  expect(engine.gradNorm).toBeGreaterThan(0);
  await using outside = await onnxReference(
    { ...model, inputs: (graph, batch) => model.inputs(graph, { ...size, batch }) },
    weights,
    config.pairsPerStep,
    { provider: 'wasm', threads: 1 },
  );
  const onnx = await first(outside);
  expect(Math.abs(onnx.logit)).toBeLessThan(2e-3);
  expect(onnx.winnerReferenceError).toBeCloseTo(engine.winnerReferenceError, 5);
});

it('stacks batches of what is told alike, and no others', async () => {
  const [long, none] = [await of('long'), await of('')];
  const { y, text_mask } = stacked([none, stacked([long, long])]);
  expect(y).toEqual({ shape: [3, 3], data: Float32Array.of(...wave(3, 7), ...wave(3, 2), ...wave(3, 2)) });
  expect(text_mask!.data).toEqual(Float32Array.of(0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
  const other = { ...long, y: { data: wave(4), shape: [1, 4] } };
  const unlikes: Conditioning[] = [other, { y: long['y']! }, { ...long, z: long['y']! }];
  for (const unlike of unlikes) expect(() => stacked([long, unlike])).toThrow('is not told of every sample alike');
  expect(stacked([{ ids: { data: Int32Array.of(3), shape: [1] } }]).ids!.data).toEqual(Int32Array.of(3));
});
