/** AdamW, https://arxiv.org/abs/1711.05101, algorithm 2, as torch.optim.AdamW computes it; and torch's clipping by the global norm. f64, for
 *  tests and as the meaning of the `adamw` step op. */

export interface AdamWSettings {
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  /** Counts from 1. */
  t: number;
}

/** Updates param, m and v in place; all of one length. grad is not changed: `gradScale` multiplies it first. */
export function adamw(
  { param, grad, m, v }: { param: Float64Array; grad: ArrayLike<number>; m: Float64Array; v: Float64Array },
  { lr, beta1, beta2, eps, weightDecay, t }: AdamWSettings,
  gradScale = 1,
): void {
  const correction1 = 1 - beta1 ** t;
  const correction2 = Math.sqrt(1 - beta2 ** t);
  for (let i = 0; i < param.length; i++) {
    const g = grad[i]! * gradScale;
    m[i] = beta1 * m[i]! + (1 - beta1) * g;
    v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
    param[i]! *= 1 - lr * weightDecay;
    param[i]! -= ((lr / correction1) * m[i]!) / (Math.sqrt(v[i]!) / correction2 + eps);
  }
}

/** Square root of the sum of all squares. */
export const globalNorm = (grads: readonly ArrayLike<number>[]): number =>
  Math.sqrt(grads.reduce((sum, grad) => sum + Array.from(grad).reduce((squares, g) => squares + g * g, 0), 0));

/** Factor on every gradient: torch.nn.utils.clip_grad_norm_. maxGradNorm 0 means no clipping. */
export const clipFactor = (norm: number, maxGradNorm: number): number =>
  maxGradNorm > 0 ? Math.min(1, maxGradNorm / (norm + 1e-6)) : 1;
