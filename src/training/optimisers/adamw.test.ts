import { expect, it } from 'vitest';
import { adamw, clipFactor, globalNorm } from './adamw.ts';
import { learningRateFactor } from './schedule.ts';

it('follows torch.optim.AdamW behind torch.nn.utils.clip_grad_norm_', () => {
  // Printed by torch 2.15 in float64: lr 0.05, betas (0.8, 0.95), eps 1e-3, weight_decay 0.1, max_norm 1.5.
  const steps = [
    { grad: [0.3, -4.0, 0.0], norm: 4.011234224026316, param: [0.9454417550616393, -1.9400334046278969, 0.4975] },
    {
      grad: [1e-4, 2.0, -0.7],
      norm: 2.118962012401355,
      param: [0.9092534314450161, -1.9345132657766637, 0.5336930512749198],
    },
    {
      grad: [0.2, 0.2, 0.2],
      norm: 0.3464101615137755,
      param: [0.863497410269648, -1.9313597657009953, 0.5439869445319883],
    },
  ];
  const state = { param: Float64Array.of(1, -2, 0.5), m: new Float64Array(3), v: new Float64Array(3) };
  steps.forEach(({ grad, norm, param }, i) => {
    expect(globalNorm([grad.slice(0, 1), grad.slice(1)])).toBeCloseTo(norm, 12);
    adamw(
      { ...state, grad },
      { lr: 0.05, beta1: 0.8, beta2: 0.95, eps: 1e-3, weightDecay: 0.1, t: i + 1 },
      clipFactor(norm, 1.5),
    );
    param.forEach((value, j) => expect(state.param[j]).toBeCloseTo(value, 12));
  });
  expect(clipFactor(100, 0)).toBe(1);
});

it.each([
  // Printed by diffusers 0.42 get_scheduler for nine steps, warm-up 3.
  ['constant', 3, [0, 1 / 3, 2 / 3, 1, 1, 1, 1, 1, 1]],
  ['constant', 0, [1, 1, 1, 1, 1, 1, 1, 1, 1]],
  ['cosine', 3, [0, 1 / 3, 2 / 3, 1, 0.9330127018922194, 0.75, 0.5, 0.25, 0.06698729810778065]],
] as const)('%s schedule after %i steps of warm-up', (lrSchedule, warmupSteps, expected) => {
  expected.forEach((factor, step) =>
    expect(learningRateFactor({ lrSchedule, warmupSteps, steps: 9 }, step)).toBeCloseTo(factor, 12),
  );
});
