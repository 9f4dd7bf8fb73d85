/** Cross entropy with a graded label p in [0, 1]: -p log sigmoid(s) - (1 - p) log sigmoid(-s). A tie is p = 1/2. */
import { logSigmoid, ofLogit, sigmoid } from './loss.ts';

export const softLoss = ofLogit((s, _, p) => ({
  value: -p * logSigmoid(s) - (1 - p) * logSigmoid(-s),
  slope: sigmoid(s) - p,
}));
