/** InvokeAI: `invokeai_metadata` since 3.0, `sd-metadata` before. https://github.com/invoke-ai/InvokeAI, invokeai/app/invocations/metadata.py and
 *  docs of version 2. */
import { isRecord } from '../../shared/json.ts';
import { comfySampler } from './comfySamplers.ts';
import { objectOf, type SettingsTool } from './found.ts';

/** Its own names, beside those that ComfyUI has too; `_k` behind a name asks for Karras' noise levels. */
const names: Readonly<Record<string, string>> = {
  euler_a: 'euler_ancestral',
  kdpm_2: 'dpm_2',
  kdpm_2_a: 'dpm_2_ancestral',
  dpmpp_2s: 'dpmpp_2s_ancestral',
  unipc: 'uni_pc',
  pndm: 'PLMS',
  plms: 'PLMS',
};

function invokeSampler(scheduler: unknown): ReturnType<typeof comfySampler> {
  if (typeof scheduler !== 'string') return undefined;
  // Before 3.0 a `k_` in front said whose sampler it is.
  const [, name, karras] = /^(?:k_)?(.*?)(_k)?$/.exec(scheduler)!;
  return comfySampler(Object.hasOwn(names, name!) ? names[name!] : name, karras ? 'karras' : undefined);
}

export const invokeTool: SettingsTool = {
  title: 'InvokeAI',
  read(text) {
    const now = objectOf(text.get('invokeai_metadata'));
    if (now) {
      const model = now['model'];
      return {
        prompt: now['positive_prompt'],
        negativePrompt: now['negative_prompt'] ?? '',
        steps: now['steps'],
        guidanceScale: now['cfg_scale'],
        seed: now['seed'],
        width: now['width'],
        height: now['height'],
        sampler: invokeSampler(now['scheduler']),
        model: isRecord(model) ? (model['name'] ?? model['model_name']) : undefined,
      };
    }
    const before = objectOf(text.get('sd-metadata'));
    const image = before?.['image'];
    if (!before || !isRecord(image)) return undefined;
    const first: unknown = Array.isArray(image['prompt']) ? image['prompt'][0] : image['prompt'];
    return {
      ...splitNegative(isRecord(first) ? first['prompt'] : first),
      steps: image['steps'],
      guidanceScale: image['cfg_scale'],
      seed: image['seed'],
      width: image['width'],
      height: image['height'],
      sampler: invokeSampler(image['sampler']),
      model: before['model_weights'],
    };
  },
};

/** Version 2 wrote what should not be there in square brackets behind the prompt. */
function splitNegative(prompt: unknown): { prompt?: string; negativePrompt?: string } {
  if (typeof prompt !== 'string') return {};
  const at = prompt.endsWith(']') ? prompt.lastIndexOf('[') : -1;
  return at < 0
    ? { prompt, negativePrompt: '' }
    : { prompt: prompt.slice(0, at).trim(), negativePrompt: prompt.slice(at + 1, -1).trim() };
}
