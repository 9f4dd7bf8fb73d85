/** MaPO, https://arxiv.org/abs/2406.06424, equation 8; mapo-t2i/mapo utils.py. Needs no reference: beta, r and the logit scale play no part.
 *  m_w - b log sigmoid(T (phi(m_w) - phi(m_l))), phi(m) = k m / (exp(k m) - 1). */
import { logits, logSigmoid, type Loss, sigmoid } from './loss.ts';

export const mapoLoss: Loss = (batch, { mapoBeta, mapoT, mapoK }) => {
  const pairs = batch.mW.length;
  const [dmW, dmL] = [new Float64Array(pairs), new Float64Array(pairs)];
  let total = 0;
  for (let i = 0; i < pairs; i++) {
    const [winner, loser] = [phi(batch.mW[i]!, mapoK), phi(batch.mL[i]!, mapoK)];
    const margin = mapoT * (winner.value - loser.value);
    const pull = mapoBeta * mapoT * sigmoid(-margin);
    total += batch.mW[i]! - mapoBeta * logSigmoid(margin);
    dmW[i] = (1 - pull * winner.slope) / pairs;
    dmL[i] = (pull * loser.slope) / pairs;
  }
  return { loss: total / pairs, logit: logits(batch), dmW, dmL };
};

/** phi and its derivative; near 0 by its series x / (e^x - 1) = 1 - x/2 + x^2/12 - x^4/720 (Bernoulli numbers). */
function phi(m: number, k: number): { value: number; slope: number } {
  const x = k * m;
  if (Math.abs(x) < 1e-2)
    return { value: 1 - x / 2 + x ** 2 / 12 - x ** 4 / 720, slope: k * (-1 / 2 + x / 6 - x ** 3 / 180) };
  const e = Math.expm1(x);
  return { value: x / e, slope: (k * (1 - x / -Math.expm1(-x))) / e };
}
