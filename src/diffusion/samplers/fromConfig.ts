/** From a model's scheduler config to the sampler that draws. */
import { WinnowError } from '../../shared/errors.ts';
import { shown } from '../../shared/json.ts';
import { type SchedulerConfig, SchedulerConfigReader } from '../schedulerConfig.ts';
import { checkEta, type Sampler, type SamplerOptions } from './sampler.ts';
import { samplerReads } from './options.ts';
import { samplerNames, samplerOfClass, samplers, samplersReading } from './table.ts';

/** A sampler with the numbers of a model's scheduler config; of another class than the config's if `className` says so
 *  (`className.from_config(config)` in diffusers). */
export function samplerFromConfig(config: SchedulerConfig, options: SamplerOptions & { className?: string }): Sampler {
  const className = options.className ?? config['_class_name'];
  const name = samplerOfClass(className);
  if (name === undefined) {
    throw new WinnowError(
      'UnsupportedConfig',
      className === undefined ? 'The config names no sampler.' : `There is no sampler named ${shown(className)}.`,
      `Choose one of ${samplerNames.join(', ')}.`,
    );
  }
  const { eta = 0 } = options;
  checkEta(eta);
  if (eta > 0 && !samplerReads(name, 'eta')) {
    throw new WinnowError(
      'BadArguments',
      `${name} reads no eta.`,
      `Leave it out, or choose ${samplersReading('eta')}.`,
    );
  }
  return samplers[name].make(new SchedulerConfigReader(config, name), options);
}

/** What a pipeline makes of the config in its folder before it samples. Stable Diffusion's: `steps_offset` becomes 1 and `clip_sample` false,
 *  whatever the file says (pipeline_stable_diffusion.py, "steps_offset!=1", "clip_sample not set"); SDXL's and the latent consistency ones
 *  change nothing. A field that the file leaves out is changed only for the class of the file, which alone lives through the pipeline's
 *  constructor. */
export function pipelineSchedulerConfig(
  pipelineClass: string,
  config: SchedulerConfig,
  className: string,
): SchedulerConfig {
  if (pipelineClass !== 'StableDiffusionPipeline' && pipelineClass !== 'StableDiffusionImg2ImgPipeline') return config;
  const own = samplerOfClass(config['_class_name']) === className;
  const defaulted: readonly unknown[] = Array.isArray(config['_use_default_values'])
    ? config['_use_default_values']
    : [];
  const out: Record<string, unknown> = { ...config };
  for (const [field, value] of Object.entries({ steps_offset: 1, clip_sample: false })) {
    if (own || (field in config && !defaulted.includes(field))) out[field] = value;
  }
  // The constructor changes what the class itself reads, also where the file marks it as a mere default.
  if (own && defaulted.length > 0)
    out['_use_default_values'] = defaulted.filter((field) => field !== 'steps_offset' && field !== 'clip_sample');
  return out;
}

/** Whether a pipeline's image to image gives the strength to the sampler instead of leaving steps out. */
export const samplerTakesStrength = (pipelineClass: string, className: string): boolean =>
  pipelineClass.startsWith('LatentConsistency') && className === 'LCMScheduler';
