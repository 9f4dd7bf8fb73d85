/** Which shapes a training step spends its arithmetic on: what the tuner races and the benchmark times. */
import { denoiserGraph } from '../../models/denoiser.ts';
import { recomputed } from '../../training/recompute.ts';
import { presetNamed, presetsFor } from '../../training/presets.ts';
import { buildStepGraph, type StepSpec } from '../../training/stepGraph.ts';
import type { PlanLimits } from '../../webgpu/plan.ts';
import { heaviestTasks, type Task } from '../../webgpu/workload.ts';
import type { ModelFolder } from '../model/modelFolder.ts';
import { keptDtypes } from '../model/weightWidth.ts';
import { type StepModel, stepSpecOf } from './stepSpec.ts';

/** Of a step as it is compiled, at its first size. */
export const stepTasks = (spec: StepSpec, limits: PlanLimits): Task[] =>
  heaviestTasks(recomputed(buildStepGraph(spec), spec.recompute ?? 'auto').step.graph, limits);

/** Of a denoiser's pass with guidance, which draws. */
export const drawingTasks = (
  { folder: { unet, tokens } }: { folder: Pick<ModelFolder, 'unet' | 'tokens'> },
  latentSize: { height: number; width: number },
  limits: PlanLimits,
): Task[] =>
  heaviestTasks(
    denoiserGraph(unet.model, { batch: 2, ...latentSize, tokens }, () => ({ dtypeOf: keptDtypes(unet.weights) })).graph,
    limits,
  );

/** Of a model of which nothing else is known: a LoRA's step by the standard preset of its kind, our kernels being the reference, which is what
 *  pictures take, too. */
export function usualTasks(
  model: StepModel,
  latentSize: { height: number; width: number },
  limits: PlanLimits,
): Task[] {
  const { config } = presetNamed('standard', presetsFor({ defaultSize: latentSize, sizeMultiple: 1 }))!;
  return stepTasks(stepSpecOf(model, config, latentSize, 'engine', limits.maxStorageBufferBindingSize), limits);
}
