/** What an image gives back: our own record first, else the common text. */
import { expect, it } from 'vitest';
import { imageParameters } from './imageParameters.ts';

const common =
  'a red fox,\nin the snow\nNegative prompt: blurry, dull\nSteps: 20, Sampler: Euler, CFG scale: 7.5, Seed: 42, Size: 96x128';

it('reads the text of other tools', () => {
  expect(imageParameters(new Map([['parameters', common]]))).toEqual({
    prompt: 'a red fox,\nin the snow',
    negativePrompt: 'blurry, dull',
    steps: 20,
    guidanceScale: 7.5,
    seed: 42,
    width: 96,
    height: 128,
    scheduler: 'EulerDiscreteScheduler',
  });
});

it('leaves out what another tool did not say or what we do not have', () => {
  expect(imageParameters(new Map([['parameters', 'x\nSteps: 20, Sampler: Restart, Seed: 1']]))).toEqual({
    prompt: 'x',
    negativePrompt: '',
    steps: 20,
    seed: 1,
  });
});

it('prefers our own record and falls back when it is damaged', () => {
  expect(
    imageParameters(
      new Map([
        ['winnow', '{"prompt":"x","seed":5}'],
        ['parameters', common],
      ]),
    ),
  ).toEqual({ prompt: 'x', seed: 5 });
  expect(
    imageParameters(
      new Map([
        ['winnow', '{'],
        ['parameters', common],
      ]),
    )?.seed,
  ).toBe(42);
  expect(imageParameters(new Map())).toBeNull();
});
