/** SLiC's hinge, https://arxiv.org/abs/2305.10425: max(0, 1 - s). No gradient once the margin is met. */
import { ofLogit } from './loss.ts';

export const hingeLoss = ofLogit((s) => ({ value: Math.max(0, 1 - s), slope: s < 1 ? -1 : 0 }));
