/** What a training run will take of the GPU, before step 1. */
import { rematerialise } from '../autodiff/rematerialise.ts';
import type { MemoryReport } from '../graph/executor.ts';
import { graphFlops } from '../graph/flops.ts';
import { parametersOf } from '../models/weights.ts';
import { sizeOf } from '../shared/shape.ts';
import { buildStepGraph, type StepSpec } from '../training/stepGraph.ts';
import { planGraph } from '../webgpu/plan.ts';
import { chooseVariant, type KernelVariants } from '../webgpu/variants.ts';
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
  return { parts, peakBytes: Object.values(parts).reduce((sum, bytes) => sum + bytes, 0), flopsPerStep, secondsPerStep: null };
}

/** Without a device: the step is planned as it would be compiled, and nothing is allocated. `exceeded` names the limit that binds. */
export function planForecast(spec: StepSpec, limits: GPUSupportedLimits, variants: KernelVariants = {}): MemoryForecast {
  const { graph } = rematerialise(buildStepGraph(spec).graph);
  const frozen = parametersOf(graph);
  const states = graph.values.filter((value) => value.source.kind === 'state');
  const plan = planGraph(graph, { limits, variant: chooseVariant(variants), bound: new Map([...frozen, ...states].map((value) => [value, true])) });
  const frozenBytes = 4 * frozen.reduce((sum, value) => sum + sizeOf(value.shape), 0);
  return forecastOf(spec, { plannedBytes: plan.bytes, allocatedBytes: 0 }, frozenBytes, spec.accumulation * graphFlops(graph));
}
