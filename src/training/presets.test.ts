import { expect, it } from 'vitest';
import { checkTrainConfig } from '../data/formats/trainConfig.ts';
import { presets, presetsFor, stableDiffusionPresets } from './presets.ts';

it.each([
  ['the embedded model', { defaultSize: { width: 96, height: 96 }, sizeMultiple: 8 }, presets],
  ['Stable Diffusion 1', { defaultSize: { width: 512, height: 512 }, sizeMultiple: 8 }, stableDiffusionPresets],
  ['Stable Diffusion XL', { defaultSize: { width: 1024, height: 1024 }, sizeMultiple: 8 }, stableDiffusionPresets],
  ['a distilled one at 256 px', { defaultSize: { width: 256, height: 256 }, sizeMultiple: 8 }, stableDiffusionPresets],
  ['a tiny pipeline', { defaultSize: { width: 64, height: 64 }, sizeMultiple: 2 }, stableDiffusionPresets],
  ['a tinier one', { defaultSize: { width: 32, height: 32 }, sizeMultiple: 4 }, presets],
  ['none yet', undefined, presets],
])('gives %s its presets', (_, model, set) => expect(presetsFor(model)).toBe(set));

it('has the same names in both sets, and settings that a file may hold', () => {
  expect(stableDiffusionPresets.map(({ name }) => name)).toEqual(presets.map(({ name }) => name));
  for (const { config } of [...presets, ...stableDiffusionPresets]) expect(checkTrainConfig(config)).toEqual(config);
});
