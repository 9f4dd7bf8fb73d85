/** Diffusion-KTO, https://arxiv.org/abs/2404.04465: every image is judged alone. Per image of label y (winner +1, loser -1)
 *  1 - sigmoid(y (u - z)), z = max(0, mean of u over the batch's images), without gradient. The mean is over images. */
import { logits, type Loss, sigmoid, utilities } from './loss.ts';

export const ktoLoss: Loss = (batch) => {
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
};
