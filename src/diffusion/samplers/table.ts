/** Every sampler by its name in records, on the command line and in golden cases: the diffusers class whose config it reads. */
import { WinnowError } from '../../shared/errors.ts';
import type { SchedulerConfig } from '../schedulerConfig.ts';
import { ddimSampler } from './ddim.ts';
import { dpmSolverMultistepSampler } from './dpmSolverMultistep.ts';
import { eulerSampler } from './euler.ts';
import { eulerAncestralSampler } from './eulerAncestral.ts';
import { lcmSampler } from './lcm.ts';
import { type SamplerOption, samplerReads } from './options.ts';
import { pndmSampler } from './pndm.ts';
import type { SamplerRecord } from './sampler.ts';

const records = {
  DPMSolverMultistepScheduler: dpmSolverMultistepSampler,
  EulerDiscreteScheduler: eulerSampler,
  EulerAncestralDiscreteScheduler: eulerAncestralSampler,
  DDIMScheduler: ddimSampler,
  PNDMScheduler: pndmSampler,
  LCMScheduler: lcmSampler,
} satisfies Record<string, SamplerRecord>;

export type SamplerName = keyof typeof records;
export const samplers: Readonly<Record<SamplerName, SamplerRecord>> = records;
export const samplerNames = Object.keys(records) as readonly SamplerName[];
export const isSamplerName = (name: unknown): name is SamplerName =>
  typeof name === 'string' && Object.hasOwn(records, name);

/** For messages: `DDIMScheduler`. */
export const samplersReading = (option: SamplerOption): string =>
  samplerNames.filter((name) => samplerReads(name, option)).join(' or ');

/** The sampler that a diffusers class is, if it is here. */
export const samplerOfClass = (className: unknown): SamplerName | undefined =>
  samplerNames.find((name) => name === className || samplers[name].alsoClasses?.includes(className as string));

/** The sampler that A1111 or a relative means by a name. */
export const samplerCalled = (label: string): SamplerName | undefined =>
  samplerNames.find((name) =>
    [samplers[name].a1111, ...(samplers[name].otherNames ?? [])].some(
      (one) => one.toLowerCase() === label.toLowerCase(),
    ),
  );

/** What draws pictures of a model whose own sampler is not here: DPM-Solver++ suits every model of the same noise. */
const substitute: SamplerName = 'DPMSolverMultistepScheduler';
export const usualSampler = (className: string): SamplerName => samplerOfClass(className) ?? substitute;

/** Says so, in a sentence; null where the model's own sampler is here. */
export const substitution = (className: string): string | null =>
  samplerOfClass(className)
    ? null
    : `The model's own sampler, ${className}, is not one of Winnow's: unless another is chosen, ${samplers[substitute].title} draws its pictures.`;

/** Classes of diffusers, without a sampler here, that noise by the same betas as ours: the model is the same, another sampler draws it. */
const sameNoise: ReadonlySet<string> = new Set([
  'DDIMInverseScheduler',
  'DDPMParallelScheduler',
  'DDPMScheduler',
  'DEISMultistepScheduler',
  'DPMSolverMultistepInverseScheduler',
  'DPMSolverSDEScheduler',
  'DPMSolverSinglestepScheduler',
  'HeunDiscreteScheduler',
  'KDPM2AncestralDiscreteScheduler',
  'KDPM2DiscreteScheduler',
  'LMSDiscreteScheduler',
  'RePaintScheduler',
  'SASolverScheduler',
  'TCDScheduler',
  'UniPCMultistepScheduler',
]);

/** Classes whose noise has no betas (EDM's levels, flow matching, SDEs, masks): with ours the model would be told other noise than it knows,
 *  in pictures and in training. Fields that an earlier scheduler left in their configs do not count. */
const otherNoise: ReadonlySet<string> = new Set([
  'AmusedScheduler',
  'CMStochasticIterativeScheduler',
  'ConsistencyDecoderScheduler',
  'CosineDPMSolverMultistepScheduler',
  'DDPMWuerstchenScheduler',
  'EDMDPMSolverMultistepScheduler',
  'EDMEulerScheduler',
  'FlowMatchEulerDiscreteScheduler',
  'FlowMatchHeunDiscreteScheduler',
  'FlowMatchLCMScheduler',
  'IPNDMScheduler',
  'KarrasVeScheduler',
  'SCMScheduler',
  'ScoreSdeVeScheduler',
  'ScoreSdeVpScheduler',
  'UnCLIPScheduler',
  'VQDiffusionScheduler',
]);

/** Throws UnsupportedConfig, with the class, for a model whose noise is not described by betas: one of another kind, or a class that nobody
 *  knows and whose config has none. */
export function checkNoiseOf(className: string, config: SchedulerConfig): void {
  if (samplerOfClass(className) || sameNoise.has(className)) return;
  const saysBetas = ['beta_start', 'beta_end', 'beta_schedule', 'trained_betas'].some(
    (field) => (config[field] ?? null) !== null,
  );
  if (saysBetas && !otherNoise.has(className)) return;
  throw new WinnowError(
    'UnsupportedConfig',
    `The model's scheduler is ${className}, whose noise Winnow does not have: it has models that were trained on the betas of ${samplerNames.join(', ')} and their relatives.`,
    'Choose a model with one of these schedulers.',
  );
}
