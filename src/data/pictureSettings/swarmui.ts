/** SwarmUI: JSON under `parameters`, or as EXIF's UserComment. https://github.com/mcmonkeyprojects/SwarmUI, docs/Image Metadata Format.md. */
import { isRecord } from '../../shared/json.ts';
import { comfySampler } from './comfySamplers.ts';
import { objectOf, type SettingsTool } from './found.ts';

export const swarmTool: SettingsTool = {
  title: 'SwarmUI',
  read(text) {
    const it = objectOf(text.get('parameters'))?.['sui_image_params'];
    if (!isRecord(it)) return undefined;
    return {
      prompt: it['prompt'],
      negativePrompt: it['negativeprompt'],
      steps: it['steps'],
      guidanceScale: it['cfgscale'],
      seed: it['seed'],
      width: it['width'],
      height: it['height'],
      sampler: comfySampler(it['sampler'], it['scheduler']),
      model: it['model'],
    };
  },
};
