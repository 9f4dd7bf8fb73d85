/** Diffusion-KTO: every image is judged alone. The baseline z is without gradient, the mean over images. */
import wgsl from './kto.wgsl?raw';
import { kernel, logits, type LossRecord, sigmoid, utilities } from './loss.ts';

export const ktoLoss: LossRecord<Record<never, never>> = {
  title: 'KTO: winner and loser on their own',
  formula:
    'per image 1 - sigmoid(y (u - z)), y = 1 for the winner, -1 for the loser, z = max(0, mean of u over the batch)',
  source: 'https://arxiv.org/abs/2404.04465',
  fields: {},
  readsLogit: true,
  readsPreference: false,
  readsLoser: true,
  wgsl: kernel(wgsl),
  forward(batch) {
    const images = 2 * batch.mW.length;
    const each = Array.from({ length: batch.mW.length }, (_, i) => utilities(batch, i));
    const baseline = Math.max(0, each.reduce((sum, { uW, uL }) => sum + uW + uL, 0) / images);
    // 1 - sigmoid(x) and its derivative by x.
    const image = (x: number): [value: number, slope: number] => [sigmoid(-x), -sigmoid(x) * sigmoid(-x)];
    const winners = each.map(({ uW }) => image(uW - baseline));
    const losers = each.map(({ uL }) => image(baseline - uL));
    return {
      loss: [...winners, ...losers].reduce((sum, [value]) => sum + value, 0) / images,
      logit: logits(batch),
      dmW: Float64Array.from(winners, ([, slope], i) => (slope * each[i]!.slope) / images),
      dmL: Float64Array.from(losers, ([, slope], i) => (-slope * each[i]!.slope) / images),
    };
  },
};
