/** Float64 group and layer normalisation with their gradients. With x̂ = (x - mean) rstd and g = dy weight (times silu' where fused):
 *  dx = rstd (g - mean(g) - x̂ mean(g x̂)), means over the normalised set; dweight = sum dy x̂, dbias = sum dy. */
import { type CpuKernel, type Tensor } from '../tensor.ts';
import { derivatives, functions } from './elementwise.ts';

/** (mean, 1 / sqrt(var + eps)) of data[start, start + length), two passes, biased variance. */
function statistics(data: Float64Array, start: number, length: number, eps: number): [mean: number, rstd: number] {
  let sum = 0;
  for (let i = start; i < start + length; i++) sum += data[i]!;
  const mean = sum / length;
  let squares = 0;
  for (let i = start; i < start + length; i++) squares += (data[i]! - mean) ** 2;
  return [mean, 1 / Math.sqrt(squares / length + eps)];
}

/** x [N, C, ...], weight [C], bias [C] → y, stats [N, groups, 2]. torch.nn.GroupNorm. */
export const groupNorm: CpuKernel<'groupNorm'> = ({ groups, eps, silu }, [x, weight, bias], [y, stats]) => {
  const [N, C] = x!.shape as [number, number];
  const plane = x!.data.length / (N * C);
  const length = (C / groups) * plane;
  for (let set = 0; set < N * groups; set++) {
    const [mean, rstd] = statistics(x!.data, set * length, length, eps);
    stats!.data[2 * set] = mean;
    stats!.data[2 * set + 1] = rstd;
    for (let i = set * length; i < (set + 1) * length; i++) {
      const c = Math.floor(i / plane) % C;
      const norm = (x!.data[i]! - mean) * rstd * weight!.data[c]! + bias!.data[c]!;
      y!.data[i] = silu ? functions.silu(norm) : norm;
    }
  }
};

/** Visits each element with its channel, its group, x̂ and the gradient that arrives at x̂ * weight + bias. */
function groupNormElements(
  silu: boolean,
  groups: number,
  [dy, x, weight, bias, stats]: readonly Tensor[],
  visit: (i: number, c: number, set: number, normed: number, grad: number) => void,
): void {
  const [N, C] = x!.shape as [number, number];
  const plane = x!.data.length / (N * C);
  for (let row = 0, i = 0; row < N * C; row++) {
    const c = row % C;
    const set = Math.floor(row / (C / groups));
    const [mean, rstd] = [stats!.data[2 * set]!, stats!.data[2 * set + 1]!];
    for (let p = 0; p < plane; p++, i++) {
      const normed = (x!.data[i]! - mean) * rstd;
      visit(
        i,
        c,
        set,
        normed,
        dy!.data[i]! * (silu ? derivatives.silu(normed * weight!.data[c]! + bias!.data[c]!) : 1),
      );
    }
  }
}

export const groupNormGradInput: CpuKernel<'groupNormGradInput'> = (params, inputs, [dx, ...weights]) => {
  const { groups, silu } = params;
  if (params.weights) groupNormGradParams(params, inputs, weights);
  const [, x, weight, , stats, residual] = inputs;
  const sets = x!.shape[0]! * groups;
  const length = x!.data.length / sets;
  const [sum, sumNormed] = [new Float64Array(sets), new Float64Array(sets)];
  groupNormElements(silu, groups, inputs, (_, c, set, normed, grad) => {
    sum[set]! += grad * weight!.data[c]!;
    sumNormed[set]! += grad * weight!.data[c]! * normed;
  });
  groupNormElements(silu, groups, inputs, (i, c, set, normed, grad) => {
    dx!.data[i] =
      stats!.data[2 * set + 1]! * (grad * weight!.data[c]! - sum[set]! / length - (normed * sumNormed[set]!) / length) +
      (residual?.data[i] ?? 0);
  });
};

export const groupNormGradParams: CpuKernel<'groupNormGradParams'> = ({ groups, silu }, inputs, [dweight, dbias]) => {
  dweight!.data.fill(0);
  dbias!.data.fill(0);
  groupNormElements(silu, groups, inputs, (_, c, __, normed, grad) => {
    dweight!.data[c]! += grad * normed;
    dbias!.data[c]! += grad;
  });
};

/** x [..., D], weight [D], bias [D] → y, stats [rows, 2]. torch.nn.LayerNorm. */
export const layerNorm: CpuKernel<'layerNorm'> = ({ eps }, [x, weight, bias], [y, stats]) => {
  const D = weight!.data.length;
  for (let row = 0; row < x!.data.length / D; row++) {
    const [mean, rstd] = statistics(x!.data, row * D, D, eps);
    stats!.data[2 * row] = mean;
    stats!.data[2 * row + 1] = rstd;
    for (let d = 0; d < D; d++)
      y!.data[row * D + d] = (x!.data[row * D + d]! - mean) * rstd * weight!.data[d]! + bias!.data[d]!;
  }
};

/** dy, x, weight, stats, residual → dx, and with weights dweight, dbias. */
export const layerNormGradInput: CpuKernel<'layerNormGradInput'> = (params, inputs, [dx, ...weights]) => {
  const [dy, x, weight, stats, residual] = inputs;
  if (params.weights) layerNormGradParams(params, [dy!, x!, stats!], weights);
  const D = weight!.data.length;
  for (let row = 0; row < x!.data.length / D; row++) {
    const [mean, rstd] = [stats!.data[2 * row]!, stats!.data[2 * row + 1]!];
    let [sum, sumNormed] = [0, 0];
    for (let d = 0; d < D; d++) {
      const grad = dy!.data[row * D + d]! * weight!.data[d]!;
      sum += grad;
      sumNormed += grad * (x!.data[row * D + d]! - mean) * rstd;
    }
    for (let d = 0; d < D; d++) {
      const normed = (x!.data[row * D + d]! - mean) * rstd;
      dx!.data[row * D + d] =
        rstd * (dy!.data[row * D + d]! * weight!.data[d]! - sum / D - (normed * sumNormed) / D) +
        (residual?.data[row * D + d] ?? 0);
    }
  }
};

/** dy, x, stats → dweight, dbias. */
export const layerNormGradParams: CpuKernel<'layerNormGradParams'> = (_, [dy, x, stats], [dweight, dbias]) => {
  const D = dweight!.data.length;
  dweight!.data.fill(0);
  dbias!.data.fill(0);
  for (let i = 0; i < x!.data.length; i++) {
    const row = Math.floor(i / D);
    dweight!.data[i % D]! += dy!.data[i]! * (x!.data[i]! - stats!.data[2 * row]!) * stats!.data[2 * row + 1]!;
    dbias!.data[i % D]! += dy!.data[i]!;
  }
};
