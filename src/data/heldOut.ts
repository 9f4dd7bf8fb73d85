/** Which of a run's pairs it keeps back, to be looked at and never trained on. They follow from the pairs and the settings alone, so that a run that goes
 *  on keeps back the same ones. */
import type { TrainPair } from '../records/runs.ts';
import { RandomStream } from '../shared/rng.ts';
import type { TrainConfig } from '../training/config.ts';

/** With fewer labels each of them is worth more in training than as a check. */
export const MIN_PAIRS = 20;
/** Fewer say nothing. */
export const MIN_HELD_OUT = 4;
/** Of all pairs: where a few prompts have most of them, keeping one back must not take them from training. */
const MAX_SHARE = 1 / 3;

export interface HeldOut {
  /** Indices of pairs. */
  pairs: ReadonlySet<number>;
  /** Why there are none, in a sentence, where some were asked for. */
  because: string | null;
}

/** All pairs of a prompt are kept back or none: a model that saw a prompt with other pictures would be asked about something it has been told. Ties
 *  of those prompts are kept back, too, and do not count. Prompts with a pair that was chosen for a model's doubt are not: it would look worse than it is. */
export function heldOutOf(
  pairs: readonly Pick<TrainPair, 'prompt' | 'strength' | 'chosen'>[],
  { heldOut, seed }: Pick<TrainConfig, 'heldOut' | 'seed'>,
): HeldOut {
  const none = (because: string | null): HeldOut => ({ pairs: new Set(), because });
  if (heldOut === 0) return none(null);
  const byPrompt = new Map<string, { pairs: number[]; decided: number; chosen: boolean }>();
  for (const [i, { prompt, strength, chosen = false }] of pairs.entries()) {
    const group = byPrompt.get(prompt) ?? { pairs: [], decided: 0, chosen: false };
    group.chosen ||= chosen;
    group.pairs.push(i);
    if (strength !== 'tie') group.decided++;
    byPrompt.set(prompt, group);
  }
  const groups = new RandomStream({ seed, purpose: 'heldOut' }).shuffled([...byPrompt.values()]);
  const decided = groups.reduce((sum, group) => sum + group.decided, 0);
  if (decided < MIN_PAIRS)
    return none(`No pairs are held out: that begins at ${MIN_PAIRS} decided pairs, and there are ${decided}.`);
  const wanted = Math.max(MIN_HELD_OUT, Math.round(heldOut * decided));
  const most = Math.max(wanted, Math.floor(MAX_SHARE * decided));
  const kept: typeof groups = [];
  let count = 0;
  const take = (fits: (size: number) => boolean): void => {
    for (const group of groups)
      if (count < wanted && group.decided > 0 && !group.chosen && !kept.includes(group) && fits(group.decided)) {
        kept.push(group);
        count += group.decided;
      }
  };
  take((size) => count + size <= wanted);
  take((size) => count < MIN_HELD_OUT && count + size <= most);
  if (count < MIN_HELD_OUT)
    return none(
      `No pairs are held out: whole prompts are kept back, and the ${decided} pairs are of ${byPrompt.size === 1 ? 'one prompt' : `only ${byPrompt.size} prompts`}${groups.some(({ chosen }) => chosen) ? ', not counting those that were chosen' : ''}.`,
    );
  return { pairs: new Set(kept.flatMap((group) => group.pairs)), because: null };
}
