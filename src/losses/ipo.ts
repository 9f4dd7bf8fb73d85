/** IPO, equation 17, free of scale. diffusers' intended (h - 1/(2b))^2 with b = beta / 2 is this divided by b^2. */
import wgsl from './ipo.wgsl?raw';
import { ofLogit } from './loss.ts';

export const ipoLoss = ofLogit({
  title: 'IPO: stops at a margin',
  formula: '(s - 1/2)^2',
  source: 'https://arxiv.org/abs/2310.12036',
  fields: {},
  wgsl,
  ofLogit: (s) => ({ value: (s - 0.5) ** 2, slope: 2 * (s - 0.5) }),
});
