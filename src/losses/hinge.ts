/** SLiC's hinge. No gradient once the margin is met. */
import wgsl from './hinge.wgsl?raw';
import { ofLogit } from './loss.ts';

export const hingeLoss = ofLogit({
  title: 'Hinge: stops at a margin, hard',
  formula: 'max(0, 1 - s)',
  source: 'https://arxiv.org/abs/2305.10425',
  fields: {},
  wgsl,
  ofLogit: (s) => ({ value: Math.max(0, 1 - s), slope: s < 1 ? -1 : 0 }),
});
