/** How verbs of the store begin, fail and end: one wrapper for all that may fail or take a while. A verb that hands a value to a button, as
 *  what is exported, rejects instead, and the button's own `attempt` says why. */
import { t } from '@lingui/core/macro';
import { WinnowError } from '../../shared/errors.ts';
import { isCancelled, type Problem, problemOf } from './problem.ts';
import type { Slice, Studio } from './useStudio.ts';

type FieldsOf<Value> = {
  [Name in keyof Studio]: [Studio[Name], Value] extends [Value, Studio[Name]] ? Name : never;
}[keyof Studio];

/** Fields that say what went wrong, each on one screen. */
export type ProblemField = FieldsOf<Problem | null>;

const fields: Record<ProblemField, true> = {
  engineProblem: true,
  generateProblem: true,
  labelProblem: true,
  trainProblem: true,
  settingsProblem: true,
  forecastProblem: true,
  compareProblem: true,
  blindProblem: true,
  modelsProblem: true,
  projectProblem: true,
  importProblem: true,
};

export const problemFields = Object.keys(fields) as ProblemField[];

export interface How {
  /** What it says is gone as it begins, and a new one stands there when it fails. Cancelled is no failure. */
  problem: ProblemField;
  /** True while it is at work. Meanwhile a second one is not begun, */
  busy?: FieldsOf<boolean>;
  /** or takes the first one's place: its signal is aborted, and nothing more is said of it. */
  latest?: true;
  /** Nobody asked for it: what is said already stays until there is something new to say. */
  background?: true;
}

export type Action = <Result>(
  how: How,
  work: (signal: AbortSignal) => Result | Promise<Result>,
) => Promise<Result | undefined>;

type Store = Parameters<Slice<unknown>>;

/** @returns what runs a slice's verbs. It never rejects: undefined stands for failed, cancelled or not begun. */
export function actions(set: Store[0], get: Store[1]): Action {
  const atWork = new Map<string, AbortController>();
  return async ({ problem, busy, latest, background }, work) => {
    if (busy && get()[busy] && !latest) return undefined;
    const controller = new AbortController();
    const { signal } = controller;
    if (busy) {
      atWork.get(busy)?.abort();
      atWork.set(busy, controller);
    }
    set({ ...(busy && { [busy]: true }), ...(background ? {} : { [problem]: null }) });
    try {
      return await work(signal);
    } catch (error) {
      if (!signal.aborted && !isCancelled(error)) set({ [problem]: problemOf(error) });
      return undefined;
    } finally {
      if (busy && !signal.aborted) set({ [busy]: false });
    }
  };
}

export interface InTurn {
  (work: () => Promise<void>): Promise<void>;
  /** When all that was asked for so far has ended. */
  settled(): Promise<void>;
}

/** @returns what runs verbs one after the other, in the order in which they were asked for, however fast that was: what is taken back while its
 *  answer is still being written is taken back. */
export function inTurn(action: Action, how: How): InTurn {
  let last = Promise.resolve();
  let open = 0;
  async function run(work: () => Promise<void>): Promise<void> {
    await action(how, work);
    open -= 1;
  }
  const add = (work: () => Promise<void>): Promise<void> => {
    open += 1;
    // What nothing stands before begins at once.
    last = open === 1 ? run(work) : last.then(() => run(work));
    return last;
  };
  return Object.assign(add, { settled: () => last });
}

/** A tab that only looks changes nothing. Throws SecondTab.
 *  @param remedy what to do instead. */
export function checkOwner({ engineState }: Pick<Studio, 'engineState'>, remedy: string): void {
  if (engineState === 'otherTab') throw new WinnowError('SecondTab', t`Winnow is at work in another tab.`, remedy);
}
