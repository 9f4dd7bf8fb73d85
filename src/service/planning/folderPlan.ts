/** Plans a training step of a diffusers folder by the half of opening it that reads headers alone: weights need not be there. */
import { graphFlops } from '../../graph/flops.ts';
import type { ParameterDtype, Value } from '../../graph/graph.ts';
import { textEncoderParameters } from '../../models/clip/textEncoder.ts';
import { denoiserGraph } from '../../models/denoiser.ts';
import { vaeParameters } from '../../models/sd/vae.ts';
import { parametersOf, storedDtypes, type TensorSource, type WeightPolicy } from '../../models/weights.ts';
import { isWinnowError } from '../../shared/errors.ts';
import { sizeOf } from '../../shared/shape.ts';
import type { TrainConfig } from '../../training/config.ts';
import type { Recompute } from '../../training/recompute.ts';
import { adapterTooSmall, type Exceeded } from '../../webgpu/plan.ts';
import type { FolderReader } from '../environment.ts';
import { DESKTOP_LIMITS, planForecast, type PlannedWeights, planMoments, sumOf, type Target } from './forecast.ts';
import { type PartConfigs, readModelConfigs, readOptional, readPartConfigs } from '../model/modelConfigs.ts';
import { type FolderHeaders, openHeaders } from '../model/modelFolder.ts';
import { latentSizeOf } from '../sampling/latentSize.ts';
import { stepSpecOf, type WeightShapes } from './stepSpec.ts';
import type { MemoryForecast } from '../types.ts';
import { keptDtypes } from '../model/weightWidth.ts';

export interface FolderPlan extends MemoryForecast {
  /** preparing: what encoding the prompts takes beyond all the rest, where it takes more. The parts sum to peakBytes. */
  parts: MemoryForecast['parts'] & { preparing?: number };
  /** Bytes on the GPU while the prompts are encoded, before the first step; in a step; and between two steps, while held-out pairs are looked at (null:
   *  the settings hold none out) and while a sample is drawn, which a run does only where it is asked to (null: this size cannot be decoded here).
   *  peakBytes is the larger of the first two. */
  moments: { texts: number; step: number; look: number | null; sample: number | null };
  /** In pixels. */
  width: number;
  height: number;
  /** Dtype of most weights that are not trained. */
  weights: ParameterDtype;
  recompute: Recompute;
  /** Of the UNet. */
  parameters: number;
  trainedParameters: number;
  /** Of one forward pass for one image. */
  flopsPerForward: number;
}

export interface FolderPlanOptions {
  reference: 'engine' | 'input';
  /** How weights that are not trained are kept; if left out, as the folder's files have them, or in f16 where it has no weights. */
  weights?: WeightPolicy | undefined;
  /** In pixels; the model's own if left out. */
  size?: { width: number; height: number };
  target?: Target;
}

/** What published weights mostly are. */
const PUBLISHED = 'f16';

/** The weights of one part: with the dtypes that are asked for; as a run keeps the folder's own files; or, where it has none, as a run keeps
 *  published ones. Rejects with NotFound where the files' own dtypes are asked for and there are none.
 *  @param parameters what its graph takes, which stands for files that are not there. */
async function weightsOf(
  { open }: Pick<FolderHeaders<PartConfigs>, 'open'>,
  folder: string,
  parameters: readonly Value[],
  policy: WeightPolicy | undefined,
): Promise<Required<PlannedWeights>> {
  const shapes = new Map(parameters.map(({ name, shape }) => [name, shape]));
  const files = async (): Promise<Pick<TensorSource, 'half'>> => {
    try {
      return (await open(folder)).weights;
    } catch (error) {
      if (policy === undefined && (isWinnowError(error, 'NotFound') || isWinnowError(error, 'PickleRefused')))
        return { half: () => PUBLISHED };
      throw error;
    }
  };
  const { half } = policy === undefined || policy === 'stored' ? await files() : { half: undefined };
  const weights: WeightShapes = { names: [...shapes.keys()], shape: (name) => shapes.get(name), ...(half && { half }) };
  return {
    weights,
    dtypeOf: policy === undefined || policy === 'stored' ? keptDtypes(weights) : storedDtypes(weights, policy),
  };
}

/** The dtype of most elements. */
function precisionOf(parameters: readonly Value[]): ParameterDtype {
  const counts = { f32: 0, f16: 0, bf16: 0 };
  for (const { dtype, shape } of parameters) counts[dtype as ParameterDtype] += sizeOf(shape);
  return (['f32', 'f16', 'bf16'] as const).reduce((most, next) => (counts[next] > counts[most] ? next : most));
}

/** Rejects as opening the folder does, but for weights and tokenizers, which need not be there; and with AdapterTooSmall, which says by how much and what to change, where a limit of the target is exceeded. */
export async function planFolder(
  source: FolderReader,
  config: TrainConfig,
  { reference, weights: policy, size, target = { limits: DESKTOP_LIMITS } }: FolderPlanOptions,
): Promise<FolderPlan> {
  // Whatever opening would refuse is refused here. Without an index, what there is of a folder is planned.
  const headers = await openHeaders<PartConfigs>(source, async (reader) =>
    (await readOptional(reader, 'model_index.json'))
      ? readModelConfigs(reader, { tokenizers: 'found' })
      : readPartConfigs(reader),
  );
  const { configs } = headers;
  const { unet, tokens } = configs;
  const vae = configs.vae && {
    config: configs.vae,
    ...(await weightsOf(headers, 'vae', vaeParameters(configs.vae), policy)),
  };
  const textEncoders = [];
  for (const { folder, config: text } of configs.texts)
    textEncoders.push({
      config: text,
      ...(await weightsOf(headers, folder, textEncoderParameters(text), policy)),
    });

  const { width, height } = size ?? configs.size;
  const latentSize = latentSizeOf({ width, height }, configs.sizeMultiple);

  const one = { batch: 1, ...latentSize, tokens };
  const { weights, dtypeOf } = await weightsOf(headers, 'unet', parametersOf(denoiserGraph(unet, one).graph), policy);
  const { graph: forward } = denoiserGraph(unet, one, () => ({ dtypeOf }));
  const parameters = parametersOf(forward);
  const spec = {
    ...stepSpecOf(
      { folder: { unet: { model: unet }, tokens }, weights },
      config,
      latentSize,
      reference,
      target.limits.maxStorageBufferBindingSize,
    ),
    dtypeOf,
  };
  const { recompute, workingBytes: _, ...planned } = planForecast(spec, target.limits, target.variants);
  // A look at held-out pairs is a moment between two steps.
  const { looks = 0, ...stepParts } = planned.parts;
  const step = { ...planned, parts: stepParts, peakBytes: planned.peakBytes - looks };
  if (step.exceeded)
    throw adapterTooSmall(
      { name: 'The training step', ...(step.exceeded as Omit<Exceeded, 'name'>) },
      step.exceeded.remedy,
    );
  const moments = {
    step: step.peakBytes,
    look: config.heldOut > 0 ? planned.peakBytes : null,
    ...planMoments(
      { unet: { model: unet, weights, dtypeOf }, ...(vae && { vae }), textEncoders, tokens },
      spec,
      latentSize,
      target,
    ),
  };
  const preparing = Math.max(0, moments.texts - moments.step);
  const parts = { ...step.parts, ...(preparing > 0 && { preparing }) };
  const count = (list: readonly { shape: readonly number[] }[]): number =>
    list.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return {
    ...step,
    parts,
    peakBytes: sumOf(parts),
    moments: {
      texts: moments.texts,
      step: moments.step,
      look: moments.look,
      sample: moments.sample === null ? null : moments.step + moments.sample,
    },
    width,
    height,
    weights: precisionOf(parameters),
    recompute,
    parameters: count(parameters),
    trainedParameters: count(spec.layout.entries),
    flopsPerForward: graphFlops(forward),
  };
}
