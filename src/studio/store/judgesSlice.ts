/** Judges that a person brought, and what judges say of the pairs: labels of their own, beside the person's. */
import { t } from '@lingui/core/macro';
import type { HubPlan, HubRequest, JudgeInfo, StorageEvent, StoredJudge } from '../../service/types.ts';
import { WinnowError } from '../../shared/errors.ts';
import { listener } from '../app/workers.ts';
import { actions, checkOwner } from './action.ts';
import { memoised, type Selector } from './memoised.ts';
import type { ModelFiles } from './modelFiles.ts';
import { type CameIn, isA } from './modelsSlice.ts';
import type { Slice } from './useStudio.ts';

/** Somebody who can be asked. */
export interface AskedJudge {
  /** What requests name it by. */
  place: string;
  info: JudgeInfo;
}

export interface JudgesSlice {
  storedJudges: StoredJudge[];
  judgePlan: HubPlan | null;
  planningJudge: boolean;
  /** Pairs that a judge is labelling now. */
  judging: { done: number; total: number } | null;
  judgeAtWork: boolean;
  /** By a judge's place: for prompts that were asked for, what of each it does not read; '' where it reads all. */
  judgeLost: Readonly<Record<string, ReadonlyMap<string, string>>>;
  /** Asks for those that are not known. */
  readJudgeCuts(place: string, prompts: readonly string[]): Promise<void>;
  readJudges(): Promise<void>;
  /** What is a model comes in as one. @returns what came in, or null where nothing did; the problem is in the store. */
  importJudge(files: ModelFiles): Promise<CameIn | null>;
  planJudge(request: HubRequest): Promise<void>;
  forgetJudgePlan(): void;
  downloadJudge(request: HubRequest): Promise<void>;
  deleteJudge(id: string): Promise<void>;
  /** Labels every pair that it has not labelled; scores no further apart than the margin are a tie. What was labelled stays, however it ends; pairs
   *  whose pictures cannot be read are left out, and `labelProblem` says so. */
  labelBy(judge: AskedJudge, scale: string, signed: string, margin: number): Promise<void>;
  stopJudging(): void;
}

/** All that can be asked: of the embedded model, and those that a person brought. */
export const knownJudges: Selector<readonly AskedJudge[]> = memoised(
  [(state) => state.models[0]?.judges, (state) => state.storedJudges],
  (own = [], stored) => [
    ...own.map((info) => ({ place: info.name, info })),
    ...stored.flatMap(({ place, info }) => (info ? [{ place, info }] : [])),
  ],
);

export const judgesSlice: Slice<JudgesSlice> = (set, get) => {
  const action = actions(set, get);
  let stopped = false;

  async function bringIn(
    kind: 'copy' | 'download',
    title: string,
    files: readonly { path: string; size: number }[],
    bring: (job: string, follow: (event: StorageEvent) => void) => Promise<CameIn>,
  ): Promise<CameIn | null> {
    const came = await action({ problem: 'modelsProblem' }, async () => {
      if (get().modelWork)
        throw new WinnowError('BadArguments', t`Something else is still on its way in.`, t`Wait for it, or cancel it.`);
      const job = crypto.randomUUID();
      set({
        modelWork: { kind, title, job, files, file: '', doneBytes: 0, totalBytes: 0, retry: null, cancelling: false },
      });
      void get().askToPersist();
      try {
        const came = await bring(job, (event) =>
          set(({ modelWork }) => {
            if (modelWork?.job !== job) return {};
            if (event.type === 'retry') return { modelWork: { ...modelWork, retry: `${event.file}: ${event.reason}` } };
            const { file, doneBytes, totalBytes } = event;
            return { modelWork: { ...modelWork, file, doneBytes, totalBytes, retry: null } };
          }),
        );
        set({ judgePlan: null });
        return came;
      } finally {
        set({ modelWork: null });
        get().forgetJudged();
        await get().readJudges();
        void get().readStorage();
      }
    });
    return came ?? null;
  }

  return {
    storedJudges: [],
    judgePlan: null,
    planningJudge: false,
    judging: null,
    judgeAtWork: false,
    judgeLost: {},

    readJudgeCuts: async (place, prompts) => {
      const missing = prompts.filter((prompt) => !get().judgeLost[place]?.has(prompt));
      if (missing.length === 0) return;
      // A judge that is not read says so where it is asked to judge.
      const cuts = await get()
        .engine()
        .judgeCuts(place, missing)
        .catch(() => null);
      if (!cuts) return;
      const lost = new Map(cuts.map((cut) => [cut.prompt, cut.lost]));
      set(({ judgeLost }) => ({
        judgeLost: {
          ...judgeLost,
          [place]: new Map([
            ...(judgeLost[place] ?? []),
            ...missing.map((prompt) => [prompt, lost.get(prompt) ?? ''] as const),
          ]),
        },
      }));
    },

    readJudges: async () => {
      await action({ problem: 'modelsProblem', background: true }, async () => {
        set({ storedJudges: await get().engine().storedJudges() });
      });
    },

    importJudge: ({ name, files }) =>
      bringIn('copy', name, [], async (job, follow) => {
        const engine = get().engine();
        const brought = { name, files };
        try {
          await engine.importJudge(job, brought, listener(follow));
          return 'judge';
        } catch (error) {
          if (!(await isA('model', engine, brought))) throw error;
          const { id } = await engine.importModel(job, brought, listener(follow));
          set({ viewedModel: id });
          await get().readModels();
          return 'model';
        }
      }),

    planJudge: async (request) => {
      await action({ problem: 'modelsProblem', busy: 'planningJudge' }, async () => {
        set({ judgePlan: null });
        set({ judgePlan: await get().engine().planJudgeDownload(request) });
      });
    },

    forgetJudgePlan: () => set({ judgePlan: null }),

    async downloadJudge(request) {
      await bringIn('download', request.id, get().judgePlan?.files ?? [], async (job, follow) => {
        await get().engine().downloadJudge(job, request, listener(follow));
        return 'judge';
      });
    },

    deleteJudge: async (id) => {
      await action({ problem: 'modelsProblem' }, async () => {
        await get().engine().deleteJudge(id);
        get().forgetJudged();
        await get().readJudges();
        void get().readStorage();
      });
    },

    labelBy: async ({ place }, scale, signed, margin) => {
      await action({ problem: 'labelProblem', busy: 'judgeAtWork' }, async () => {
        checkOwner(get(), t`Have it judge there, or take over here.`);
        stopped = false;
        await (await import('./judgeLabels.ts')).labelAll(set, get, { place, scale, signed, margin }, () => stopped);
      });
    },

    stopJudging: () => {
      stopped = true;
    },
  };
};
