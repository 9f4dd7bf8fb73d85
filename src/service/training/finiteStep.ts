/** Training stops where its numbers stop being numbers: what a step gave, and what is about to be saved. The last save stays as it was. */
import { checkFinite } from '../../shared/finite.ts';
import type { StepNumbers } from '../../training/runStep.ts';

const lower =
  'The run diverged: lower the learning rate (or beta), and start again or go on from an earlier save; what was saved before is kept.';

/** Throws NotFinite with the step and the number that is none. */
export function checkStep({ step, loss, gradNorm, pairs }: StepNumbers): void {
  for (const { pair, rw, rl, mw, ml } of pairs) {
    checkFinite(
      [rw, rl],
      `Step ${step}: the errors of the reference on pair ${pair}`,
      'A weight of the model is too large for it, or a picture of that pair: look at the pair, or take the other reference.',
    );
    checkFinite([mw, ml], `Step ${step}: the errors of the policy on pair ${pair}`, lower);
  }
  checkFinite([loss], `Step ${step}: the loss`, lower);
  checkFinite([gradNorm], `Step ${step}: the gradients`, lower);
}

/** Throws NotFinite where a look at a pair gives no numbers. */
export const checkLook = (step: number, pair: string, errors: ArrayLike<number>): void =>
  checkFinite(errors, `After ${step} steps what the policy makes of pair ${pair}`, lower);

/** Throws NotFinite for a tensor that is about to be saved. */
export function checkTensor(step: number, name: string, data: Float32Array): void {
  checkFinite(data, `After ${step} steps the trained weights ${name}`, lower);
}
