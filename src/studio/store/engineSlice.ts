/** The engine's worker, what it found on this machine, and which tab may use it. */
import { WinnowError } from '../../shared/errors.ts';
import type { ModelInfo, ModelRef, SystemReport } from '../../service/types.ts';
import { connectEngine, type Engine, type EngineConnection, listener } from '../app/workers.ts';
import { chosenModel } from './models.ts';
import { claimOwnership, type Ownership, takeOver } from './ownership.ts';
import { type Problem, problemOf } from './problem.ts';
import type { Slice } from './useStudio.ts';

export type EngineState = 'starting' | 'ready' | 'failed' | 'noWebGPU' | 'otherTab';

export interface EngineSlice {
  engineState: EngineState;
  /** What the engine does before it is ready. */
  preparing: { what: string; done: number; total: number } | null;
  system: SystemReport | null;
  models: ModelInfo[];
  engineProblem: Problem | null;
  /** Claims this tab's right to work, reads what is stored, then starts the engine. Called once. */
  boot(): Promise<void>;
  takeOverFromOtherTab(): Promise<void>;
  restartEngine(): Promise<void>;
  /** The running engine; rejects by name when there is none. */
  engine(): Engine;
  /** The chosen model without anything on top. */
  baseModel(): ModelRef | null;
}

let connection: EngineConnection | null = null;

export const engineSlice: Slice<EngineSlice> = (set, get) => {
  const ownership: Ownership = {
    onLost(letGo) {
      void loseOwnership().finally(letGo);
    },
  };

  async function loseOwnership(): Promise<void> {
    set({ engineState: 'otherTab' });
    const run = get().activeRun;
    // A save takes at most a step; the other tab waits a few seconds for it.
    if (run && connection)
      await Promise.race([connection.engine.command(run, 'save'), new Promise((wait) => setTimeout(wait, 5000))]).catch(
        () => undefined,
      );
    connection?.end();
    connection = null;
    get().forgetActiveRun();
  }

  async function start(): Promise<void> {
    if (!('gpu' in navigator)) {
      set({ engineState: 'noWebGPU' });
      return;
    }
    set({
      engineState: 'starting',
      engineProblem: null,
      preparing: { what: 'Starting the engine', done: 0, total: 0 },
    });
    const fail = (problem: Problem): void => {
      set({
        engineState: problem.name === 'NoWebGPU' ? 'noWebGPU' : 'failed',
        engineProblem: problem,
        preparing: null,
      });
    };
    connection = connectEngine((message) =>
      fail({
        name: 'EngineCrashed',
        message: `The engine stopped: ${message.replace(/\.?$/, '.')} Start it again below; runs go on from their last checkpoint.`,
        detail: message,
      }),
    );
    try {
      const { engine } = connection;
      const system = await engine.start(listener((preparing) => set({ preparing })));
      const models = await engine.models();
      set({ system, models, engineState: 'ready', preparing: null });
      get().settleBase();
      await get().readRuns();
      get().adoptDefaults();
      await get().readStoredModels();
    } catch (error) {
      fail(problemOf(error));
    }
  }

  return {
    engineState: 'starting',
    preparing: null,
    system: null,
    models: [],
    engineProblem: null,

    async boot() {
      void get().readStorage();
      const stored = get().readStored();
      if (await claimOwnership(ownership)) await start();
      else {
        set({ engineState: 'otherTab' });
        await Promise.all([stored, get().readRuns()]);
      }
    },

    async takeOverFromOtherTab() {
      set({ preparing: { what: 'Asking the other tab to save and let go', done: 0, total: 0 } });
      await takeOver(ownership);
      await get().readStored();
      await start();
    },

    async restartEngine() {
      // The tab that owns the work decides.
      if (get().engineState === 'otherTab') return;
      connection?.end();
      get().forgetActiveRun();
      await start();
    },

    engine() {
      const state = get().engineState;
      if (state === 'otherTab')
        throw new WinnowError('SecondTab', 'Winnow is at work in another tab.', 'Use that tab, or take over here.');
      if (state === 'noWebGPU')
        throw new WinnowError(
          'NoWebGPU',
          'This browser offers no WebGPU.',
          'The start page says how to turn it on here.',
        );
      if (state !== 'ready' || !connection)
        throw new WinnowError(
          'GpuError',
          'The engine is not ready yet.',
          'Wait until the start page shows it as ready.',
        );
      return connection.engine;
    },

    baseModel() {
      const model = chosenModel(get());
      return model ? { base: model.id, adapters: [] } : null;
    },
  };
};
