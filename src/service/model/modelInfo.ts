/** What a person sees of an opened model, and how a picture of it is made unless they say otherwise. */
import { samplerOptions } from '../../diffusion/samplers/options.ts';
import { usualSampler } from '../../diffusion/samplers/table.ts';
import { SchedulerConfigReader } from '../../diffusion/schedulerConfig.ts';
import { infoOf } from '../../judges/judge.ts';
import { judgesOf } from '../../judges/table.ts';
import type { FolderReader } from '../environment.ts';
import type { ModelWeights } from './identity.ts';
import type { ModelConfigs, WholeConfigs } from './modelConfigs.ts';
import type { ModelInfo } from '../types.ts';

export async function modelInfo(
  id: string,
  reader: FolderReader,
  configs: WholeConfigs,
  weights: ModelWeights,
): Promise<Omit<ModelInfo, 'hash' | 'unetHash'>> {
  const { pipeline, unet, scheduler, schedule, tokens } = configs;
  const all = [weights.unet, weights.vae, ...weights.texts];
  return {
    id,
    title: titleOf(id),
    source: 'disk',
    ...reader.origin,
    family: familyOf(configs),
    pipeline: pipeline.className,
    parameters: {
      unet: weights.unet.parameters,
      vae: weights.vae.parameters,
      textEncoder: weights.texts.reduce((sum, { parameters }) => sum + parameters, 0),
    },
    precision: weights.unet.precision,
    weightBytes: all.reduce((sum, { totalBytes }) => sum + totalBytes, 0),
    predictionType: schedule.prediction_type,
    scheduler: String(scheduler['_class_name']),
    defaults: defaultsOf(id, configs),
    defaultSize: configs.size,
    sizeMultiple: configs.sizeMultiple,
    maxTokens: tokens,
    karras: new SchedulerConfigReader(scheduler, '').get(samplerOptions.karras.field, false) === true,
    guidanceInput: unet.guidanceInput,
    notTrainable: unet.guidanceInput
      ? 'Its UNet was distilled to take the guidance scale as an input (time_cond_proj_dim), for which there is no preference loss: train the model it was distilled from.'
      : null,
    judges: (await judgesOf(reader)).map(infoOf),
  };
}

/** `models/little-scenes/` → Little scenes. */
function titleOf(id: string): string {
  const words = id.split('/').filter(Boolean).at(-1)!.replaceAll(/[-_]/g, ' ');
  return words[0]!.toUpperCase() + words.slice(1);
}

function familyOf({ pipeline, unet }: ModelConfigs): string {
  if (unet.guidanceInput) return 'Latent Consistency';
  if (pipeline.conditioning === 'xl') return 'Stable Diffusion XL';
  // Widths of OpenCLIP-H, which Stable Diffusion 2 attends to, and of CLIP-L.
  return unet.contextWidth === 1024
    ? 'Stable Diffusion 2'
    : unet.contextWidth === 768
      ? 'Stable Diffusion 1'
      : 'Stable Diffusion';
}

/** Steps and guidance as the models' own pages have them. Turbo models say so only by their names and by their schedulers' trailing steps. */
function defaultsOf(id: string, { pipeline, unet, usual, scheduler: config }: ModelConfigs): ModelInfo['defaults'] {
  const scheduler = usualSampler(String(config['_class_name']));
  if (usual) return { ...usual, scheduler };
  if (unet.guidanceInput) return { steps: 4, guidanceScale: 8.5, scheduler };
  if (scheduler === 'LCMScheduler') return { steps: 4, guidanceScale: 1, scheduler };
  if (/turbo/i.test(id) && config['timestep_spacing'] === 'trailing') return { steps: 1, guidanceScale: 1, scheduler };
  return { steps: 30, guidanceScale: pipeline.conditioning === 'xl' ? 5 : 7.5, scheduler };
}
