/** The preference losses and Diffusion-SDPO's safeguard in float64: the losses' own formulas over the op's flat tensors. */
import { safeguardFactor } from '../../losses/safeguard.ts';
import { losses } from '../../losses/table.ts';
import type { CpuKernel } from '../tensor.ts';

/** m [2B], r [2B], beta [1], logitScale [B], preference [B] → loss [1], logit [B] = s, dm [2B]. */
export const preferenceLoss: CpuKernel<'preferenceLoss'> = (
  { loss: name, params },
  [m, r, beta, logitScale, preference],
  [loss, logit, dm],
) => {
  const pairs = logit!.data.length;
  const result = losses[name].forward(
    {
      mW: m!.data.subarray(0, pairs),
      mL: m!.data.subarray(pairs),
      rW: r!.data.subarray(0, pairs),
      rL: r!.data.subarray(pairs),
      beta: beta!.data[0]!,
      logitScale: logitScale!.data,
      preference: preference!.data,
    },
    params,
  );
  loss!.data[0] = result.loss;
  logit!.data.set(result.logit);
  dm!.data.set(result.dmW);
  dm!.data.set(result.dmL, pairs);
};

/** pred [2B, ...], target [2B, ...], dm [2B] → dm, the losers' half times the safeguard's factor. g is the error's gradient at the
 *  prediction over the micro-batch, 2 (pred - target) / elements; the constant cancels. */
export const sdpoSafeguard: CpuKernel<'sdpoSafeguard'> = ({ mu }, [pred, target, dm], [out]) => {
  const half = pred!.data.length / 2;
  let [winnerSquared, product] = [0, 0];
  for (let i = 0; i < half; i++) {
    const winner = pred!.data[i]! - target!.data[i]!;
    winnerSquared += winner * winner;
    product += winner * (pred!.data[half + i]! - target!.data[half + i]!);
  }
  const factor = safeguardFactor({ winnerSquared, product, mu });
  const pairs = dm!.data.length / 2;
  for (let i = 0; i < 2 * pairs; i++) out!.data[i] = dm!.data[i]! * (i < pairs ? 1 : factor);
};
