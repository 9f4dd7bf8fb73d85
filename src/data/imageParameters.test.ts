/** What an image gives back: our own record first, else the common text. */
import { describe, expect, it } from 'vitest';
import { imageParameters, readParameters } from './imageParameters.ts';

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

describe('numbers beyond ours are left out and told, never rounded', () => {
  const read = (fields: string): ReturnType<typeof readParameters> =>
    readParameters(new Map([['parameters', `a cat\nSteps: 20, Sampler: Euler, ${fields}`]]));
  it.each([
    ['6687881544318117707', undefined],
    ['9007199254740993', undefined],
    ['9007199254740992', undefined],
    ['9007199254740991', 9007199254740991],
    ['4294967295', 4294967295],
    ['0', 0],
    ['-1', undefined],
    ['42.5', undefined],
    ['0x10', undefined],
    ['1e3', undefined],
    ['', undefined],
  ])('seed %s', (text, seed) => {
    const { parameters, notTaken } = read(`CFG scale: 7, Seed: ${text}, Size: 512x512`);
    expect(parameters).toEqual({
      prompt: 'a cat',
      negativePrompt: '',
      steps: 20,
      guidanceScale: 7,
      ...(seed !== undefined && { seed }),
      width: 512,
      height: 512,
      scheduler: 'EulerDiscreteScheduler',
    });
    expect(notTaken).toEqual(seed === undefined && text !== '' ? [expect.stringContaining(`seed (${text})`)] : []);
  });
  it.each([
    ['CFG scale: 0x7, Size: 512x512', { width: 512, height: 512 }],
    ['CFG scale: 1e30, Size: 0x0', {}],
    ['CFG scale: NaN, Size: 1000000x8', {}],
    ['CFG scale: 7.5, Size: 512 x 768', { guidanceScale: 7.5, width: 512, height: 768 }],
  ])('%s', (fields, expected) => {
    const { parameters } = read(fields);
    expect(parameters).toEqual({
      prompt: 'a cat',
      negativePrompt: '',
      steps: 20,
      scheduler: 'EulerDiscreteScheduler',
      ...expected,
    });
  });
});

describe('our own record counts only where it is one', () => {
  it.each([
    'null',
    '5',
    '[]',
    '"x"',
    '{"seed":"x","steps":-3,"width":"512","prompt":7}',
    '{"seed":42.5}',
    '{"seed":1e400}',
  ])('%s', (own) => {
    expect(
      imageParameters(
        new Map([
          ['winnow', own],
          ['parameters', common],
        ]),
      ),
    ).toMatchObject({ seed: 42, steps: 20 });
    expect(imageParameters(new Map([['winnow', own]]))).toBeNull();
  });
});

it.each([
  ['of nobody', '{"Prompt": "a cat", "steps": 30, "cfg": 8, "seed": 2020047614}'],
  ['of a list', '[1, 2, 3]'],
])('JSON %s is no prompt', (_, text) => {
  const { parameters, notTaken } = readParameters(new Map([['parameters', text]]));
  expect(parameters).toBeNull();
  expect(notTaken).toEqual([expect.stringContaining('another tool')]);
});
