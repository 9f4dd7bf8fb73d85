/** Base models: which one is worked with, what this browser holds, and how more come in: copied from disk, or downloaded. */
import { t } from '@lingui/core/macro';
import type {
  HubPlan,
  HubRequest,
  ModelForecast,
  ModelInfo,
  PredictionType,
  StorageEvent,
  StoredModel,
  TrainConfig,
} from '../../service/types.ts';
import { type ErrorName, isWinnowError, WinnowError } from '../../shared/errors.ts';
import { type Engine, listener } from '../app/workers.ts';
import { actions } from './action.ts';
import { readFor } from './broughtFile.ts';
import { type BaseSettings, baseSettings } from './generateSelectors.ts';
import { type ModelFiles, singleFile } from './modelFiles.ts';
import { type Problem, problemOf } from './problem.ts';
import type { Slice } from './useStudio.ts';

/** A copy or a download at work. */
export interface ModelWork {
  job: string;
  kind: 'copy' | 'download';
  title: string;
  /** Of a download, in the order they come; a copy says only which file it is at. */
  files: readonly { path: string; size: number }[];
  file: string;
  doneBytes: number;
  /** 0 until it is known. */
  totalBytes: number;
  /** Of a download: why a file was asked for again. */
  retry: string | null;
  cancelling: boolean;
}

/** What a person had set for a model before choosing another one. */
export interface KeptForModel {
  settings: BaseSettings;
  trainConfig: TrainConfig;
  presetName: string | null;
}

export interface ModelsSlice {
  stored: StoredModel[];
  /** Why a stored model does not open, by its id. */
  unopened: Record<string, Problem>;
  modelWork: ModelWork | null;
  /** On the Models screen; null: the chosen one. */
  viewedModel: string | null;
  modelsProblem: Problem | null;
  plan: HubPlan | null;
  planning: boolean;
  /** By forecastKey. */
  modelForecasts: Record<string, ModelForecast | Problem>;
  /** The chosen model is not here any more; its name, until it was said. */
  baseGone: string | null;
  /** By model id. */
  kept: Record<string, KeptForModel>;
  readModels(): Promise<void>;
  readStoredModels(): Promise<void>;
  /** Falls back to the embedded model where the chosen one is gone. */
  settleBase(): void;
  /** The person knows that the chosen model is gone. */
  forgetBaseGone(): void;
  /** Makes a model the studio's base. Settings of each model are kept for it. */
  useModel(id: string): void;
  viewModel(id: string): void;
  /** What is a judge comes in as one. @returns what came in, or null where nothing did; the problem is in the store. */
  importModel(model: ModelFiles): Promise<CameIn | null>;
  /** Of a single file the header says first what it is. */
  importFile(file: File): Promise<CameIn | null>;
  /** What is a judge is planned as one. @returns what it is, or null where it is neither; the problem is in the store. */
  planDownload(request: HubRequest): Promise<CameIn | null>;
  forgetPlan(): void;
  /** Starts a download, or goes on with one. */
  downloadModel(request: HubRequest, files: readonly { path: string; size: number }[]): Promise<void>;
  cancelModelWork(): Promise<void>;
  deleteModel(id: string): Promise<void>;
  /** Says of a stored model what its network predicts; null: what its files say. */
  setPredictionType(id: string, type: PredictionType | null): Promise<void>;
  readModelForecast(id: string, size: PixelSize): Promise<void>;
}

type PixelSize = ModelInfo['defaultSize'];

export const forecastKey = (id: string, { width, height }: PixelSize): string => `${id} ${width}x${height}`;

/** `https://host/owner/name@revision` → what to ask for. */
export function hubRequestOf(origin: string): HubRequest | null {
  const found = /^(https?:\/\/.+?)\/([^/]+\/[^/@]+)(?:@(.+))?$/.exec(origin);
  return found ? { host: found[1]!, id: found[2]!, ...(found[3] ? { revision: found[3] } : {}) } : null;
}

export type CameIn = 'model' | 'judge';

/** Where a model was asked for and a judge was brought, or the other way round: whether files that were refused are that. */
export const isA = (kind: CameIn, engine: Pick<Engine, 'kindOf'>, files: ModelFiles): Promise<boolean> =>
  engine.kindOf(files).then(
    (found) => found === kind,
    // What was wrong with them is said already.
    () => false,
  );

/** What would be the same of a judge. */
const ofTheNetwork: ReadonlySet<string> = new Set<ErrorName>([
  'NoNetwork',
  'AccessDenied',
  'RateLimited',
  'DownloadFailed',
]);

export const modelsSlice: Slice<ModelsSlice> = (set, get) => {
  const action = actions(set, get);

  function follow(job: string): (event: StorageEvent) => void {
    return (event) =>
      set(({ modelWork }) => {
        if (modelWork?.job !== job) return {};
        if (event.type === 'retry') return { modelWork: { ...modelWork, retry: `${event.file}: ${event.reason}` } };
        const { file, doneBytes, totalBytes } = event;
        return { modelWork: { ...modelWork, file, doneBytes, totalBytes, retry: null } };
      });
  }

  async function bringIn(
    work: Pick<ModelWork, 'kind' | 'title'>,
    files: readonly { path: string; size: number }[],
    bring: (job: string) => Promise<ModelInfo | 'judge'>,
  ): Promise<CameIn | null> {
    const came = await action({ problem: 'modelsProblem' }, async () => {
      if (get().modelWork)
        throw new WinnowError(
          'BadArguments',
          t`Another model is still on its way in.`,
          t`Wait until it is here, or cancel it.`,
        );
      const job = crypto.randomUUID();
      set({
        modelWork: { ...work, job, files, file: '', doneBytes: 0, totalBytes: 0, retry: null, cancelling: false },
      });
      void get().askToPersist();
      try {
        const info = await bring(job);
        if (info === 'judge') return 'judge';
        set({ viewedModel: info.id });
        return 'model';
      } finally {
        set({ modelWork: null });
        await get()
          .readModels()
          .catch(() => undefined);
        void get().readStorage();
      }
    });
    return came ?? null;
  }

  return {
    stored: [],
    unopened: {},
    modelWork: null,
    viewedModel: null,
    modelsProblem: null,
    plan: null,
    planning: false,
    modelForecasts: {},
    baseGone: null,
    kept: {},

    async readModels() {
      set({ models: await get().engine().models() });
      get().forgetModelHashes();
      get().settleBase();
      await get().readStoredModels();
      await get().readJudges();
    },

    readStoredModels: () =>
      action({ problem: 'modelsProblem', background: true }, async () => {
        const engine = get().engine();
        const stored = await engine.storedModels();
        const silent = stored.filter(({ id, complete }) => complete && !get().models.some((model) => model.id === id));
        const problems = await Promise.all(silent.map(async ({ id }) => [id, await engine.modelProblem(id)] as const));
        set({
          stored,
          unopened: Object.fromEntries(
            problems.flatMap(([id, problem]) => (problem ? [[id, { ...problem, detail: '' }]] : [])),
          ),
        });
      }),

    settleBase() {
      const { models, preferences, stored } = get();
      const id = preferences.baseModel;
      if (id === null || models.some((model) => model.id === id)) return;
      get().setPreference('baseModel', null);
      set({ baseGone: stored.find((model) => model.id === id)?.title ?? id });
      get().adoptDefaults();
    },

    forgetBaseGone: () => set({ baseGone: null }),

    useModel(id) {
      const { draft, trainConfig, presetName, models } = get();
      if (!models.some((model) => model.id === id)) return;
      const before = draft.base || models[0]!.id;
      if (before !== id)
        set(({ kept }) => ({
          kept: { ...kept, [before]: { settings: baseSettings(draft), trainConfig, presetName } },
          draft: { ...draft, base: before },
        }));
      get().setPreference('baseModel', id === models[0]!.id ? null : id);
      get().adoptDefaults();
    },

    viewModel: (viewedModel) => set({ viewedModel }),

    // What of a folder is copied is for the engine to say.
    importModel: ({ name, files }) =>
      bringIn({ kind: 'copy', title: name }, [], async (job) => {
        const engine = get().engine();
        const brought = { name, files };
        try {
          return await engine.importModel(job, brought, listener(follow(job)));
        } catch (error) {
          if (!(await isA('judge', engine, brought))) throw error;
          await engine.importJudge(job, brought, listener(follow(job)));
          get().forgetJudged();
          return 'judge';
        }
      }),

    async importFile(file) {
      const came = await action({ problem: 'modelsProblem' }, async () => {
        const { value } = await readFor(file, ['weights']);
        const { name } = file;
        if (value.adapter)
          throw new WinnowError(
            'BadFile',
            t`${name} is a LoRA, not a whole model.`,
            t`Add it beside the model on the Generate screen.`,
          );
        return get().importModel(singleFile(file));
      });
      return came ?? null;
    },

    async planDownload(request) {
      const found = await action({ problem: 'modelsProblem', busy: 'planning' }, async () => {
        const engine = get().engine();
        set({ plan: null });
        try {
          set({ plan: await engine.planDownload(request) });
          return 'model';
        } catch (error) {
          if (!isWinnowError(error) || ofTheNetwork.has(error.name)) throw error;
          const judgePlan = await engine.planJudgeDownload(request).catch(() => null);
          if (!judgePlan) throw error;
          set({ judgePlan });
          return 'judge';
        }
      });
      return found ?? null;
    },

    forgetPlan: () => set({ plan: null }),

    async downloadModel(request, files) {
      const came = await bringIn({ kind: 'download', title: request.id }, files, (job) =>
        get()
          .engine()
          .downloadModel(job, request, listener(follow(job))),
      );
      if (came) set({ plan: null });
    },

    async cancelModelWork() {
      const { modelWork } = get();
      if (!modelWork) return;
      set({ modelWork: { ...modelWork, cancelling: true } });
      await action({ problem: 'modelsProblem' }, async () => {
        try {
          await get().engine().cancel(modelWork.job);
        } catch (error) {
          // With its worker the work has ended too, and says so itself.
          set((now) => ({
            modelWork: now.modelWork?.job === modelWork.job ? { ...now.modelWork, cancelling: false } : now.modelWork,
          }));
          throw error;
        }
      });
    },

    async deleteModel(id) {
      await action({ problem: 'modelsProblem' }, async () => {
        await get().engine().deleteModel(id);
        set(({ kept: { [id]: _, ...kept }, modelForecasts }) => ({
          kept,
          modelForecasts: Object.fromEntries(
            Object.entries(modelForecasts).filter(([key]) => !key.startsWith(`${id} `)),
          ),
        }));
        await get().readModels();
      });
      void get().readStorage();
    },

    setPredictionType: (id, type) =>
      action({ problem: 'modelsProblem' }, async () => {
        await get().engine().setPredictionType(id, type);
        await get().readModels();
      }),

    async readModelForecast(id, size) {
      const key = forecastKey(id, size);
      const put = (forecast: ModelForecast | Problem): void =>
        set(({ modelForecasts }) => ({ modelForecasts: { ...modelForecasts, [key]: forecast } }));
      try {
        put(await get().engine().modelForecast(id, size));
      } catch (error) {
        put(problemOf(error));
      }
    },
  };
};
