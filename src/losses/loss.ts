/** What a preference loss is: a record of everything that is said of it anywhere. Adding one touches this folder alone: a record and its WGSL,
 *  and a line of table.ts. The settings file, the form, the command line, the op tables and docs/losses.md read the record.
 *
 *  B pairs. m, r: squared errors averaged over C, H, W, of policy and reference, on the winner's and the loser's latents. With
 *  u = -(beta / 2) (m - r) scale, s = u_w - u_l is the logit (Diffusion-DPO, https://arxiv.org/abs/2311.12908, final loss;
 *  SalesforceAIResearch/DiffusionDPO train.py). Everything else of a training step is the same for all losses: the gradient at the
 *  network's output is dm 2 (pred - target) / (C H W). */
import logitCode from './logit.wgsl?raw';
import sharedCode from './shared.wgsl?raw';

/** A number of the settings. */
export interface LossField {
  title: string;
  hint?: string;
  /** What reproduces runs of before the field was there; null: off. */
  default: number | null;
  /** min and max are allowed, above and below are not. */
  min?: number;
  above?: number;
  max?: number;
  below?: number;
  /** Of the form's arrows, and the digits it keeps behind the point. */
  step: number;
  digits: number;
  /** Its name in case.json of a golden case, where it has one. */
  golden?: string;
}

export type LossFields = Readonly<Record<string, LossField>>;
export type LossParams<F extends LossFields = LossFields> = { readonly [K in keyof F]: number };

export interface LossBatch {
  /** [B] each. */
  mW: ArrayLike<number>;
  mL: ArrayLike<number>;
  rW: ArrayLike<number>;
  rL: ArrayLike<number>;
  beta: number;
  /** [B], 1 if left out; see minSnr.ts. */
  logitScale?: ArrayLike<number> | undefined;
  /** [B], 1 if left out: the chance that the winner is the better one; see preference.ts. */
  preference?: ArrayLike<number> | undefined;
}

export interface LossResult {
  /** Mean over the pairs. */
  loss: number;
  /** s, [B]. */
  logit: Float64Array;
  /** d loss / d m, [B] each: the 1 / B of the mean is in them. */
  dmW: Float64Array;
  dmL: Float64Array;
}

export interface LossRecord<F extends LossFields = LossFields> {
  /** What it does, in one line. */
  title: string;
  /** Of one pair, as docs/losses.md prints it. */
  formula: string;
  source: string;
  /** The numbers of its formula: constants of its kernel. */
  fields: F;
  /** Whether the logit moves it. Where it does not, beta, the reference and min-SNR only change what is shown. */
  readsLogit: boolean;
  /** Whether it reads how sure a label is: then ties train too. */
  readsPreference: boolean;
  /** Whether the loser's error does anything: else the safeguard has nothing to hold back. */
  readsLoser: boolean;
  /** A kernel of shared.wgsl's bindings; one invocation, pair by pair. */
  wgsl: string;
  /** Constants of the kernel that are not a field under its name in capitals. */
  constants?(params: LossParams<F>): Record<string, number>;
  /** In f64: what is shown of a run, and the oracle of the kernel. */
  forward(batch: LossBatch, params: LossParams<F>): LossResult;
}

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

/** The kernel of a loss that brings its own `main`. */
export const kernel = (main: string): string => `${sharedCode}\n${main}`;

/** A loss that sees a pair through its logit s alone (and, if it reads preferences, through p): `of_logit(s, p)` in WGSL, its value and its
 *  derivative by s here. */
export function ofLogit<F extends LossFields>({
  ofLogit: pairLoss,
  wgsl,
  readsPreference = false,
  ...record
}: Omit<LossRecord<F>, 'forward' | 'readsLogit' | 'readsPreference' | 'readsLoser'> & {
  readsPreference?: boolean;
  ofLogit(s: number, params: LossParams<F>, preference: number): { value: number; slope: number };
}): LossRecord<F> {
  return {
    ...record,
    readsLogit: true,
    readsPreference,
    readsLoser: true,
    wgsl: `${kernel(wgsl)}\n${logitCode}`,
    forward(batch, params) {
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
    },
  };
}
