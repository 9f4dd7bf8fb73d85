/** How a training step trades time for memory: what of the forward pass it computes a second time instead of keeping. Decided from the
 *  graph alone, so that a plan, a forecast and a run decide alike, on any device. The numbers of a step are the same bits either way. */
import { totalBytes } from '../autodiff/peak.ts';
import { rematerialise } from '../autodiff/rematerialise.ts';
import type { Value } from '../graph/graph.ts';
import type { RecomputeChoice } from './config.ts';
import type { StepGraph, StepStates } from './stepGraph.ts';

export type Recompute = Exclude<RecomputeChoice, 'auto'>;

/** Up to here `auto` keeps what is dear to compute. WebGPU does not say how much memory a GPU has; this is half of 8 GB, the least that
 *  graphics cards of the last years come with, and leaves the other half to the display, the browser and the sampler. */
export const RECOMPUTE_BUDGET_BYTES = 4 * 2 ** 30;

/** Up to here `auto` keeps everything: no GPU is short of so little, and a small model's step is dispatches more than arithmetic. */
export const KEEP_BUDGET_BYTES = 256 * 2 ** 20;

/** The same step on a graph that computes anew what `choice` names; `auto` takes `none` where the step then stays small, `cheap` where it stays within
 *  the budget. */
export function recomputed(step: StepGraph, choice: RecomputeChoice): { step: StepGraph; recompute: Recompute } {
  if (choice === 'none' || (choice === 'auto' && totalBytes(step.graph) <= KEEP_BUDGET_BYTES))
    return { step, recompute: 'none' };
  if (choice !== 'blocks') {
    const cheap = remap(step, 'cheap');
    if (choice === 'cheap' || totalBytes(cheap.graph) <= RECOMPUTE_BUDGET_BYTES)
      return { step: cheap, recompute: 'cheap' };
  }
  return { step: remap(step, 'blocks'), recompute: 'blocks' };
}

function remap(step: StepGraph, mode: Recompute): StepGraph {
  const { graph, map } = rematerialise(step.graph, { mode });
  const at = (value: Value): Value => map.get(value)!;
  const record = <T extends object>(values: T): T =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, at(value as Value)])) as T;
  return {
    graph,
    outputs: record(step.outputs),
    states: Object.fromEntries(
      Object.entries(step.states).map(([key, values]) => [key, (values as Value[]).map(at)]),
    ) as unknown as StepStates,
    ...(step.update ? { update: record(step.update) } : {}),
  };
}
