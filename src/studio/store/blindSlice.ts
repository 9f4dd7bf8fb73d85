/** The blind test: fresh prompts, the same seed through both models, sides shuffled, names hidden until the end. What is on disk is what was
 *  judged: every answer, and every answer that is taken back, is there before the screen shows it. */
import {
  type BlindAnswer,
  type BlindRound,
  type BlindTestRecord,
  deleteBlindTest,
  type Question,
  saveBlindTest,
} from '../../data/blindTests.ts';
import type { ImageRecord, ModelRef } from '../../service/types.ts';
import { blindPlan } from '../../evaluation/blindPlan.ts';
import { actions, checkOwner } from './action.ts';
import { settingsFor } from './generateSelectors.ts';
import { modelKey, modelNames, titleOf } from './models.ts';
import { loadPicture } from './pictures.ts';
import type { Problem } from './problem.ts';
import { bundledPrompts, drawPrompts, randomSeed } from './prompts.ts';
import { db } from './services.ts';
import type { Slice } from './useStudio.ts';

export interface BlindTest {
  record: BlindTestRecord;
  /** Rounds whose two images exist, in order; those from `index` on are still to be judged. */
  ready: BlindRound[];
  index: number;
  question: number;
  since: number;
  stopped: boolean;
}

export interface BlindSlice {
  blind: BlindTest | null;
  blindProblem: Problem | null;
  /** Of the two models that are compared, or of others. */
  startBlindTest(options: {
    rounds: number;
    questions: Question[];
    models?: { a: ModelRef; b: ModelRef };
  }): Promise<void>;
  /** @param at the question that is answered, the one on screen if left out: where another one has taken its place, nothing happens. */
  answerBlind(answer: BlindAnswer, at?: { index: number; question: number }): Promise<void>;
  /** Takes the last answer back. */
  undoBlind(): Promise<void>;
  /** Ends it here; what was judged counts. */
  stopBlindTest(): Promise<void>;
  closeBlindTest(): void;
}

const chunk = 4;

export const isBlindDone = (blind: BlindTest): boolean => blind.stopped || blind.index >= blind.record.planned;

export const blindSlice: Slice<BlindSlice> = (set, get) => {
  const change = (id: string, next: (blind: BlindTest) => Partial<BlindTest>): void =>
    set(({ blind }) => (blind?.record.id === id ? { blind: { ...blind, ...next(blind) } } : {}));

  /** Both models through the same prompts and seeds, a few rounds at a time, so that judging starts early. */
  async function makeRounds(id: string, prompts: readonly string[], seed: number): Promise<void> {
    const { a, b } = get().blind!.record;
    // As they are now: nothing that is set while the test runs may come between the two.
    const settings = { a: settingsFor(get(), a.model), b: settingsFor(get(), b.model) };
    const { showings } = blindPlan({ items: prompts.map((prompt, index) => ({ prompt, seed: seed + index })), seed });
    for (let start = 0; start < showings.length; start += chunk) {
      const blind = get().blind;
      if (blind?.record.id !== id || blind.stopped) return;
      const part = showings.slice(start, start + chunk);
      const items = part.map(({ item }) => item);
      const sides: ImageRecord[][] = [];
      for (const side of ['a', 'b'] as const) {
        sides.push(await get().runImages('blind', 'Blind test', { ...settings[side], items }));
      }
      const rounds = part.map(({ item, left }, index): BlindRound => ({
        ...item,
        images: { a: sides[0]![index]!, b: sides[1]![index]! },
        shownLeft: left,
        answers: [],
      }));
      await Promise.all(
        rounds.flatMap((round) => [loadPicture(round.images.a.file), loadPicture(round.images.b.file)]),
      );
      change(id, ({ ready, index, since }) => ({
        ready: [...ready, ...rounds],
        since: index >= ready.length ? performance.now() : since,
      }));
    }
  }

  const action = actions(set, get);
  let last: Promise<void> = Promise.resolve();

  /** One answer after the other, in the order of the keys: each about what the one before left on screen. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    last = last.then(() => action({ problem: 'blindProblem' }, work));
    return last;
  }

  /** On disk, then in the list of tests. */
  async function keep(record: BlindTestRecord): Promise<void> {
    if (record.rounds.length) await saveBlindTest(await db(), record);
    else await deleteBlindTest(await db(), record.id);
    set(({ blindTests }) => {
      const others = blindTests.filter(({ id }) => id !== record.id);
      return { blindTests: record.rounds.length ? [record, ...others] : others };
    });
  }

  /** Writes what was judged, `answered` being the round that the answer is of, then shows what comes next. */
  async function judged(
    blind: BlindTest,
    answered: BlindRound,
    next: Pick<BlindTest, 'index' | 'question'>,
  ): Promise<void> {
    const at = Math.min(blind.index, next.index);
    const ready = blind.ready.map((one, index) => (index === at ? answered : one));
    const rounds = ready.slice(0, at + 1).filter(({ answers }) => answers.length > 0);
    const record = { ...blind.record, rounds };
    await keep(record);
    // Rounds may have been made meanwhile.
    change(record.id, (now) => ({
      ...next,
      ready: now.ready.map((one, index) => (index === at ? answered : one)),
      record: { ...now.record, rounds },
      since: performance.now(),
    }));
  }

  const elsewhere = 'Judge there, or take over here.';

  return {
    blind: null,
    blindProblem: null,

    async startBlindTest({ rounds, questions, models }) {
      const { compareA, compareB } = models ? { compareA: models.a, compareB: models.b } : get();
      if (!compareA || !compareB || modelKey(compareA) === modelKey(compareB)) return;
      const names = modelNames(get());
      const record: BlindTestRecord = {
        version: 1,
        id: crypto.randomUUID(),
        a: { title: titleOf(compareA, names), model: compareA },
        b: { title: titleOf(compareB, names), model: compareB },
        questions,
        planned: rounds,
        rounds: [],
        createdAt: new Date().toISOString(),
      };
      set({
        blind: { record, ready: [], index: 0, question: 0, since: performance.now(), stopped: false },
      });
      await action({ problem: 'blindProblem' }, async () => {
        try {
          await makeRounds(record.id, drawPrompts(await bundledPrompts('test'), rounds), randomSeed());
        } catch (error) {
          change(record.id, ({ ready, record: now }) => ({ record: { ...now, planned: ready.length } }));
          throw error;
        }
      });
    },

    answerBlind: (answer, at) =>
      inTurn(async () => {
        const { blind } = get();
        const round = blind?.ready[blind.index];
        if (!blind || !round || isBlindDone(blind)) return;
        if (at && (at.index !== blind.index || at.question !== blind.question)) return;
        checkOwner(get(), elsewhere);
        const { index, question, record } = blind;
        const given = {
          question: record.questions[question]!,
          answer,
          elapsedMs: Math.round(performance.now() - blind.since),
          at: new Date().toISOString(),
        };
        const isLast = question === record.questions.length - 1;
        await judged(
          blind,
          { ...round, answers: [...round.answers.slice(0, question), given] },
          isLast ? { index: index + 1, question: 0 } : { index, question: question + 1 },
        );
      }),

    undoBlind: () =>
      inTurn(async () => {
        const { blind } = get();
        if (!blind || (blind.index === 0 && blind.question === 0)) return;
        checkOwner(get(), elsewhere);
        const isFirst = blind.question === 0;
        const index = isFirst ? blind.index - 1 : blind.index;
        const question = (isFirst ? blind.record.questions.length : blind.question) - 1;
        const round = blind.ready[index]!;
        await judged(blind, { ...round, answers: round.answers.slice(0, question) }, { index, question });
      }),

    async stopBlindTest() {
      const { blind, jobs } = get();
      if (!blind) return;
      set({ blind: { ...blind, stopped: true } });
      for (const job of jobs) if (job.kind === 'blind') await get().cancelJob(job.id);
      await last;
    },

    closeBlindTest: () => set({ blind: null }),
  };
};
