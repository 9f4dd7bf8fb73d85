/** Float64 optimiser ops: global norm, gradient accumulation, AdamW, average of weights. */
import type { CpuKernel } from '../tensor.ts';

/** Any number of tensors → [1], the 2-norm of all their elements. Divided by the largest magnitude before squaring: f32 kernels must do
 *  the like, since gradients of 1e-20 square to 0 in f32 and 1e+20 to infinity. A NaN or an infinity anywhere makes the norm NaN. */
export const globalNorm: CpuKernel<'globalNorm'> = (_, inputs, [norm]) => {
  let max = 0;
  for (const { data } of inputs) for (let i = 0; i < data.length; i++) max = Math.max(max, Math.abs(data[i]!));
  let sum = 0;
  if (max > 0 || Number.isNaN(max))
    for (const { data } of inputs) for (let i = 0; i < data.length; i++) sum += (data[i]! / max) ** 2;
  norm!.data[0] = Number.isNaN(max) ? NaN : max * Math.sqrt(sum);
};

export const accumulate: CpuKernel<'accumulate'> = ({ factor }, [acc, x]) => {
  for (let i = 0; i < acc!.data.length; i++) acc!.data[i]! += factor * x!.data[i]!;
};

export const zero: CpuKernel<'zero'> = (_, [x]) => {
  x!.data.fill(0);
};

/** average, param of one shape, weight [1] (1 - decay): diffusers' EMAModel.step. */
export const ema: CpuKernel<'ema'> = (_, [average, param, weight]) => {
  for (let i = 0; i < average!.data.length; i++)
    average!.data[i]! -= weight!.data[0]! * (average!.data[i]! - param!.data[i]!);
};

/** param, grad, m, v of one shape, norm [1], hyper [8] = (lr, beta1, beta2, eps, weight_decay, 1 - beta1^t, 1 - beta2^t, max_grad_norm).
 *  torch.optim.AdamW (arXiv 1711.05101) after torch.nn.utils.clip_grad_norm_. */
export const adamw: CpuKernel<'adamw'> = (_, [param, grad, m, v, norm, hyper]) => {
  const [lr, beta1, beta2, eps, weightDecay, correction1, correction2, maxNorm] = hyper!.data as unknown as readonly [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const clip = maxNorm > 0 ? Math.min(1, maxNorm / (norm!.data[0]! + 1e-6)) : 1;
  for (let i = 0; i < param!.data.length; i++) {
    const g = clip * grad!.data[i]!;
    const first = beta1 * m!.data[i]! + (1 - beta1) * g;
    const second = beta2 * v!.data[i]! + (1 - beta2) * g * g;
    m!.data[i] = first;
    v!.data[i] = second;
    param!.data[i] =
      param!.data[i]! * (1 - lr * weightDecay) - ((lr / correction1) * first) / (Math.sqrt(second / correction2) + eps);
  }
};
