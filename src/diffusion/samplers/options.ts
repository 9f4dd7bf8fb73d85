/** Options of a picture that only some samplers read; others refuse them. Forms, bounds and the command line's help derive from them. What a
 *  sampler reads stands here, not in its record, so that a form that asks need not load all samplers. */
import type { SamplerName } from './table.ts';

export const samplerOptions = {
  eta: {
    title: 'Eta',
    hint: 'Fresh noise of each step: 0 is none, 1 is DDPM.',
    help: 'fresh noise of each step, 0 to 1',
    default: 0,
    min: 0,
    max: 1,
    step: 0.1,
    digits: 2,
    readBy: ['DDIMScheduler'],
  },
  karras: {
    title: 'Karras noise levels',
    hint: 'Noise levels of Karras et al., equation 5, instead of evenly spaced timesteps.',
    help: 'Karras noise levels, on or off',
    /** Of the scheduler's config. */
    field: 'use_karras_sigmas',
    readBy: ['EulerDiscreteScheduler', 'DPMSolverMultistepScheduler'],
  },
} as const satisfies Record<string, { readBy: readonly SamplerName[]; [more: string]: unknown }>;

export type SamplerOption = keyof typeof samplerOptions;

export const samplerReads = (name: string, option: SamplerOption): boolean =>
  samplerOptions[option].readBy.some((one) => one === name);
