/** How a round is drawn and put in order: read once somebody asks for one. */
import { t } from '@lingui/core/macro';
import { readPairs, savePairs } from '../../data/pairs.ts';
import {
  askOrder,
  type Candidate,
  candidatesFor,
  randomOrder,
  secondCheckpoint,
} from '../../evaluation/activeChoice.ts';
import { latentsFileOf } from '../../records/foreignImages.ts';
import type { ImplicitEvent, ModelRef, PairRecord, PairsRequest, RunRecord } from '../../service/types.ts';
import { WinnowError } from '../../shared/errors.ts';
import { listener } from '../app/workers.ts';
import { roundRecipe } from './generateSelectors.ts';
import { type Begun, forgetJob, type RoundPlan } from './keptQueue.ts';
import { tunedModel } from './models.ts';
import { bundledPrompts, drawPrompts, randomSeed } from './prompts.ts';
import { db } from './services.ts';
import type { Slice } from './useStudio.ts';

type Store = Parameters<Slice<unknown>>;

export interface Rounds {
  /** roundsSlice.ts startRound. */
  start(plan: RoundPlan): Promise<boolean>;
  /** roundsSlice.ts goOnWithRound. */
  goOn(plan: RoundPlan, title: string, request: PairsRequest, from: Begun): Promise<void>;
}

export function rounds(set: Store[0], get: Store[1]): Rounds {
  /** Of a model over what the run started from. */
  async function marginsOf(
    job: string,
    run: RunRecord,
    model: ModelRef,
    made: readonly PairRecord[],
  ): Promise<Map<string, number>> {
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
        job,
        request,
        listener((_: ImplicitEvent) => undefined),
      );
    return new Map(margins.pairs.map(({ pair, margin }) => [pair, margin]));
  }

  /** Says of each of a round's candidates when it is asked. @param job what the engine calls this work. */
  async function putInOrder(
    run: RunRecord,
    { ask, rule }: RoundPlan,
    { model, seed }: PairsRequest,
    { job, pairs }: { job: string; pairs: readonly string[] },
  ): Promise<void> {
    const byId = new Map((await readPairs(await db())).map((pair) => [pair.id, pair]));
    // Without those that were deleted meanwhile.
    const made = pairs.flatMap((id) => byId.get(id) ?? []);
    const rated = async (): Promise<Candidate[]> => {
      set({ roundStage: 'looking' });
      const margins = await marginsOf(job, run, model, made);
      const others = rule === 'disagreement' ? await marginsOf(job, run, secondModelOf(run), made) : undefined;
      // Without those that lost a picture meanwhile.
      return made.flatMap(({ id }) => {
        const margin = margins.get(id);
        return margin === undefined ? [] : [{ pair: id, margin, other: others?.get(id) }];
      });
    };
    const ids = made.map(({ id }) => id);
    const order = rule === 'random' ? randomOrder(ids, seed) : askOrder(await rated(), { ask, seed });
    const at = new Date().toISOString();
    const asked = order.map(({ pair, why }, place) => ({
      ...byId.get(pair)!,
      asked: { round: run.id, at, order: place, why },
    }));
    await savePairs(await db(), asked);
    get().replacePairs(asked);
  }

  /** Draws a round's candidates, or what is left of them, and puts all in order. */
  async function draw(
    run: RunRecord,
    plan: RoundPlan,
    { title, request, from }: { title: string; request: PairsRequest; from?: Begun },
  ): Promise<void> {
    set({ roundStage: 'drawing' });
    try {
      const order = (job: string, pairs: readonly string[]): Promise<void> =>
        putInOrder(run, plan, request, { job, pairs });
      await get().runPairs(title, request, { from, round: { plan, order } });
    } finally {
      set({ roundStage: null });
    }
  }

  return {
    async start(plan) {
      const { run: id, ask, rule } = plan;
      const run = get().runs.find((one) => one.id === id);
      if (!run?.checkpoints.length) return false;
      const { name } = run;
      const model = tunedModel(run);
      // Refused before anything is drawn.
      if (rule === 'disagreement') secondModelOf(run);
      get().useModel(model.base);
      get().generateWith(model);
      get().setTrainModel(model);
      const count = candidatesFor(rule, ask);
      const { settings: own, from } = roundRecipe(get())!;
      const settings = { ...own, model };
      set({ lastPairs: { settings, from } });
      const prompts = drawPrompts(from?.prompts ?? (await bundledPrompts('train')), count);
      const request = { ...settings, prompts, count, seed: randomSeed() };
      await draw(run, plan, { title: t`Next round of ${name}`, request });
      return true;
    },

    async goOn(plan, title, request, from) {
      await get().readRuns();
      const run = get().runs.find((one) => one.id === plan.run);
      // Deleted, and with it what draws.
      if (!run) return forgetJob(from.id);
      get().setTrainModel(request.model);
      return draw(run, plan, { title, request, from });
    },
  };
}

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
