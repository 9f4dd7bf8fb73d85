/** Robust DPO, https://arxiv.org/abs/2403.00409: unbiased if a share e < 1/2 of the labels is flipped.
 *  [-(1 - e) log sigmoid(s) + e log sigmoid(-s)] / (1 - 2e), as in TRL's dpo_trainer.py. */
import { logSigmoid, ofLogit, sigmoid } from './loss.ts';

export const robustLoss = ofLogit((s, { labelSmoothing: e }) => ({
  value: (-(1 - e) * logSigmoid(s) + e * logSigmoid(-s)) / (1 - 2 * e),
  slope: (-(1 - e) * sigmoid(-s) - e * sigmoid(s)) / (1 - 2 * e),
}));
