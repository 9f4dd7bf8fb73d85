/** When a run leaves its model behind: rules over its last steps and its looks, each with a bound and a sentence. The bounds are beyond what runs of
 *  the standard preset do. */
import { losses } from '../losses/table.ts';
import type { Checkpoint, RunRecord, StepMetrics } from '../records/runs.ts';
import { bestLook, MAX_LOGIT, MAX_WINNER_ERROR } from './looks.ts';

/** Steps that are taken together: one is noise. */
export const WINDOW = 12;
/** A margin at which a model is all but certain of the loser, over a few pairs whose logits are of the presets' size (MAX_LOGIT). */
const OPPOSITE = -20;
/** Looks in a row. */
export const FALLS = 3;
/** What a margin must lose for its fall to be one. */
const MIN_FALL = 0.1;
/** Times that a run goes back before it stops. */
export const MAX_SETBACKS = 3;

/** What of a run the rules read; its steps are those since it last went back. */
export type Watched = Pick<RunRecord, 'looks' | 'config'> & { recent: readonly StepMetrics[] };

type Rule = (run: Watched) => string | null;

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);
const percent = (share: number): string => `${Math.round(100 * share)} %`;

export const driftRules: Readonly<Record<'winner' | 'logit' | 'opposite' | 'held-out', Rule>> = {
  winner({ recent, looks = [] }) {
    const last = recent.slice(-WINDOW);
    const trained =
      last.length < WINDOW ? 0 : sum(last, (one) => one.winnerError) / sum(last, (one) => one.winnerReferenceError);
    const worst = Math.max(trained, looks.at(-1)?.heldOut.winnerError ?? 0);
    return worst > MAX_WINNER_ERROR
      ? `The model draws the pictures you preferred ${percent(worst - 1)} worse than the model it came from (the bound is ${percent(MAX_WINNER_ERROR - 1)}): it loses what it knew.`
      : null;
  },
  logit({ recent, config }) {
    const last = recent.slice(-WINDOW);
    if (last.length < WINDOW || !losses[config.loss].readsLogit) return null;
    const logits = last.flatMap(({ pairs }) => pairs.map(({ logit }) => Math.abs(logit)));
    const mean = sum(logits, (logit) => logit) / logits.length;
    return mean > MAX_LOGIT
      ? `Its preferences ran away: the logits of the last ${WINDOW} steps are ${Math.round(mean)} on average (the bound is ${MAX_LOGIT}), far surer than any label.`
      : null;
  },
  opposite({ looks = [] }) {
    const last = looks.slice(-2).map(({ heldOut }) => heldOut.margin);
    return last.length === 2 && last.every((margin) => margin < OPPOSITE)
      ? `At two looks in a row it was sure of the opposite of the labels that were held out (margins ${last.map((margin) => margin.toFixed(1)).join(' and ')}): it is not learning, it is thrown about.`
      : null;
  },
  'held-out'({ looks = [] }) {
    // It begins at 0: the model it came from prefers nothing.
    const margins = [0, ...looks.map(({ heldOut }) => heldOut.margin)];
    const tail = margins.slice(-FALLS - 1);
    const last = margins.at(-1)!;
    const best = Math.max(...margins);
    const falls = tail.length > FALLS && tail.every((margin, i) => i === 0 || margin < tail[i - 1]!);
    if (!falls || last >= best / 2 || best - last < MIN_FALL) return null;
    const training = looks.at(-1)!.training.margin;
    const why =
      training > 0
        ? 'it learns these labels by heart, or they contradict one another'
        : 'it is not learning these labels either, it is thrown about';
    return `On pairs that were held out its margin fell at ${FALLS} looks in a row, from ${tail[0]!.toFixed(2)} to ${last.toFixed(2)}, while on training pairs it is ${training.toFixed(2)}: ${why}.`;
  },
};

/** What went wrong, by the first rule that finds something. */
export function driftOf(run: Watched): string | null {
  for (const rule of Object.values(driftRules)) {
    const words = rule(run);
    if (words !== null) return words;
  }
  return null;
}

/** Where a run goes back to: the checkpoint of its best look; of a run without looks the last that was saved before what went wrong. Undefined where
 *  there is none. */
export function goodCheckpoint({ step, looks, checkpoints }: RunRecord): Checkpoint | undefined {
  const best = bestLook(looks?.filter((look) => look.step < step));
  return best
    ? checkpoints.find((one) => one.step === best.step)
    : looks?.length
      ? undefined
      : checkpoints.findLast((one) => one.step <= step - WINDOW);
}
