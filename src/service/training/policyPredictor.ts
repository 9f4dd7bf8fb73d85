/** Predictions by the weights in training, where they lie: for samples, and for looks at pairs. */
import type { Value } from '../../graph/graph.ts';
import { denoiserGraph, type DenoiserSize } from '../../models/denoiser.ts';
import { policyOf } from '../../training/policy.ts';
import { type NoisePredictor, programPredictor } from '../sampling/noisePredictor.ts';
import type { TrainContext } from './openRun.ts';
import type { Prepared } from './prepareRun.ts';

/** The denoiser with the weights as they are, or their average where one is kept, sharing the trainer's storages. */
export async function currentPredictor(
  context: Pick<TrainContext, 'executor'>,
  { model, spec, frozen, trainer }: Pick<Prepared, 'model' | 'spec' | 'frozen' | 'trainer'>,
  size: DenoiserSize,
): Promise<NoisePredictor> {
  const { model: unet } = model.folder.unet;
  let params: Value[] = [];
  const forward = denoiserGraph(unet, size, (graph) => {
    params = spec.layout.arenas.map((elements, i) => graph.state(`param.${i}`, [elements]));
    const { options } = policyOf(graph, spec, params, (...parameter) => graph.parameter(...parameter));
    return { ...options, ...(spec.dtypeOf && { dtypeOf: spec.dtypeOf }) };
  });
  const { graph } = forward;
  const bindings = new Map([
    ...(await frozen.bindings(graph)),
    ...trainer.resultArenas().map((storage, i) => [params[i]!, storage] as const),
  ]);
  const program = await context.executor.compile(graph, { bindings, label: 'sample' });
  return programPredictor(program, forward, program);
}
