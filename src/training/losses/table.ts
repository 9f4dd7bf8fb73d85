/** Every preference loss by its name in configs and golden cases. */
import type { LossName } from '../../graph/ops.ts';
import { dmpoLoss } from './dmpo.ts';
import { hingeLoss } from './hinge.ts';
import { ipoLoss } from './ipo.ts';
import { ktoLoss } from './kto.ts';
import type { Loss } from './loss.ts';
import { mapoLoss } from './mapo.ts';
import { robustLoss } from './robust.ts';
import { sigmoidLoss } from './sigmoid.ts';
import { softLoss } from './soft.ts';

export const losses: { readonly [K in LossName]: Loss } = {
  sigmoid: sigmoidLoss,
  robust: robustLoss,
  soft: softLoss,
  ipo: ipoLoss,
  hinge: hingeLoss,
  kto: ktoLoss,
  mapo: mapoLoss,
  dmpo: dmpoLoss,
};
