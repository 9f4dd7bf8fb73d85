/** Runs: the settings of the next one, the one at work, and all that were. */
import { t } from '@lingui/core/macro';
import { listRuns, newestFirst, runFolder } from '../../data/runs.ts';
import { RunStore } from '../../data/runStore.ts';
import type {
  MemoryForecast,
  ModelRef,
  RunRecord,
  StepMetrics,
  TrainCommand,
  TrainConfig,
  TrainEvent,
  TrainRequest,
  UnreadableRun,
} from '../../service/types.ts';
import { configFor, presetNamed, presets, presetsFor } from '../../training/presets.ts';
import { listener } from '../app/workers.ts';
import { actions } from './action.ts';
import { readAs } from './broughtFile.ts';
import { picturesOf, usable } from './labelSelectors.ts';
import { baseModel, chosenModel, startModel } from './models.ts';
import { nextRun } from './nextRun.ts';
import { forgetPictures } from './pictures.ts';
import { isCancelled, type Problem } from './problem.ts';
import { files } from './services.ts';
import { checkTrainConfig, parseTrainConfig } from '../../data/formats/trainConfig.ts';
import type { Slice, Studio } from './useStudio.ts';
import { type RunNews, tellRunNews } from './runNews.ts';
import { keepAwake } from './wakeLock.ts';

/** Of the run at work; gone with the page. */
export interface LiveRun {
  preparing: { what: string; done: number; total: number } | null;
  memory: MemoryForecast | null;
  /** Between two steps. */
  doing?: { what: string; done: number; total: number } | null;
  etaSeconds: number | null;
  /** The step it went on from; null for a new run. */
  resumedAt: number | null;
  awake: boolean;
  lastSavedAt: string | null;
  /** What of a resumed run could not be compared with what it began with. */
  unchecked: string | null;
}

export interface TrainSlice {
  presetName: string | null;
  trainConfig: TrainConfig;
  /** A person chose them before the models were known: no default takes their place. */
  earlySettings: boolean;
  trainModel: ModelRef | null;
  forecast: MemoryForecast | null;
  forecastProblem: Problem | null;
  forecasting: boolean;
  runs: RunRecord[];
  unreadableRuns: UnreadableRun[];
  activeRun: string | null;
  live: LiveRun | null;
  metrics: Record<string, StepMetrics[]>;
  trainProblem: Problem | null;
  /** What the run at work was told and has not carried out yet. */
  commanding: TrainCommand | null;
  /** Of settings that were typed or brought as a file. */
  settingsProblem: Problem | null;
  /** From the click on: what must be read before a run begins takes a moment, and a second click must not begin a second run. */
  training: boolean;
  choosePreset(name: string): void;
  /** Settings for another base model: those it had before, or a preset of its own. */
  adoptTrainDefaults(): void;
  setTrainConfig(change: Partial<TrainConfig>): void;
  setTrainModel(model: ModelRef): void;
  loadTrainConfig(text: string): Promise<void>;
  loadTrainFile(file: File): Promise<void>;
  forgetSettingsProblem(): void;
  setTrainSettings(trainConfig: TrainConfig): void;
  readForecast(): Promise<void>;
  startTraining(): Promise<void>;
  /** A run as it was set up before. */
  train(request: TrainRequest): Promise<void>;
  /** @param more steps on top, of a run that has taken all of its own. */
  resumeRun(run: string, more?: number): Promise<void>;
  commandRun(command: TrainCommand): Promise<void>;
  readRuns(): Promise<void>;
  readMetrics(run: string): Promise<void>;
  renameRun(run: string, name: string): Promise<void>;
  duplicateRun(run: string): void;
  deleteRun(run: string): Promise<void>;
  /** For a tab that looks: what the one that works tells of the run it trains. */
  followRun(news: RunNews): void;
  /** The worker is gone: whatever it trained is now a stopped run. */
  forgetActiveRun(): void;
}

/** A run that was left before its end, whatever ended it. One of which no step was saved begins again, with the same settings; one that had
 *  taken its last step writes and draws what is missing. */
export const canResume = (run: RunRecord, activeRun: string | null): boolean =>
  run.id !== activeRun && run.status !== 'finished';

/** A run that has taken all of its steps, and did not end by itself. */
export const canExtend = (run: RunRecord, activeRun: string | null): boolean =>
  run.id !== activeRun && run.status === 'finished' && !run.ended && run.step === run.config.steps;

/** What memory and time of the next run depend on, in one text. */
export const forecastQuestion = (state: Studio): string => {
  const { mode, rank, targets, pairsPerStep, accumulation, reference, recompute, loss, heldOut, ema } =
    state.trainConfig;
  return JSON.stringify([
    [mode, rank, targets, pairsPerStep, accumulation, reference, recompute, loss, heldOut > 0, ema > 0],
    startModel(state),
    state.engineState === 'ready',
    state.activeRun === null,
  ]);
};

export const trainSlice: Slice<TrainSlice> = (set, get) => {
  const putRun = (record: RunRecord): void =>
    set(({ runs }) => ({ runs: newestFirst([record, ...runs.filter((run) => run.id !== record.id)]) }));

  const changeRun = (id: string, change: (run: RunRecord) => Partial<RunRecord>): void =>
    set(({ runs }) => ({ runs: runs.map((run) => (run.id === id ? { ...run, ...change(run) } : run)) }));

  /** Of a run that is deleted meanwhile nothing stays. */
  const putMetrics = (id: string, metrics: StepMetrics[]): void =>
    set((state) => (state.runs.some((run) => run.id === id) ? { metrics: { ...state.metrics, [id]: metrics } } : {}));

  const setLive = (change: Partial<LiveRun>): void => set(({ live }) => (live ? { live: { ...live, ...change } } : {}));

  function onEvent(id: string): (event: TrainEvent) => void {
    return (event) => {
      // The worker of a run that was left behind may still have events on the way.
      if (get().activeRun !== id) return;
      switch (event.type) {
        case 'preparing':
          return setLive({ preparing: event });
        case 'started':
          putRun(event.record);
          return setLive({
            preparing: null,
            memory: event.memory,
            resumedAt: event.resumedAt,
            unchecked: event.unchecked,
          });
        case 'step':
          set(({ metrics }) => ({
            metrics: {
              ...metrics,
              [id]: [...(metrics[id] ?? []).filter((one) => one.step < event.metrics.step), event.metrics],
            },
          }));
          // Metrics count from 0, the record counts steps taken.
          changeRun(id, () => ({ step: event.metrics.step + 1, status: 'running' }));
          return setLive({ preparing: null, etaSeconds: event.etaSeconds });
        case 'doing':
          return setLive({ doing: event.doing });
        case 'look':
          return changeRun(id, ({ looks = [] }) => ({
            looks: [...looks.filter(({ step }) => step < event.look.step), event.look],
          }));
        case 'solved':
          return changeRun(id, ({ solved = [] }) => ({
            solved: [...solved.filter(({ step }) => step < event.solved.step), event.solved],
          }));
        case 'sample':
          return changeRun(id, ({ samples }) => ({
            samples: [...samples.filter((one) => one.file !== event.sample.file), event.sample],
          }));
        case 'checkpoint':
          setLive({ lastSavedAt: event.checkpoint.at });
          // A run that was resumed writes the checkpoints after it anew.
          get().forgetModelHashes(id);
          return changeRun(id, ({ checkpoints }) => ({
            checkpoints: [...checkpoints.filter((one) => one.step !== event.checkpoint.step), event.checkpoint].sort(
              (a, b) => a.step - b.step,
            ),
          }));
        case 'setback': {
          const { setback, record } = event;
          set(({ metrics }) => ({
            metrics: { ...metrics, [id]: (metrics[id] ?? []).filter(({ step }) => step < setback.to) },
          }));
          return putRun(record);
        }
        case 'recovered': {
          const { recovery, record } = event;
          // The steps after the save are made anew.
          set(({ metrics }) => ({
            metrics: { ...metrics, [id]: (metrics[id] ?? []).filter(({ step }) => step < recovery.from) },
          }));
          return putRun(record);
        }
        case 'status':
          return putRun(event.record);
        default:
          event satisfies never;
      }
    };
  }

  /** @param atWork its record on screen is ahead of one that was asked for. */
  async function readAll(atWork: string | null): Promise<void> {
    const { engineState, engine } = get();
    // For a tab that only looks, or a browser without WebGPU: from disk.
    const { runs, unreadable } =
      engineState === 'ready'
        ? { runs: await engine().runs(), unreadable: await engine().unreadableRuns() }
        : await listRuns(await files());
    set((state) => ({
      runs: newestFirst(runs).map((run) => (run.id === atWork && state.runs.find(({ id }) => id === atWork)) || run),
      unreadableRuns: unreadable,
    }));
  }

  /** The run that this tab trains. */
  let own: string | null = null;

  function tellOwn(): void {
    const { live, runs, metrics } = get();
    if (!own || !live) return;
    tellRunNews({
      type: 'run',
      run: {
        id: own,
        record: runs.find(({ id }) => id === own),
        live: { ...live, awake: false },
        metrics: metrics[own] ?? [],
      },
    });
  }

  async function work(request: TrainRequest): Promise<void> {
    const engine = get().engine();
    const id = request.run;
    set({
      activeRun: id,
      live: {
        preparing: { what: t`Waiting for the engine`, done: 0, total: 0 },
        memory: null,
        etaSeconds: null,
        resumedAt: null,
        awake: false,
        lastSavedAt: null,
        unchecked: null,
      },
    });
    own = id;
    tellOwn();
    void keepAwake(true).then((awake) => setLive({ awake }));
    addEventListener('beforeunload', warnBeforeLeaving);
    const follow = onEvent(id);
    // Events and the result travel on different ports: one that comes after the end is older than the record.
    let over = false;
    try {
      const record = await engine.train(
        id,
        request,
        listener((event: TrainEvent) => {
          if (over) return;
          follow(event);
          tellRunNews({ type: 'event', id, event });
        }),
      );
      over = true;
      if (get().activeRun !== id) return;
      putRun(record);
      get().compareWithRun(record.id);
      // The last events may still be on their way; the file holds them all.
      const metrics = await engine.metrics(id).catch(() => null);
      if (metrics) putMetrics(id, metrics);
    } catch (error) {
      over = true;
      if (get().activeRun !== id) return;
      changeRun(id, () => ({ status: isCancelled(error) ? 'stopped' : 'failed' }));
      await readAll(null).catch(() => undefined);
      throw error;
    } finally {
      if (get().activeRun === id) get().forgetActiveRun();
      void get().readStorage();
    }
  }

  const warnBeforeLeaving = (event: BeforeUnloadEvent): void => event.preventDefault();

  const action = actions(set, get);
  const guarded = (work: () => Promise<void>) => action({ problem: 'trainProblem' }, work);

  const begin = async (work: () => Promise<void>): Promise<void> => {
    if (get().activeRun) return;
    await action({ problem: 'trainProblem', busy: 'training' }, work);
    // Stopped by hand is no failure.
    await get().goOn(get().trainProblem === null);
  };

  const first = presets[0]!;

  const setSettings = (change: Pick<TrainSlice, 'trainConfig' | 'presetName'>): void =>
    set(({ models }) => ({ ...change, earlySettings: models.length === 0 }));

  return {
    presetName: first.name,
    trainConfig: first.config,
    earlySettings: false,
    trainModel: null,
    forecast: null,
    forecastProblem: null,
    forecasting: false,
    runs: [],
    unreadableRuns: [],
    activeRun: null,
    live: null,
    metrics: {},
    trainProblem: null,
    commanding: null,
    settingsProblem: null,
    training: false,

    choosePreset(name) {
      const preset = presetNamed(name, presetsFor(chosenModel(get())));
      if (!preset) return;
      const { samplePrompts, sampleSeeds } = get().trainConfig;
      setSettings({
        presetName: name,
        trainConfig: {
          ...configFor(preset, usable(get()).own),
          samplePrompts,
          sampleSeeds: samplePrompts.length ? sampleSeeds : preset.config.sampleSeeds,
        },
      });
    },

    adoptTrainDefaults() {
      const model = chosenModel(get());
      const before = model && get().kept[model.id];
      const { samplePrompts } = get().trainConfig;
      set({ trainModel: null, forecast: null, forecastProblem: null });
      if (get().earlySettings) return;
      if (before) set({ presetName: before.presetName, trainConfig: { ...before.trainConfig, samplePrompts } });
      else get().choosePreset(get().presetName ?? first.name);
    },

    setTrainConfig: (change) => setSettings({ trainConfig: { ...get().trainConfig, ...change }, presetName: null }),

    setTrainModel: (trainModel) => set({ trainModel }),

    loadTrainConfig: (text) =>
      action({ problem: 'settingsProblem' }, () => get().setTrainSettings(parseTrainConfig(text))),

    loadTrainFile: (file) =>
      action({ problem: 'settingsProblem' }, async () => get().setTrainSettings(await readAs(file, 'trainSettings'))),

    setTrainSettings(trainConfig) {
      setSettings({ trainConfig, presetName: null });
      set({ settingsProblem: null });
    },

    forgetSettingsProblem: () => set({ settingsProblem: null }),

    async readForecast() {
      const { engineState, trainConfig, activeRun } = get();
      const model = startModel(get());
      if (engineState !== 'ready' || !model || activeRun) return;
      await action({ problem: 'forecastProblem', busy: 'forecasting', latest: true }, async (signal) => {
        try {
          const forecast = await get().engine().forecast(model, checkTrainConfig(trainConfig), picturesOf(get()));
          // What matters to it and changed meanwhile has asked again itself.
          if (!signal.aborted) set({ forecast });
        } catch (error) {
          if (!signal.aborted) set({ forecast: null });
          throw error;
        }
      });
    },

    startTraining: () => begin(async () => work(await nextRun(get()))),

    train: (request) => begin(() => work(request)),

    resumeRun: (id, more) =>
      begin(async () => {
        const run = get().runs.find((one) => one.id === id);
        if (!run) return;
        await get().readMetrics(id);
        const { name, model, config, pairs } = run;
        await work({ run: id, name, model, config, pairs, resume: true, ...(more !== undefined && { more }) });
      }),

    commandRun: (command) =>
      guarded(async () => {
        const run = get().activeRun;
        if (!run) return;
        try {
          set({ commanding: command });
          await get().engine().command(run, command);
        } finally {
          if (get().commanding === command) set({ commanding: null });
        }
      }),

    readRuns: () => action({ problem: 'trainProblem', background: true }, () => readAll(get().activeRun)),

    async readMetrics(id) {
      const { engineState, activeRun, engine } = get();
      if (engineState === 'starting' || id === activeRun) return;
      await action({ problem: 'trainProblem', background: true }, async () => {
        const source = engineState === 'ready' ? engine() : new RunStore(await files());
        putMetrics(id, await source.metrics(id));
      });
    },

    renameRun: (id, name) =>
      guarded(async () => {
        const { name: given } = await get().engine().renameRun(id, name);
        // The rest of the answer may be older than what the screen has seen of a run at work.
        changeRun(id, () => ({ name: given }));
      }),

    duplicateRun(id) {
      const run = get().runs.find((one) => one.id === id);
      if (!run) return;
      get().useModel(run.model.base);
      // The model it ran on may be gone: its settings still serve another one.
      set({
        trainConfig: run.config,
        presetName: null,
        ...(baseModel(get())?.base === run.model.base ? { trainModel: run.model } : {}),
      });
    },

    deleteRun: (id) =>
      guarded(async () => {
        // A look at its pairs would find its checkpoint gone.
        if (get().marginsProgress?.run === id) await get().stopMargins();
        await get().engine().deleteRun(id);
        forgetPictures((file) => file.startsWith(`${runFolder(id)}/`));
        set(({ runs, unreadableRuns, trainModel, metrics: { [id]: _, ...metrics } }) => ({
          metrics,
          // The next run cannot begin from it.
          trainModel: trainModel?.adapters.some((one) => one.kind === 'run' && one.run === id) ? null : trainModel,
          runs: runs.filter((run) => run.id !== id),
          unreadableRuns: unreadableRuns.filter((run) => run.id !== id),
        }));
        get().forgetModelHashes(id);
        void get().readStorage();
      }),

    followRun(news) {
      if (news.type === 'hello') return tellOwn();
      if (get().engineState !== 'otherTab') return;
      if (news.type === 'event') return onEvent(news.id)(news.event);
      const { run } = news;
      if (!run) {
        get().forgetActiveRun();
        return void get().readRuns();
      }
      if (run.record) putRun(run.record);
      set(({ metrics }) => ({
        activeRun: run.id,
        live: run.live,
        metrics: { ...metrics, [run.id]: run.metrics },
      }));
    },

    forgetActiveRun() {
      if (own) tellRunNews({ type: 'run', run: null });
      own = null;
      removeEventListener('beforeunload', warnBeforeLeaving);
      void keepAwake(false);
      set({ activeRun: null, live: null });
    },
  };
};
