/** The blind test: fresh prompts, the same seed through two models at a time, sides shuffled, names hidden until the end. What is on disk is what
 *  was judged: every answer, and every answer that is taken back, is there before the screen shows it. It can be left and
 *  gone on with, and is no verdict before its end. A study is one that somebody else judges, by name. */
import { t } from '@lingui/core/macro';
import {
  type BlindAnswer,
  type BlindRound,
  type BlindTestRecord,
  deleteBlindTest,
  type Question,
  saveBlindTest,
} from '../../data/blindTests.ts';
import type { ListedPrompt } from '../../data/formats/promptSets.ts';
import type { GenerateRequest, GenerationSettings, ModelRef } from '../../service/types.ts';
import { studyPlan } from '../../evaluation/blindPlan.ts';
import { distinctBy } from '../../shared/arrays.ts';
import { actions, checkOwner, inTurn } from './action.ts';
import { comparedModels, compareSettingsFor } from './compareSelectors.ts';
import { english } from './english.ts';
import { modelKey, modelNames, titleOf } from './models.ts';
import { areEnlarged, loadPicture } from './pictures.ts';
import { studyHere } from './persisted.ts';
import type { Problem } from './problem.ts';
import { bundledPromptSet, drawPrompts, randomSeed } from './prompts.ts';
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
  /** Its next rounds are being drawn. */
  drawing?: boolean;
  /** The pictures of the one on screen are being drawn again. */
  redrawing?: boolean;
  /** The round whose pictures cannot be: a model draws otherwise by now. */
  otherAt?: number;
  /** Of a study: its end was reached, and whoever has set it up has asked for the names. */
  revealed?: boolean;
}

export interface BlindSlice {
  blind: BlindTest | null;
  blindProblem: Problem | null;
  /** The study that somebody was at when the page was loaded again, until it is on screen. */
  studyToRestore: string | null;
  /** Leads back to it. */
  restoreStudy(): Promise<void>;
  /** Another tab may have judged meanwhile: what is on screen goes on from what is on disk. */
  settleBlind(): void;
  /** Of the models that are compared, or of others. */
  startBlindTest(options: {
    rounds: number;
    questions: Question[];
    models?: readonly ModelRef[];
    /** Drawn from these, instead of from the bundled ones that training never saw. */
    prompts?: readonly ListedPrompt[];
    /** Whoever judges: makes it a study. */
    rater?: string;
    /** How each of the models draws: as they are compared if left out. */
    settings?: readonly GenerationSettings[];
  }): Promise<void>;
  /** Goes on where it was left; draws what is missing of the one on screen. */
  resumeBlindTest(id: string): Promise<void>;
  /** Leaves it; what was judged is kept, and it can be gone on with. */
  pauseBlindTest(): Promise<void>;
  revealStudy(): void;
  removeBlindTest(id: string): Promise<void>;
  /** @param at the question that is answered, the one on screen if left out: where another one has taken its place, nothing happens. */
  answerBlind(answer: BlindAnswer, at?: { index: number; question: number }): Promise<void>;
  /** Draws those pictures of the round on screen again that were deleted since. */
  redrawBlind(): Promise<void>;
  /** Leaves a round at what was answered of it: its pictures are gone.
   *  @param at where it stands; where another one has taken its place, nothing happens. */
  passBlind(at: number): Promise<void>;
  /** Takes the last answer back, or that a round was left. */
  undoBlind(): Promise<void>;
  /** Ends it here for good; what was judged counts. */
  stopBlindTest(): Promise<void>;
  /** The same for one that was left, whoever judged: its models may be gone, or somebody will not go on. */
  endBlindTest(id: string): Promise<void>;
  closeBlindTest(): void;
}

const chunk = 4;

/** What is asked about the pictures alone, before the prompt has been read. */
const hiddenFirst = (questions: readonly Question[]): Question[] =>
  questions.toSorted((a, b) => Number(b === 'appeal') - Number(a === 'appeal'));

export const isBlindDone = (blind: BlindTest): boolean => blind.stopped || blind.index >= blind.record.planned;

/** Whether somebody is at a study: they see nothing of models. */
export const isStudying = ({
  blind,
  studyToRestore,
}: {
  blind: BlindTest | null;
  studyToRestore: string | null;
}): boolean => studyToRestore !== null || (blind?.record.rater !== undefined && !blind.revealed);

/** Rounds of which every question is answered. */
export const judgedRounds = ({ rounds, questions }: BlindTestRecord): number =>
  rounds.filter(({ answers }) => answers.length >= questions.length).length;

/** Those that are behind: judged, or left because their pictures are gone. */
export const passedRounds = ({ rounds, questions }: BlindTestRecord): number =>
  rounds.filter(({ answers, gone }) => gone || answers.length >= questions.length).length;

/** Not at its end, and can be gone on with. */
export const isUnfinished = (test: BlindTestRecord): boolean =>
  !test.ended && test.plan !== undefined && passedRounds(test) < Math.min(test.planned, test.plan.showings.length);

/** Where it is gone on with. */
function placeIn(record: BlindTestRecord): Pick<BlindTest, 'index' | 'question'> {
  const index = passedRounds(record);
  return { index, question: record.rounds[index]?.answers.length ?? 0 };
}

export const blindSlice: Slice<BlindSlice> = (set, get) => {
  const change = (id: string, next: (blind: BlindTest) => Partial<BlindTest>): void =>
    set(({ blind }) => (blind?.record.id === id ? { blind: { ...blind, ...next(blind) } } : {}));

  const drawing = () => import('./blindRounds.ts');
  const tools = () => ({
    draw: (request: GenerateRequest) => get().runImages('blind', t`Blind test`, request),
    load: (file: string) => loadPicture(file, areEnlarged(get())),
  });
  /** Counts what began to draw rounds: of one that was left and gone on with the last alone goes on. */
  let latest = 0;

  /** The models through the same prompts and seeds, a few rounds at a time, so that judging starts early. */
  async function makeRounds(id: string): Promise<void> {
    const isShown = (): boolean => get().blind?.record.id === id && !get().blind?.stopped;
    // Left by now: another one may be at work.
    if (!isShown()) return;
    const mine = ++latest;
    const isCurrent = (): boolean => mine === latest && isShown();
    const made = (): number => get().blind!.ready.length;
    change(id, () => ({ drawing: true }));
    try {
      const { drawnRounds, loadRounds } = await drawing();
      while (isCurrent()) {
        const start = made();
        const { showings, settings } = get().blind!.record.plan!;
        if (start >= showings.length) return;
        const rounds = await drawnRounds(tools(), showings.slice(start, start + chunk), settings);
        await loadRounds(tools(), rounds);
        // What they go on from may be another one: it was left and gone on with, or another tab has judged.
        if (!isCurrent() || made() !== start) continue;
        change(id, ({ ready, index, since }) => ({
          ready: [...ready, ...rounds],
          since: index >= ready.length ? performance.now() : since,
        }));
      }
    } finally {
      if (mine === latest) change(id, () => ({ drawing: false }));
    }
  }

  const action = actions(set, get);
  /** Each answer about what the one before left on screen. */
  const judging = inTurn(action, { problem: 'blindProblem' });

  /** On disk, then in the list of tests. */
  async function keep(record: BlindTestRecord): Promise<void> {
    // A study is there from the start; of a test nothing is left that nobody answered.
    const isKept = record.rounds.length > 0 || record.rater !== undefined;
    if (isKept) await saveBlindTest(await db(), record);
    else await deleteBlindTest(await db(), record.id);
    set(({ blindTests }) => {
      const others = blindTests.filter(({ id }) => id !== record.id);
      return { blindTests: isKept ? [record, ...others] : others };
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
    const rounds = ready.slice(0, at + 1).filter(({ answers, gone }) => gone || answers.length > 0);
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

  /** Of a study that somebody is at from now on; of anything else nothing leads back to one. */
  const enter = ({ id, rater }: BlindTestRecord): void => studyHere.write(rater === undefined ? null : id);
  const leave = (): void => {
    studyHere.write(null);
    set({ studyToRestore: null });
  };

  const elsewhere = (): string => t`Judge there, or take over here.`;

  return {
    blind: null,
    blindProblem: null,
    studyToRestore: studyHere.read(),

    async restoreStudy() {
      const id = get().studyToRestore;
      if (id === null) return;
      const record = get().blindTests.find((test) => test.id === id);
      if (!record) return leave();
      if (isUnfinished(record)) {
        const resumed = get().resumeBlindTest(id);
        set({ studyToRestore: null });
        return resumed;
      }
      // Every answer was given, and nobody has asked for the names.
      set({
        blind: { record, ready: record.rounds, ...placeIn(record), since: performance.now(), stopped: true },
        studyToRestore: null,
      });
    },

    settleBlind() {
      const { blind, blindTests } = get();
      if (!blind || isBlindDone(blind)) return;
      const record = blindTests.find(({ id }) => id === blind.record.id);
      // Nothing is on disk of a test that nobody answered.
      if (!record && blind.record.rounds.length === 0 && blind.record.rater === undefined) return;
      if (!record || !isUnfinished(record)) {
        leave();
        return set({ blind: null });
      }
      const unanswered = blind.ready.slice(record.rounds.length).map((round) => ({ ...round, answers: [] }));
      const since = performance.now();
      set({ blind: { ...blind, record, ready: [...record.rounds, ...unanswered], ...placeIn(record), since } });
    },

    async startBlindTest({ rounds, questions, models, prompts, rater, settings }) {
      const chosen = distinctBy(models ?? comparedModels(get()), modelKey);
      if (chosen.length < 2) return;
      const names = modelNames(get());
      const [a, b, ...others] = chosen.map((model) => ({ title: titleOf(model, names, english), model }));
      const record: BlindTestRecord = {
        version: 1,
        id: crypto.randomUUID(),
        a: a!,
        b: b!,
        ...(others.length > 0 && { others }),
        ...(rater !== undefined && { rater }),
        questions: hiddenFirst(questions),
        planned: rounds,
        rounds: [],
        createdAt: new Date().toISOString(),
      };
      set({
        blind: { record, ready: [], index: 0, question: 0, since: performance.now(), stopped: false },
      });
      enter(record);
      await action({ problem: 'blindProblem' }, async () => {
        const seed = randomSeed();
        const drawn = drawPrompts(prompts?.length ? prompts : await bundledPromptSet('test'), rounds);
        const items = drawn.map((listed, index) => ({ ...listed, seed: seed + index }));
        const plan = {
          showings: studyPlan({ items, models: chosen.length, seed }).map(({ item, left, between }) => ({
            ...item,
            ...(chosen.length > 2 && { between }),
            shownLeft: left,
          })),
          // As they are now: nothing that is set while the test runs may come between the models.
          settings: chosen.map((model, place) => settings?.[place] ?? compareSettingsFor(get(), model)),
        };
        change(record.id, ({ record: now }) => ({ record: { ...now, plan } }));
        if (rater !== undefined && get().blind?.record.id === record.id) await keep(get().blind!.record);
        await makeRounds(record.id);
      });
    },

    async resumeBlindTest(id) {
      const { blind } = get();
      if (blind?.record.id === id) return void (await action({ problem: 'blindProblem' }, () => makeRounds(id)));
      const record = get().blindTests.find((test) => test.id === id);
      if (!record || !isUnfinished(record)) return;
      const { index, question } = placeIn(record);
      set({
        blind: { record, ready: record.rounds, index, question, since: performance.now(), stopped: false },
        blindProblem: null,
      });
      enter(record);
      await action({ problem: 'blindProblem' }, async () => {
        const { loadRounds } = await drawing();
        await loadRounds(tools(), record.rounds.slice(index));
        await makeRounds(id);
      });
    },

    async pauseBlindTest() {
      await judging.settled();
      const { jobs } = get();
      leave();
      set({ blind: null });
      for (const job of jobs) if (job.kind === 'blind') await get().cancelJob(job.id);
    },

    revealStudy() {
      leave();
      set(({ blind }) => (blind ? { blind: { ...blind, revealed: true } } : {}));
    },

    removeBlindTest: (id) =>
      action({ problem: 'blindProblem' }, async () => {
        checkOwner(get(), t`Delete it there, or take over here.`);
        await deleteBlindTest(await db(), id);
        set(({ blindTests }) => ({ blindTests: blindTests.filter((test) => test.id !== id) }));
      }),

    answerBlind: (answer, at) =>
      judging(async () => {
        const { blind } = get();
        const round = blind?.ready[blind.index];
        if (!blind || !round || isBlindDone(blind)) return;
        if (at && (at.index !== blind.index || at.question !== blind.question)) return;
        checkOwner(get(), elsewhere());
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

    redrawBlind: () =>
      action({ problem: 'blindProblem' }, async () => {
        const { blind } = get();
        if (!blind?.record.plan || !blind.ready[blind.index] || blind.redrawing) return;
        checkOwner(get(), elsewhere());
        const { id } = blind.record;
        const inTurn = (work: (record: BlindTestRecord) => Promise<void>): Promise<void> =>
          judging(async () => {
            const record = get().blind?.record;
            if (record?.id === id) await work(record);
          });
        change(id, () => ({ redrawing: true }));
        try {
          const { redraw } = await drawing();
          await redraw({ ...tools(), inTurn, keep, change: (next) => change(id, next) }, blind);
        } finally {
          change(id, () => ({ redrawing: false }));
        }
      }),

    passBlind: (at) =>
      judging(async () => {
        const { blind } = get();
        const round = blind?.ready[at];
        if (!blind || !round || blind.index !== at || isBlindDone(blind)) return;
        checkOwner(get(), elsewhere());
        await judged(blind, { ...round, gone: true }, { index: blind.index + 1, question: 0 });
      }),

    undoBlind: () =>
      judging(async () => {
        const { blind } = get();
        if (!blind || (blind.index === 0 && blind.question === 0)) return;
        checkOwner(get(), elsewhere());
        const isFirst = blind.question === 0;
        const index = isFirst ? blind.index - 1 : blind.index;
        const { gone, ...round } = blind.ready[index]!;
        const question = gone ? round.answers.length : (isFirst ? blind.record.questions.length : blind.question) - 1;
        await judged(blind, { ...round, answers: round.answers.slice(0, question) }, { index, question });
      }),

    async stopBlindTest() {
      const { blind, jobs } = get();
      if (!blind) return;
      set({ blind: { ...blind, stopped: true } });
      for (const job of jobs) if (job.kind === 'blind') await get().cancelJob(job.id);
      await judging(async () => {
        const record = get().blind?.record;
        if (!record?.rounds.length || passedRounds(record) >= record.planned) return;
        checkOwner(get(), elsewhere());
        const ended = { ...record, ended: true as const };
        await keep(ended);
        change(record.id, () => ({ record: ended }));
      });
    },

    endBlindTest: (id) =>
      action({ problem: 'blindProblem' }, async () => {
        checkOwner(get(), t`End it there, or take over here.`);
        const record = get().blindTests.find((test) => test.id === id);
        if (!record?.rounds.length || !isUnfinished(record)) return;
        const ended = { ...record, ended: true as const };
        await keep(ended);
        const blind = { record: ended, ready: ended.rounds, ...placeIn(ended), since: performance.now() };
        set({ blind: { ...blind, stopped: true, revealed: true } });
      }),

    closeBlindTest() {
      leave();
      set({ blind: null });
    },
  };
};
