/** The learning rate's factor at a step, as diffusers.optimization has it: `constant_with_warmup` and `cosine`. */

export interface LearningRateSchedule {
  lrSchedule: 'constant' | 'cosine';
  warmupSteps: number;
  /** Length of the run; only the cosine asks. */
  steps: number;
}

/** `step` counts from 0. Warm-up is step / warmupSteps, so the very first step of a warmed-up run moves nothing: it only fills Adam's
 *  moments. The cosine falls from 1 after warm-up to 0 at the end of the run. */
export function learningRateFactor({ lrSchedule, warmupSteps, steps }: LearningRateSchedule, step: number): number {
  if (step < warmupSteps) return step / warmupSteps;
  switch (lrSchedule) {
    case 'constant':
      return 1;
    case 'cosine': {
      const progress = (step - warmupSteps) / Math.max(1, steps - warmupSteps);
      return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
    }
    default:
      lrSchedule satisfies never;
      throw new Error('unreachable');
  }
}
