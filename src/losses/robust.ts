/** Robust DPO: unbiased if a share e < 1/2 of the labels is flipped. As in TRL's dpo_trainer.py. */
import { labelSmoothing } from './labelSmoothing.ts';
import { logSigmoid, ofLogit, sigmoid } from './loss.ts';
import wgsl from './robust.wgsl?raw';

export const robustLoss = ofLogit({
  title: 'Robust DPO: expects some labels to be wrong',
  formula: '(-(1 - e) log sigmoid(s) + e log sigmoid(-s)) / (1 - 2 e), e = labelSmoothing',
  source: 'https://arxiv.org/abs/2403.00409',
  fields: { labelSmoothing },
  wgsl,
  ofLogit: (s, { labelSmoothing: e }) => ({
    value: (-(1 - e) * logSigmoid(s) + e * logSigmoid(-s)) / (1 - 2 * e),
    slope: (-(1 - e) * sigmoid(-s) - e * sigmoid(s)) / (1 - 2 * e),
  }),
});
