/** What forms and the command line say of each sampler: plain data. The samplers themselves are in registry.ts, under the same names. */

/** An option that only some samplers read: DDIM's eta, and `use_karras_sigmas` of the scheduler's config. */
export type SamplerOption = 'eta' | 'karras';

export interface SamplerRecord {
  title: string;
  /** A1111's name. */
  a1111: string;
  reads: readonly SamplerOption[];
}

/** By diffusers class. */
export const samplerRecords = {
  DPMSolverMultistepScheduler: { title: 'DPM-Solver++ (2M)', a1111: 'DPM++ 2M', reads: ['karras'] },
  EulerDiscreteScheduler: { title: 'Euler', a1111: 'Euler', reads: ['karras'] },
  EulerAncestralDiscreteScheduler: { title: 'Euler ancestral', a1111: 'Euler a', reads: [] },
  DDIMScheduler: { title: 'DDIM', a1111: 'DDIM', reads: ['eta'] },
  PNDMScheduler: { title: 'PNDM', a1111: 'PLMS', reads: [] },
  LCMScheduler: { title: 'LCM', a1111: 'LCM', reads: [] },
} as const satisfies Record<string, SamplerRecord>;

export type SamplerName = keyof typeof samplerRecords;
export const samplerNames = Object.keys(samplerRecords) as readonly SamplerName[];
export const isSamplerName = (name: unknown): name is SamplerName => typeof name === 'string' && name in samplerRecords;

export const samplerReads = (name: string, option: SamplerOption): boolean =>
  isSamplerName(name) && (samplerRecords[name] as SamplerRecord).reads.includes(option);

/** For messages: `DDIMScheduler`. */
export const samplersReading = (option: SamplerOption): string =>
  samplerNames.filter((name) => samplerReads(name, option)).join(' or ');
