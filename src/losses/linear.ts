/** Linear-DPO, in our s: the sigmoid of DPO's gradient made a clipped line. The weight is without gradient. */
import wgsl from './linear.wgsl?raw';
import { kernel, logits, type LossField, type LossRecord } from './loss.ts';

const fields = {
  linearEta: {
    title: 'Linear eta',
    hint: 'Least weight of a pair that is learnt already.',
    default: 1e-3,
    min: 0,
    max: 0.5,
    step: 0.01,
    digits: 4,
    golden: 'eta',
  },
} satisfies Record<string, LossField>;

export const linearLoss: LossRecord<typeof fields> = {
  title: 'Linear DPO: weighs a pair by a clipped line',
  formula: 'w (m_w - m_l), w = clamp(1/2 - 0.4 s, eta, 1 - eta) without gradient, eta = linearEta',
  source: 'docs/golden-cases.md',
  fields,
  readsLogit: true,
  readsPreference: false,
  readsLoser: true,
  wgsl: kernel(wgsl),
  forward(batch, { linearEta: eta }) {
    const pairs = batch.mW.length;
    const logit = logits(batch);
    const weights = logit.map((s) => Math.min(Math.max(0.5 - 0.4 * s, eta), 1 - eta));
    return {
      loss: weights.reduce((sum, w, i) => sum + w * (batch.mW[i]! - batch.mL[i]!), 0) / pairs,
      logit,
      dmW: weights.map((w) => w / pairs),
      dmL: weights.map((w) => -w / pairs),
    };
  },
};
