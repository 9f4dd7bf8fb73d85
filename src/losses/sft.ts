/** Supervised fine-tuning on the winners, as SalesforceAIResearch/DiffusionDPO's --sft. */
import { kernel, logits, type LossRecord } from './loss.ts';
import wgsl from './sft.wgsl?raw';

export const sftLoss: LossRecord<Record<never, never>> = {
  title: 'SFT: learns from the winners alone',
  formula: 'm_w',
  source: 'https://arxiv.org/abs/2311.12908, section 5.5',
  fields: {},
  readsLogit: false,
  readsPreference: false,
  readsLoser: false,
  wgsl: kernel(wgsl),
  forward(batch) {
    const pairs = batch.mW.length;
    return {
      loss: Array.from(batch.mW).reduce((sum, m) => sum + m, 0) / pairs,
      logit: logits(batch),
      dmW: new Float64Array(pairs).fill(1 / pairs),
      dmL: new Float64Array(pairs),
    };
  },
};
