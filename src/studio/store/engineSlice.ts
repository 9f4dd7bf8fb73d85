/** The engine's worker, what it found on this machine, and which tab may use it. */
import { t } from '@lingui/core/macro';
import type { StoreApi } from 'zustand';
import { WinnowError } from '../../shared/errors.ts';
import type { ModelInfo, SystemReport } from '../../service/types.ts';
import { connectEngine, type Engine, type EngineConnection, listener } from '../app/workers.ts';
import { problemFields } from './action.ts';
import { claimOwnership, isOwned, type Ownership, saveMs, takeOver } from './ownership.ts';
import { type Problem, problemOf } from './problem.ts';
import { hearRunNews, tellRunNews } from './runNews.ts';
import type { Slice, Studio } from './useStudio.ts';

export type EngineState = 'starting' | 'ready' | 'failed' | 'noWebGPU' | 'otherTab';

export interface EngineSlice {
  engineState: EngineState;
  /** What the engine does before it is ready. */
  preparing: { what: string; done: number; total: number } | null;
  system: SystemReport | null;
  models: ModelInfo[];
  engineProblem: Problem | null;
  /** The tab that worked, while this one looked, is not there any more. */
  ownerGone: boolean;
  /** Claims this tab's right to work, reads what is stored, then starts the engine. Called once. */
  boot(): Promise<void>;
  takeOverFromOtherTab(): Promise<void>;
  restartEngine(): Promise<void>;
  /** The running engine; rejects by name when there is none. */
  engine(): Engine;
}

/** How often a tab that looks sees whether another one is still there. */
const lookMs = 2000;

let connection: EngineConnection | null = null;

async function within<Value>(ms: number, work: Promise<Value>): Promise<Value | void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves once the studio is so. */
function until(store: StoreApi<Studio>, isSo: (studio: Studio) => boolean): Promise<void> {
  return new Promise((resolve) => {
    if (isSo(store.getState())) return resolve();
    const stop = store.subscribe((studio) => {
      if (!isSo(studio)) return;
      stop();
      resolve();
    });
  });
}

/** Every screen's, but for those that say that there was no engine. */
function withoutEnd(studio: Studio): Partial<Studio> {
  const ended = problemFields.filter((field) => /^Engine(Crashed|Ended)$/.test(studio[field]?.name ?? ''));
  return Object.fromEntries(ended.map((field) => [field, null]));
}

export const engineSlice: Slice<EngineSlice> = (set, get, store) => {
  const ownership: Ownership = {
    onLost(letGo) {
      void loseOwnership(letGo === null).finally(() => letGo?.());
    },
  };

  /** Until this tab works itself. */
  function lookOn(): void {
    tellRunNews({ type: 'hello' });
    const timer = setInterval(() => {
      if (get().engineState === 'otherTab') void lookForOwner();
      else clearInterval(timer);
    }, lookMs);
  }

  async function lookForOwner(): Promise<void> {
    const ownerGone = !(await isOwned().catch(() => true));
    if (ownerGone === get().ownerGone || get().engineState !== 'otherTab') return;
    set({ ownerGone });
    if (!ownerGone) return tellRunNews({ type: 'hello' });
    get().forgetActiveRun();
    void get().readRuns();
  }

  /** What was asked for before the page was loaded. */
  function restoreWork(): void {
    if (get().engineState !== 'ready') return;
    void get().restoreStudy();
    void get().restoreQueue();
    void get().restoreWaiting();
  }

  async function loseOwnership(stolen: boolean): Promise<void> {
    set({ engineState: 'otherTab', ownerGone: false, preparing: null });
    const { activeRun, live } = get();
    // What is being prepared has nothing to save; a worker that is gone rejects at once.
    if (activeRun && connection && !stolen && !live?.preparing)
      await within(saveMs, connection.engine.command(activeRun, 'save')).catch(() => undefined);
    connection?.end();
    connection = null;
    get().forgetActiveRun();
    // The other tab has read them.
    set({ waiting: [], waitingBecause: null });
    // What was saved, as the other tab finds it.
    void get().readRuns();
    lookOn();
  }

  async function start(): Promise<void> {
    if (!('gpu' in navigator)) {
      set({ engineState: 'noWebGPU' });
      return;
    }
    set({
      engineState: 'starting',
      engineProblem: null,
      preparing: { what: t`Starting the engine`, done: 0, total: 0 },
    });
    connection?.end();
    connection = null;
    let mine: EngineConnection | null = null;
    const fail = (error: unknown): void => {
      // Ended on purpose: whoever did it says what is next. Crashed: it was said.
      if (connection !== mine || get().engineState === 'failed') return;
      const problem = problemOf(error);
      set({
        engineState: problem.name === 'NoWebGPU' ? 'noWebGPU' : 'failed',
        engineProblem: problem,
        preparing: null,
      });
    };
    try {
      connection = mine = connectEngine(fail);
      const { engine } = mine;
      const system = await engine.start(
        listener((preparing) => {
          if (connection === mine && get().engineState === 'starting') set({ preparing });
        }),
        { matrices: get().preferences.matrices },
      );
      const models = await engine.models();
      set(({ modelForecasts }) => ({
        system,
        models,
        engineState: 'ready',
        preparing: null,
        // What could not be planned with the engine before is asked again.
        modelForecasts: Object.fromEntries(Object.entries(modelForecasts).filter(([, found]) => !('message' in found))),
      }));
      set(withoutEnd);
      get().forgetModelHashes();
      get().settleBase();
      // Records that cannot be read are no fault of the engine.
      await get().readRuns();
      get().adoptDefaults();
      await get().readStoredModels();
    } catch (error) {
      fail(error);
    }
  }

  return {
    engineState: 'starting',
    preparing: null,
    system: null,
    models: [],
    engineProblem: null,
    ownerGone: false,

    async boot() {
      hearRunNews(get().followRun);
      void get().readStorage();
      await get().checkStorage();
      const stored = get().readStored();
      if (await claimOwnership(ownership)) {
        await get().clearLeftovers();
        // The engine's program is larger than that of the page.
        await until(store, ({ firstShown }) => firstShown);
        await start();
        restoreWork();
      } else {
        set({ engineState: 'otherTab' });
        await Promise.all([stored, get().readRuns()]);
        lookOn();
      }
    },

    async takeOverFromOtherTab() {
      set({ preparing: { what: t`Asking the other tab to save and let go`, done: 0, total: 0 } });
      await takeOver(ownership);
      get().forgetActiveRun();
      await get().clearLeftovers();
      await get().readStored();
      get().settleBlind();
      await start();
      restoreWork();
    },

    async restartEngine() {
      // The tab that owns the work decides.
      if (get().engineState === 'otherTab') return;
      get().forgetActiveRun();
      void get().checkStorage();
      await start();
    },

    engine() {
      const state = get().engineState;
      if (state === 'otherTab')
        throw new WinnowError('SecondTab', t`Winnow is at work in another tab.`, t`Use that tab, or take over here.`);
      if (state === 'noWebGPU')
        throw new WinnowError(
          'NoWebGPU',
          t`This browser offers no WebGPU.`,
          t`The start page says how to turn it on here.`,
        );
      if (state === 'failed')
        throw (
          get().lacks?.error ??
          new WinnowError(
            'EngineEnded',
            t`The engine is not running.`,
            t`Start it again: the button is at the top of the page.`,
          )
        );
      if (state !== 'ready' || !connection)
        throw new WinnowError(
          'GpuError',
          t`The engine is not ready yet.`,
          t`Wait until the start page shows it as ready.`,
        );
      return connection.engine;
    },
  };
};
