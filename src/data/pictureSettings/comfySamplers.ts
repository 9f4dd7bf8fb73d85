/** Samplers under the names of ComfyUI, which Fooocus and SwarmUI share: A1111's name for each, so that one place knows what is ours. */
const names: Readonly<Record<string, string>> = {
  euler: 'Euler',
  euler_ancestral: 'Euler a',
  heun: 'Heun',
  dpm_2: 'DPM2',
  dpm_2_ancestral: 'DPM2 a',
  lms: 'LMS',
  dpm_fast: 'DPM fast',
  dpm_adaptive: 'DPM adaptive',
  dpmpp_2s_ancestral: 'DPM++ 2S a',
  dpmpp_sde: 'DPM++ SDE',
  dpmpp_2m: 'DPM++ 2M',
  dpmpp_2m_sde: 'DPM++ 2M SDE',
  dpmpp_3m_sde: 'DPM++ 3M SDE',
  ddim: 'DDIM',
  ddpm: 'DDPM',
  lcm: 'LCM',
  uni_pc: 'UniPC',
};

/** ComfyUI's schedules are named as A1111's are, in small letters and with underscores. */
export function comfySampler(name: unknown, schedule: unknown): { name: string; schedule?: string } | undefined {
  if (typeof name !== 'string' || !name) return undefined;
  const own = name.replace(/_gpu$/, '');
  return {
    name: Object.hasOwn(names, own) ? names[own]! : name,
    ...(typeof schedule === 'string' && { schedule: schedule.replaceAll('_', ' ') }),
  };
}
