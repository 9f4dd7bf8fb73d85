import { describe, expect, it } from 'vitest';
import { classOf, compareTensor, formatCase, type Row, toleranceOf } from './compare.ts';

const row = (out: number[], ref: number[], extra: Partial<Parameters<typeof compareTensor>[3]> = {}): Row =>
  compareTensor('x', out, ref, { tolerance: 1e-5, ...extra });

describe('compareTensor', () => {
  it.each<[string, Row, boolean]>([
    ['equal', row([3, 4], [3, 4]), true],
    ['just inside', row([3, 4 + 4.9e-5], [3, 4]), true],
    ['just outside', row([3, 4 + 5.1e-5], [3, 4]), false],
    ['NaN', row([3, NaN], [3, 4]), false],
    ['NaN first', row([NaN, 4], [3, 4]), false],
    ['infinity', row([3, Infinity], [3, 4]), false],
    ['zero reference, nearly zero', row([1e-12, 0], [0, 0]), true],
    ['zero reference, not zero', row([1e-11, 0], [0, 0]), false],
    ['zero reference, NaN', row([NaN, 0], [0, 0]), false],
    ['tiny reference', row([1e-20], [2e-20]), false],
    ['integers off by one in a million', row([1_000_001], [1_000_000], { exact: true }), false],
    ['integers', row([1_000_000], [1_000_000], { exact: true }), true],
    ['a logit within its slack', row([0.011], [0.01], { slack: [0.002] }), true],
    ['a logit of zero within its slack', row([0.001, 0], [0, 0], { slack: [0.002, 0.002] }), true],
    ['a logit beyond its slack', row([0.013], [0.01], { slack: [0.002] }), false],
    ['one logit of two beyond its slack', row([0.011, 0.013], [0.01, 0.01], { slack: [0.002, 0.002] }), false],
    ['a NaN logit', row([NaN], [0.01], { slack: [0.002] }), false],
    ['a picture of 40 dB', row([0.509, 0.5], [0.5, 0.5], { psnrDb: 40 }), true],
    ['a picture of 36 dB', row([0.522, 0.5], [0.5, 0.5], { psnrDb: 40 }), false],
    ['an equal picture', row([0.5, 0.5], [0.5, 0.5], { psnrDb: 40 }), true],
    ['a picture with NaN', row([NaN, 0.5], [0.5, 0.5], { psnrDb: 40 }), false],
  ])('%s', (_, { ok }, expected) => expect(ok).toBe(expected));

  it('reports e and the largest difference', () => {
    const { error, maxAbs } = row([3, 5], [3, 4]);
    expect([error, maxAbs]).toEqual([1 / 5, 1]);
  });

  it('refuses another number of elements', () => expect(() => row([1], [1, 2])).toThrow(/1 elements.*2/));
});

it('knows the class of a name', () => {
  expect(
    [
      'noise_pred',
      'loss',
      'timesteps',
      'initial_latents',
      'grad.conv_in.weight',
      'grad_in.sample',
      'step.0.loss',
      'final.x',
      'sample.3',
      'latents',
      'image',
    ].map(classOf),
  ).toEqual([
    'forward',
    'forward',
    'forward',
    'forward',
    'grad',
    'grad',
    'trajectory',
    'trajectory',
    'trajectory',
    'trajectory',
    'trajectory',
  ]);
  const tolerance = { forward: 1, grad: 2, trajectory: 3, tensors: { loss: 4 } };
  expect(['loss', 'noise_pred', 'grad.x', 'sample.0'].map((name) => toleranceOf(name, tolerance))).toEqual([
    4, 1, 2, 3,
  ]);
});

it('prints a row a tensor and the line of the case', () => {
  const text = formatCase({
    name: 'small',
    kind: 'unet',
    backend: 'cpu',
    skipped: ['grad.y'],
    ok: false,
    worst: { forward: 0.2, grad: 0, trajectory: 0 },
    rows: [row([3, 5], [3, 4])],
  });
  expect(text.split('\n')).toEqual([
    'name  elements       e  max abs',
    'x            2  2.0e-1   1.0e+0  FAIL',
    'not computed by cpu: 1 tensors (grad.y)',
    'small: 1 tensors, worst forward 2.0e-1, worst grad 0, worst trajectory 0: FAIL',
  ]);
});
