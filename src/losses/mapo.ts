/** MaPO, equation 8; mapo-t2i/mapo utils.py. Needs no reference: beta, r and the logit scale play no part. */
import { kernel, logits, logSigmoid, type LossField, type LossRecord, sigmoid } from './loss.ts';
import wgsl from './mapo.wgsl?raw';

const fields = {
  mapoBeta: {
    title: 'MaPO beta',
    hint: 'Weight of the margin against the winner’s own error.',
    default: 0.1,
    min: 0,
    max: 1000,
    step: 0.05,
    digits: 4,
    golden: 'b',
  },
  mapoT: {
    title: 'MaPO T',
    hint: 'Factor on the margin.',
    default: 1000,
    above: 0,
    max: 1e6,
    step: 100,
    digits: 2,
    golden: 'T',
  },
  mapoK: {
    title: 'MaPO k',
    hint: 'How soon a large error stops counting.',
    default: 0.5,
    above: 0,
    max: 1000,
    step: 0.1,
    digits: 4,
    golden: 'k',
  },
} satisfies Record<string, LossField>;

export const mapoLoss: LossRecord<typeof fields> = {
  title: 'MaPO: no reference needed',
  formula:
    'm_w - b log sigmoid(T (phi(m_w) - phi(m_l))), phi(m) = k m / (exp(k m) - 1); b, T, k = mapoBeta, mapoT, mapoK',
  source: 'https://arxiv.org/abs/2406.06424',
  fields,
  readsLogit: false,
  readsPreference: false,
  readsLoser: true,
  wgsl: kernel(wgsl),
  forward(batch, { mapoBeta, mapoT, mapoK }) {
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
  },
};

/** phi and its derivative; near 0 by its series x / (e^x - 1) = 1 - x/2 + x^2/12 - x^4/720 (Bernoulli numbers). */
function phi(m: number, k: number): { value: number; slope: number } {
  const x = k * m;
  if (Math.abs(x) < 1e-2)
    return { value: 1 - x / 2 + x ** 2 / 12 - x ** 4 / 720, slope: k * (-1 / 2 + x / 6 - x ** 3 / 180) };
  const e = Math.expm1(x);
  return { value: x / e, slope: (k * (1 - x / -Math.expm1(-x))) / e };
}
