/** Diffusion-DPO: -log sigmoid(s). With labelSmoothing e, the label is taken to be wrong with chance e (conservative DPO). */
import { labelSmoothing } from './labelSmoothing.ts';
import { logSigmoid, ofLogit, sigmoid } from './loss.ts';
import wgsl from './sigmoid.wgsl?raw';

export const sigmoidLoss = ofLogit({
  title: 'DPO, the original',
  formula: '-(1 - e) log sigmoid(s) - e log sigmoid(-s), e = labelSmoothing',
  source: 'https://arxiv.org/abs/2311.12908',
  fields: { labelSmoothing },
  wgsl,
  ofLogit: (s, { labelSmoothing: e }) => ({
    value: (e - 1) * logSigmoid(s) - (e === 0 ? 0 : e * logSigmoid(-s)),
    slope: e - sigmoid(-s),
  }),
});
