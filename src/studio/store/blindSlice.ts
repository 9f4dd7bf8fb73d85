/** The blind test: fresh prompts, the same seed through both models, sides shuffled, names hidden until the end. What is on disk is what was
 *  judged: it follows every answer, and every answer that is taken back. */
import {
  type BlindAnswer,
  type BlindRound,
  type BlindTestRecord,
  deleteBlindTest,
  type Question,
  saveBlindTest,
} from '../../data/blindTests.ts';
import type { ImageRecord, ModelRef } from '../../service/types.ts';
import { WinnowError } from '../../shared/errors.ts';
import { blindPlan } from '../../evaluation/blindPlan.ts';
import { modelKey, titleOf } from './models.ts';
import { loadPicture } from './pictures.ts';
import { isCancelled, type Problem, problemOf } from './problem.ts';
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
    const settings = { a: get().settings(a.model), b: get().settings(b.model) };
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

  let writing: Promise<void> = Promise.resolve();

  /** One write after the other, in the order of the answers. */
  function keep(record: BlindTestRecord): Promise<void> {
    writing = writing.then(async () => {
      try {
        const others = (tests: BlindTestRecord[]): BlindTestRecord[] => tests.filter(({ id }) => id !== record.id);
        if (record.rounds.length) await saveBlindTest(await db(), record);
        else await deleteBlindTest(await db(), record.id);
        set(({ blindTests }) => ({
          blindTests: record.rounds.length ? [record, ...others(blindTests)] : others(blindTests),
        }));
      } catch (error) {
        set({ blindProblem: problemOf(error) });
      }
    });
    return writing;
  }

  /** A tab that only looks writes nothing. */
  function isOurs(): boolean {
    if (get().engineState !== 'otherTab') return true;
    set({
      blindProblem: problemOf(
        new WinnowError('SecondTab', 'Winnow is at work in another tab.', 'Judge there, or take over here.'),
      ),
    });
    return false;
  }

  return {
    blind: null,
    blindProblem: null,

    async startBlindTest({ rounds, questions, models }) {
      const { compareA, compareB } = models ? { compareA: models.a, compareB: models.b } : get();
      if (!compareA || !compareB || modelKey(compareA) === modelKey(compareB)) return;
      const names = { ...get(), loras: get().preferences.loras };
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
        blindProblem: null,
      });
      try {
        await makeRounds(record.id, drawPrompts(await bundledPrompts('test'), rounds), randomSeed());
      } catch (error) {
        if (!isCancelled(error)) set({ blindProblem: problemOf(error) });
        change(record.id, ({ ready, record: now }) => ({ record: { ...now, planned: ready.length } }));
      }
    },

    async answerBlind(answer, at) {
      const { blind } = get();
      const round = blind?.ready[blind.index];
      if (!blind || !round || isBlindDone(blind)) return;
      if (at && (at.index !== blind.index || at.question !== blind.question)) return;
      if (!isOurs()) return;
      const given = {
        question: blind.record.questions[blind.question]!,
        answer,
        elapsedMs: Math.round(performance.now() - blind.since),
        at: new Date().toISOString(),
      };
      const answered: BlindRound = { ...round, answers: [...round.answers.slice(0, blind.question), given] };
      const ready = blind.ready.map((one, index) => (index === blind.index ? answered : one));
      const isLast = blind.question === blind.record.questions.length - 1;
      const record = isLast ? { ...blind.record, rounds: ready.slice(0, blind.index + 1) } : blind.record;
      set({
        blind: {
          ...blind,
          ready,
          record,
          index: blind.index + (isLast ? 1 : 0),
          question: isLast ? 0 : blind.question + 1,
          since: performance.now(),
        },
      });
      if (isLast) await keep(record);
    },

    async undoBlind() {
      const { blind } = get();
      if (!blind || (blind.index === 0 && blind.question === 0) || !isOurs()) return;
      const isFirst = blind.question === 0;
      const index = isFirst ? blind.index - 1 : blind.index;
      const record = { ...blind.record, rounds: blind.ready.slice(0, index) };
      set({
        blind: {
          ...blind,
          index,
          question: isFirst ? blind.record.questions.length - 1 : blind.question - 1,
          record,
          since: performance.now(),
        },
      });
      // Within a round nothing of it is on disk yet.
      if (isFirst) await keep(record);
    },

    async stopBlindTest() {
      const { blind, jobs } = get();
      if (!blind) return;
      set({ blind: { ...blind, stopped: true } });
      for (const job of jobs) if (job.kind === 'blind') await get().cancelJob(job.id);
      await writing;
    },

    closeBlindTest: () => set({ blind: null }),
  };
};
