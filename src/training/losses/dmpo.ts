/** DMPO, https://arxiv.org/abs/2507.10510: the reverse KL divergence of p = sigmoid(s) from the confidence 1 - alpha that is wanted,
 *  p log(p / (1 - alpha)) + (1 - p) log((1 - p) / alpha). Its gradient vanishes at that confidence. */
import { logSigmoid, ofLogit, sigmoid } from './loss.ts';

export const dmpoLoss = ofLogit((s, { alpha }) => {
  const [p, q] = [sigmoid(s), sigmoid(-s)];
  return {
    value: p * (logSigmoid(s) - Math.log1p(-alpha)) + q * (logSigmoid(-s) - Math.log(alpha)),
    // log p - log(1 - p) = s, and dp/ds = p (1 - p).
    slope: p * q * (s - Math.log1p(-alpha) + Math.log(alpha)),
  };
});
