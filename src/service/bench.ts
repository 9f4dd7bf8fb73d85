/** Measured figures of the engine on one model and one adapter: a forward pass of the UNet, a training step, where the step's time goes. */
import { latentSizeOf } from './sampling/latentSize.ts';
import { madeUpConditioning } from '../models/conditioning.ts';
import { denoiserGraph, type DenoiserSize } from '../models/denoiser.ts';
import { parametersOf } from '../models/weights.ts';
import { ParameterStore } from '../models/parameterStore.ts';
import { initialLora } from '../training/lora.ts';
import type { TrainConfig } from '../training/config.ts';
import { type StepBatch, Trainer } from '../training/trainer.ts';
import { graphFlops } from '../graph/flops.ts';
import '../shared/disposable.ts';
import { sizeOf } from '../shared/shape.ts';
import { openDevice } from '../webgpu/device.ts';
import { createGpuExecutor, type GpuExecutor, type GpuProgram } from '../webgpu/executor.ts';
import { profileProgram, summarize } from '../webgpu/profiler.ts';
import { tuneKernels } from '../webgpu/tune.ts';
import { evaluate } from '../oracle/run.ts';
import type { KernelVariants } from '../webgpu/variants.ts';
import type { Environment } from './environment.ts';
import { type ModelFolder, openModelFolder } from './model/modelFolder.ts';
import { enginePredictor, type NoisePredictor, onnxPredictor } from './sampling/noisePredictor.ts';
import { stepSpecOf } from './planning/stepSpec.ts';
import { stepTasks } from './planning/stepTasks.ts';

export interface BenchOptions {
  config: TrainConfig;
  /** Timed runs after one that compiles and allocates; the fastest counts, as other load only ever adds. */
  repeats: number;
}

export interface BenchFigures {
  adapter: string;
  software: boolean;
  variants: KernelVariants;
  model: { name: string; parameters: number };
  /** One guided forward pass: two samples of the model's own size. */
  forward: { samples: number; gflop: number; engineMs: number; onnxWasmMs: number; dispatches: number };
  step: {
    mode: TrainConfig['mode'];
    pairs: number;
    gflop: number;
    prepareMs: number;
    ms: number;
    gflopPerSecond: number;
    dispatches: number;
    pipelines: number;
    /** What the plan said before anything was allocated, and the buffers that then existed, by whole program. */
    plannedBytes: number;
    allocatedBytes: number;
  };
  /** Of the step, by op and kernel, the slowest first. */
  kernels: {
    clock: 'timestamp-query' | 'submit';
    rows: { name: string; dispatches: number; ms: number; gflops: number }[];
  };
}

const wave = (length: number, scale = 1): Float32Array =>
  Float32Array.from({ length }, (_, i) => scale * Math.sin(12.9898 * i));

async function fastest(repeats: number, work: () => Promise<unknown>): Promise<number> {
  await work();
  let ms = Infinity;
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await work();
    ms = Math.min(ms, performance.now() - start);
  }
  return ms;
}

export async function benchEngine(
  env: Environment,
  id: string,
  { config, repeats }: BenchOptions,
  onProgress: (what: string) => void,
): Promise<BenchFigures> {
  onProgress('Opening the GPU');
  const engine = await openDevice(env.gpu);
  using owned = new DisposableStack();
  owned.defer(() => engine.destroy());
  const folder = await openModelFolder(id, env);
  onProgress('Measuring kernel variants');
  const latentSize = latentSizeOf(folder.info.defaultSize, folder.info.sizeMultiple);
  const { limits } = engine.device;
  const reference = config.mode === 'lora' ? 'engine' : 'input';
  const model = { folder, weights: folder.unet.weights };
  const { variants, flopsPerSecond } = await tuneKernels(engine, evaluate, {
    tasks: stepTasks(stepSpecOf(model, config, latentSize, reference, limits.maxStorageBufferBindingSize), limits),
  });
  const executor = createGpuExecutor(engine, { variants, flopsPerSecond });
  const forward = await benchForward(executor, folder, repeats, onProgress);
  const { step, kernels } = await benchStep(executor, folder, { config, repeats }, onProgress);
  return {
    adapter: engine.adapterName,
    software: engine.adapter.software,
    variants,
    model: { name: folder.info.title, parameters: folder.info.parameters.unet },
    forward,
    step: { ...step, pipelines: executor.pipelineCount },
    kernels,
  };
}

async function benchForward(
  executor: GpuExecutor,
  folder: ModelFolder,
  repeats: number,
  onProgress: (what: string) => void,
): Promise<BenchFigures['forward']> {
  const { info, unet, tokens } = folder;
  const latentSize = latentSizeOf(info.defaultSize, info.sizeMultiple);
  const size: DenoiserSize = { batch: 2, ...latentSize, tokens };
  const sample = wave(size.batch * unet.model.latentChannels * size.height * size.width);
  const conditioning = madeUpConditioning(unet.model, size, wave);
  const time = async (made: NoisePredictor): Promise<number> => {
    await using predictor = made;
    return await fastest(repeats, () => predictor.predict(sample, 500, conditioning));
  };
  onProgress('Timing a forward pass on our kernels');
  const engineMs = await time(await enginePredictor(executor, { folder, changes: [] }, size));
  onProgress('Timing a forward pass on onnxruntime');
  const onnxWasmMs = await time(await onnxPredictor(unet.model, unet.weights, size, { provider: 'wasm' }));
  const { graph } = denoiserGraph(unet.model, size);
  using owned = new DisposableStack();
  const bindings = new Map(
    parametersOf(graph).map((value) => [value, owned.use(executor.storage(value.name, sizeOf(value.shape)))]),
  );
  const { dispatchCount: dispatches } = owned.use(await executor.compile(graph, { bindings }));
  return { samples: size.batch, gflop: graphFlops(graph) / 1e9, engineMs, onnxWasmMs, dispatches };
}

/** The trainer's own step on made-up latents; the reference runs on our kernels, inside the step. */
async function benchStep(
  executor: GpuExecutor,
  { info, unet, tokens }: ModelFolder,
  { config, repeats }: BenchOptions,
  onProgress: (what: string) => void,
): Promise<{ step: Omit<BenchFigures['step'], 'pipelines'>; kernels: BenchFigures['kernels'] }> {
  const latentSize = latentSizeOf(info.defaultSize, info.sizeMultiple);
  const reference = config.mode === 'lora' ? 'engine' : 'input';
  const model = { folder: { unet: { model: unet.model }, tokens }, weights: unet.weights };
  const spec = stepSpecOf(
    model,
    config,
    latentSize,
    reference,
    executor.engine.device.limits.maxStorageBufferBindingSize,
  );
  const lora = config.mode === 'lora' ? initialLora(spec.layout.entries, config.rank, config.seed) : undefined;
  onProgress('Preparing a training step');
  const begin = performance.now();
  using frozen = new ParameterStore(executor, unet.weights);
  using trainer = await Trainer.create({
    executor,
    spec,
    frozen,
    initial: async (name) => lora?.get(name) ?? unet.weights.read(name),
  });
  const prepareMs = performance.now() - begin;
  const images = 2 * config.pairsPerStep;
  const elements = images * unet.model.latentChannels * latentSize.height * latentSize.width;
  const batch: StepBatch = {
    sample: wave(elements),
    target: wave(elements, 0.5),
    timestep: Float32Array.from({ length: images }, (_, i) => 100 * (1 + (i % config.pairsPerStep))),
    conditioning: madeUpConditioning(unet.model, { batch: images, ...latentSize, tokens }, wave),
    beta: config.beta,
    ...(reference === 'input' && { referenceErrors: new Float32Array(images).fill(0.5) }),
  };
  const update = {
    lr: config.learningRate,
    beta1: config.adamBeta1,
    beta2: config.adamBeta2,
    eps: config.adamEps,
    weightDecay: config.weightDecay,
    maxGradNorm: config.maxGradNorm,
  };
  onProgress('Timing training steps');
  let t = 1;
  const ms = await fastest(repeats, () =>
    trainer.run(
      Array.from({ length: config.accumulation }, () => batch),
      { ...update, t: t++ },
    ),
  );
  onProgress('Timing every kernel of the step');
  const { plannedBytes, allocatedBytes } = trainer.memory;
  const dispatches = trainer.dispatchCount;
  const { clock, rows } = await profileProgram(executor.engine, trainer.programs[0] as GpuProgram);
  return {
    step: {
      mode: config.mode,
      pairs: config.pairsPerStep,
      gflop: trainer.flops / 1e9,
      prepareMs,
      ms,
      gflopPerSecond: trainer.flops / ms / 1e6,
      dispatches,
      plannedBytes: plannedBytes.total,
      allocatedBytes,
    },
    kernels: { clock, rows: summarize(rows, ({ op, kernel }) => (op === kernel ? op : `${op} (${kernel})`)) },
  };
}
