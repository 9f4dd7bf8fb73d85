/** The blind test: fresh prompts, the same seed through both models, sides shuffled, names hidden until the end. */
import {
  type BlindAnswer,
  type BlindRound,
  type BlindTestRecord,
  type Question,
  saveBlindTest,
} from '../../data/blindTests.ts';
import type { ImageRecord } from '../../service/types.ts';
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
  startBlindTest(options: { rounds: number; questions: Question[] }): Promise<void>;
  answerBlind(answer: BlindAnswer): Promise<void>;
  /** Takes the last answer back. */
  undoBlind(): void;
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
    const { showings } = blindPlan({ items: prompts.map((prompt, index) => ({ prompt, seed: seed + index })), seed });
    for (let start = 0; start < showings.length; start += chunk) {
      const blind = get().blind;
      if (blind?.record.id !== id || blind.stopped) return;
      const part = showings.slice(start, start + chunk);
      const items = part.map(({ item }) => item);
      const sides: ImageRecord[][] = [];
      for (const side of ['a', 'b'] as const) {
        sides.push(
          await get().runImages('blind', 'Blind test', { ...get().settings(blind.record[side].model), items }),
        );
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

  async function keep(record: BlindTestRecord): Promise<void> {
    await saveBlindTest(await db(), record);
    set(({ blindTests }) => ({ blindTests: [record, ...blindTests.filter((test) => test.id !== record.id)] }));
  }

  return {
    blind: null,
    blindProblem: null,

    async startBlindTest({ rounds, questions }) {
      const { compareA, compareB } = get();
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
        change(record.id, ({ ready }) => ({ record: { ...get().blind!.record, planned: ready.length } }));
      }
    },

    async answerBlind(answer) {
      const { blind } = get();
      const round = blind?.ready[blind.index];
      if (!blind || !round || isBlindDone(blind)) return;
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

    undoBlind() {
      const { blind } = get();
      if (!blind || (blind.index === 0 && blind.question === 0)) return;
      const isFirst = blind.question === 0;
      const index = isFirst ? blind.index - 1 : blind.index;
      set({
        blind: {
          ...blind,
          index,
          question: isFirst ? blind.record.questions.length - 1 : blind.question - 1,
          record: { ...blind.record, rounds: blind.ready.slice(0, index) },
          since: performance.now(),
        },
      });
    },

    async stopBlindTest() {
      const { blind, jobs } = get();
      if (!blind) return;
      set({ blind: { ...blind, stopped: true } });
      for (const job of jobs)
        if (job.kind === 'blind' && (job.state === 'waiting' || job.state === 'running')) await get().cancelJob(job.id);
    },

    closeBlindTest: () => set({ blind: null }),
  };
};
