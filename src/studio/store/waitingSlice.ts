/** Runs that wait for the one at work, each as it was set up and with the labels of that moment. After a reload, or a run that failed, they wait
 *  for a person. */
import { t } from '@lingui/core/macro';
import type { TrainRequest } from '../../service/types.ts';
import { WinnowError } from '../../shared/errors.ts';
import { actions } from './action.ts';
import { keepWaiting, keptWaiting, MOST_WAITING } from './keptRuns.ts';
import { nextRun } from './nextRun.ts';
import type { Slice } from './useStudio.ts';

/** Why the first one does not begin by itself: the engine stopped, the run before failed, or the page was loaded anew. */
export type WaitingReason = 'engine' | 'failed' | 'reload';

export interface WaitingSlice {
  waiting: readonly TrainRequest[];
  waitingBecause: WaitingReason | null;
  /** Puts what is set up behind those that wait. */
  queueRun(): Promise<void>;
  removeWaiting(run: string): Promise<void>;
  /** The first one, now. */
  startWaiting(): Promise<void>;
  /** After a run has ended. @param well finished, or stopped by hand. */
  goOn(well: boolean): Promise<void>;
  restoreWaiting(): Promise<void>;
}

export const waitingSlice: Slice<WaitingSlice> = (set, get) => {
  const action = actions(set, get);

  async function put(waiting: readonly TrainRequest[]): Promise<void> {
    set({ waiting, ...(waiting.length === 0 && { waitingBecause: null }) });
    await keepWaiting(waiting);
  }

  return {
    waiting: [],
    waitingBecause: null,

    queueRun: () =>
      action({ problem: 'trainProblem' }, async () => {
        const request = await nextRun(get());
        const { waiting } = get();
        if (waiting.length >= MOST_WAITING)
          throw new WinnowError(
            'BadArguments',
            t`${MOST_WAITING} runs wait already, and no more are kept.`,
            t`Take one of them away, or wait for one to begin.`,
          );
        await put([...waiting, request]);
        // The one at work may have ended meanwhile.
        if (get().activeRun === null && !get().training) await get().startWaiting();
      }),

    removeWaiting: (run) => put(get().waiting.filter((one) => one.run !== run)),

    async startWaiting() {
      const [first, ...rest] = get().waiting;
      if (!first || get().activeRun !== null || get().training || get().engineState !== 'ready') return;
      set({ waitingBecause: null });
      await put(rest);
      // A run that somebody began meanwhile comes first; without an engine none begins.
      const isReady = get().engineState === 'ready';
      if (isReady && get().activeRun === null && !get().training) return void get().train(first);
      await put([first, ...get().waiting]);
      if (!isReady) set({ waitingBecause: 'engine' });
    },

    async goOn(well) {
      if (get().waiting.length === 0) return;
      if (get().engineState !== 'ready') set({ waitingBecause: 'engine' });
      else if (!well) set({ waitingBecause: 'failed' });
      else await get().startWaiting();
    },

    async restoreWaiting() {
      const waiting = await keptWaiting();
      const known = new Set(get().waiting.map(({ run }) => run));
      const added = waiting.filter(({ run }) => !known.has(run));
      if (added.length > 0)
        set({
          waiting: [...added, ...get().waiting],
          waitingBecause: 'reload',
        });
    },
  };
};
