/** Cross entropy with a graded label p: how sure a label is, ties among them (preference.ts). */
import { logSigmoid, ofLogit, sigmoid } from './loss.ts';
import wgsl from './soft.wgsl?raw';

export const softLoss = ofLogit({
  title: 'DPO with soft labels: ties and “clearly” count',
  formula: '-p log sigmoid(s) - (1 - p) log sigmoid(-s), p = tiePreference, sidePreference or clearPreference',
  source: 'https://arxiv.org/abs/2311.12908, with a graded label in place of 1',
  fields: {},
  readsPreference: true,
  wgsl,
  ofLogit: (s, _, p) => ({ value: -p * logSigmoid(s) - (1 - p) * logSigmoid(-s), slope: sigmoid(s) - p }),
});
