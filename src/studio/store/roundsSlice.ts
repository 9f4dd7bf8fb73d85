/** The next round: pairs of what a run came to, those first that it is least certain of or where two of its checkpoints disagree, or all at random, and
 *  that model as what the next run starts from. */
import { t } from '@lingui/core/macro';
import { savePairs } from '../../data/pairs.ts';
import {
  askOrder,
  type Candidate,
  candidatesFor,
  type ChoiceRule,
  randomOrder,
  secondCheckpoint,
} from '../../evaluation/activeChoice.ts';
import { latentsFileOf } from '../../records/foreignImages.ts';
import type { ImplicitEvent, ImplicitMargin, ModelRef, OwnPair, PairRecord, RunRecord } from '../../service/types.ts';
import { WinnowError } from '../../shared/errors.ts';
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
  startRound(run: string, ask: number, rule?: ChoiceRule): Promise<boolean>;
}

export const roundsSlice: Slice<RoundsSlice> = (set, get) => {
  const action = actions(set, get);

  /** Of a model over what the run started from. */
  async function marginsOf(run: RunRecord, model: ModelRef, made: readonly OwnPair[]): Promise<ImplicitMargin[]> {
    const pairs = made.map(({ id, prompt, images }) => ({
      pair: id,
      prompt,
      winnerLatents: latentsFileOf(images[0]),
      loserLatents: latentsFileOf(images[1]),
    }));
    const request = { model, reference: run.model, pairs };
    const margins = await get()
      .engine()
      .implicit(
        `round ${run.id}`,
        request,
        listener((_: ImplicitEvent) => undefined),
      );
    return margins.pairs;
  }

  return {
    startingRound: false,
    roundStage: null,

    async startRound(id, ask, rule = 'doubt') {
      const done = await action({ problem: 'trainProblem', busy: 'startingRound' }, async () => {
        const run = get().runs.find((one) => one.id === id);
        if (!run?.checkpoints.length) return false;
        const { name } = run;
        const model = tunedModel(run);
        const second = rule === 'disagreement' ? secondModelOf(run) : undefined;
        get().useModel(model.base);
        get().generateWith(model);
        get().setTrainModel(model);
        const count = candidatesFor(rule, ask);
        const { settings: own, from } = roundRecipe(get())!;
        const settings = { ...own, model };
        set({ lastPairs: { settings, from } });
        const prompts = drawPrompts(from?.prompts ?? (await bundledPrompts('train')), count);
        const seed = randomSeed();
        try {
          set({ roundStage: t({ message: 'Drawing pairs', comment: 'is under way' }) });
          const made = await get().runPairs(t`Next round of ${name}`, {
            ...settings,
            prompts,
            count,
            seed,
          });
          const rated = async (): Promise<Candidate[]> => {
            set({ roundStage: t`Looking for the pairs to ask about` });
            const margins = await marginsOf(run, model, made);
            const others = second && new Map((await marginsOf(run, second, made)).map((one) => [one.pair, one.margin]));
            return margins.map(({ pair, margin }) => ({ pair, margin, other: others?.get(pair) }));
          };
          const ids = made.map((pair) => pair.id);
          const order = rule === 'random' ? randomOrder(ids, seed) : askOrder(await rated(), { ask, seed });
          const at = new Date().toISOString();
          const byId = new Map<string, PairRecord>(made.map((pair) => [pair.id, pair]));
          const asked = order.map(({ pair, why }, place) => ({
            ...byId.get(pair)!,
            asked: { round: id, at, order: place, why },
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

/** What a run's best checkpoint is held against where the two disagree. @throws BadArguments */
function secondModelOf(run: RunRecord): ModelRef {
  const second = secondCheckpoint(run);
  if (second) return tunedModel(run, second.step);
  throw new WinnowError(
    'BadArguments',
    t`This run has one checkpoint, which agrees with itself.`,
    t`Ask first about those that it doubts.`,
  );
}
