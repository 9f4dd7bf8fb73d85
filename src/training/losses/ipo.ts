/** IPO, https://arxiv.org/abs/2310.12036, equation 17, free of scale: (s - 1/2)^2. diffusers' intended (h - 1/(2b))^2 with b = beta / 2 is
 *  this divided by b^2. */
import { ofLogit } from './loss.ts';

export const ipoLoss = ofLogit((s) => ({ value: (s - 0.5) ** 2, slope: 2 * (s - 0.5) }));
