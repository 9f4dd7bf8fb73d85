/** What a training run will take of the GPU, before step 1. */
import type { MemoryReport } from '../graph/executor.ts';
import { graphFlops } from '../graph/flops.ts';
import { Graph } from '../graph/graph.ts';
import { openDenoiser } from '../models/families.ts';
import { parametersOf } from '../models/weights.ts';
import { parseVaeConfig, vaeScaleFactor } from '../models/sd/vae.ts';
import { WinnowError } from '../shared/errors.ts';
import { sizeOf } from '../shared/shape.ts';
import type { TrainConfig } from '../training/config.ts';
import { recomputed } from '../training/recompute.ts';
import { buildStepGraph, type StepSpec } from '../training/stepGraph.ts';
import { DEFAULT_LIMITS, planGraph, type PlanLimits } from '../webgpu/plan.ts';
import { chooseVariant, type KernelVariants } from '../webgpu/variants.ts';
import type { FolderReader } from './environment.ts';
import { readFolderJson, readOptional } from './modelFolder.ts';
import { type StepModel, stepSpecOf } from './stepSpec.ts';
import type { MemoryForecast } from './types.ts';

/** From the step's own plan. frozenBytes: weights that are not trained, the reference's second copy among them. */
export function forecastOf(spec: StepSpec, memory: MemoryReport, frozenBytes: number, flopsPerStep: number): MemoryForecast {
  const trained = 4 * spec.layout.arenas.reduce((sum, elements) => sum + elements, 0);
  const full = spec.mode.kind === 'full';
  const parts = {
    weights: full ? trained : frozenBytes,
    adapter: full ? 0 : trained,
    gradients: trained * (spec.accumulation > 1 ? 2 : 1),
    optimiser: 2 * trained,
    activations: memory.plannedBytes.activations + memory.plannedBytes.inputs,
    reference: full ? frozenBytes : 0,
  };
  return { parts, peakBytes: Object.values(parts).reduce((sum, bytes) => sum + bytes, 0), flopsPerStep, secondsPerStep: null, timedBy: null };
}

/** Without a device: the step is planned as it would be compiled, and nothing is allocated. `exceeded` names the limit that binds. */
export function planForecast(spec: StepSpec, limits: PlanLimits, variants: KernelVariants = {}): MemoryForecast {
  const { graph } = recomputed(buildStepGraph(spec), spec.recompute ?? 'auto').step;
  const frozen = parametersOf(graph);
  const states = graph.values.filter((value) => value.source.kind === 'state');
  const plan = planGraph(graph, { limits, variant: chooseVariant(variants), bound: new Map([...frozen, ...states].map((value) => [value, value])) });
  const frozenBytes = 4 * frozen.reduce((sum, value) => sum + sizeOf(value.shape), 0);
  return forecastOf(spec, { plannedBytes: plan.bytes, allocatedBytes: 0 }, frozenBytes, spec.accumulation * graphFlops(graph));
}

/** A whole step reaches about half the rate of its best product kernel (bench/NOTES.md). */
const stepEfficiency = 0.5;

/** Adds the time: by the last run's own rate where there was one. */
export function timed(forecast: MemoryForecast, { runRate, kernelRate }: { runRate?: number | undefined; kernelRate: number }): MemoryForecast {
  return runRate
    ? { ...forecast, secondsPerStep: forecast.flopsPerStep / runRate, timedBy: 'run' }
    : { ...forecast, secondsPerStep: forecast.flopsPerStep / (stepEfficiency * kernelRate), timedBy: 'kernels' };
}

export interface FolderPlan extends MemoryForecast {
  /** In pixels. */
  width: number;
  height: number;
  /** Of the UNet. */
  parameters: number;
  trainedParameters: number;
  /** Of one forward pass for one image. */
  flopsPerForward: number;
}

/** What desktop GPUs offer: for planning where there is none. */
export const DESKTOP_LIMITS: PlanLimits = { ...DEFAULT_LIMITS, maxBufferSize: 4 * 2 ** 30, maxStorageBufferBindingSize: 2 * 2 ** 30 - 4 };

/** Plans a training step from the configs of a diffusers folder; its weights are not needed. Rejects with AdapterTooSmall, which says by how
 *  much and what to change, where a limit is exceeded. */
export async function planFolder(
  reader: FolderReader,
  config: TrainConfig,
  { reference, size, limits = DESKTOP_LIMITS }: { reference: 'engine' | 'input'; size?: { width: number; height: number }; limits?: PlanLimits },
): Promise<FolderPlan> {
  const unetConfig = await readFolderJson(reader, 'unet/config.json');
  const unet = openDenoiser(unetConfig);
  const optionalJson = async (path: string): Promise<Record<string, unknown> | undefined> => ((await readOptional(reader, path)) ? readFolderJson(reader, path) : undefined);
  const vae = await optionalJson('vae/config.json');
  const factor = vae ? vaeScaleFactor(parseVaeConfig(vae)) : 8;
  const text = await optionalJson('text_encoder/config.json');
  const tokens = Number(text?.['max_position_embeddings'] ?? 77);
  const side = Number(unetConfig['sample_size'] ?? 64) * factor;
  const { width, height } = size ?? { width: side, height: side };
  if (width % factor !== 0 || height % factor !== 0) {
    throw new WinnowError('BadArguments', `This model cannot make ${width} by ${height} pixels.`, `Choose multiples of ${factor}.`);
  }
  const latentSize = { height: height / factor, width: width / factor };

  const forward = new Graph();
  forward.output('noise_pred', unet.build(forward, unet.inputs(forward, { batch: 1, ...latentSize, tokens })));
  const parameters = parametersOf(forward);
  const shapes = new Map(parameters.map(({ name, shape }) => [name, shape]));
  const model: StepModel = {
    folder: { unet: { model: unet }, tokens },
    weights: { names: [...shapes.keys()], shape: (name) => shapes.get(name) },
  };
  const spec = stepSpecOf(model, config, latentSize, reference, limits.maxStorageBufferBindingSize);
  const count = (list: readonly { shape: readonly number[] }[]): number => list.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return {
    ...planForecast(spec, limits),
    width,
    height,
    parameters: count(parameters),
    trainedParameters: count(spec.layout.entries),
    flopsPerForward: graphFlops(forward),
  };
}
