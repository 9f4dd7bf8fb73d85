/** A1111's web UI, Forge, SD.Next, Stability Matrix and most others: its text under `parameters` (in JPEG and WebP as EXIF's UserComment). */
import { parseParameters } from '../formats/a1111.ts';
import { isJson, type SettingsTool, sizeOf } from './found.ts';

export const a1111Tool: SettingsTool = {
  title: 'A1111, Forge, SD.Next, Stability Matrix',
  read(text) {
    const parameters = text.get('parameters');
    // JSON that no tool knows as its own is no prompt.
    if (!parameters || isJson(parameters)) return undefined;
    const { prompt, negativePrompt, fields } = parseParameters(parameters);
    if (!prompt && !Object.keys(fields).length) return undefined;
    const sampler = fields['Sampler'];
    return {
      prompt,
      negativePrompt,
      steps: fields['Steps'],
      guidanceScale: fields['CFG scale'],
      seed: fields['Seed'],
      ...sizeOf(fields['Size']),
      eta: fields['Eta DDIM'],
      sampler: sampler === undefined ? undefined : { name: sampler, schedule: fields['Schedule type'] },
      model: fields['Model'],
    };
  },
};
