/** What training and generating will take of the GPU, before anything is allocated: the graphs are planned as they would be compiled. */
import type { MemoryReport } from '../../graph/executor.ts';
import { graphFlops } from '../../graph/flops.ts';
import { Graph, type ParameterDtype } from '../../graph/graph.ts';
import { type TextEncoderConfig, textEncoderGraph } from '../../models/clip/textEncoder.ts';
import { denoiserGraph, type DenoiserModel } from '../../models/denoiser.ts';
import type { LayerOptions } from '../../models/layers.ts';
import { type VaeConfig, vaeDecoderGraph, vaeScaleFactor } from '../../models/sd/vae.ts';
import { parametersOf } from '../../models/weights.ts';
import { isWinnowError } from '../../shared/errors.ts';
import { sizeOf } from '../../shared/shape.ts';
import type { RecomputeChoice, TrainConfig } from '../../training/config.ts';
import { policyOf } from '../../training/policy.ts';
import { presetNamed } from '../../training/presets.ts';
import { type Recompute, recomputed } from '../../training/recompute.ts';
import { buildStepGraph, buildUpdateGraph, type StepSpec } from '../../training/stepGraph.ts';
import { DEFAULT_LIMITS, type Exceeded, type Plan, planGraph, type PlanLimits } from '../../webgpu/plan.ts';
import type { EngineDevice } from '../../webgpu/device.ts';
import { chooseVariant, gpuVariants, type KernelVariants, untunedVariants } from '../../webgpu/variants.ts';
import { stepSpecOf, type WeightShapes } from './stepSpec.ts';
import type { MemoryForecast, ModelForecast } from '../types.ts';
import { latentSizeOf } from '../sampling/latentSize.ts';
import { isLarge, keptDtypes } from '../model/weightWidth.ts';

/** What desktop GPUs offer: for planning where there is none. */
export const DESKTOP_LIMITS: PlanLimits = {
  ...DEFAULT_LIMITS,
  maxBufferSize: 4 * 2 ** 30,
  maxStorageBufferBindingSize: 2 * 2 ** 30 - 4,
};

/** The device that is planned for. */
export interface Target {
  limits: PlanLimits;
  variants?: KernelVariants;
}

/** A device on which nothing was measured. */
export const targetOf = ({ device, adapter }: EngineDevice): Target => ({
  limits: device.limits,
  variants: untunedVariants(adapter, device.features),
});

/** Weights of a part, kept as a run would keep them unless dtypeOf says otherwise. */
export interface PlannedWeights {
  weights: WeightShapes;
  dtypeOf?: (key: string) => ParameterDtype;
}

/** What a forecast takes of a model (service/model/modelFolder.ts ModelFolder has it). */
export interface PlannedModel {
  unet: { model: DenoiserModel } & PlannedWeights;
  vae: { config: VaeConfig } & PlannedWeights;
  textEncoders: readonly ({ config: TextEncoderConfig } & PlannedWeights)[];
  /** Of a prompt. */
  tokens: number;
}

type Parts = MemoryForecast['parts'];

const dtypes = ({ weights, dtypeOf = keptDtypes(weights) }: PlannedWeights): LayerOptions => ({ dtypeOf });

const forecast = (parts: Parts, flopsPerStep: number): MemoryForecast => ({
  parts,
  peakBytes: sumOf(parts),
  flopsPerStep,
  secondsPerStep: null,
  timedBy: null,
});

export const sumOf = (parts: Readonly<Record<string, number>>): number =>
  Object.values(parts).reduce((sum, bytes) => sum + bytes, 0);

/** With so many bytes of other models that stay on the GPU beside it (model/modelCache.ts). */
export function withKept(planned: MemoryForecast, kept: number): MemoryForecast {
  return kept > 0 ? { ...planned, parts: { ...planned.parts, kept }, peakBytes: planned.peakBytes + kept } : planned;
}

/** Of a step's own plan, or of the trainer that runs it: what is trained lies in flat f32 states, what is not (the reference's second copy, in
 *  full mode) in parameters. */
export function forecastOf(
  spec: StepSpec,
  { plannedBytes }: Pick<MemoryReport, 'plannedBytes'>,
  flopsPerStep: number,
): MemoryForecast {
  const trained = 4 * spec.layout.arenas.reduce((sum, elements) => sum + elements, 0);
  const gradients = trained * (spec.accumulation > 1 ? 2 : 1);
  const ema = spec.ema ? trained : 0;
  const { parameters, state, inputs, activations } = plannedBytes;
  const held =
    spec.mode.kind === 'full'
      ? { weights: trained, adapter: 0, reference: parameters }
      : { weights: parameters, adapter: trained, reference: 0 };
  return forecast(
    {
      ...held,
      gradients,
      optimiser: state - trained - gradients - ema,
      activations: activations + inputs,
      ...(ema > 0 && { ema }),
    },
    flopsPerStep,
  );
}

/** A graph as it is compiled, its parameters and states in storages of their own. */
function planOf(
  graph: Graph,
  { limits, variants = gpuVariants }: Target,
  onExceeded: (exceeded: Exceeded) => void,
): Plan {
  const bound = new Map(
    graph.values
      .filter(({ source }) => source.kind === 'parameter' || source.kind === 'state')
      .map((value) => [value, value]),
  );
  return planGraph(graph, { limits, variant: chooseVariant(variants), bound, onExceeded });
}

/** The limit that is exceeded most, over everything that is planned. */
class Worst {
  private found: Exceeded | undefined;

  readonly note = (exceeded: Exceeded): void => {
    if (
      !this.found ||
      exceeded.neededBytes / exceeded.availableBytes > this.found.neededBytes / this.found.availableBytes
    )
      this.found = exceeded;
  };

  get none(): boolean {
    return !this.found;
  }

  of(planned: MemoryForecast, remedy: string): MemoryForecast {
    if (!this.found) return planned;
    const { limit, neededBytes, availableBytes } = this.found;
    return { ...planned, exceeded: { limit, neededBytes, availableBytes, remedy } };
  }
}

export type StepForecast = MemoryForecast & {
  recompute: Recompute;
  /** Of a step at several sizes: what their programs may hold together (Trainer.create). */
  workingBytes: number;
};

/** Without a device. `exceeded` names the limit that binds, if one does. Of several sizes: with all programs, or where that is more with two of the
 *  largest at a time; and what of a step is computed twice goes by the largest. */
export function planForecast(spec: StepSpec, limits: PlanLimits, variants?: KernelVariants): StepForecast {
  const target = { limits, ...(variants && { variants }) };
  const worst = new Worst();
  const remedy =
    spec.pairs > 1
      ? 'Use fewer pairs per step, or a smaller image size.'
      : 'Use a smaller image size or a smaller model.';
  const denoisers = [spec.denoiser, ...(spec.otherSizes ?? [])];
  const at = (denoiser: StepSpec['denoiser'], choice: RecomputeChoice): ReturnType<typeof recomputed> =>
    recomputed(buildStepGraph({ ...spec, denoiser }), choice);
  const largest = denoisers.reduce((most, one) => (latentsOf(one) > latentsOf(most) ? one : most));
  const decided = at(largest, spec.recompute ?? 'auto');
  const { recompute } = decided;
  const { graph } = decided.step;
  const plannedBytes = { ...planOf(graph, target, worst.note).bytes };
  const workingBytes = workingOf(plannedBytes);
  const others = denoisers
    .filter((one) => one !== largest)
    .map((one) => workingOf(planOf(at(one, recompute).step.graph, target, worst.note).bytes));
  const all = others.reduce((sum, bytes) => sum + bytes, workingBytes);
  plannedBytes.activations += Math.min(all, 2 * workingBytes) - workingBytes;
  let flops = spec.accumulation * graphFlops(graph);
  if (spec.accumulation > 1) {
    // Its states are the step's.
    const update = buildUpdateGraph(spec).graph;
    const { inputs, activations } = planOf(update, target, worst.note).bytes;
    plannedBytes.inputs += inputs;
    plannedBytes.activations += activations;
    flops += graphFlops(update);
  }
  const looks = spec.lookBatch
    ? workingOf(planOf(forwardOf(spec, largest, spec.lookBatch), target, worst.note).bytes)
    : 0;
  return {
    ...worst.of(withLooks(forecastOf(spec, { plannedBytes }, flops), looks), remedy),
    recompute,
    workingBytes: Math.min(all, 2 * workingBytes),
  };
}

/** The denoiser with the weights in training. */
function forwardOf(spec: StepSpec, denoiser: StepSpec['denoiser'], batch: number): Graph {
  const graph = new Graph();
  const params = spec.layout.arenas.map((elements, i) => graph.state(`param.${i}`, [elements]));
  const { options } = policyOf(graph, spec, params, (...parameter) => graph.parameter(...parameter));
  const dtypeOf = spec.dtypeOf && { dtypeOf: spec.dtypeOf };
  graph.output('noise_pred', denoiser.build(graph, denoiser.inputs(graph, batch), { ...options, ...dtypeOf }));
  return graph;
}

/** With what looks at held-out pairs take beside a step. */
export const withLooks = (planned: MemoryForecast, looks: number): MemoryForecast =>
  looks > 0 ? { ...planned, parts: { ...planned.parts, looks }, peakBytes: planned.peakBytes + looks } : planned;

const workingOf = ({ inputs, activations }: MemoryReport['plannedBytes']): number => inputs + activations;

/** Of one picture. */
const latentsOf = (denoiser: StepSpec['denoiser']): number => sizeOf(denoiser.inputs(new Graph(), 1).sample.shape);

/** A whole step reaches about half the rate of its best product kernel (bench/NOTES.md). */
const stepEfficiency = 0.5;

/** Adds the time: by the last run's own rate where there was one. */
export function timed(
  planned: MemoryForecast,
  { runRate, kernelRate }: { runRate?: number | undefined; kernelRate: number },
): MemoryForecast {
  return runRate
    ? { ...planned, secondsPerStep: planned.flopsPerStep / runRate, timedBy: 'run' }
    : { ...planned, secondsPerStep: planned.flopsPerStep / (stepEfficiency * kernelRate), timedBy: 'kernels' };
}

// ---- generating -------------------------------------------------------------------------------------------------------------------

/** Bytes of one program and of its weights. */
interface Held {
  weights: number;
  /** Activations and inputs. */
  working: number;
  flops: number;
}

const nothing: Held = { weights: 0, working: 0, flops: 0 };
const together = (held: readonly Held[]): Held =>
  held.reduce(
    (a, b) => ({ weights: a.weights + b.weights, working: a.working + b.working, flops: a.flops + b.flops }),
    nothing,
  );

function held(graph: Graph, target: Target, worst: Worst): Held {
  const { parameters, inputs, activations } = planOf(graph, target, worst.note).bytes;
  return { weights: parameters, working: inputs + activations, flops: graphFlops(graph) };
}

/** A frozen part: on the GPU where it is large (service/sampling/partRunner.ts). */
function heldPart(graph: Graph, target: Target, worst: Worst): Held {
  return isLarge(parametersOf(graph).reduce((sum, { shape }) => sum + sizeOf(shape), 0))
    ? held(graph, target, worst)
    : nothing;
}

const heldTexts = ({ unet, textEncoders, tokens }: Omit<PlannedModel, 'vae'>, target: Target, worst: Worst): Held =>
  together(
    textEncoders.map((part) =>
      heldPart(textEncoderGraph(part.config, { tokens, states: [unet.model.textStates] }, dtypes(part)), target, worst),
    ),
  );

const heldDecoder = (
  part: PlannedModel['vae'],
  latentSize: { height: number; width: number },
  target: Target,
  worst: Worst,
): Held => heldPart(vaeDecoderGraph(part.config, latentSize, dtypes(part)), target, worst);

/** Bytes on the GPU at the other moments of a run: while the prompts are encoded, before the trainer is made; and beside the trainer while a
 *  sample is drawn with guidance, by the tensors in training, and decoded (null where that exceeds a limit). Its prompts
 *  were encoded before the first step. */
export function planMoments(
  model: Omit<PlannedModel, 'vae'> & { vae?: PlannedModel['vae'] },
  spec: StepSpec,
  latentSize: { height: number; width: number },
  target: Target,
): { texts: number; sample: number | null } {
  const { weights, working } = heldTexts(model, target, new Worst());
  const texts = weights + working;
  const worst = new Worst();
  try {
    const { unet, tokens } = model;
    const { graph: sample } = denoiserGraph(unet.model, { batch: 2, ...latentSize, tokens }, (graph) => {
      const params = spec.layout.arenas.map((elements, i) => graph.state(`param.${i}`, [elements]));
      const { options } = policyOf(graph, spec, params, (...parameter) => graph.parameter(...parameter));
      return { ...options, ...dtypes(unet) };
    });
    const predictor = held(sample, target, worst);
    const decoder = model.vae ? heldDecoder(model.vae, latentSize, target, worst) : nothing;
    return { texts, sample: worst.none ? predictor.working + decoder.weights + decoder.working : null };
  } catch (error) {
    if (isWinnowError(error, 'AdapterTooSmall')) return { texts, sample: null };
    throw error;
  }
}

/** One picture with guidance: the prompts are encoded first, then the UNet and the decoder share the GPU. flopsPerStep: of one step. */
function generateForecast(
  model: PlannedModel,
  latentSize: { height: number; width: number },
  target: Target,
): MemoryForecast {
  const worst = new Worst();
  const { unet, tokens } = model;
  const batch = unet.model.guidanceInput ? 1 : 2;
  const { graph } = denoiserGraph(unet.model, { batch, ...latentSize, tokens }, () => dtypes(unet));
  const predictor = held(graph, target, worst);
  const picture = together([predictor, heldDecoder(model.vae, latentSize, target, worst)]);
  const texts = heldTexts(model, target, worst);
  const { weights, working } = texts.weights + texts.working > picture.weights + picture.working ? texts : picture;
  return worst.of(
    forecast({ weights, adapter: 0, gradients: 0, optimiser: 0, activations: working, reference: 0 }, predictor.flops),
    'Use a smaller image size or a smaller model.',
  );
}

/** What a model takes at a size in pixels: one picture with guidance; training on one pair, with a LoRA of rank 8 on every layer and our
 *  kernels as the reference, and with every weight and a reference outside. Nothing is timed. */
export function modelForecast(
  model: PlannedModel,
  size: { width: number; height: number },
  target: Target = { limits: DESKTOP_LIMITS },
): ModelForecast {
  const latentSize = latentSizeOf(size, vaeScaleFactor(model.vae.config));
  const train = (changes: Partial<TrainConfig>, reference: 'engine' | 'input'): MemoryForecast => {
    const config = {
      ...presetNamed('standard')!.config,
      rank: 8,
      alpha: 8,
      pairsPerStep: 1,
      accumulation: 1,
      heldOut: 0,
      ...changes,
    };
    const step = { folder: { unet: model.unet, tokens: model.tokens }, weights: model.unet.weights };
    const spec = stepSpecOf(step, config, latentSize, reference, target.limits.maxStorageBufferBindingSize);
    return planForecast({ ...spec, ...dtypes(model.unet) }, target.limits, target.variants);
  };
  return {
    generate: generateForecast(model, latentSize, target),
    lora: train({ mode: 'lora', targets: 'all' }, 'engine'),
    full: train({ mode: 'full' }, 'input'),
  };
}
