/** The largest models, planned from their configs: what a step takes fits the GPUs that the README names, and the parts say where it goes. */
import { expect, it } from 'vitest';
import { folderReader } from '../../cli/files.ts';
import { writeSafetensors } from '../../data/formats/safetensors.ts';
import { parametersOf, type TensorSource, type WeightPolicy } from '../../models/weights.ts';
import { Graph } from '../../graph/graph.ts';
import { openDenoiser } from '../../models/families.ts';
import { parseTextEncoderConfig, textEncoderParameters } from '../../models/clip/textEncoder.ts';
import { parseVaeConfig } from '../../models/sd/vae.ts';
import { WinnowError } from '../../shared/errors.ts';
import { sizeOf } from '../../shared/shape.ts';
import type { TrainConfig } from '../../training/config.ts';
import { presetNamed } from '../../training/presets.ts';
import { DEFAULT_LIMITS, planGraph } from '../../webgpu/plan.ts';
import { chooseVariant, gpuVariants } from '../../webgpu/variants.ts';
import { type FolderReader, wholeFiles } from '../environment.ts';
import { type FolderPlan, planFolder } from './folderPlan.ts';
import { DESKTOP_LIMITS, modelForecast, type PlannedModel } from './forecast.ts';
import '../../shared/disposable.ts';
import { ModelCache } from '../model/modelCache.ts';
import { readFolderJson, readModelConfigs } from '../model/modelConfigs.ts';
import type { ModelFolder } from '../model/modelFolder.ts';
import { FrozenParts } from '../sampling/frozenParts.ts';
import type { PartRunner } from '../sampling/partRunner.ts';
import { cpuMs } from '../../shared/testCpuTime.ts';

const configs = (name: string): FolderReader => folderReader(`tools/reference/configs/${name}`);
const onePair = (changes: Partial<TrainConfig> = {}): TrainConfig => ({
  ...presetNamed('standard')!.config,
  rank: 8,
  alpha: 8,
  pairsPerStep: 1,
  ...changes,
});
const engine = { reference: 'engine' } as const;
const GB = 1e9;

// Limit of all that a run holds, of the step alone (with room), and what `auto` comes to.
it.each([
  ['stable-diffusion-v1-5', 512, 859_520_964, 8 * GB, 4.1 * GB, 'cheap'],
  ['stable-diffusion-2-1-base', 512, 865_910_724, 8 * GB, 4.1 * GB, 'cheap'],
  ['ssd-1b', 1024, 1_331_334_404, 24 * GB, 5.1 * GB, 'blocks'],
  ['stable-diffusion-xl-base-1.0', 1024, 2_567_463_684, 24 * GB, 8 * GB, 'blocks'],
] as const)('%s at its own %i px, LoRA of rank 8, one pair', async (name, side, parameters, all, step, recompute) => {
  const start = cpuMs();
  const plan = await planFolder(configs(name), onePair(), engine);
  expect(cpuMs() - start).toBeLessThan(10_000);
  expect(plan).toMatchObject({ width: side, height: side, parameters, weights: 'f16', recompute });
  expect(Object.values(plan.parts).reduce((sum, bytes) => sum + bytes)).toBe(plan.peakBytes);
  // Two bytes a weight, four a norm or bias; the reference shares them.
  expect(plan.parts.weights).toBeGreaterThan(2 * parameters);
  expect(plan.parts.weights).toBeLessThan(2.01 * parameters);
  expect(plan.parts.reference).toBe(0);
  expect(plan.parts.optimiser).toBe(2 * plan.parts.adapter);
  expect(plan.peakBytes).toBeLessThan(step);
  expect(Math.max(plan.peakBytes, plan.moments.sample!)).toBeLessThan(all);
});

it('says what the choices change', async () => {
  const plan = async (changes: Partial<TrainConfig>, weights?: 'f32' | 'bf16'): Promise<number> =>
    (
      await planFolder(configs('stable-diffusion-xl-base-1.0'), onePair(changes), {
        ...engine,
        weights,
        size: { width: 512, height: 512 },
      })
    ).peakBytes;
  const blocks = await plan({ recompute: 'blocks' });
  expect(await plan({ recompute: 'cheap' })).toBeGreaterThan(blocks + 2 * GB);
  expect(await plan({ recompute: 'blocks' }, 'bf16')).toBe(blocks);
  expect((await plan({ recompute: 'blocks' }, 'f32')) - blocks).toBeGreaterThan(1.99 * 2_567_463_684);
  expect(await plan({ recompute: 'blocks', targets: 'attention' })).toBeLessThan(blocks);
});

it('plans a look at held-out pairs as a moment of its own, which the step is without', async () => {
  const plan = (heldOut: number): Promise<FolderPlan> =>
    planFolder(configs('stable-diffusion-v1-5'), onePair({ heldOut, targets: 'attention' }), engine);
  const [without, with_] = [await plan(0), await plan(0.1)];
  expect(without.moments.look).toBeNull();
  expect(with_).toEqual({ ...without, moments: { ...without.moments, look: with_.moments.look } });
  expect(with_.moments.look!).toBeGreaterThan(with_.moments.step);
  // A look is one picture, a sample two, with the decoder.
  expect(with_.moments.look!).toBeLessThan(with_.moments.sample!);
});

it('counts an average of what is trained, which is as large as that', async () => {
  const plan = (changes: Partial<TrainConfig>): Promise<FolderPlan> =>
    planFolder(configs('stable-diffusion-v1-5'), onePair({ targets: 'attention', ...changes }), engine);
  for (const accumulation of [1, 2]) {
    const [without, with_] = [await plan({ accumulation }), await plan({ accumulation, ema: 0.99 })];
    expect(without.parts.ema).toBeUndefined();
    expect(with_.parts).toEqual({ ...without.parts, ema: without.parts.adapter, activations: with_.parts.activations });
    // Its decay is one number more.
    expect(with_.parts.activations - without.parts.activations).toBeLessThan(1024);
    expect(with_.peakBytes).toBeGreaterThan(without.peakBytes);
  }
});

const narrow = {
  _class_name: 'UNet2DConditionModel',
  block_out_channels: [16, 32],
  down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D'],
  up_block_types: ['CrossAttnUpBlock2D', 'UpBlock2D'],
  norm_num_groups: 4,
  attention_head_dim: 2,
  cross_attention_dim: 8,
  sample_size: [8, 16],
};
const folder = (files: Record<string, unknown>): FolderReader =>
  wholeFiles(async (path) => {
    const file = files[path];
    if (file === undefined) throw new WinnowError('NotFound', `There is no file ${path}.`, 'Check the path.');
    return file instanceof Uint8Array ? new Uint8Array(file) : new TextEncoder().encode(JSON.stringify(file));
  });

it('keeps weights as the run would, or as it is told; and takes the size of the config', async () => {
  // Large enough to be kept in half width.
  const wide = { ...narrow, block_out_channels: [320, 640], norm_num_groups: 32, attention_head_dim: 10 };
  const graph = new Graph();
  const unet = openDenoiser(wide);
  unet.build(graph, unet.inputs(graph, { batch: 1, height: 2, width: 2, tokens: 2 }));
  const zeros = new Float32Array(2 ** 25);
  const tensors = Object.fromEntries(
    parametersOf(graph).map(({ name, shape }) => [name, { shape, data: zeros.subarray(0, sizeOf(shape)) }]),
  );
  const file = writeSafetensors(tensors, {});
  const plan = (
    config: Record<string, unknown>,
    weights?: WeightPolicy,
    more: Record<string, unknown> = {},
  ): Promise<FolderPlan> =>
    planFolder(folder({ 'unet/config.json': config, ...more }), onePair(), { ...engine, weights });
  expect(await plan(wide)).toMatchObject({ weights: 'f16', width: 128, height: 64 });
  expect((await plan(wide, undefined, { 'unet/diffusion_pytorch_model.safetensors': file })).weights).toBe('f32');
  expect((await plan(wide, 'bf16', { 'unet/diffusion_pytorch_model.safetensors': file })).weights).toBe('bf16');
  expect((await plan(narrow)).weights).toBe('f32');
  const [half, full] = [await plan(narrow, 'f16'), await plan(narrow, 'f32')];
  expect(half.weights).toBe('f16');
  expect(full.parts.weights).toBeGreaterThan(1.8 * half.parts.weights);
  await expect(plan(wide, 'stored')).rejects.toMatchObject({ name: 'NotFound' });
});

it('counts encoding the prompts where it takes more than a step', async () => {
  const text = {
    architectures: ['CLIPTextModel'],
    hidden_size: 1024,
    intermediate_size: 4096,
    num_attention_heads: 16,
    num_hidden_layers: 23,
  };
  const plan = await planFolder(
    folder({ 'unet/config.json': narrow, 'text_encoder/config.json': text }),
    onePair(),
    engine,
  );
  expect(plan.moments.texts).toBeGreaterThan(plan.moments.step);
  expect(plan.peakBytes).toBe(plan.moments.texts);
  expect(plan.parts.preparing).toBe(plan.moments.texts - plan.moments.step);
});

it.each(['stable-diffusion-v1-5', 'stable-diffusion-xl-base-1.0'])(
  'counts for the text encoders of %s what encoding will take, to the byte',
  async (name) => {
    const { moments } = await planFolder(configs(name), onePair(), { ...engine, weights: 'f32' });
    const { unet, texts, tokens } = await readModelConfigs(configs(name), { tokenizers: 'none' });
    // As FrozenParts has them: with the weights of files in f32.
    const textEncoders = texts.map(({ config }) => {
      const shapes = new Map(textEncoderParameters(config).map((value) => [value.name, value.shape]));
      const weights: Pick<TensorSource, 'names' | 'shape'> = {
        names: [...shapes.keys()],
        shape: (key) => shapes.get(key),
      };
      return { config, weights, tokenizer: { encode: () => new Int32Array(tokens) } };
    });
    let bytes = 0;
    const runner: PartRunner = {
      name: 'counts',
      plan(graph) {
        const bound = new Map(parametersOf(graph).map((value) => [value, value]));
        const planned = planGraph(graph, { limits: DESKTOP_LIMITS, variant: chooseVariant(gpuVariants), bound });
        bytes += planned.bytes.total;
        const results = Object.fromEntries(
          [...graph.outputs].map(([key, { shape }]) => [key, new Float32Array(sizeOf(shape))]),
        );
        const session = { run: async () => results, [Symbol.asyncDispose]: async () => {} };
        return { bytes: 0, onDevice: false, streamed: false, make: async () => session };
      },
    };
    await using cache = new ModelCache();
    const model = { info: { id: name }, unet: { model: unet }, pipeline: {}, tokens, textEncoders };
    await new FrozenParts(model as unknown as ModelFolder, runner, async () => undefined, cache).encodeText('words');
    expect(moments.texts).toBe(bytes);
  },
);

it('names the limit that binds: the command line fails with it, the studio shows it', async () => {
  const config = onePair({ pairsPerStep: 64 });
  await expect(planFolder(configs('stable-diffusion-v1-5'), config, engine)).rejects.toMatchObject({
    name: 'AdapterTooSmall',
    message: expect.stringContaining('fewer pairs') as string,
  });
  const model = await plannedModel('stable-diffusion-xl-base-1.0');
  const { generate } = modelForecast(model, { width: 1024, height: 1024 }, { limits: DEFAULT_LIMITS });
  // What the decoder makes last but one: [1, 256, 1024, 1024].
  expect(generate.exceeded).toMatchObject({
    limit: 'maxBufferSize',
    neededBytes: 4 * 256 * 1024 * 1024,
    availableBytes: 256 * 2 ** 20,
    remedy: expect.stringMatching(/^Use .*\.$/) as string,
  });
  expect(generate.peakBytes).toBeGreaterThan(0);
});

it('needs no more than the limits that every adapter has: pictures of 512 px, training at 1024 px', async () => {
  const limits = { limits: DEFAULT_LIMITS };
  for (const half of ['f16', undefined] as const) {
    const model = await plannedModel('stable-diffusion-v1-5', { encoders: ['text_encoder'], half });
    const size = { width: 512, height: 512 };
    const { generate, lora, full } = modelForecast(model, size, limits);
    for (const { exceeded } of [generate, lora, full]) expect(exceeded).toBeUndefined();
    // Windows are ranges of the same buffers.
    const { peakBytes } = modelForecast(model, size).generate;
    expect(Math.abs(generate.peakBytes - peakBytes)).toBeLessThan(2 ** 20);
  }
  const { lora, full } = modelForecast(
    await plannedModel('stable-diffusion-xl-base-1.0'),
    { width: 1024, height: 1024 },
    limits,
  );
  for (const { exceeded } of [lora, full]) expect(exceeded).toBeUndefined();
});

async function plannedModel(
  name: string,
  {
    encoders = ['text_encoder', 'text_encoder_2'],
    half = 'f16',
  }: { encoders?: string[]; half?: 'f16' | undefined } = {},
): Promise<PlannedModel> {
  const reader = configs(name);
  const unet = openDenoiser(await readFolderJson(reader, 'unet/config.json'));
  const graph = new Graph();
  unet.build(graph, unet.inputs(graph, { batch: 1, height: 8, width: 8, tokens: 77 }));
  const shapes = new Map(parametersOf(graph).map((value) => [value.name, value.shape]));
  const weights = { names: [...shapes.keys()], shape: (key: string) => shapes.get(key), half: () => half };
  const texts = await Promise.all(
    encoders.map(async (path) => parseTextEncoderConfig(await readFolderJson(reader, `${path}/config.json`))),
  );
  return {
    unet: { model: unet, weights },
    vae: { config: parseVaeConfig(await readFolderJson(reader, 'vae/config.json')), weights },
    textEncoders: texts.map((config) => ({ config, weights })),
    tokens: 77,
  };
}

it('forecasts each use of a model', async () => {
  const model = await plannedModel('stable-diffusion-xl-base-1.0');
  expect(() => modelForecast(model, { width: 1020, height: 1024 })).toThrow('cannot make 1020 by 1024 pixels');
  const { generate, lora, full } = modelForecast(model, { width: 1024, height: 1024 }, { limits: DESKTOP_LIMITS });
  const { peakBytes, parts } = await planFolder(configs('stable-diffusion-xl-base-1.0'), onePair(), engine);
  expect(lora).toMatchObject({ peakBytes, parts });
  // Weights of the UNet and of the decoder, which share the GPU.
  expect(generate.parts.weights).toBeGreaterThan(parts.weights);
  expect(generate.parts).toMatchObject({ adapter: 0, gradients: 0, optimiser: 0, reference: 0 });
  // Weight, gradient and two moments in f32.
  expect(full.peakBytes).toBeGreaterThan(16 * 2_567_463_684);
  expect(full.exceeded).toBeUndefined();
});
