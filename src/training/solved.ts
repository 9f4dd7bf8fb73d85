/** Pairs that a run is sure of, which its later steps leave out. They are decided by the logits that its steps had anyway, at fixed steps, and stand in
 *  its record: what a step draws follows from seed, step and record, wherever the run goes on. */
import type { LoopData, PairNumbers } from './runStep.ts';

/** Of a pair, the last ones, each at a timestep and noise of its own. */
export const SOLVED_DRAWS = 3;

/** Pairs that were left out at once, after so many steps. */
interface Solved {
  step: number;
  pairs: readonly string[];
}

type Drawn = Pick<PairNumbers, 'pair' | 'logit'> & { preference?: number | undefined };

/** The last logits of each pair. */
export class SolvedTally {
  private readonly logits = new Map<string, number[]>();

  /** @param steps that were taken, in order. */
  constructor(steps: readonly { pairs: readonly Drawn[] }[] = []) {
    for (const { pairs } of steps) this.add(pairs);
  }

  add(pairs: readonly Drawn[]): void {
    for (const { pair, logit, preference = 1 } of pairs)
      // A tie has no winner to be sure of.
      if (preference > 0.5) this.logits.set(pair, [...(this.logits.get(pair) ?? []), logit].slice(-SOLVED_DRAWS));
  }

  /** Those of these that are solved: at each of their last draws the winner was preferred, and their margin, the mean of the logits, is at least so
   *  much. A pair that was drawn less often is not. */
  solvedOf(pairs: readonly string[], margin: number): string[] {
    return pairs.filter((pair) => {
      const logits = this.logits.get(pair) ?? [];
      const mean = logits.reduce((sum, logit) => sum + logit, 0) / logits.length;
      return logits.length === SOLVED_DRAWS && logits.every((logit) => logit > 0) && mean >= margin;
    });
  }
}

/** What is drawn once these are left out: the others, in an order that begins anew. */
export function withoutSolved(data: LoopData, solved: readonly Solved[]): LoopData {
  const last = solved.at(-1);
  if (!last) return data;
  const out = new Set(solved.flatMap(({ pairs }) => pairs));
  return {
    ...data,
    pairs: data.pairs.filter(({ id }) => !out.has(id)),
    since: { step: last.step, times: solved.length },
  };
}
