/** What a run's looks at its held-out pairs say, and which is the best; for people: lookWords.ts. */
import type { Checkpoint, Look, LookFigures, RunRecord } from '../records/runs.ts';

/** Beyond it a model draws the winners so much worse than the one it came from that no preference is worth it: the winners' error over the
 *  reference's. Runs of the standard preset come to 1.12 (docs/paper.md), those for labels in doubt to 2 where no label is wrong: they are stopped. */
export const MAX_WINNER_ERROR = 1.3;

/** Mean size of a pair's logit beyond which preferences have run away. At 10 a loss by logits has nothing left to learn, but noisy timesteps alone have
 *  large errors: the standard preset, on labels without a fault, comes to 30 to 55 over a dozen steps, with winners drawn better than before. */
export const MAX_LOGIT = 200;

/** Mean -log sigmoid of margins. Where their root mean square is above 1 they are brought to it: how sure a model is goes with beta, rate and timesteps,
 *  and a loss of margins of 30 says nothing but that one of ten was on the wrong side. */
export function lossOf(margins: readonly number[]): number {
  const mean = (of: (margin: number) => number): number =>
    margins.reduce((sum, margin) => sum + of(margin), 0) / margins.length;
  const scale = Math.max(1, Math.sqrt(mean((margin) => margin ** 2)));
  return mean((margin) => Math.log1p(Math.exp(-Math.abs(margin / scale))) + Math.max(0, -margin / scale));
}

export const accuracyOf = ({ right, pairs }: LookFigures): number => right / pairs;

/** The look with the lowest held-out loss (lossOf), which a model does not better by being surer than it is right. Of equal ones the first.
 *  Undefined where none is better than the start, or those that are have drifted beyond the bound. */
export function bestLook(looks: readonly Look[] = []): Look | undefined {
  const sound = looks.filter(
    ({ heldOut: { loss, margin, winnerError } }) =>
      loss < Math.LN2 && margin <= MAX_LOGIT && winnerError <= MAX_WINNER_ERROR,
  );
  return sound.reduce<Look | undefined>(
    (best, look) => (!best || look.heldOut.loss < best.heldOut.loss ? look : best),
    undefined,
  );
}

/** The checkpoint to take: that of the best look; the last one where there is none, or its checkpoint is gone. */
export function bestCheckpoint({
  checkpoints,
  looks,
}: Pick<RunRecord, 'checkpoints' | 'looks'>): Checkpoint | undefined {
  const best = bestLook(looks);
  return checkpoints.find(({ step }) => step === best?.step) ?? checkpoints.at(-1);
}

/** Whether so many looks went by without one that was better than those before. */
export function hasStalled(looks: readonly Look[], patience: number): boolean {
  if (patience === 0) return false;
  const best = bestLook(looks);
  const since = best ? looks.filter(({ step }) => step > best.step).length : looks.length;
  return since >= patience;
}
