/** Options of a picture that only some samplers read. Forms, bounds and the command line's help derive from them. */
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
  },
  karras: {
    title: 'Karras noise levels',
    hint: 'Noise levels of Karras et al., equation 5, instead of evenly spaced timesteps.',
    help: 'Karras noise levels, on or off',
    /** Of the scheduler's config. */
    field: 'use_karras_sigmas',
  },
} as const;

export type SamplerOption = keyof typeof samplerOptions;
