/** Fooocus (JSON under `parameters`, scheme `fooocus`) and RuinedFooocus. https://github.com/lllyasviel/Fooocus, modules/meta_parser.py;
 *  https://github.com/runew0lf/RuinedFooocus. */
import { comfySampler } from './comfySamplers.ts';
import { objectOf, type SettingsTool, sizeOf } from './found.ts';

export const fooocusTool: SettingsTool = {
  title: 'Fooocus',
  read(text) {
    const it = objectOf(text.get('parameters'));
    if (!it || !('full_prompt' in it || it['metadata_scheme'] === 'fooocus')) return undefined;
    const hasStyles = typeof it['styles'] === 'string' && /\w/.test(it['styles']);
    return {
      prompt: it['prompt'],
      negativePrompt: it['negative_prompt'],
      steps: it['steps'],
      guidanceScale: it['guidance_scale'],
      seed: it['seed'],
      ...sizeOf(it['resolution']),
      sampler: comfySampler(it['sampler'], it['scheduler']),
      model: it['base_model'],
      notTaken: [
        ...(hasStyles || it['prompt_expansion'] ? ['Its styles and the words that Fooocus added are left out.'] : []),
        ...(it['sharpness'] === undefined ? [] : ['Its sharpness is left out: Winnow has no such setting.']),
      ],
    };
  },
};

export const ruinedFooocusTool: SettingsTool = {
  title: 'RuinedFooocus',
  read(text) {
    const it = objectOf(text.get('parameters'));
    if (it?.['software'] !== 'RuinedFooocus') return undefined;
    return {
      prompt: it['Prompt'],
      negativePrompt: it['Negative'],
      steps: it['steps'],
      guidanceScale: it['cfg'],
      seed: it['seed'],
      width: it['width'],
      height: it['height'],
      sampler: comfySampler(it['sampler_name'], it['scheduler']),
      model: it['base_model_name'],
    };
  },
};
