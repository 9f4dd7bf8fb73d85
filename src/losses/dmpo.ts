/** DMPO: the reverse KL divergence of p = sigmoid(s) from the confidence 1 - alpha that is wanted. Its gradient vanishes at that confidence. */
import wgsl from './dmpo.wgsl?raw';
import { logSigmoid, ofLogit, sigmoid } from './loss.ts';

export const dmpoLoss = ofLogit({
  title: 'DMPO: stops at a confidence, softly',
  formula: 'p log(p / (1 - a)) + (1 - p) log((1 - p) / a), p = sigmoid(s), a = dmpoAlpha',
  source: 'https://arxiv.org/abs/2507.10510',
  fields: {
    dmpoAlpha: {
      title: 'DMPO alpha',
      hint: 'It learns up to a confidence of 1 less this.',
      default: 0.01,
      min: 1e-6,
      max: 0.5,
      step: 0.01,
      digits: 6,
      golden: 'alpha',
    },
  },
  wgsl,
  constants: ({ dmpoAlpha: alpha }) => ({ LOG_ONE_MINUS_ALPHA: Math.log1p(-alpha), LOG_ALPHA: Math.log(alpha) }),
  ofLogit(s, { dmpoAlpha: alpha }) {
    const [p, q] = [sigmoid(s), sigmoid(-s)];
    return {
      value: p * (logSigmoid(s) - Math.log1p(-alpha)) + q * (logSigmoid(-s) - Math.log(alpha)),
      // log p - log(1 - p) = s, and dp/ds = p (1 - p).
      slope: p * q * (s - Math.log1p(-alpha) + Math.log(alpha)),
    };
  },
});
