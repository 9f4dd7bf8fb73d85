import { expect, it } from 'vitest';
import { checkTrainConfig } from '../data/formats/trainConfig.ts';
import { configFor, presetNamed, presets, presetsFor, stableDiffusionPresets } from './presets.ts';

it.each([
  ['the embedded model', { defaultSize: { width: 128, height: 128 }, sizeMultiple: 8 }, presets],
  ['Stable Diffusion 1', { defaultSize: { width: 512, height: 512 }, sizeMultiple: 8 }, stableDiffusionPresets],
  ['Stable Diffusion XL', { defaultSize: { width: 1024, height: 1024 }, sizeMultiple: 8 }, stableDiffusionPresets],
  ['a distilled one at 256 px', { defaultSize: { width: 256, height: 256 }, sizeMultiple: 8 }, stableDiffusionPresets],
  ['a tiny pipeline', { defaultSize: { width: 64, height: 64 }, sizeMultiple: 2 }, stableDiffusionPresets],
  ['a tinier one', { defaultSize: { width: 32, height: 32 }, sizeMultiple: 4 }, presets],
  ['none yet', undefined, presets],
])('gives %s its presets', (_, model, set) => expect(presetsFor(model)).toBe(set));

it('has the same names in both sets, and settings that a file may hold', () => {
  expect(stableDiffusionPresets.map(({ name }) => name)).toEqual(presets.map(({ name }) => name));
  for (const preset of [...presets, ...stableDiffusionPresets])
    for (const pairs of [0, 12, 50, 1000]) {
      const config = configFor(preset, pairs);
      expect(checkTrainConfig(config)).toEqual(config);
    }
});

it('takes more steps for more pairs, where that was seen to help', () => {
  const quick = presetNamed('quick')!;
  expect([0, 12, 19, 20, 500].map((pairs) => configFor(quick, pairs).steps)).toEqual([12, 12, 12, 16, 16]);
  expect(configFor({ ...quick, byPairs: [] }, 500)).toEqual(quick.config);
});
