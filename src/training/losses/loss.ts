/** What a preference loss is: a function of the errors of a batch of pairs, with its derivatives, in f64.
 *
 *  B pairs. m, r: squared errors averaged over C, H, W, of policy and reference, on the winner's and the loser's latents. With
 *  u = -(beta / 2) (m - r) scale, s = u_w - u_l is the logit (Diffusion-DPO, https://arxiv.org/abs/2311.12908, final loss;
 *  SalesforceAIResearch/DiffusionDPO train.py). Everything else of a training step is the same for all losses: the gradient at the
 *  network's output is dm 2 (pred - target) / (C H W). */
import type { StepParams } from '../../graph/ops.ts';

export interface LossBatch {
  /** [B] each. */
  mW: ArrayLike<number>;
  mL: ArrayLike<number>;
  rW: ArrayLike<number>;
  rL: ArrayLike<number>;
  beta: number;
  /** [B], 1 if left out; see minSnr.ts. */
  logitScale?: ArrayLike<number>;
  /** [B], 1 if left out: the chance that the winner is the better one. Read by `soft`; a tie is 0.5. */
  preference?: ArrayLike<number>;
}

export type LossParams = Omit<StepParams['preferenceLoss'], 'loss'>;

export interface LossResult {
  /** Mean over the pairs. */
  loss: number;
  /** s, [B]. */
  logit: Float64Array;
  /** d loss / d m, [B] each: the 1 / B of the mean is in them. */
  dmW: Float64Array;
  dmL: Float64Array;
}

export type Loss = (batch: LossBatch, params: LossParams) => LossResult;

export const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

/** log sigmoid(x), exact for large |x|; -ln 2 at 0 in every bit. */
export const logSigmoid = (x: number): number =>
  x === 0 ? -Math.LN2 : Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x)));

/** du/dm, u_w and u_l of pair i. */
export function utilities(batch: LossBatch, i: number): { slope: number; uW: number; uL: number } {
  const slope = -(batch.beta / 2) * (batch.logitScale?.[i] ?? 1);
  return { slope, uW: slope * (batch.mW[i]! - batch.rW[i]!), uL: slope * (batch.mL[i]! - batch.rL[i]!) };
}

/** The logit of every pair. */
export const logits = (batch: LossBatch): Float64Array =>
  Float64Array.from({ length: batch.mW.length }, (_, i) => {
    const { uW, uL } = utilities(batch, i);
    return uW - uL;
  });

/** Value of one pair at logit s, and its derivative by s. */
export type LogitLoss = (s: number, params: LossParams, preference: number) => { value: number; slope: number };

/** A loss that sees a pair through its logit alone. */
export function ofLogit(pairLoss: LogitLoss): Loss {
  return (batch, params) => {
    const pairs = batch.mW.length;
    const logit = logits(batch);
    const [dmW, dmL] = [new Float64Array(pairs), new Float64Array(pairs)];
    let total = 0;
    logit.forEach((s, i) => {
      const { value, slope } = pairLoss(s, params, batch.preference?.[i] ?? 1);
      total += value;
      dmW[i] = (slope * utilities(batch, i).slope) / pairs;
      dmL[i] = -dmW[i]!;
    });
    return { loss: total / pairs, logit, dmW, dmL };
  };
}
