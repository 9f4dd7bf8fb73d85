/** What is planned from configs alone is what a run allocates: every byte, on a real device. Layouts are those of Stable Diffusion 1.5 and SDXL,
 *  scaled down. Buffers that only carry results back to the host (MAP_READ) live for one read and are not counted. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type NodeDevice, openNodeDevice } from '../../cli/device.ts';
import { generator } from '../../graph/caseData.ts';
import { Graph, type ParameterDtype } from '../../graph/graph.ts';
import { openDenoiser } from '../../models/families.ts';
import { ParameterStore } from '../../models/parameterStore.ts';
import { parametersOf, type TensorSource, withAliases } from '../../models/weights.ts';
import { WinnowError } from '../../shared/errors.ts';
import { sizeOf } from '../../shared/shape.ts';
import type { TrainConfig } from '../../training/config.ts';
import { policyOf } from '../../training/policy.ts';
import { presetNamed } from '../../training/presets.ts';
import { type StepBatch, Trainer } from '../../training/trainer.ts';
import { createGpuExecutor } from '../../webgpu/executor.ts';
import { type FolderReader, wholeFiles } from '../environment.ts';
import { planFolder } from './folderPlan.ts';
import { targetOf } from './forecast.ts';
import { stepSpecOf } from './stepSpec.ts';

const TOKENS = 7;
const SIDE = 32;

const file = (model: string, path: string): Record<string, unknown> =>
  JSON.parse(readFileSync(`tools/reference/configs/${model}/${path}`, 'utf8')) as Record<string, unknown>;
const unetOf = {
  'stable-diffusion-v1-5': {
    ...file('stable-diffusion-v1-5', 'unet/config.json'),
    block_out_channels: [16, 16, 16, 16],
    norm_num_groups: 4,
    attention_head_dim: 2,
    cross_attention_dim: 24,
  },
  'stable-diffusion-xl-base-1.0': {
    ...file('stable-diffusion-xl-base-1.0', 'unet/config.json'),
    block_out_channels: [16, 16, 16],
    norm_num_groups: 4,
    attention_head_dim: [2, 2, 2],
    cross_attention_dim: 24,
    transformer_layers_per_block: [1, 2, 3],
    addition_time_embed_dim: 4,
    projection_class_embeddings_input_dim: 32,
  },
};
type Model = keyof typeof unetOf;

/** The model's folder: configs, and not one weight. */
const configsOf = (model: Model): FolderReader =>
  wholeFiles(async (path) => {
    const files: Record<string, unknown> = {
      'unet/config.json': unetOf[model],
      // Small enough to run on onnxruntime, as the text encoder is.
      'vae/config.json': { ...file(model, 'vae/config.json'), block_out_channels: [4, 4, 4, 4], norm_num_groups: 2 },
      'text_encoder/config.json': {
        ...file(model, 'text_encoder/config.json'),
        hidden_size: 24,
        intermediate_size: 24,
        num_attention_heads: 2,
        num_hidden_layers: 2,
        vocab_size: 50,
        max_position_embeddings: TOKENS,
      },
    };
    if (!(path in files)) throw new WinnowError('NotFound', `There is no file ${path}.`, 'Nothing.');
    return new TextEncoder().encode(JSON.stringify(files[path]));
  });

let engine: NodeDevice;
const live = new Map<GPUBuffer, number>();
const liveBytes = (): number => [...live.values()].reduce((sum, bytes) => sum + bytes, 0);

beforeAll(async () => {
  engine = await openNodeDevice();
  const { device } = engine;
  const create = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor);
    if (descriptor.usage & GPUBufferUsage.MAP_READ) return buffer;
    live.set(buffer, buffer.size);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      live.delete(buffer);
      return destroy();
    };
    return buffer;
  };
});
afterAll(() => engine?.destroy());

const uniform = (name: string, length: number): Float32Array => {
  const draw = generator(name);
  return Float32Array.from({ length }, () => 0.2 * (draw() - 0.5));
};

/** Trained tensors of rows that differ only in what they compute twice. */
const trained = new Map<string, Map<string, Float32Array>>();

it.each<[Model, Partial<TrainConfig>, 'engine' | 'input', ParameterDtype]>([
  ['stable-diffusion-v1-5', { recompute: 'cheap' }, 'engine', 'f16'],
  ['stable-diffusion-v1-5', { recompute: 'blocks' }, 'engine', 'f16'],
  ['stable-diffusion-v1-5', { mode: 'full' }, 'input', 'f32'],
  ['stable-diffusion-v1-5', { mode: 'full', recompute: 'blocks' }, 'engine', 'f16'],
  ['stable-diffusion-v1-5', { accumulation: 2, targets: 'attention' }, 'input', 'f16'],
  ['stable-diffusion-xl-base-1.0', { recompute: 'cheap' }, 'engine', 'f16'],
  ['stable-diffusion-xl-base-1.0', { recompute: 'blocks' }, 'engine', 'f16'],
])(
  '%s, %o, reference %s, weights %s: a run allocates what was planned',
  async (model, changes, reference, dtype) => {
    const config: TrainConfig = { ...presetNamed('standard')!.config, rank: 4, alpha: 4, pairsPerStep: 1, ...changes };
    const planned = await planFolder(configsOf(model), config, {
      reference,
      weights: dtype,
      size: { width: SIDE, height: SIDE },
      target: targetOf(engine),
    });
    expect(Object.values(planned.parts).reduce((sum, bytes) => sum + bytes)).toBe(planned.peakBytes);
    expect(planned.moments.step).toBe(planned.peakBytes);
    expect(liveBytes()).toBe(0);

    const executor = createGpuExecutor(engine);
    const unet = openDenoiser(unetOf[model]);
    const latentSize = { height: SIDE / 8, width: SIDE / 8 };
    const forward = new Graph();
    unet.build(forward, unet.inputs(forward, { batch: 1, ...latentSize, tokens: TOKENS }));
    const shapes = new Map(parametersOf(forward).map(({ name, shape }) => [name, shape]));
    const weights: TensorSource = {
      names: [...shapes.keys()],
      shape: (name) => shapes.get(name),
      read: async (name) => uniform(name, sizeOf(shapes.get(name)!)),
    };
    // Few weights are kept in f32 unless they are told otherwise.
    const spec = {
      ...stepSpecOf(
        { folder: { unet: { model: unet }, tokens: TOKENS }, weights },
        config,
        latentSize,
        reference,
        engine.device.limits.maxStorageBufferBindingSize,
      ),
      dtypeOf: () => dtype,
    };
    const frozen = new ParameterStore(
      executor,
      withAliases(weights, (name) => (name.startsWith('reference.') ? [name.slice('reference.'.length)] : [])),
    );
    const trainer = await Trainer.create({
      executor,
      spec,
      frozen,
      initial: async (name) =>
        shapes.has(name) ? weights.read(name) : uniform(name, sizeOf(spec.layout.byName.get(name)!.shape)),
    });
    expect(liveBytes()).toBe(planned.peakBytes);

    const numbers = ({ name, shape }: { name: string; shape: readonly number[] }): Float32Array =>
      uniform(name, sizeOf(shape));
    const { sample, timestep: _, ...told } = spec.denoiser.inputs(new Graph(), 2);
    const batch: StepBatch = {
      sample: numbers(sample),
      target: numbers({ ...sample, name: 'target' }),
      timestep: Float32Array.of(500, 500),
      conditioning: Object.fromEntries(
        Object.values(told).map((value) => [value.name, { data: numbers(value), shape: value.shape }]),
      ),
      ...(reference === 'input' && { referenceErrors: Float32Array.of(1, 1) }),
      beta: 1,
    };
    const { gradNorm } = await trainer.run(
      Array.from({ length: config.accumulation }, () => batch),
      { lr: 1e-3, beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0, maxGradNorm: 1, t: 1 },
    );
    expect(gradNorm).toBeGreaterThan(0);
    expect(liveBytes()).toBe(planned.peakBytes);
    expect(trainer.memory.allocatedBytes).toBe(planned.peakBytes);
    if (changes.recompute) expect(planned.recompute).toBe(changes.recompute);
    expect(planned.weights).toBe(dtype);
    // While a sample is drawn: the denoiser's program beside, on the trainer's and the frozen weights.
    const sampling = new Graph();
    const params = spec.layout.arenas.map((elements, i) => sampling.state(`param.${i}`, [elements]));
    const { options } = policyOf(sampling, spec, params, (...parameter) => sampling.parameter(...parameter));
    sampling.output(
      'noise_pred',
      unet.build(sampling, unet.inputs(sampling, { batch: 2, ...latentSize, tokens: TOKENS }), {
        ...options,
        dtypeOf: spec.dtypeOf,
      }),
    );
    const bindings = new Map([
      ...(await frozen.bindings(sampling)),
      ...trainer.resultArenas().map((storage, i) => [params[i]!, storage] as const),
    ]);
    const predictor = await executor.compile(sampling, { bindings });
    expect(liveBytes()).toBe(planned.moments.sample);
    predictor[Symbol.dispose]();

    if (changes.recompute) {
      // The same bits, whatever was computed twice.
      const tensors = await trainer.tensors();
      const { recompute: _, ...rest } = changes;
      const key = JSON.stringify([model, rest, reference, dtype]);
      expect(tensors).toEqual(trained.get(key) ?? tensors);
      trained.set(key, tensors);
    }
    trainer[Symbol.dispose]();
    frozen[Symbol.dispose]();
    expect(liveBytes()).toBe(0);
  },
  300_000,
);
