/** The next round: pairs of what a run came to, those first that it is least certain of or where two of its checkpoints disagree, or all at random, and
 *  that model as what the next run starts from. */
import type { ChoiceRule } from '../../evaluation/choiceRules.ts';
import type { PairsRequest } from '../../service/types.ts';
import { actions } from './action.ts';
import type { Begun, RoundPlan } from './keptQueue.ts';
import type { Rounds } from './nextRound.ts';
import type { Slice } from './useStudio.ts';

export interface RoundsSlice {
  startingRound: boolean;
  /** What the round is at. */
  roundStage: 'drawing' | 'looking' | null;
  /** The run whose checkpoint draws it. */
  roundOf: string | null;
  /** Draws candidates by the run's best checkpoint, marks which of them are asked first, and sets that checkpoint as what pictures and the next run
   *  start from. True where there are pairs to judge then. */
  startRound(run: string, ask: number, rule?: ChoiceRule): Promise<boolean>;
  /** One that a reload, a crash or a take-over cut off: what is left is drawn, and all are put in order. */
  goOnWithRound(plan: RoundPlan, title: string, request: PairsRequest, from: Begun): Promise<void>;
}

export const roundsSlice: Slice<RoundsSlice> = (set, get) => {
  const action = actions(set, get);

  async function work<Result>(run: string, of: (rounds: Rounds) => Promise<Result>): Promise<Result> {
    set({ roundOf: run });
    try {
      return await of((await import('./nextRound.ts')).rounds(set, get));
    } finally {
      set({ roundOf: null });
    }
  }

  return {
    startingRound: false,
    roundStage: null,
    roundOf: null,

    async startRound(run, ask, rule = 'doubt') {
      const done = await action({ problem: 'trainProblem', busy: 'startingRound' }, () =>
        work(run, (rounds) => rounds.start({ run, ask, rule })),
      );
      return done ?? false;
    },

    async goOnWithRound(plan, title, request, from) {
      await action({ problem: 'trainProblem', busy: 'startingRound', background: true }, () =>
        work(plan.run, (rounds) => rounds.goOn(plan, title, request, from)),
      );
    },
  };
};
