/** Spaces that run diffusers and write their settings as JSON under `parameters`, in diffusers' names. */
import { objectOf, type SettingsTool, sizeOf } from './found.ts';

export const spacesTool: SettingsTool = {
  title: 'diffusers Spaces',
  read(text) {
    const it = objectOf(text.get('parameters'));
    if (!it || !('num_inference_steps' in it)) return undefined;
    return {
      prompt: it['prompt'],
      negativePrompt: it['negative_prompt'],
      steps: it['num_inference_steps'],
      guidanceScale: it['guidance_scale'],
      seed: it['seed'],
      ...('resolution' in it ? sizeOf(it['resolution']) : { width: it['width'], height: it['height'] }),
      sampler: typeof it['sampler'] === 'string' ? { name: it['sampler'] } : undefined,
      model: it['Model'] ?? it['model'],
      notTaken: it['use_upscaler'] ? ['It was enlarged afterwards, which Winnow does not do.'] : [],
    };
  },
};
