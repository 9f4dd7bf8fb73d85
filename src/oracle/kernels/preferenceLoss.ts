/** Float64 preference losses and their derivatives by the errors. With u = -(beta/2) (m - r) logitScale and s = u_w - u_l, each loss is
 *  a value per pair and its derivatives by u_w and u_l (mapo's by m_w and m_l); the batch loss is the mean over pairs.
 *  Formulas: design.md section 3.9, Diffusion-DPO arXiv 2311.12908 and the papers named below. */
import type { LossName, StepParams } from '../../graph/ops.ts';
import type { CpuKernel } from '../tensor.ts';

const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
const logSigmoid = (x: number): number => Math.min(0, x) - Math.log1p(Math.exp(-Math.abs(x)));

interface Pair {
  s: number;
  /** Chance that the winner is the better one (soft labels). */
  preference: number;
}

/** [value, d value / d s]. */
type LogitLoss = (pair: Pair, params: StepParams['preferenceLoss']) => [value: number, slope: number];

/** The losses that see a pair only through its logit. */
const logitLosses: { readonly [L in Exclude<LossName, 'kto' | 'mapo'>]: LogitLoss } = {
  sigmoid: ({ s }, { labelSmoothing: e }) => [
    -(1 - e) * logSigmoid(s) - e * logSigmoid(-s),
    -(1 - e) * sigmoid(-s) + e * sigmoid(s),
  ],
  // Robust DPO, arXiv 2403.00409.
  robust: ({ s }, { labelSmoothing: e }) => [
    (-(1 - e) * logSigmoid(s) + e * logSigmoid(-s)) / (1 - 2 * e),
    (-(1 - e) * sigmoid(-s) - e * sigmoid(s)) / (1 - 2 * e),
  ],
  soft: ({ s, preference: p }) => [
    -p * logSigmoid(s) - (1 - p) * logSigmoid(-s),
    -p * sigmoid(-s) + (1 - p) * sigmoid(s),
  ],
  // IPO, arXiv 2310.12036.
  ipo: ({ s }) => [(s - 0.5) ** 2, 2 * (s - 0.5)],
  hinge: ({ s }) => [Math.max(0, 1 - s), s < 1 ? -1 : 0],
  // DMPO, arXiv 2507.10510. log p - log(1 - p) = s.
  dmpo: ({ s }, { alpha: a }) => {
    const p = sigmoid(s);
    return [
      p * (logSigmoid(s) - Math.log(1 - a)) + (1 - p) * (logSigmoid(-s) - Math.log(a)),
      p * sigmoid(-s) * (s - Math.log((1 - a) / a)),
    ];
  },
};

/** MaPO's phi(m) = k m / (exp(k m) - 1) and its derivative by m; a series near 0, where the closed form cancels. */
function phi(m: number, k: number): [value: number, slope: number] {
  const x = k * m;
  if (Math.abs(x) < 0.02)
    return [1 - x / 2 + x ** 2 / 12 - x ** 4 / 720, k * (-1 / 2 + x / 6 - x ** 3 / 180 + x ** 5 / 5040)];
  const e = Math.expm1(x);
  return [x / e, (k * (e - x * (e + 1))) / (e * e)];
}

/** m [2B], r [2B], beta [1], logitScale [B], preference [B] → loss [1], logit [B] = s, dm [2B]. mapo has no reference: it ignores r, beta
 *  and logitScale, but its logit is reported by the common definition. */
export const preferenceLoss: CpuKernel<'preferenceLoss'> = (
  params,
  [m, r, beta, logitScale, preference],
  [loss, logit, dm],
) => {
  const pairs = logit!.data.length;
  // du / dm of a pair, and u of image i (winners first, then losers).
  const slope = (pair: number): number => -(beta!.data[0]! / 2) * logitScale!.data[pair]!;
  const u = (i: number): number => slope(i % pairs) * (m!.data[i]! - r!.data[i]!);
  let total = 0;
  // Kahneman-Tversky baseline: the mean of u over the batch, not below 0, without gradient (Diffusion-KTO, arXiv 2404.04465).
  let baseline = 0;
  for (let i = 0; i < 2 * pairs; i++) baseline += u(i) / (2 * pairs);
  baseline = Math.max(0, baseline);
  for (let w = 0; w < pairs; w++) {
    const l = w + pairs;
    const s = u(w) - u(l);
    logit!.data[w] = s;
    if (params.loss === 'kto') {
      for (const [i, y] of [
        [w, 1],
        [l, -1],
      ] as const) {
        const p = sigmoid(y * (u(i) - baseline));
        total += (1 - p) / (2 * pairs);
        dm!.data[i] = (-y * p * sigmoid(-y * (u(i) - baseline)) * slope(w)) / (2 * pairs);
      }
    } else if (params.loss === 'mapo') {
      // MaPO, arXiv 2406.06424.
      const [[phiW, slopeW], [phiL, slopeL]] = [phi(m!.data[w]!, params.mapoK), phi(m!.data[l]!, params.mapoK)];
      const margin = params.mapoT * (phiW - phiL);
      const pull = params.mapoBeta * params.mapoT * sigmoid(-margin);
      total += (m!.data[w]! - params.mapoBeta * logSigmoid(margin)) / pairs;
      dm!.data[w] = (1 - pull * slopeW) / pairs;
      dm!.data[l] = (pull * slopeL) / pairs;
    } else {
      const [value, ds] = logitLosses[params.loss]({ s, preference: preference!.data[w]! }, params);
      total += value / pairs;
      dm!.data[w] = (ds * slope(w)) / pairs;
      dm!.data[l] = (-ds * slope(w)) / pairs;
    }
  }
  loss!.data[0] = total;
};

/** pred [2B, ...], target [2B, ...], dm [2B] → dm, losers' half times clip((1 - mu) |g_w|^2 / <g_w, g_l>, 0, 1) where <g_w, g_l> > 0.
 *  g is the error's gradient at the prediction over the micro-batch, 2 (pred - target) / elements; the constant cancels.
 *  Diffusion-SDPO, arXiv 2511.03317. */
export const sdpoSafeguard: CpuKernel<'sdpoSafeguard'> = ({ mu }, [pred, target, dm], [out]) => {
  const half = pred!.data.length / 2;
  let [square, product] = [0, 0];
  for (let i = 0; i < half; i++) {
    const winner = pred!.data[i]! - target!.data[i]!;
    square += winner * winner;
    product += winner * (pred!.data[half + i]! - target!.data[half + i]!);
  }
  const factor = product > 0 ? Math.min(1, Math.max(0, ((1 - mu) * square) / product)) : 1;
  const pairs = dm!.data.length / 2;
  for (let i = 0; i < 2 * pairs; i++) out!.data[i] = dm!.data[i]! * (i < pairs ? 1 : factor);
};
