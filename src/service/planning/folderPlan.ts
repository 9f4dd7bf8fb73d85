/** Plans a training step of a diffusers folder from its configs: weights need not be there. */
import { graphFlops } from '../../graph/flops.ts';
import { Graph, type ParameterDtype, type Value } from '../../graph/graph.ts';
import {
  buildTextEncoder,
  type TextEncoderConfig,
  textEncoderInputs,
  unprefixedTextNames,
} from '../../models/clip/textEncoder.ts';
import type { LayerOptions } from '../../models/layers.ts';
import {
  buildVaeDecoder,
  buildVaeEncoder,
  legacyVaeNames,
  type VaeConfig,
  vaeScaleFactor,
} from '../../models/sd/vae.ts';
import { parametersOf, storedDtypes, type TensorSource, type WeightPolicy, withAliases } from '../../models/weights.ts';
import { isWinnowError } from '../../shared/errors.ts';
import { sizeOf } from '../../shared/shape.ts';
import type { TrainConfig } from '../../training/config.ts';
import type { Recompute } from '../../training/recompute.ts';
import { adapterTooSmall, type Exceeded } from '../../webgpu/plan.ts';
import type { FolderReader } from '../environment.ts';
import {
  DESKTOP_LIMITS,
  planForecast,
  type PlannedModel,
  type PlannedWeights,
  planMoments,
  sumOf,
  type Target,
} from './forecast.ts';
import { readModelConfigs, readOptional, readPartConfigs } from '../model/modelConfigs.ts';
import { asDiffusersFolder } from '../model/singleFile.ts';
import { latentSizeOf } from '../sampling/latentSize.ts';
import { stepSpecOf, type WeightShapes } from './stepSpec.ts';
import type { MemoryForecast } from '../types.ts';
import { openComponentWeights } from '../model/weightFiles.ts';
import { keptDtypes } from '../model/weightWidth.ts';

export interface FolderPlan extends MemoryForecast {
  /** preparing: what encoding the prompts takes beyond all the rest, where it takes more. The parts sum to peakBytes. */
  parts: MemoryForecast['parts'] & { preparing?: number };
  /** Bytes on the GPU while the prompts are encoded, before the first step; in a step; and while a sample is drawn between two steps, which a
   *  run does only where it is asked to (null: this size cannot be decoded here). peakBytes is the larger of the first two. */
  moments: { texts: number; step: number; sample: number | null };
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
 *  published ones. `build` adds them to a graph. Rejects with NotFound where the files' own dtypes are asked for and there are none. */
async function weightsOf(
  reader: FolderReader,
  {
    folder,
    stem,
    alias = () => [],
    build,
  }: { folder: string; stem: string; alias?: (name: string) => readonly string[]; build: (graph: Graph) => void },
  policy: WeightPolicy | undefined,
): Promise<Required<PlannedWeights>> {
  const graph = new Graph();
  build(graph);
  const shapes = new Map(parametersOf(graph).map(({ name, shape }) => [name, shape]));
  const files = async (): Promise<Pick<TensorSource, 'half'>> => {
    try {
      return withAliases(await openComponentWeights(reader, folder, stem), alias);
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

async function vaeOf(
  reader: FolderReader,
  config: VaeConfig,
  policy: WeightPolicy | undefined,
): Promise<PlannedModel['vae']> {
  const side = 8;
  const build = (graph: Graph): void => {
    buildVaeDecoder(graph, config, graph.input('latents', [1, config.latent_channels, side, side]));
    buildVaeEncoder(
      graph,
      config,
      graph.input('image', [1, 3, side * vaeScaleFactor(config), side * vaeScaleFactor(config)]),
    );
  };
  return {
    config,
    ...(await weightsOf(
      reader,
      { folder: 'vae', stem: 'diffusion_pytorch_model', alias: legacyVaeNames, build },
      policy,
    )),
  };
}

async function textOf(
  reader: FolderReader,
  folder: string,
  config: TextEncoderConfig,
  policy: WeightPolicy | undefined,
): Promise<PlannedModel['textEncoders'][number]> {
  const build = (graph: Graph): void =>
    void buildTextEncoder(graph, config, textEncoderInputs(graph, { batch: 1, tokens: 1 }));
  return { config, ...(await weightsOf(reader, { folder, stem: 'model', alias: unprefixedTextNames, build }, policy)) };
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
  const reader = await asDiffusersFolder(source);
  // Whatever opening would refuse is refused here. Without an index, what there is of a folder is planned.
  const configs = (await readOptional(reader, 'model_index.json'))
    ? await readModelConfigs(reader, { tokenizers: 'found' })
    : await readPartConfigs(reader);
  const { unet, tokens } = configs;
  const vae = configs.vae && (await vaeOf(reader, configs.vae, policy));
  const textEncoders = [];
  for (const { folder, config: text } of configs.texts) textEncoders.push(await textOf(reader, folder, text, policy));

  const factor = vae ? vaeScaleFactor(vae.config) : 8;
  const { width, height } = size ?? configs.size;
  const latentSize = latentSizeOf({ width, height }, factor);

  const build = (graph: Graph, options?: LayerOptions): Value =>
    unet.build(graph, unet.inputs(graph, { batch: 1, ...latentSize, tokens }), options);
  const { weights, dtypeOf } = await weightsOf(
    reader,
    { folder: 'unet', stem: 'diffusion_pytorch_model', build },
    policy,
  );
  const forward = new Graph();
  forward.output('noise_pred', build(forward, { dtypeOf }));
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
  const { recompute, ...step } = planForecast(spec, target.limits, target.variants);
  if (step.exceeded)
    throw adapterTooSmall(
      { name: 'The training step', ...(step.exceeded as Omit<Exceeded, 'name'>) },
      step.exceeded.remedy,
    );
  const moments = {
    step: step.peakBytes,
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
