/** Pictures as tools write them (tools/reference/write_picture_settings.py): what is recalled of each, and what is said not to be. */
import { expect, it } from 'vitest';
import { readPictureText, userComment } from '../formats/pictureText.ts';
import { readParameters } from '../imageParameters.ts';
import written from './pictures.json' with { type: 'json' };

const lighthouse = {
  prompt: 'a red lighthouse by the sea, soft light, テスト, #1',
  negativePrompt: 'blurry, low contrast',
};
const dpm = { scheduler: 'DPMSolverMultistepScheduler', schedulerConfig: { use_karras_sigmas: true } };
const text = {
  prompt: 'a red lighthouse, テスト',
  negativePrompt: 'blurry',
  steps: 20,
  guidanceScale: 7,
  seed: 42,
  width: 512,
  height: 768,
  ...dpm,
};
const modelWas = (model: string): string => `Its model was ${model}: choose yours.`;
const comfy = {
  prompt: 'beautiful scenery nature glass bottle landscape, purple galaxy bottle,',
  negativePrompt: 'text, watermark',
  steps: 20,
  guidanceScale: 8,
  seed: 156680208700286,
  width: 512,
  height: 512,
  scheduler: 'EulerDiscreteScheduler',
};
const comfyNotes = [modelWas('v1-5-pruned-emaonly.safetensors')];

const expected: Record<keyof typeof written, [parameters: unknown, notTaken: string[]]> = {
  'webui-karras.png': [
    { ...lighthouse, steps: 20, guidanceScale: 7, seed: 3782896554, width: 1024, height: 1024, ...dpm },
    [modelWas('waiIllustriousSDXL_v160')],
  ],
  'stability-matrix-utf8.png': [
    {
      ...lighthouse,
      steps: 20,
      guidanceScale: 5,
      seed: 395309383,
      width: 1024,
      height: 1024,
      scheduler: 'EulerAncestralDiscreteScheduler',
    },
    ['Its schedule (Karras) is not one that this sampler has here.', modelWas('waiIllustriousSDXL_v160.safetensors')],
  ],
  'fooocus.png': [
    { ...lighthouse, steps: 30, guidanceScale: 4, width: 768, height: 1280 },
    [
      "Its seed (6952411511246973023) is not one of Winnow's.",
      "Its sampler (DPM++ 2M SDE) is not one of Winnow's.",
      modelWas('juggernautXL_v8Rundiffusion'),
      'Its styles and the words that Fooocus added are left out.',
      'Its sharpness is left out: Winnow has no such setting.',
    ],
  ],
  'ruined-fooocus.png': [
    { ...lighthouse, steps: 30, guidanceScale: 8, seed: 2020047614, width: 1024, height: 1024 },
    ["Its sampler (DPM++ 2M SDE) is not one of Winnow's.", modelWas('waiNSFWIllustrious_v150.safetensors')],
  ],
  'space.png': [
    { ...lighthouse, steps: 24, guidanceScale: 5.5, seed: 443800072, width: 1024, height: 1024, ...dpm },
    [modelWas('WAI NSFW illustrious SDXL v16')],
  ],
  'swarmui.png': [
    {
      ...lighthouse,
      steps: 20,
      guidanceScale: 7,
      seed: 2083100758,
      width: 1024,
      height: 1024,
      scheduler: 'EulerAncestralDiscreteScheduler',
    },
    ['Its schedule (karras) is not one that this sampler has here.', modelWas('waiIllustriousSDXL_v160')],
  ],
  'a1111-unicode.jpg': [text, [modelWas('sd15')]],
  'a1111-unicode.webp': [text, [modelWas('sd15')]],
  'little-endian.jpg': [text, [modelWas('sd15')]],
  'bare-utf8.jpg': [text, [modelWas('sd15')]],
  'ascii.jpg': [{ ...text, prompt: 'a red lighthouse, test' }, [modelWas('sd15')]],
  'swarm-unicode.jpg': [
    { prompt: 'a red lighthouse', steps: 12, guidanceScale: 3, seed: 5, width: 96, height: 96 },
    ["Its sampler (Heun) is not one of Winnow's."],
  ],
  'comfy-default.png': [comfy, comfyNotes],
  'comfy.webp': [comfy, comfyNotes],
  'comfy-linked.png': [
    {
      prompt: 'a fox in the snow',
      negativePrompt: '',
      steps: 30,
      guidanceScale: 6.5,
      seed: 77,
      width: 1344,
      height: 768,
      ...dpm,
    },
    [
      modelWas('sdxl.safetensors'),
      'Its graph samples 2 times: these are the settings of the first.',
      'Its LoRAs are left out.',
    ],
  ],
  'invoke-3.png': [
    {
      prompt: 'a red lighthouse',
      negativePrompt: 'blurry',
      steps: 25,
      guidanceScale: 7.5,
      seed: 3782896554,
      width: 640,
      height: 512,
      ...dpm,
    },
    [modelWas('Dreamshaper 8')],
  ],
  'invoke-2.png': [
    {
      prompt: 'a red lighthouse',
      negativePrompt: 'blurry, dull',
      steps: 30,
      guidanceScale: 7.5,
      seed: 12,
      width: 512,
      height: 512,
      scheduler: 'EulerAncestralDiscreteScheduler',
    },
    [modelWas('stable-diffusion-1.5')],
  ],
  'nothing.jpg': [null, []],
};

it.each(Object.entries(written) as [keyof typeof written, string][])('%s', async (name, base64) => {
  const bytes = new Uint8Array(Buffer.from(base64, 'base64'));
  const { parameters, notTaken } = readParameters(await readPictureText(bytes));
  expect(parameters).toEqual(expected[name][0]);
  expect(notTaken).toEqual(expected[name][1]);
});

it.each(Object.entries(written))('%s cut off anywhere says less, or nothing', async (_, base64) => {
  const bytes = new Uint8Array(Buffer.from(base64, 'base64'));
  for (let end = 0; end < bytes.length; end += 1 + Math.floor(bytes.length / 60))
    await readPictureText(bytes.slice(0, end)).then(readParameters, (error: unknown) =>
      expect(error).toMatchObject({ name: 'BadFile' }),
    );
});

it('a graph whose links go in a circle ends', () => {
  const loop = { class_type: 'KSampler', inputs: { seed: ['1', 0], positive: ['1', 0], latent_image: ['1', 0] } };
  const { parameters, notTaken } = readParameters(new Map([['prompt', JSON.stringify({ 1: loop })]]));
  expect(parameters).toBeNull();
  expect(notTaken).toContain('Its prompt is made by nodes that Winnow does not follow.');
});

it('an empty comment is empty', () => {
  expect(userComment(new Uint8Array(0))).toBe('');
  expect(userComment(new Uint8Array(8))).toBe('');
});
