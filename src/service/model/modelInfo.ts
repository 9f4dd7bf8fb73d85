/** What a person sees of an opened model, and how a picture of it is made unless they say otherwise. */
import { samplingDefaults } from '../../data/embeddedModels.ts';
import { isSamplerName } from '../../diffusion/samplers/records.ts';
import { type SchedulerConfig, SchedulerConfigReader } from '../../diffusion/schedulerConfig.ts';
import type { Config } from '../../models/config.ts';
import type { DenoiserModel } from '../../models/families.ts';
import { type VaeConfig, vaeScaleFactor } from '../../models/sd/vae.ts';
import type { Environment, FolderReader } from '../environment.ts';
import type { Pipeline } from './modelFolder.ts';
import type { ModelInfo } from '../types.ts';
import { weightsHash } from './partHashes.ts';
import { type ComponentWeights, optional } from './weightFiles.ts';

interface Parts {
  pipeline: Pipeline;
  unet: DenoiserModel;
  unetConfig: Config;
  vae: VaeConfig;
  scheduler: SchedulerConfig;
  tokens: number;
  weights: { unet: ComponentWeights; vae: ComponentWeights; texts: readonly ComponentWeights[] };
}

export async function modelInfo(
  id: string,
  reader: FolderReader,
  env: Pick<Environment, 'sha256'>,
  parts: Parts,
): Promise<ModelInfo> {
  const { pipeline, unet, unetConfig, scheduler, tokens, weights } = parts;
  const scorers: string[] = [];
  for (const name of ['a', 'b']) if (await optional(reader.read(`scorers/${name}/config.json`))) scorers.push(name);
  const factor = vaeScaleFactor(parts.vae);
  const all = [weights.unet, weights.vae, ...weights.texts];
  return {
    id,
    title: titleOf(id),
    source: 'disk',
    ...reader.origin,
    hash: await weightsHash(weights.unet.files, reader, env),
    family: familyOf(parts),
    pipeline: pipeline.className,
    parameters: {
      unet: weights.unet.parameters,
      vae: weights.vae.parameters,
      textEncoder: weights.texts.reduce((sum, { parameters }) => sum + parameters, 0),
    },
    precision: weights.unet.precision,
    weightBytes: all.reduce((sum, { totalBytes }) => sum + totalBytes, 0),
    predictionType: (scheduler['prediction_type'] as ModelInfo['predictionType'] | undefined) ?? 'epsilon',
    scheduler: String(scheduler['_class_name']),
    defaults: reader.origin?.source === 'embedded' ? samplingDefaults : defaultsOf(id, parts),
    defaultSize: sampleSize(unetConfig) * factor,
    sizeMultiple: factor,
    maxTokens: tokens,
    karras: new SchedulerConfigReader(scheduler, '').get('use_karras_sigmas', false) === true,
    guidanceInput: unet.timestepCondWidth > 0,
    notTrainable:
      unet.timestepCondWidth > 0
        ? 'Its UNet was distilled to take the guidance scale as an input (time_cond_proj_dim), for which there is no preference loss: train the model it was distilled from.'
        : null,
    scorers,
  };
}

/** diffusers' pipelines make 64 latents where the config says nothing. */
function sampleSize(config: Config): number {
  const size = config['sample_size'];
  return Number((Array.isArray(size) ? size[0] : size) ?? 64);
}

/** `models/little-scenes/` → Little scenes. */
function titleOf(id: string): string {
  const words = id.split('/').filter(Boolean).at(-1)!.replaceAll(/[-_]/g, ' ');
  return words[0]!.toUpperCase() + words.slice(1);
}

function familyOf({ pipeline, unet }: Parts): string {
  if (unet.timestepCondWidth > 0) return 'Latent Consistency';
  if (pipeline.conditioning === 'xl') return 'Stable Diffusion XL';
  // Widths of OpenCLIP-H, which Stable Diffusion 2 attends to, and of CLIP-L.
  return unet.contextWidth === 1024
    ? 'Stable Diffusion 2'
    : unet.contextWidth === 768
      ? 'Stable Diffusion 1'
      : 'Stable Diffusion';
}

/** Steps and guidance as the models' own pages have them. Turbo models say so only by their names and by their schedulers' trailing steps. */
function defaultsOf(id: string, { pipeline, unet, scheduler: config }: Parts): ModelInfo['defaults'] {
  const name = config['_class_name'];
  // DPM-Solver++ suits every model whose own sampler is not here.
  const scheduler = isSamplerName(name) ? name : samplingDefaults.scheduler;
  if (unet.timestepCondWidth > 0) return { steps: 4, guidanceScale: 8.5, scheduler };
  if (name === 'LCMScheduler') return { steps: 4, guidanceScale: 1, scheduler };
  if (/turbo/i.test(id) && config['timestep_spacing'] === 'trailing') return { steps: 1, guidanceScale: 1, scheduler };
  return { steps: 30, guidanceScale: pipeline.conditioning === 'xl' ? 5 : 7.5, scheduler };
}
