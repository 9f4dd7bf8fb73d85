/** Diffusion-DPO, https://arxiv.org/abs/2311.12908: -log sigmoid(s). With labelSmoothing e, the label is taken to be wrong with chance e
 *  (conservative DPO): -(1 - e) log sigmoid(s) - e log sigmoid(-s). */
import { logSigmoid, ofLogit, sigmoid } from './loss.ts';

export const sigmoidLoss = ofLogit((s, { labelSmoothing: e }) => ({
  value: (e - 1) * logSigmoid(s) - (e === 0 ? 0 : e * logSigmoid(-s)),
  slope: e - sigmoid(-s),
}));
