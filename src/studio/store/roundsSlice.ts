/** The next round: pairs of what a run came to, those first that it is least certain of, and that model as what the next run starts from. */
import { savePairs } from '../../data/pairs.ts';
import { askOrder, CANDIDATES } from '../../evaluation/activeChoice.ts';
import { latentsFileOf } from '../../records/foreignImages.ts';
import type { ImplicitEvent, PairRecord } from '../../service/types.ts';
import { listener } from '../app/workers.ts';
import { actions } from './action.ts';
import { roundRecipe } from './generateSelectors.ts';
import { tunedModel } from './models.ts';
import { bundledPrompts, drawPrompts, randomSeed } from './prompts.ts';
import { db } from './services.ts';
import type { Slice } from './useStudio.ts';

export interface RoundsSlice {
  startingRound: boolean;
  /** What the round is at, for people. */
  roundStage: string | null;
  /** Draws candidates by the run's best checkpoint, marks which of them are asked first, and sets that checkpoint as what pictures and the next run
   *  start from. True where there are pairs to judge then. */
  startRound(run: string, ask: number): Promise<boolean>;
}

export const roundsSlice: Slice<RoundsSlice> = (set, get) => {
  const action = actions(set, get);
  return {
    startingRound: false,
    roundStage: null,

    async startRound(id, ask) {
      const done = await action({ problem: 'trainProblem', busy: 'startingRound' }, async () => {
        const run = get().runs.find((one) => one.id === id);
        if (!run?.checkpoints.length) return false;
        const model = tunedModel(run);
        get().useModel(model.base);
        get().generateWith(model);
        get().setTrainModel(model);
        const count = CANDIDATES * ask;
        const { settings: own, from } = roundRecipe(get())!;
        const settings = { ...own, model };
        set({ lastPairs: { settings, from } });
        const prompts = drawPrompts(from?.prompts ?? (await bundledPrompts('train')), count);
        const seed = randomSeed();
        try {
          set({ roundStage: 'Drawing pairs' });
          const made = await get().runPairs(`Next round of ${run.name}`, {
            ...settings,
            prompts,
            count,
            seed,
          });
          set({ roundStage: 'Looking for the pairs to ask about' });
          const { pairs: margins } = await get()
            .engine()
            .implicit(
              `round ${id}`,
              {
                model,
                reference: run.model,
                pairs: made.map((pair) => ({
                  pair: pair.id,
                  prompt: pair.prompt,
                  winnerLatents: latentsFileOf(pair.images[0]),
                  loserLatents: latentsFileOf(pair.images[1]),
                })),
              },
              listener((_: ImplicitEvent) => undefined),
            );
          const at = new Date().toISOString();
          const byId = new Map<string, PairRecord>(made.map((pair) => [pair.id, pair]));
          const asked = askOrder(margins, { ask, seed }).map(({ pair, why }, order) => ({
            ...byId.get(pair)!,
            asked: { round: id, at, order, why },
          }));
          await savePairs(await db(), asked);
          get().replacePairs(asked);
          return true;
        } finally {
          set({ roundStage: null });
        }
      });
      return done ?? false;
    },
  };
};
